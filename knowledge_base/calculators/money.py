"""Yuan as decimals, rounded half up to the cent (pure)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
TENTH = Decimal("0.1")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def tenths(amount: Decimal) -> Decimal:
    return amount.quantize(TENTH, ROUND_HALF_UP)


def plain(number: Decimal) -> str:
    """Without needless zeros: 134.3, 139, 8000."""
    return f"{number.normalize():f}" if number else "0"
