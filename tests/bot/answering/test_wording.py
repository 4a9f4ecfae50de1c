"""The bot's own sentences, and everything an answer says beside the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
import yaml

import bot
from bot.answering import rules
from bot.answering.wording import answer_text, say, sources
from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.entry import Answer, Basis, Circumstances, Form, Validity
from knowledge_base.topics import in_scope, topic_labels
from tests.bot.answering.turns import BASIS, NOW, entry

CODE = Path(bot.__file__).parent
TODAY = datetime.now(ZoneInfo("Asia/Shanghai"))
MARKED = Basis(mark="常识", covers="备案的入口", confirm_with="12393")


def said_in_code() -> Iterator[tuple[str, bool]]:
    """Every key that the code says by name, and whether it is said in the citizen's language."""
    for path in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
                first = node.args[0]
                branches = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
                for branch in branches:
                    if isinstance(branch, ast.Constant) and re.fullmatch(r"[a-z_.]+", branch.value):
                        yield branch.value, len(node.args) > 1


def sentences(name: str) -> dict[str, str]:
    told: dict[str, str] = yaml.safe_load((CODE / "answering" / "content" / name).read_text("utf-8"))
    return told


def test_every_sentence_that_the_code_says_is_written() -> None:
    wanted = {key for key, _ in said_in_code()} | set(rules._SMALL_TALK) | {"complaint", "abuse"}
    wanted |= {f"refuse_{t}" for t in topic_labels() if not in_scope(t) and not t.endswith("chitchat")}
    assert len(wanted) > 40
    assert wanted - set(sentences("zh.yml")) == set()


def test_what_is_said_in_the_citizens_language_is_written_in_english_too() -> None:
    english = sentences("en.yml")
    assert {key for key, localised in said_in_code() if localised} - set(english) == set()
    assert set(english) <= set(sentences("zh.yml"))


def test_sentences_have_the_same_places_in_both_languages() -> None:
    chinese, english = sentences("zh.yml"), sentences("en.yml")
    for key, text in english.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_an_unknown_sentence_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("no_such_sentence")


def test_what_is_not_verified_says_whom_to_ask_in_every_form() -> None:
    one = entry("a", basis=(BASIS, MARKED), answer=Answer(text="全文", short="短", spoken="说", plain="白话"))
    for form in get_args(Form):
        told = answer_text(one, form, {}, NOW)
        assert "“备案的入口”" in told
        assert "12393" in told


def test_a_source_without_an_official_text_is_marked() -> None:
    verified, marked = sources(entry("a", basis=(BASIS, MARKED), jurisdiction="杭州"))
    assert (verified.title, verified.article, verified.effective, verified.mark) == (
        "社会保险法",
        "第十六条",
        "2011-07-01",
        "",
    )
    assert (verified.jurisdiction, verified.checked) == ("杭州", "2026-11-01")
    assert (marked.title, marked.mark) == (say("unverified", covers="备案的入口"), "常识")


@pytest.mark.parametrize(("days", "told"), [(0, True), (31, True), (32, False)])
def test_an_answer_that_ends_within_a_month_says_so(days: int, told: bool) -> None:
    until = NOW.date() + timedelta(days=days)
    text = answer_text(entry("a", valid=Validity(until=until)), "text", {}, NOW)
    assert (say("ends_soon", until=f"{until.year} 年 {until.month} 月 {until.day} 日") in text) is told


@pytest.mark.parametrize(
    ("day", "given", "told"),
    [
        (date(2026, 11, 29), True, False),
        (date(2026, 12, 1), True, True),
        (date(2026, 12, 31), True, True),
        (date(2027, 1, 1), False, False),
    ],
)
def test_medical_and_maternity_answers_say_from_december_on_that_they_end_with_the_year(
    shipped: Corpus, day: date, given: bool, told: bool
) -> None:
    now = datetime.combine(day, time(9), ZoneInfo("Asia/Shanghai"))
    ending = [e for e in shipped.entries if e.topic.startswith(("medical.", "maternity."))]
    assert len(ending) > 100
    assert [e.id for e in ending if Circumstances(now=now).admit(e) is not given] == []
    if given:
        soon = say("ends_soon", until="2026 年 12 月 31 日")
        silent = [
            e.id
            for e in ending
            for f in get_args(Form)
            if (soon in answer_text(e, f, shipped.figures, now)) is not told
        ]
        assert silent == []


def test_an_answer_without_an_end_says_nothing_about_it() -> None:
    assert answer_text(entry("a"), "text", {}, NOW) == "a 的答复。"


def test_a_deadline_is_named_where_it_can_be_read() -> None:
    one = entry("a", high_stake=True)
    assert say("high_stake") in answer_text(one, "text", {}, NOW)
    assert say("high_stake") in answer_text(one, "short", {}, NOW)


@pytest.mark.parametrize(
    ("answer", "forms"),
    [
        (Answer(text="全文", short="短", spoken="说", plain="白话"), ["全文", "短", "说", "白话"]),
        (Answer(text="全文", short="短"), ["全文", "短", "短", "短"]),
        (Answer(text="全文"), ["全文", "全文", "全文", "全文"]),
    ],
)
def test_an_absent_form_is_told_in_the_next_shorter_one(answer: Answer, forms: list[str]) -> None:
    assert [answer_text(entry("a", answer=answer), form, {}, NOW) for form in get_args(Form)] == forms


def test_everything_beside_the_rule_stands_after_it_in_order() -> None:
    one = entry("a", basis=(MARKED,), valid=Validity(until=date(2026, 12, 1)), high_stake=True, jurisdiction="杭州")
    lines = answer_text(one, "text", {}, NOW, city="宁波").split("\n")
    assert lines == [
        "a 的答复。",
        say("confirm", covers="备案的入口", whom="12393"),
        say("ends_soon", until="2026 年 12 月 1 日"),
        say("elsewhere", city="宁波", jurisdiction="杭州"),
        say("high_stake"),
    ]


# the shipped knowledge


@pytest.fixture(scope="module")
def shipped() -> Corpus:
    return read_corpus()


@pytest.mark.parametrize("form", get_args(Form))
def test_no_shipped_answer_has_an_empty_place_in_it(shipped: Corpus, form: Form) -> None:
    told = {e.id: answer_text(e, form, shipped.figures, TODAY) for e in shipped.entries}
    assert len(told) > 600
    assert [name for name, text in told.items() if "{" in text or "}" in text or not text] == []


def test_what_is_spoken_can_be_heard(shipped: Corpus) -> None:
    """No address, nothing to tap, no brackets and no marks of layout."""
    unheard = re.compile(r"https?:|www\.|点击|点一下|[（）()\[\]【】{}<>*#_|]")
    told = {e.id: answer_text(e, "spoken", shipped.figures, TODAY).split("\n")[0] for e in shipped.entries}
    assert {name: text for name, text in told.items() if unheard.search(text)} == {}


def test_a_figure_of_a_past_year_is_spoken_without_brackets(shipped: Corpus) -> None:
    one = entry("a", answer=Answer(text="下限 {{zhejiang_base_floor}}。"))
    late = datetime(2031, 1, 1, tzinfo=NOW.tzinfo)
    assert answer_text(one, "text", shipped.figures, late).endswith("年度数，新年度以公布为准）。")
    assert answer_text(one, "spoken", shipped.figures, late).endswith("年度数，新年度以公布为准。")
