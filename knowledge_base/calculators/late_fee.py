"""The surcharge for social-insurance contributions that an employer pays late (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from pydantic.dataclasses import dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.money import cents, plain
from knowledge_base.calculators.months import spoken_day
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT
from knowledge_base.errors import Impossible


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Surcharge:
    """The share of what is owed, for each day."""

    daily: Decimal


SHEET = read_sheet("late_fee", Surcharge)


def fee(rule: Surcharge, amount: Decimal, days: int) -> Decimal:
    return cents(amount * rule.daily * days)


def days_late(due: date, paid: date) -> int:
    """None for who pays in time."""
    return max(0, (paid - due).days)


def compute(answers: Mapping[str, str], today: date) -> Result:
    due = date.fromisoformat(answers["due"]) if "due" in answers else None
    paid = date.fromisoformat(answers["paid"]) if "paid" in answers else None
    if "days" in answers and (due or paid):
        raise Impossible("both_given", SHEET.say("both_given"), "days")
    days = days_late(due, paid) if due and paid else int(answers["days"])
    row = SHEET.row(due or today)
    amount = Decimal(answers["amount"])
    owed = fee(row.rule, amount, days)
    told = {"amount": plain(amount), "daily": plain(row.rule.daily), "days": days, "fee": owed}
    dates = [SHEET.say("dates", due=spoken_day(due), paid=spoken_day(paid), days=days)] if due and paid else []
    lines = [SHEET.say("result" if days else "in_time", **told), *dates, SHEET.say("how", **told)]
    lines += [SHEET.say("who"), SHEET.say("excluded")]
    return SHEET.result(answers, today, row, {"days": days, "fee": owed}, lines)


CALCULATOR = calculator("late_fee", SHEET, compute)
