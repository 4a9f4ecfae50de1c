"""What the family of a worker who died of a work injury is paid (pure)."""

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
from knowledge_base.errors import Impossible

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Death:
    """Months of average wage, years of national income, and each dependant's share of the wage."""

    funeral_months: int
    income_years: int
    spouse: Decimal
    other: Decimal
    lonely: Decimal


SHEET = read_sheet("injury_death", Death)


def dependants(rule: Death, wage: Decimal, spouse: bool, others: int, lonely: int) -> Decimal:
    """All shares together, before they are held to the wage; `lonely` are those among them who have nobody else."""
    return cents(wage * (rule.spouse * spouse + rule.other * others + rule.lonely * lonely))


def compute(answers: Mapping[str, str], today: date) -> Result:
    row = SHEET.row(today)
    average, income = _known(answers, "average_wage"), _known(answers, "national_income")
    funeral = None if average is None else cents(average * row.rule.funeral_months)
    at_once = None if income is None else cents(income * row.rule.income_years)
    monthly, capped, lines = _monthly(answers, row.rule)
    told = {"funeral": funeral, "at_once": at_once, "average": plain(average or Decimal(0)),
            "income": plain(income or Decimal(0)), "months": row.rule.funeral_months,
            "times": row.rule.income_years}  # fmt: skip
    said = [
        SHEET.say("at_once_pending" if at_once is None else "at_once", **told),
        SHEET.say("funeral_pending" if funeral is None else "funeral", **told),
    ]
    data = {"lump_sum": at_once, "funeral": funeral, "dependants": monthly, "dependants_capped": capped}
    return SHEET.result(answers, today, row, data, [*said, *lines, SHEET.say("excluded")])


def _known(answers: Mapping[str, str], name: str) -> Decimal | None:
    return None if answers.get(name, UNKNOWN) == UNKNOWN else Decimal(answers[name])


def _monthly(answers: Mapping[str, str], rule: Death) -> tuple[Decimal | None, bool | None, list[str]]:
    wage = _known(answers, "wage")
    if wage is None:
        return None, None, [SHEET.say("dependants_formula")]
    spouse, others, lonely = answers["spouse"] == "yes", int(answers["others"]), int(answers["lonely"])
    if lonely > spouse + others:
        raise Impossible("out_of_range", SHEET.say("too_many_lonely"), "lonely")
    most = _known(answers, "pre_death_wage")
    together, limit = dependants(rule, wage, spouse, others, lonely), wage if most is None else most
    paid = min(together, cents(limit))
    told = {"wage": plain(wage), "spouse": int(spouse), "others": others, "lonely": lonely, "sum": together,
            "limit": plain(limit), "paid": paid}  # fmt: skip
    lines = [SHEET.say("dependants_capped" if paid < together else "dependants", **told)]
    return paid, paid < together, lines + ([SHEET.say("limit_assumed")] if most is None else [])


CALCULATOR = calculator("injury_death", SHEET, compute)
