"""The notes for those who write: each finds what it is for, and stays silent about what is well made."""

from __future__ import annotations

import time
from datetime import date, timedelta
from random import Random

import pytest

from knowledge_base.checks import Claim, contradictions, distinct_wordings, jargon, near_wordings, notes
from knowledge_base.corpus import Corpus
from knowledge_base.entry import Answer, Basis, Entry, Validity
from knowledge_base.figures import Figure
from knowledge_base.topics import in_scope, topic_labels
from tests.knowledge_base.tiny import entry

TODAY = date(2026, 11, 24)
THINGS = (
    "丢了补办 密码忘了 去银行取钱 给孩子领 看病刷不出 过期更换 照片太丑 名字写错 余额不见 在外地用 被人捡走 销户退钱"
)
WORDINGS = ("社保卡的事", *(f"卡{thing}" for thing in THINGS.split()))
CEILING = {"name": "ceiling", "label": "上限", "city": "浙江"}
YEAR = {"value": "25299 元", "year": 2025, "from": "2025-01-01", "document": "文"}


def told(*entries: Entry, today: date = TODAY, figures: dict[str, Figure] | None = None) -> list[str]:
    """Notes of the entries; a missing topic is not what these tests are about."""
    found = notes(Corpus(tuple(entries), figures or {}, {}), today)
    return [fault.reason for fault in found if not fault.reason.startswith("topic ")]


def card(**fields: object) -> Entry:
    """A well-made entry, but for the fields given."""
    return entry("a", "card.loss", *WORDINGS, **fields)


def says(id: str, text: str, article: str = "第二十条", document: str = "社会保险经办条例") -> Entry:
    """An entry whose answer tells a rule of an article."""
    row = Basis(document=document, article=article, effective=date(2023, 12, 1))
    return entry(id, "card.loss", id, answer=Answer(text=text), basis=(row,))


def words(found: tuple[Claim, Claim]) -> set[str]:
    return {claim.words for claim in found}


def test_nothing_is_noted_about_an_entry_that_is_well_made() -> None:
    assert told(card()) == []


def test_wordings_that_differ_in_politeness_and_order_count_once_and_are_named() -> None:
    again = (*WORDINGS[:-1], "请问密码卡忘了呢？")
    assert told(entry("a", "card.loss", *again)) == [
        "a: '请问密码卡忘了呢？' says the same as '卡密码忘了' and counts once",
        "a: 11 distinct wordings beside the question, 12 are wanted",
    ]


def test_wordings_that_differ_only_in_how_they_ask_count_once() -> None:
    assert distinct_wordings(entry("a", "fraud", "骗保", "怎么举报骗保", "我要怎么举报骗保", "谁来管骗保")) == 2


def test_a_question_of_another_entry_in_nearly_the_same_words_is_noted() -> None:
    one = entry("a", "fraud", "身份证和档案的出生日期不一样，退休按哪个算？")
    other = entry("b", "fraud", "档案和身份证上的出生日期不一样，退休按哪个算？")
    (note,) = [reason for reason in told(one, other) if "nearly" in reason]
    assert note == f"b: {other.question!r} is nearly {one.question!r} of a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026 年养老金涨多少", "2025 年养老金涨多少"),
        ("失业金什么时候涨", "失业金什么时候发"),
        ("被辞退能领失业金吗", "怀孕被辞退能领失业金吗"),
        ("杭州医保上海能用吗", "上海医保可以来杭州用吗"),
        ("社保电话", "医保电话"),
    ],
)
def test_questions_that_look_alike_and_ask_something_else_are_not_noted(one: str, other: str) -> None:
    assert list(near_wordings([entry("a", "fraud", one), entry("b", "fraud", other)])) == []


def test_every_near_pair_of_different_entries_is_found_as_if_all_were_compared() -> None:
    random = Random(7)
    entries = [
        entry(f"{n}", "fraud", *("".join(random.choices("养老金", k=random.randint(5, 9))) for _ in range(4)))
        for n in range(40)
    ]
    by_all = {
        frozenset(((one.id, w), (other.id, v)))
        for n, one in enumerate(entries)
        for other in entries[:n]
        for w in one.wordings
        for v in other.wordings
        if list(near_wordings([entry("x", "fraud", w), entry("y", "fraud", v)]))
    }
    found = {frozenset(((a.id, w), (b.id, v))) for a, w, b, v in near_wordings(entries)}
    assert found == by_all
    assert found


def test_ten_thousand_wordings_are_compared_within_seconds() -> None:
    random = Random(7)
    syllables = [chr(0x4E00 + n) for n in range(400)]
    entries = [
        entry(f"{n}", "fraud", *("".join(random.choices(syllables, k=12)) for _ in range(15))) for n in range(700)
    ]
    begun = time.process_time()
    assert list(near_wordings(entries)) == []
    assert time.process_time() - begun < 10


def test_the_same_rule_with_another_number_is_noted_with_both_sentences() -> None:
    one = says("a", "医疗费手工报销，医保经办机构 30 个工作日内办完。")
    other = says("b", "**可以报。**\n手工报销的医疗费，医保经办机构 20 个工作日内办完。")
    (note,) = [reason for reason in told(one, other) if ", but " in reason]
    assert note == (
        "b: '手工报销的医疗费，医保经办机构 20 个工作日内办完', but a: '医疗费手工报销，医保经办机构 30 个工作日内办完'"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("手工报销 30 个工作日内办完", "手工报销 30 个工作日内办完"),
        ("离职后 15 日内转档案，30 日内减员", "离职后 30 日内减员，15 日内转档案"),
        ("1965 年起每晚生 4 个月晚退 1 个月", "1975 年起每晚生 2 个月晚退 1 个月"),
        ("5 级按月发本人工资的 70%", "6 级按月发本人工资的 60%"),
        ("如基数 6000 元，每月 480 元", "如基数 8000 元，每月 640 元"),
        ("手工报销 30 个工作日内办完", "手工报销 30 日内办完"),
        ("领取失业金最长 24 个月", "医药费要存好票据，停工留薪一般不超 12 个月"),
    ],
    ids=["equal", "another order", "another year", "another grade", "examples", "another unit", "another rule"],
)
def test_numbers_of_different_cases_and_examples_are_no_contradiction(one: str, other: str) -> None:
    assert list(contradictions([says("a", one), says("b", other)])) == []


def test_numbers_of_different_articles_are_no_contradiction() -> None:
    one, other = says("a", "申请后 10 个工作日内办完"), says("b", "申请后 20 个工作日内办完", "第十八条")
    assert list(contradictions([one, other])) == []
    assert list(contradictions([one, says("b", "申请后 20 个工作日内办完", "第二十条第二款")])) != []


def test_two_numbers_that_an_article_has_for_two_things_are_no_contradiction() -> None:
    ten = [says(id, "医保经办机构 10 个工作日内办完") for id in ("a", "b")]
    thirty = [says(id, "交医保经办机构，30 个工作日内办完") for id in ("c", "d")]
    assert list(contradictions(ten + thirty)) == []
    odd = says("e", "医保经办机构 15 个工作日内办完")
    assert {"医保经办机构 15 个工作日内办完"} <= words(next(contradictions([*ten, *thirty, odd])))


@pytest.mark.parametrize(
    ("checked", "noted"), [(TODAY - timedelta(days=365), False), (TODAY - timedelta(days=366), True)]
)
def test_an_entry_not_checked_for_a_year_is_noted(checked: date, noted: bool) -> None:
    wanted = [f"a: last checked on {checked}, more than a year ago"] if noted else []
    assert told(card(checked=checked)) == wanted


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (TODAY - timedelta(days=1), "a: expired on 2026-11-23, it is not shown any more"),
        (TODAY, "a: expires on 2026-11-24"),
        (TODAY + timedelta(days=30), "a: expires on 2026-12-24"),
        (TODAY + timedelta(days=31), None),
    ],
)
def test_an_entry_that_has_ended_or_soon_will_is_noted(until: date, reason: str | None) -> None:
    assert told(card(valid=Validity(until=until))) == ([reason] if reason else [])


def test_a_related_entry_that_has_expired_is_noted() -> None:
    other = entry("b", "card.use", *(f"{w}别处" for w in THINGS.split()), "甲", valid=Validity(until=TODAY))
    assert "a: related entry b has expired" not in told(card(related=("b",)), other)
    assert "a: related entry b has expired" in told(card(related=("b",)), other, today=TODAY + timedelta(days=1))


def test_a_basis_not_yet_in_force_or_newer_than_the_last_check_is_noted() -> None:
    law = Basis(document="医疗保障法", article="第一条", effective=date(2027, 1, 1))
    assert told(card(basis=(law,))) == ["a: 医疗保障法 is in force from 2027-01-01 only"]
    assert told(card(basis=(law,)), today=date(2027, 1, 1)) == [
        "a: 医疗保障法 came into force on 2027-01-01, after the last check"
    ]
    assert told(card(basis=(law,), checked=date(2027, 1, 1)), today=date(2027, 1, 1)) == []
    coming = Basis(document="医疗保障法", effective=date(2027, 1, 1), mark="二手", covers="新法", confirm_with="12393")
    assert told(card(basis=(coming,))) == []


def test_an_article_in_force_from_two_days_is_noted() -> None:
    one, other = says("a", "答"), says("b", "答")
    later = Basis(document="社会保险经办条例", article="第二十条", effective=date(2024, 1, 1))
    other = entry("b", "card.loss", "b", basis=(later,))
    assert told(one, other)[-1] == (
        "b: 社会保险经办条例第二十条 is in force from 2024-01-01, elsewhere from 2023-12-01"
    )


def test_answers_too_long_for_their_form_are_noted() -> None:
    longest = Answer(text="长" * 450, short="长" * 250, spoken="长" * 150, plain="长" * 150)
    longer = Answer(text="长" * 451, short="长" * 251, spoken="长" * 151, plain="长" * 151)
    assert told(card(answer=longest)) == []
    assert told(card(answer=longer)) == [
        "a: answer.text has 451 characters, at most 450 are wanted",
        "a: answer.short has 251 characters, at most 250 are wanted",
        "a: answer.spoken has 151 characters, at most 150 are wanted",
        "a: answer.plain has 151 characters, at most 150 are wanted",
    ]


@pytest.mark.parametrize(
    ("text", "plain", "noted"),
    [
        ("欠费要交滞纳金。", None, True),
        ("欠费要交滞纳金。", "晚交的要加滞纳金。", True),
        ("欠费要交滞纳金（晚一天加一点的钱）。", None, False),
        ("欠费要加钱（滞纳金）。", None, False),
        ("欠费要交滞纳金。", "晚交了，每天要加一点钱。", False),
        ("欠费要交滞纳金，就是晚交要多交的钱。", "晚交的要加滞纳金。", False),
        ("晚一天加一点的钱叫滞纳金。", None, False),
        ("滞纳金是晚一天加一点的钱。", None, False),
        ("滞纳金是 15 元。", None, True),
    ],
)
def test_jargon_must_be_explained_in_brackets_or_by_the_plain_form(text: str, plain: str | None, noted: bool) -> None:
    wanted = ["a: 滞纳金 is not explained: 滞纳金（晚交要多交的钱）"] if noted else []
    assert told(card(answer=Answer(text=text, plain=plain))) == wanted


def test_no_word_is_explained_by_itself() -> None:
    assert [word for word, meaning in jargon().items() if word in meaning or not meaning.strip()] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026 年每月 163 元。", "a: answer.text tells 163 元 of a year, which belongs into the figures table"),
        ("上限是 25299 元。", "a: answer.text tells 25299 元, which is figure ceiling"),
        ("上限是 {{ceiling}}，从 2025 年起。", None),
        ("罚 500 到 3000 元。\n2011 年起这样罚。", None),
        ("2025 年起按 60 岁 1 个月退休。", None),
    ],
)
def test_sums_of_a_year_outside_the_figures_are_noted(text: str, reason: str | None) -> None:
    ceiling = Figure(**CEILING, values=(YEAR,))  # type: ignore[arg-type]
    found = told(card(answer=Answer(text=text)), figures={"ceiling": ceiling})
    assert found == ([reason] if reason else [])


def test_topics_of_ours_with_fewer_than_two_entries_are_noted() -> None:
    entries = [entry(f"{topic}-{n}", topic, f"{topic} {n}") for topic in topic_labels() for n in range(2)]

    def of_topics(*left_out: str) -> list[str]:
        kept = tuple(e for e in entries if e.id not in left_out and in_scope(e.topic) and e.topic != "human")
        return [f.reason for f in notes(Corpus(kept, {}, {}), TODAY) if f.file == "topics.yml"]

    assert of_topics() == []
    assert of_topics("refund-0", "fraud-0", "fraud-1") == [
        "topic refund has 1 entries, 2 are wanted",
        "topic fraud has 0 entries, 2 are wanted",
    ]


def test_a_figure_whose_last_year_is_over_is_noted(corpus: Corpus) -> None:
    found = [str(f) for f in notes(corpus, date(2027, 1, 1)) if f.file == "figures.yml"]
    assert found == ["figures.yml:0: base_floor: the last value known is of 2026"]
