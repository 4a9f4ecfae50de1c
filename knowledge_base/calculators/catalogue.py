"""The calculators by name, in the order in which they are offered."""

from __future__ import annotations

from collections.abc import Mapping

from knowledge_base.calculators import (
    injury_death,
    injury_lump_sum,
    late_fee,
    maternity_allowance,
    min_years,
    pension_estimate,
    resident_pension,
    retirement,
    unemployment_months,
)
from knowledge_base.calculators.calculator import Calculator
from knowledge_base.calculators.sheet import word
from knowledge_base.errors import Impossible

__all__ = ["CALCULATORS", "Calculator", "named"]

CALCULATORS: Mapping[str, Calculator] = {
    module.CALCULATOR.name: module.CALCULATOR
    for module in (
        retirement,
        min_years,
        pension_estimate,
        resident_pension,
        unemployment_months,
        injury_lump_sum,
        injury_death,
        maternity_allowance,
        late_fee,
    )
}


def named(name: str) -> Calculator:
    """Raises Impossible with the names there are."""
    if name not in CALCULATORS:
        raise Impossible("unknown_calculator", word("no_such", name=name, names="、".join(CALCULATORS)))
    return CALCULATORS[name]
