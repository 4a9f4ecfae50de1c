"""The maternity allowance: paid days by the nation's rule, and the days that a province adds (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic.dataclasses import dataclass as checked_dataclass

from knowledge_base.calculators.calculator import calculator
from knowledge_base.calculators.money import cents, plain
from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.entry import STRICT


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Leave:
    """Days of leave; `extra`: by province and child. Whether the fund pays the extra days, the office has to say."""

    birth: int
    difficult: int
    each_more_baby: int
    miscarriage: dict[str, int]
    extra: dict[str, dict[str, int]]
    extra_paid_by_fund: bool
    days_of_month: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """`days` are those paid for; `extra` days are among them only if the fund pays them."""

    national: int
    extra: int
    days: int
    amount: Decimal


SHEET = read_sheet("maternity_allowance", Leave)


def allowance(rule: Leave, wage: Decimal, child: str, difficult: bool, babies: int, province: str) -> Allowance:
    """`child`: which child it is, or how far a pregnancy went that ended early. Such leave has no extra days."""
    if child in rule.miscarriage:
        national, extra = rule.miscarriage[child], 0
    else:
        national = rule.birth + rule.difficult * difficult + rule.each_more_baby * (babies - 1)
        extra = rule.extra.get(province, {}).get(child, 0)
    days = national + (extra if rule.extra_paid_by_fund else 0)
    return Allowance(national, extra, days, cents(wage * days / rule.days_of_month))


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    wage, child, province = Decimal(answers["wage"]), answers["child"], answers["province"]
    difficult, babies = answers.get("difficult") == "yes", int(answers.get("babies", "1"))
    found = allowance(row.rule, wage, child, difficult, babies, province)
    data = {
        "days": found.days,
        "allowance": found.amount,
        "extra_days": found.extra,
        "extra_included": bool(found.extra) and row.rule.extra_paid_by_fund,
    }
    told = {
        "wage": plain(wage), "days": found.days, "national": found.national, "extra": found.extra,
        "amount": found.amount, "month": row.rule.days_of_month, "birth": row.rule.birth, "province": province,
        "together": found.national + found.extra, "difficult": row.rule.difficult * difficult,
        "babies": row.rule.each_more_baby * (babies - 1),
    }  # fmt: skip
    lines = [SHEET.say("result", **told), SHEET.say("how", **told)]
    more = found.national > row.rule.birth
    lines.append(SHEET.say("miscarriage" if child in row.rule.miscarriage else "more_days" if more else "days", **told))
    if found.extra:
        lines.append(SHEET.say("extra_included" if row.rule.extra_paid_by_fund else "extra", **told))
    return SHEET.result(answers, today, row, data, [*lines, SHEET.say("per_day"), SHEET.say("excluded")])


CALCULATOR = calculator("maternity_allowance", SHEET, compute)
