"""A resident's monthly pension: the local basic amount and the part of the personal account (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pydantic.dataclasses import dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.money import cents, plain
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Formula:
    """The months that an account is divided by."""

    divisor: int


SHEET = read_sheet("resident_pension", Formula)


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    account, divisor = Decimal(answers["account"]), row.rule.divisor
    basic = None if answers["basic"] == UNKNOWN else Decimal(answers["basic"])
    monthly = cents(account / divisor)
    total = None if basic is None else cents(basic + monthly)
    told = {"total": total, "basic": plain(basic or Decimal(0)), "monthly": monthly, "account": plain(account)}
    names = ("pending" if basic is None else "result", "how", "excluded")
    lines = [SHEET.say(name, **told, divisor=divisor) for name in names]
    return SHEET.result(
        answers, today, row, {"basic": basic, "account": monthly, "total": total, "divisor": divisor}, lines
    )


CALCULATOR = calculator("resident_pension", SHEET, compute)
