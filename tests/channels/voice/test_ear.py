"""What is written for the eye, said for the ear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import ear
from channels.voice.numerals import cardinal, read_out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("拨打12333", "拨打幺二三三三"),
        ("0571-88888888", "零五七幺，八八八八八八八八"),
        ("400-123-4567", "四零零，幺二三，四五六七"),
        ("13800138000", "幺三八零，零幺三八，零零零"),
        ("330106197603081234", "三三零幺零六，幺九七六零三零八，幺二三四"),
        ("33010619760308123X", "三三零幺零六，幺九七六零三零八，幺二三X"),
        ("2025-07-01起", "二零二五年七月一日起"),
        ("2026年11月24日", "二零二六年十一月二十四日"),
        ("9:00-12:00", "九点到十二点"),
        ("14:30", "十四点半"),
        ("8:05", "八点零五分"),
        ("4812元～24930元", "四千八百一十二元到二万四千九百三十元"),
        ("1,234.56元", "一千二百三十四点五六元"),
        ("12500元", "一万二千五百元"),
        ("8%", "百分之八"),
        ("3%～5%", "百分之三到百分之五"),
        ("1.5‰", "千分之一点五"),
        ("2个月内", "两个月内"),
        ("12个月", "十二个月"),
        ("2～3个月", "二到三个月"),
        ("第2条", "第二条"),
        ("1/2", "二分之一"),
        ("10元", "十元"),
        ("100200元", "十万零二百元"),
        ("1030万", "一千零三十万"),
        ("2倍", "两倍"),
        ("120", "幺二零"),
        ("120元", "一百二十元"),
        ("0", "零"),
    ],
)  # fmt: skip
def test_figures_are_read_as_people_say_them(written: str, said: str) -> None:
    assert read_out(written) == said


@given(st.integers(0, 10**12 - 1))
def test_a_number_in_words_is_that_number(number: int) -> None:
    assert _value(cardinal(number)) == number


def _value(said: str) -> int:
    total = part = digit = 0
    for c in f"一{said}" if said.startswith("十") else said:
        if c in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(c)
        elif c in "十百千":
            part, digit = part + digit * {"十": 10, "百": 100, "千": 1000}[c], 0
        else:
            total, part, digit = total + (part + digit) * {"万": 10**4, "亿": 10**8}[c], 0, 0
    return total + part + digit


@given(st.text(max_size=200))
def test_no_figure_mark_or_address_is_left_for_the_voice(text: str) -> None:
    told = "".join(ear.sentences(text))
    assert not any(c in "0123456789" for c in told)
    assert "http" not in ear.for_ear("见 https://www.example.gov.cn/a 。")


def test_a_long_answer_is_cut_between_sentences_and_nothing_is_lost() -> None:
    pieces = ear.sentences("养老保险每月缴费。" * 40)
    now, rest = ear.within(pieces)
    assert sum(map(ear.seconds, now)) <= ear.LONGEST
    assert now + rest == pieces
    assert rest


def test_a_sentence_that_is_too_long_is_divided_at_a_comma() -> None:
    pieces = ear.sentences("，".join(["参保人员需要携带身份证原件"] * 12) + "。")
    assert len(pieces) > 1
    assert all(len(piece) <= 75 for piece in pieces)


def test_options_are_told_with_their_keys() -> None:
    assert ear.keyed(["养老金什么时候发？", "怎么转移"]) == ("养老金什么时候发，请按一。", "怎么转移，请按二。")


def test_buttons_and_pages_are_not_spoken_of() -> None:
    told = ear.for_ear(
        "已为您转人工，前面还有 2 人。轮到您时会自动接通，请不要关闭页面。想找真人，请点“转人工”或说“人工”。"
    )
    assert "页面" not in told
    assert "点" not in told
    assert "前面还有 二 人" in told
