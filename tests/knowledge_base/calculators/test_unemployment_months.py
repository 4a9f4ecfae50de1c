"""How many months of unemployment benefit there are at most."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators.unemployment_months import CALCULATOR
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)
MONTHS = st.integers(0, 720)
CARRY = st.integers(0, 24)


def told(**answers: object) -> dict[str, object]:
    return dict(CALCULATOR.run({name: str(value) for name, value in answers.items()}, TODAY).data)


@pytest.mark.parametrize(
    ("paid", "carry", "involuntary", "registered", "months", "eligible"),
    [
        (11, 0, "yes", "yes", 0, False),
        (12, 0, "yes", "yes", 12, True),
        (59, 0, "yes", "yes", 12, True),
        (60, 0, "yes", "yes", 18, True),
        (119, 0, "yes", "yes", 18, True),
        (120, 0, "yes", "yes", 24, True),
        (300, 0, "yes", "yes", 24, True),
        (24, 6, "yes", "yes", 18, True),
        (30, 20, "yes", "yes", 24, True),
        (70, 3, "yes", "yes", 21, True),
        (8, 10, "yes", "yes", 10, "unknown"),
        (48, 0, "no", "yes", 0, False),
        (48, 0, "yes", "no", 0, False),
    ],
)
def test_the_numbered_examples_hold(
    paid: int, carry: int, involuntary: str, registered: str, months: int, eligible: object
) -> None:
    found = told(paid_months=paid, carry=carry, involuntary=involuntary, registered=registered)
    assert (found["months"], found["eligible"]) == (months, eligible)


def test_what_was_carried_over_alone_is_for_the_office_to_decide() -> None:
    result = CALCULATOR.run({"paid_months": "8", "carry": "10"}, TODAY)
    assert result.data["new_months"] == 0
    assert "新增 0 个月；上次没领完的 10 个月可能可以接着领" in result.lines[0]
    assert result.data["note"] == result.lines[0]


def test_benefit_goes_on_for_who_is_less_than_a_year_from_retirement() -> None:
    near = {"paid_months": 120, "birth": "1966-03", "category": "male"}
    assert told(**near, ends="2025-09")["extended_until"] == "2026-07"
    assert told(**near, ends="2025-07")["extended_until"] is None
    assert told(**near, ends="2026-07")["extended_until"] is None


@given(paid=MONTHS, carry=CARRY)
def test_more_months_paid_never_give_fewer_months_and_never_more_than_two_years(paid: int, carry: int) -> None:
    one, more = (int(str(told(paid_months=p, carry=carry)["months"])) for p in (paid, min(720, paid + 1)))
    assert one <= more <= 24


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({}, "missing_argument"),
        ({"paid_months": -1}, "out_of_range"),
        ({"paid_months": 12, "carry": 25}, "out_of_range"),
        ({"paid_months": 12, "involuntary": "perhaps"}, "unreadable"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, object], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        told(**answers)
    assert refused.value.code == code
