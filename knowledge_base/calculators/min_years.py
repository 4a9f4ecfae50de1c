"""The paid months that a monthly pension needs, by the year that counts, and what is still missing (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pydantic.dataclasses import dataclass as checked_dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.months import YEAR, month, span, spoken
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.retirement import Retirement, retirement_of
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT
from knowledge_base.errors import Impossible


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Needed:
    """Paid months by year; the first holds for the years before, the last for those after."""

    months: dict[int, int]

    def in_year(self, year: int) -> int:
        return self.months[min(max(year, min(self.months)), max(self.months))]


@dataclass(frozen=True, slots=True)
class Counted:
    """The year that counts and why; `at` is the month of retirement where that is known."""

    year: int
    why: str
    at: int | None = None


SHEET = read_sheet("min_years", Needed)


def counted(when: Retirement, chosen: int | None) -> Counted:
    """Who retires early is measured by the year chosen, who retires late by the statutory one."""
    if chosen is None or chosen == when.at:
        return Counted(when.at // YEAR, "normal", when.at)
    if when.earliest is None or when.latest is None:
        raise Impossible("not_flexible", SHEET.say("not_flexible", at=spoken(when.at)), "chosen")
    if not when.earliest <= chosen <= when.latest:
        told = SHEET.say("beyond", earliest=spoken(when.earliest), latest=spoken(when.latest))
        raise Impossible("out_of_range", told, "chosen")
    return Counted(min(chosen, when.at) // YEAR, "early" if chosen < when.at else "late", chosen)


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    case = _case(answers, today)
    needed = row.rule.in_year(case.year)
    paid = int(answers["paid_months"]) if "paid_months" in answers else None
    gap = None if paid is None else max(0, needed - paid)
    data = {
        "year": case.year,
        "months": needed,
        "years": needed // YEAR,
        "extra_months": needed % YEAR,
        "paid_months": paid,
        "gap_months": gap,
        "enough": None if gap is None else gap == 0,
    }
    lines = [SHEET.say("result", year=case.year, needed=span(needed), months=needed)]
    if paid is not None and gap is not None:
        lines += [_gap(paid, gap), *_going_on(case, gap, today)]
    lines += [SHEET.say("how"), *([SHEET.say(case.why)] if case.why else [])]
    lines += [SHEET.say("ways_out")] if gap else []
    return SHEET.result(answers, today, row, data, [*lines, SHEET.say("excluded")])


def _case(answers: Mapping[str, str], today: date) -> Counted:
    if "year" in answers:
        return Counted(int(answers["year"]), "")
    chosen = month(answers["chosen"]) if "chosen" in answers else None
    return counted(retirement_of(answers["category"], answers["birth"], today), chosen)


def _gap(paid: int, gap: int) -> str:
    return SHEET.say("short" if gap else "enough", paid=span(paid), gap=span(gap), months=gap)


def _going_on(case: Counted, gap: int, today: date) -> list[str]:
    """Whether paying every month from this one until retirement closes the gap."""
    left = 0 if case.at is None else case.at - (today.year * YEAR + today.month - 1)
    if case.at is None or not gap or left <= 0:
        return []
    rest = gap - left
    name = "go_on_short" if rest > 0 else "go_on_enough"
    return [SHEET.say(name, at=spoken(case.at), left=left, rest=span(max(0, rest)))]


CALCULATOR = calculator("min_years", SHEET, compute)
