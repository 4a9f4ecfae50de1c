"""Figures as they are read aloud: dates, money, percentages, hotlines and numbers digit by digit (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable

DIGITS = "零一二三四五六七八九"
ON_THE_PHONE = str.maketrans("0123456789", "零幺二三四五六七八九")  # 幺, since 一 and 七 sound alike
ONE_BY_ONE = str.maketrans("0123456789", DIGITS)
TWO = re.compile(r"(?<![一二三四五六七八九十百千万亿点第])二(?=[个年次种人位天岁元倍张份家处项档]|周岁|日内|小时|分钟)")
_UNITS = ("", "十", "百", "千")
_LARGE = ("", "万", "亿")

_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)[-./](0?[1-9]|1[0-2])[-./](0?[1-9]|[12]\d|3[01])(?!\d)")
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?=\s*(?:年(?!以)|[〕\]]))")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-3])[:：]([0-5]\d)(?!\d)")
_RANGE = re.compile(r"(?<=[\d%‰元年月日点分半岁倍])\s*[~～—–-]+\s*(?=[\d零一二两三四五六七八九十])")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_PERMILLE = re.compile(r"(\d+(?:\.\d+)?)\s*‰")
_FRACTION = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,3})(?![\d/])")
_NOT_COUNTED = r"(?![\d.,]|\s*[元块个人天年岁万])"
_LINE = re.compile(
    r"(?<!\d)(?:0\d{2,3}[-－ ]?\d{7,8}|[48]00[-－ ]?\d{3}[-－ ]?\d{4}|1\d{4}|9[56]\d{3}|1[12]\d|1[3-9]\d{9})"
    + _NOT_COUNTED
)
_LONG = re.compile(r"(?<![\d.])\d{9,}[Xx]?(?!\d)")
_NUMBER = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?")


def read_out(text: str) -> str:
    """The text with every figure in words."""
    steps: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_LONG, lambda m: one_by_one(m[0])),
        (_LINE, lambda m: on_the_phone(m[0])),
        (_DATE, lambda m: f"{year(m[1])}年{cardinal(int(m[2]))}月{cardinal(int(m[3]))}日"),
        (_CLOCK, lambda m: f"{_hour(int(m[1]))}点{_minutes(m[2])}"),
        (_RANGE, lambda m: "到"),
        (_YEAR, lambda m: year(m[1])),
        (_PERCENT, lambda m: f"百分之{_decimal(m[1])}"),
        (_PERMILLE, lambda m: f"千分之{_decimal(m[1])}"),
        (_FRACTION, lambda m: f"{cardinal(int(m[2]))}分之{cardinal(int(m[1]))}"),
        (_NUMBER, lambda m: _decimal(m[0].replace(",", ""))),
    )
    for pattern, said in steps:
        text = pattern.sub(said, text)
    return TWO.sub("两", text)


def year(digits: str) -> str:
    return digits.translate(ONE_BY_ONE)


def on_the_phone(number: str) -> str:
    """A number that somebody will dial: digit by digit, groups apart."""
    return re.sub(r"[-－ ]", "，", number).translate(ON_THE_PHONE)


def one_by_one(number: str) -> str:
    """An identity or document number: in groups that can be followed."""
    parts = (number[:6], number[6:14], number[14:]) if len(number) in (15, 18) else _fours(number)
    return "，".join(part.translate(ON_THE_PHONE) for part in parts if part)


def cardinal(number: int) -> str:
    """一千二百三十四; up to 9999 亿, digit by digit beyond."""
    if number == 0:
        return "零"
    if number >= 10**12:
        return str(number).translate(ONE_BY_ONE)
    groups, said, gap = [], "", False
    while number:
        number, group = divmod(number, 10_000)
        groups.append(group)
    for place in range(len(groups) - 1, -1, -1):
        group = groups[place]
        if group == 0:
            gap = bool(said)
            continue
        if said and (gap or group < 1000):
            said += "零"
        said += _below_ten_thousand(group) + _LARGE[place]
        gap = False
    return said.removeprefix("一") if said.startswith("一十") else said


def _below_ten_thousand(number: int) -> str:
    said, gap = "", False
    for place, digit in zip(range(3, -1, -1), f"{number:04d}", strict=True):
        if digit == "0":
            gap = bool(said)
            continue
        said += ("零" if gap else "") + DIGITS[int(digit)] + _UNITS[place]
        gap = False
    return said


def _decimal(number: str) -> str:
    whole, _, part = number.partition(".")
    said = cardinal(int(whole))
    return f"{said}点{part.translate(ONE_BY_ONE)}" if part else said


def _hour(hour: int) -> str:
    return "两" if hour == 2 else cardinal(hour)


def _minutes(minutes: str) -> str:
    if minutes == "00":
        return ""
    if minutes == "30":
        return "半"
    return f"零{DIGITS[int(minutes)]}分" if minutes.startswith("0") else f"{cardinal(int(minutes))}分"


def _fours(number: str) -> tuple[str, ...]:
    return tuple(number[at : at + 4] for at in range(0, len(number), 4))
