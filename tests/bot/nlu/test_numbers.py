"""Numbers as people write and say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.numbers import number

DIGITS = "零一二三四五六七八九"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("15", 15), ("1.5", 1.5), ("零", 0), ("半", 0.5), ("两", 2), ("十", 10), ("十二", 12), ("二十", 20),
        ("五十三", 53), ("一百", 100), ("一百零五", 105), ("一百一", 110), ("一百一十", 110), ("两百九", 290), ("三千五", 3500),
        ("三千零五", 3005), ("三千零五十", 3050), ("两千零八十", 2080), ("一千七百六", 1760), ("一万二", 12_000), ("一万零二", 10_002),
        ("十万零五千", 105_000), ("十二万七千", 127_000), ("二十万", 200_000), ("一万九千八", 19_800), ("三千万", 30_000_000),
        ("1万2", 12_000), ("1万2千", 12_000), ("3万6", 36_000), ("1万7千", 17_000), ("4千", 4000), ("5千5", 5500), ("9.6万", 96_000),
        ("一九七六", 1976), ("二〇二六", 2026), ("七四", 74),
    ],
)  # fmt: skip
def test_a_number_is_read(text: str, value: float) -> None:
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    ["", "万", "年", "三四千", "六七万", "十百", "百千", "一千二千", "1万2万", "三 千", "-3", "1.", "千五百万万"],
)
def test_what_is_no_one_number_is_refused(text: str) -> None:
    assert number(text) is None


def spoken(value: int) -> str:
    """The full reading of 1 … 99,999,999."""
    if value >= 10_000:
        rest = value % 10_000
        joint = "零" if 0 < rest < 1000 else ""
        return spoken(value // 10_000) + "万" + joint + (spoken(rest) if rest else "")
    said, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, unit)
        if digit:
            said += ("零" if zero and said else "") + DIGITS[digit] + name
            zero = False
        else:
            zero = bool(said)
    return said


@given(st.integers(1, 99_999_999))
def test_every_number_in_full_words_is_read_back(value: int) -> None:
    assert number(spoken(value)) == value


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([("百", 100), ("千", 1000), ("万", 10_000)]))
def test_a_last_bare_digit_counts_tenths_of_the_unit_before_it(many: int, more: int, unit: tuple[str, int]) -> None:
    assert number(f"{DIGITS[many]}{unit[0]}{DIGITS[more]}") == many * unit[1] + more * unit[1] // 10
    assert number(f"{many}{unit[0]}{more}") == many * unit[1] + more * unit[1] // 10


@given(st.integers(0, 10**9))
def test_figures_are_read_as_they_stand(value: int) -> None:
    assert number(str(value)) == value


@given(st.text(alphabet="零〇一二两三四五六七八九十百千万半0123456789.年 a", max_size=12))
def test_whatever_is_said_nothing_breaks(text: str) -> None:
    value = number(text)
    assert value is None or value >= 0
