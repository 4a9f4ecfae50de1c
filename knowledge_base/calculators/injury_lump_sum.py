"""What a worker injured at work is paid by the grade of disability (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic.dataclasses import dataclass as checked_dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.money import cents, plain
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT

Bound = Literal["floor", "ceiling"]


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Grades:
    """By grade: months of wage at once, share of wage each month, months of the province's wage at the end of work."""

    lump_sum: dict[int, int]
    allowance: dict[int, Decimal]
    ending: dict[int, int]
    floor: Decimal
    ceiling: Decimal


@dataclass(frozen=True, slots=True)
class Wage:
    """The wage that counts, and the bound that it was brought to."""

    amount: Decimal
    bound: Bound | None


SHEET = read_sheet("injury_lump_sum", Grades)


def counted_wage(rule: Grades, monthly: Decimal, average: Decimal | None) -> Wage:
    """Within 60 and 300 % of the local average; untouched where that is not known."""
    if average is None:
        return Wage(monthly, None)
    if monthly < average * rule.floor:
        return Wage(average * rule.floor, "floor")
    if monthly > average * rule.ceiling:
        return Wage(average * rule.ceiling, "ceiling")
    return Wage(monthly, None)


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    rule, grade = row.rule, int(answers["grade"])
    average = Decimal(answers["average_wage"]) if "average_wage" in answers else None
    province = Decimal(answers["province_wage"]) if "province_wage" in answers else None
    wage = counted_wage(rule, Decimal(answers["monthly_wage"]), average)
    share, ending = rule.allowance.get(grade), rule.ending.get(grade)
    at_end = cents(province * ending) if province is not None and ending else None
    data = {
        "wage": cents(wage.amount),
        "months": rule.lump_sum[grade],
        "lump_sum": cents(wage.amount * rule.lump_sum[grade]),
        "allowance": cents(wage.amount * share) if share else None,
        "medical": at_end,
        "employment": at_end,
        "ending_months": ending,
        "clamped": wage.bound is not None,
        "note": SHEET.say("unbounded") if average is None else None,
    }
    told = {
        **data, "grade": grade, "wage": plain(cents(wage.amount)), "given": plain(Decimal(answers["monthly_wage"])),
        "average": "" if average is None else plain(average), "percent": plain((share or Decimal(0)) * 100),
        "province": "" if province is None else plain(province), "paid": at_end,
    }  # fmt: skip
    return SHEET.result(answers, today, row, data, [SHEET.say(name, **told) for name in _said(grade, wage, data)])


def _said(grade: int, wage: Wage, data: Mapping[str, object]) -> list[str]:
    names = ["result", "how", wage.bound or ("unbounded" if data["note"] else "within")]
    if data["allowance"] is not None:
        names.append("allowance" if grade <= 4 else "allowance_if_no_work")
    if data["ending_months"]:
        names += ["ending" if data["medical"] is not None else "ending_pending", "near_retirement"]
    return [*names, "excluded"]


CALCULATOR = calculator("injury_lump_sum", SHEET, compute)
