"""The surcharge for contributions paid late."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators.late_fee import CALCULATOR
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)
DUE = st.dates(date(2011, 7, 1), date(2026, 1, 1))


def told(**answers: object) -> dict[str, object]:
    return dict(CALCULATOR.run({name: str(value) for name, value in answers.items()}, TODAY).data)


@pytest.mark.parametrize(
    ("amount", "due", "paid", "days", "fee"),
    [
        ("1000", "2026-01-15", "2026-01-15", 0, 0.00),
        ("1000", "2026-01-15", "2026-01-16", 1, 0.50),
        ("1000", "2026-01-15", "2026-02-14", 30, 15.00),
        ("5000", "2026-01-15", "2026-07-15", 181, 452.50),
        ("12345.67", "2025-12-15", "2026-03-01", 76, 469.14),
        ("20000", "2024-02-15", "2026-02-15", 731, 7310.00),
        ("800", "2026-05-25", "2026-05-20", 0, 0.00),
        ("100000", "2023-07-01", "2026-11-22", 1240, 62000.00),
        ("2500", "2024-02-28", "2024-03-01", 2, 2.50),
    ],
)
def test_the_numbered_examples_hold(amount: str, due: str, paid: str, days: int, fee: float) -> None:
    assert told(amount=amount, due=due, paid=paid) == {"days": days, "fee": fee}
    assert told(amount=amount, days=days) == {"days": days, "fee": fee}


@given(amount=st.integers(0, 10**8), due=DUE, days=st.integers(0, 4000))
def test_one_day_or_one_yuan_more_never_costs_less(amount: int, due: date, days: int) -> None:
    fee = float(str(told(amount=amount, days=days)["fee"]))
    assert fee <= float(str(told(amount=amount, days=days + 1)["fee"]))
    assert fee <= float(str(told(amount=amount + 1, days=days)["fee"]))


def test_half_a_cent_is_rounded_up() -> None:
    assert told(amount="10", days=1) == {"days": 1, "fee": 0.01}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"amount": "1000"}, "missing_argument"),
        ({"amount": "1000", "due": "2026-01-15"}, "missing_argument"),
        ({"amount": "1000", "due": "2026-02-30", "paid": "2026-03-01"}, "unreadable"),
        ({"amount": "-1000", "days": "1"}, "out_of_range"),
        ({"amount": "1000", "days": "-1"}, "out_of_range"),
        ({"amount": "1000", "days": "1", "due": "2026-01-15", "paid": "2026-01-16"}, "both_given"),
        ({"amount": "1000", "due": "2011-06-30", "paid": "2026-01-16"}, "before_rules"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, str], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        told(**answers)
    assert refused.value.code == code
