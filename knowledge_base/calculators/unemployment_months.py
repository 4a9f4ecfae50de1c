"""How many months of unemployment benefit the law allows at most (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic.dataclasses import dataclass as checked_dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.months import YEAR, machine, month, span, spoken
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.retirement import retirement_of
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Limits:
    """`steps`: from so many paid months on, so many months of benefit; `most` together with what was carried over."""

    steps: dict[int, int]
    most: int

    def new(self, paid: int) -> int:
        return max((months for since, months in self.steps.items() if since <= paid), default=0)


@dataclass(frozen=True, slots=True)
class Benefit:
    """Months of benefit; whether what was carried over alone may be drawn, the office decides."""

    months: int
    new: int
    eligible: bool | Literal["unknown"]


SHEET = read_sheet("unemployment_months", Limits)


def benefit(limits: Limits, paid: int, carry: int, entitled: bool) -> Benefit:
    """`entitled`: not by one's own wish, and registered as unemployed."""
    new = limits.new(paid)
    if not entitled or not new + carry:
        return Benefit(0, 0, False)
    return Benefit(min(limits.most, new + carry), new, True if new else "unknown")


def extended_until(category: str, birth: str, ends: str, today: date) -> int | None:
    """Benefit goes on to the statutory retirement age for those less than a year away when it ends."""
    at = retirement_of(category, birth, today).at
    return at if 0 < at - month(ends) < YEAR else None


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    paid, carry = int(answers["paid_months"]), int(answers["carry"])
    faults = [name for name in ("involuntary", "registered") if answers[name] == "no"]
    found = benefit(row.rule, paid, carry, not faults)
    until = None
    if found.eligible and {"birth", "category", "ends"} <= answers.keys():
        until = extended_until(answers["category"], answers["birth"], answers["ends"], today)
    told = {
        "months": found.months,
        "paid": paid,
        "span": span(paid),
        "new": found.new,
        "carry": carry,
        "most": row.rule.most,
    }
    outcome = SHEET.say(_outcome(found, faults), **told)
    data = {
        "months": found.months,
        "eligible": found.eligible,
        "new_months": found.new,
        "carry": carry,
        "extended_until": None if until is None else machine(until),
        "note": outcome if found.eligible == "unknown" else None,
    }
    lines = [outcome, *(SHEET.say(f"not_{name}") for name in faults)]
    lines += [SHEET.say("how")]
    if found.new and carry:
        lines.append(SHEET.say("sum_capped" if found.new + carry > row.rule.most else "sum", **told))
    if found.eligible:
        lines.append(SHEET.say("near_retirement") if until is None else SHEET.say("extended", until=spoken(until)))
    return SHEET.result(answers, today, row, data, [*lines, SHEET.say("excluded")])


def _outcome(found: Benefit, faults: list[str]) -> str:
    if found.eligible == "unknown":
        return "carried_only"
    if found.eligible:
        return "result"
    return "refused" if faults else "too_short"


CALCULATOR = calculator("unemployment_months", SHEET, compute)
