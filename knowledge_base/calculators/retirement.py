"""The statutory retirement age since 2025 and the months in which one may choose to retire (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pydantic.dataclasses import dataclass as checked_dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.months import YEAR, age, machine, month, spoken
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Pace:
    """From the births of `first` on, retirement is put off a month for every `every` months, `cap` at most."""

    name: str
    original_years: int
    first: str
    every: int
    cap: int


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Paces:
    """The pace of each category; one may choose within `flexible_months` before and after."""

    categories: dict[str, Pace]
    flexible_months: int


@dataclass(frozen=True, slots=True)
class Retirement:
    """Ages and delays in months, the rest as months of the calendar; None where one may not choose."""

    delay: int
    age: int
    at: int
    earliest: int | None
    latest: int | None


SHEET = read_sheet("retirement", Paces)


def retirement(pace: Pace, flexible_months: int, birth: int) -> Retirement:
    """Never earlier than the original age; who reached that before the reform has nothing to choose."""
    since = birth - month(pace.first)
    delay = 0 if since < 0 else min(pace.cap, since // pace.every + 1)
    original = birth + pace.original_years * YEAR
    at = original + delay
    chosen = (max(original, at - flexible_months), at + flexible_months) if delay else (None, None)
    return Retirement(delay, pace.original_years * YEAR + delay, at, *chosen)


def retirement_of(category: str, birth: str, today: date) -> Retirement:
    """By the rules of the day; both in machine form."""
    rule = SHEET.row(today).rule
    return retirement(rule.categories[category], rule.flexible_months, month(birth))


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    category, birth = answers["category"], month(answers["birth"])
    pace = row.rule.categories[category]
    when = retirement(pace, row.rule.flexible_months, birth)
    data = {
        "age_months": when.age,
        "date": machine(when.at),
        "delay_months": when.delay,
        "earliest_flexible": None if when.earliest is None else machine(when.earliest),
        "latest_flexible": None if when.latest is None else machine(when.latest),
    }
    return SHEET.result(answers, today, row, data, _lines(category, pace, birth, when))


def _lines(category: str, pace: Pace, birth: int, when: Retirement) -> list[str]:
    first = month(pace.first)
    told = {
        "category": pace.name, "original": pace.original_years, "date": spoken(when.at), "age": age(when.age),
        "delay": when.delay, "first": spoken(first), "every": pace.every, "cap": pace.cap, "since": birth - first,
        "uncapped": (birth - first) // pace.every + 1,
    }  # fmt: skip
    if when.earliest is None or when.latest is None:
        lines = [SHEET.say("unaffected", **told), SHEET.say("how_unaffected", **told)]
    else:
        capped = told["uncapped"] != when.delay
        lines = [
            SHEET.say("result", **told),
            SHEET.say("how_capped" if capped else "how", **told),
            SHEET.say("flexible", earliest=spoken(when.earliest), latest=spoken(when.latest)),
            SHEET.say("notice"),
        ]
    by_post = [] if category == "male" else [SHEET.say("post")]
    return [*lines, *by_post, SHEET.say("payment"), SHEET.say("excluded")]


CALCULATOR = calculator("retirement", SHEET, compute)
