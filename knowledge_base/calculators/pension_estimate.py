"""An employee's monthly pension: the basic part and the part of the personal account (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pydantic.dataclasses import dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.money import cents, plain, tenths
from knowledge_base.calculators.months import YEAR, age, span
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Formula:
    """`divisors`: by age in whole years, the months that an account is divided by; `disputed`: told differently."""

    percent: Decimal
    divisors: dict[int, int]
    disputed: int

    def divisor(self, age_months: int) -> Decimal:
        """Between two ages in proportion to the months, to one decimal."""
        years, rest = divmod(age_months, YEAR)
        here = self.divisors[years]
        return Decimal(here) if not rest else tenths(here + Decimal(self.divisors[years + 1] - here) * rest / YEAR)


SHEET = read_sheet("pension_estimate", Formula)


def basic_part(rule: Formula, base: Decimal, index: Decimal, months: int) -> Decimal:
    return cents((base + base * index) * months * rule.percent / (2 * YEAR))


def account_part(account: Decimal, divisor: Decimal) -> Decimal:
    return cents(account / divisor)


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    index, months, age_months = Decimal(answers["index"]), int(answers["months"]), int(answers["age_months"])
    account, divisor = Decimal(answers["account"]), row.rule.divisor(age_months)
    base = None if answers["base"] == UNKNOWN else Decimal(answers["base"])
    basic = None if base is None else basic_part(row.rule, base, index, months)
    monthly = account_part(account, divisor)
    total = None if basic is None else basic + monthly
    told = {
        "total": total, "basic": basic, "monthly": monthly, "base": plain(base or Decimal(0)), "index": plain(index),
        "paid": span(months), "months": months, "account": plain(account), "age": age(age_months),
        "divisor": plain(divisor),
    }  # fmt: skip
    names = ["result", "how_basic"] if base is not None else ["pending", "how_pending"]
    names += ["how_account", *(["disputed"] if abs(age_months - row.rule.disputed * YEAR) < YEAR else [])]
    lines = [SHEET.say(name, **told) for name in (*names, "excluded", "conditions")]
    note = lines[0] if base is None else None
    data = {"basic": basic, "account": monthly, "total": total, "divisor": divisor, "note": note}
    return SHEET.result(answers, today, row, data, lines)


CALCULATOR = calculator("pension_estimate", SHEET, compute)
