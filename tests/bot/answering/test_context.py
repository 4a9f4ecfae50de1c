"""What earlier sentences add to this one, and messages that ask several things."""

from __future__ import annotations

import pytest

from bot.answering.context import Whole, made_whole, questions_in, slots_after
from bot.understanding import Entity, Understanding

MONTHS = ("unemployment.months", "失业金最多能领几个月？")


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ("要带什么", Whole("", "unemployment", "失业金最多能领几个月要带什么", detail=True)),
        ("那去哪里办？", Whole("", "unemployment", "失业金最多能领几个月去哪里办", detail=True)),
        ("能领多少", Whole("失业保险能领多少", "unemployment", "失业金最多能领几个月能领多少")),
        ("另外，多久到账", Whole("失业保险多久到账", "unemployment", "失业金最多能领几个月多久到账")),
        ("那女的呢", Whole("", "unemployment", "失业金最多能领几个月女的呢")),
        ("那生育的呢", Whole("生育保险最多能领几个月?", "maternity")),
        ("工伤呢？", Whole("工伤保险最多能领几个月?", "injury")),
    ],
)
def test_a_follow_up_gets_what_it_leaves_out(said: str, whole: Whole) -> None:
    assert made_whole(said, *MONTHS) == whole


@pytest.mark.parametrize(
    "said",
    ["养老保险最低交几年", "社保卡丢了", "那产假有几天呢", "我在单位上班上了十几年了现在不想干了怎么办", "", "？？"],
)
def test_a_question_that_says_enough_is_left_alone(said: str) -> None:
    assert made_whole(said, *MONTHS) is None


def test_after_an_answer_about_no_insurance_the_question_itself_is_added() -> None:
    assert made_whole("要带什么", "complaint.service", "投诉多久有结果？") == Whole(
        "", "complaint", "投诉多久有结果要带什么", detail=True
    )
    assert made_whole("非得本人去吗", "query.certificate", "参保证明哪里打") == Whole(
        "", "query", "参保证明哪里打非得本人去吗"
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("养老最低交几年？社保卡丢了怎么补？", ["养老最低交几年", "社保卡丢了怎么补"]),
        ("失业金怎么领，另外医保断了还能看病吗", ["失业金怎么领", "医保断了还能看病吗"]),
        ("养老最低交几年", []),
        ("我在厂里干了十年。去年下岗了。现在养老保险怎么交？", []),
        ("怎么办？急", []),
        (
            "一二三四怎么办？二三四五怎么办？三四五六怎么办？四五六七怎么办？",
            ["一二三四怎么办", "二三四五怎么办", "三四五六怎么办"],
        ),
    ],
)
def test_a_message_that_asks_several_things_is_taken_apart(text: str, parts: list[str]) -> None:
    assert list(questions_in(text)) == parts


def heard(text: str, *marks: tuple[str, str, str]) -> Understanding:
    found = ((name, value, text.index(word), len(word)) for name, value, word in marks)
    return Understanding(entities=tuple(Entity(name, value, at, at + size) for name, value, at, size in found))


def test_slots_are_remembered_and_corrected() -> None:
    text = "我是灵活就业，1976年8月生，去年断缴"
    slots = slots_after(
        {},
        heard(
            text, ("person_group", "灵活就业", "灵活就业"), ("date", "1976-08", "1976年8月"), ("date", "去年", "去年")
        ),
        text,
    )
    assert slots == {"person_group": "灵活就业", "birth": "1976-08"}
    text = "不对，我现在是职工"
    assert slots_after(slots, heard(text, ("person_group", "职工", "职工")), text) == {
        "person_group": "职工",
        "birth": "1976-08",
    }
