"""Months as whole numbers, year × 12 + month, and how they are said; nothing is a fraction of a year (pure)."""

from __future__ import annotations

from datetime import date

YEAR = 12


def month(text: str) -> int:
    """`1976-08` as a number; the difference of two is the months between them."""
    year, _, of_year = text.partition("-")
    return int(year) * YEAR + int(of_year) - 1


def machine(number: int) -> str:
    return f"{number // YEAR:04d}-{number % YEAR + 1:02d}"


def spoken(number: int) -> str:
    """`2039 年 7 月`."""
    return f"{number // YEAR} 年 {number % YEAR + 1} 月"


def spoken_day(day: date) -> str:
    """`2026 年 1 月 15 日`."""
    return f"{day.year} 年 {day.month} 月 {day.day} 日"


def age(months: int) -> str:
    """`62 岁 11 个月`."""
    return _span(months, "岁")


def span(months: int) -> str:
    """`17 年 6 个月`."""
    return _span(months, "年")


def _span(months: int, unit: str) -> str:
    years, rest = divmod(months, YEAR)
    parts = ([f"{years} {unit}"] if years else []) + ([f"{rest} 个月"] if rest or not years else [])
    return " ".join(parts)
