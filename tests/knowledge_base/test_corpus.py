"""Entries and figures from files: every fault is named with file, line and reason, and nothing is half accepted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from knowledge_base.corpus import read_corpus
from knowledge_base.entry import Validity
from knowledge_base.errors import CorpusError, Fault
from tests.knowledge_base.conftest import Write
from tests.knowledge_base.tiny import FIGURES, entry

GOOD = """\
- id: min_years
  topic: pension.min_years
  question: 养老保险最低要交多少年？
  variants:
    - 养老要交几年
  answer:
    text: 最低 15 年。
  basis:
    - document: 社会保险法
      article: 第十六条
      effective: 2011-07-01
  jurisdiction: 全国
  checked: 2026-11-01
"""
OTHER = (
    GOOD.replace("min_years\n  topic", "other\n  topic")
    .replace("要交多少年", "和医保有什么不同")
    .replace("要交几年", "和医保一样吗")
)
FAULTS = {
    "an unknown key": (GOOD + "  colour: red\n", 14, "unknown key colour"),
    "an unknown key within": (GOOD.replace("    text:", "    txet: 错\n    text:"), 7, "unknown key answer.txet"),
    "no basis": (GOOD.replace(GOOD[GOOD.index("  basis") : GOOD.index("  juris")], ""), 1, "basis: Field required"),
    "an empty basis": (
        GOOD.replace(GOOD[GOOD.index("  basis") : GOOD.index("  juris")], "  basis: []\n"),
        1,
        "min_years: basis is missing",
    ),
    "no article": (
        GOOD.replace("      article: 第十六条\n", ""),
        9,
        "basis.0: a basis needs document, article and effective, or a mark",
    ),
    "a mark without what it covers": (
        GOOD.replace("article: 第十六条", "mark: 常识"),
        9,
        "basis.0: a marked basis needs covers and confirm_with",
    ),
    "an unknown mark": (
        GOOD.replace("article: 第十六条", "mark: 听说"),
        10,
        "basis.0.mark: Input should be '常识' or '二手'",
    ),
    "a day that does not exist": (
        GOOD.replace("2026-11-01", "2026-02-30"),
        13,
        "checked: Input should be a valid date or datetime, day value is outside expected range",
    ),
    "a month that does not exist": (
        GOOD.replace("2011-07-01", "2011-13-01"),
        11,
        "basis.0.effective: Input should be a valid date or datetime, month value is outside expected range of 1-12",
    ),
    "a word for a date": (
        GOOD.replace("2026-11-01", "soon"),
        13,
        "checked: Input should be a valid date or datetime, input is too short",
    ),
    "an end before its beginning": (
        GOOD + "  valid: {from: 2026-02-01, until: 2026-01-31}\n",
        14,
        "valid: until lies before from",
    ),
    "a key twice": (GOOD + "  checked: 2026-11-02\n", 14, "key checked stands twice"),
    "a key twice within": (GOOD.replace("    text:", "    text: 错\n    text:"), 7, "key text stands twice"),
    "a key twice in a list": (
        GOOD.replace("      article:", "      article: 第一条\n      article:"),
        10,
        "key article stands twice",
    ),
    "an unknown topic": (GOOD.replace("pension.min_years", "pension.luck"), 1, "min_years: unknown topic pension.luck"),
    "an unknown figure": (
        GOOD.replace("15 年", "{{luck}}"),
        1,
        "min_years: figure luck is not in the figures table",
    ),
    "a figure with spaces": (
        GOOD.replace("15 年", "{{ luck }}"),
        1,
        "min_years: a figure is named {{name}}, without spaces",
    ),
    "a related entry that is missing": (
        GOOD + "  related: [nobody]\n",
        1,
        "min_years: related entry nobody does not exist",
    ),
    "a question without words": (
        GOOD.replace("养老要交几年", "？！"),
        1,
        "min_years: a question without words: '？！'",
    ),
    "an empty text": (GOOD.replace("最低 15 年。", '"  "'), 7, "answer.text: String should have at least 1 character"),
    "a number for an id": (GOOD.replace("id: min_years", "id: 12"), 1, "id: Input should be a valid string"),
    "the same id": (
        GOOD + OTHER.replace("id: other", "id: min_years"),
        14,
        "id min_years is already used at one.yml:1",
    ),
    "the same question but for politeness": (
        GOOD + OTHER.replace("养老和医保一样吗", "请问养老的要交几年啊？"),
        14,
        "other: '请问养老的要交几年啊？' is also a question of min_years",
    ),
    "not a list": ("id: min_years\n", 1, "the file must be a list of entries"),
    "an empty file": ("", 1, "the file must be a list of entries"),
    "not YAML": (GOOD + "- id: [\n", 15, "not readable as YAML: did not find expected node content"),
    "a tab": (
        GOOD.replace("  topic", "\ttopic"),
        2,
        "not readable as YAML: found a tab character that violates indentation",
    ),
    "two documents": (GOOD + "---\n" + GOOD, 14, "not readable as YAML: but found another document"),
    "an object of Python": (
        GOOD.replace("最低 15 年。", "!!python/object:os.system x"),
        7,
        "not readable as YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object:os.system'",
    ),
    "a list for a key": (GOOD + "  ? [a, b]\n  : 1\n", 14, "not readable as YAML: found unhashable key"),
}


def faults_of(folder: Path, figures: Path = FIGURES) -> tuple[Fault, ...]:
    with pytest.raises(CorpusError) as caught:
        read_corpus(folder, figures)
    return caught.value.faults


def test_a_good_file_is_read_with_its_place(write: Write) -> None:
    corpus = read_corpus(write(GOOD + OTHER), FIGURES)
    assert [e.id for e in corpus.entries] == ["min_years", "other"]
    assert corpus.where(corpus.entries[1]) == ("one.yml", 14)
    assert set(corpus.figures) == {"base_floor"}


@pytest.mark.parametrize(("text", "line", "reason"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_file_line_and_reason(write: Write, text: str, line: int, reason: str) -> None:
    assert f"one.yml:{line}: {reason}" in map(str, faults_of(write(text)))


def test_all_faults_are_named_at_once(write: Write) -> None:
    text = GOOD.replace("pension.min_years", "pension.luck") + OTHER.replace("2026-11-01", "soon") + "- just words\n"
    assert [f.line for f in faults_of(write(text))] == [26, 27, 1]


def test_every_fault_is_one_line(write: Write) -> None:
    folder = write(GOOD + "- id: [\n")
    (folder / "two.yml").write_text("a: b: c\n", "utf-8")
    assert all("\n" not in str(fault) for fault in faults_of(folder))


def test_an_alias_that_leads_back_to_itself_is_no_trap(write: Write) -> None:
    assert any(f.reason.startswith("id: ") for f in faults_of(write("- &x {id: *x}\n")))


def test_a_file_that_is_not_utf8_is_named(write: Write) -> None:
    folder = write(GOOD)
    (folder / "two.yml").write_bytes(GOOD.encode("gb18030"))
    assert [(f.file, "not readable as YAML" in f.reason) for f in faults_of(folder)] == [("two.yml", True)]


def test_a_byte_order_mark_is_no_fault(write: Write) -> None:
    assert read_corpus(write("\ufeff" + GOOD), FIGURES).entries


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    assert [f.reason for f in faults_of(tmp_path)] == ["no entries found"]


def test_one_question_may_not_belong_to_two_files(write: Write) -> None:
    folder = write(GOOD)
    (folder / "two.yml").write_text(GOOD.replace("id: min_years", "id: other"), "utf-8")
    assert [(f.file, f.line) for f in faults_of(folder)] == [("two.yml", 1), ("two.yml", 1)]


def test_a_question_may_repeat_itself_within_its_entry(write: Write) -> None:
    assert read_corpus(write(GOOD.replace("养老要交几年", "养老保险最低要交多少年")), FIGURES).entries


FIGURE = """\
- name: luck
  label: 好运
  city: 杭州
  values:
    - {value: 1 元, year: 2026, from: 2026-01-01, document: 文}
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (FIGURE + FIGURE, "figures.yml:6: figure luck stands twice"),
        (
            FIGURE + "    - {value: 2 元, year: 2027, from: 2027-01-01, document: 文}\n",
            "figures.yml:1: values overlap or are not in order of time",
        ),
        (FIGURE.replace("2026-01-01", "2026-01-01, until: 2025-01-01"), "figures.yml:1: until lies before from"),
        (FIGURE[: FIGURE.index("    -")].replace("values:", "values: []"), "figures.yml:1: a figure needs a value"),
        (
            FIGURE.replace("2026-01-01", "2026-01-32"),
            "figures.yml:5: values.0.from: Input should be a valid date or datetime, "
            "day value is outside expected range",
        ),
    ],
)
def test_a_fault_in_the_figures_is_named(write: Write, tmp_path: Path, text: str, fault: str) -> None:
    figures = tmp_path / "figures.yml"
    figures.write_text(text, "utf-8")
    assert fault in map(str, faults_of(write(GOOD), figures))


def test_an_entry_holds_from_its_first_to_its_last_day() -> None:
    one = entry("a", valid=Validity(**{"from": date(2026, 1, 1)}, until=date(2026, 12, 31)))
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [one.holds(day) for day in days] == [False, True, True, False]


def test_an_entry_holds_from_its_first_minute_until_the_minute_it_ends() -> None:
    midnight = datetime.fromisoformat("2027-01-01")
    told = TypeAdapter(Validity).validate_python({"from": "2026-06-01 08:30", "until": "2027-01-01 00:00"})
    assert (told.begins, told.ends, told.last_day) == (
        datetime.fromisoformat("2026-06-01T08:30"),
        midnight,
        date(2026, 12, 31),
    )
    one = entry("a", valid=told)
    moments = [midnight - timedelta(minutes=1), midnight, datetime.fromisoformat("2026-06-01T08:29")]
    assert [one.holds(moment.replace(tzinfo=UTC)) for moment in moments] == [True, False, False]
    assert TypeAdapter(Validity).validate_python(TypeAdapter(Validity).dump_python(told, mode="json", by_alias=True))


@pytest.mark.parametrize("wrong", ["2027-01-32", "2027-01-01T00:00:30", "2027-01-01T00:00+08:00", "next year"])
def test_a_moment_that_cannot_be_is_a_fault(wrong: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Validity).validate_python({"until": wrong})


def test_two_entries_may_ask_the_same_only_when_one_follows_the_other(write: Write) -> None:
    old = GOOD + '  valid: {until: "2027-01-01 00:00"}\n'
    new = GOOD.replace("min_years\n", "later\n", 1) + '  valid: {from: "2027-01-01 00:00"}\n'
    folder = write(old + new)
    assert [one.id for one in read_corpus(folder, FIGURES).entries] == ["min_years", "later"]
    (folder / "one.yml").write_text(old + new.replace("2027-01-01", "2026-12-31"), "utf-8")
    assert any("is also a question of min_years" in str(fault) for fault in faults_of(folder))
