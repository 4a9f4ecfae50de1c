"""A monthly pension: of an employee and of a resident."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators import pension_estimate, resident_pension
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)


def told(**answers: object) -> dict[str, object]:
    given_as_text = {name: str(value) for name, value in answers.items()}
    return dict(pension_estimate.CALCULATOR.run(given_as_text, TODAY).data)


@pytest.mark.parametrize(
    ("base", "index", "months", "account", "age", "divisor", "basic", "monthly", "total"),
    [
        (8000, 1.0, 180, 60000, (60, 0), 139, 1200.00, 431.65, 1631.65),
        (8000, 0.6, 180, 40000, (60, 0), 139, 960.00, 287.77, 1247.77),
        (8000, 1.0, 360, 120000, (63, 0), 117, 2400.00, 1025.64, 3425.64),
        (8000, 0.8, 300, 90000, (60, 8), 134.3, 1800.00, 670.14, 2470.14),
        (8000, 2.0, 240, 200000, (60, 6), 135.5, 2400.00, 1476.01, 3876.01),
        (8000, 3.0, 420, 500000, (63, 0), 117, 5600.00, 4273.50, 9873.50),
        (8000, 0.6, 240, 50000, (50, 0), 195, 1280.00, 256.41, 1536.41),
        (8000, 1.2, 276, 110000, (58, 0), 152, 2024.00, 723.68, 2747.68),
        (12183, 1.0, 360, 120000, (63, 0), 117, 3654.90, 1025.64, 4680.54),
        (8000, 1.0, 186, 70000, (55, 0), 170, 1240.00, 411.76, 1651.76),
    ],
)
def test_the_numbered_examples_hold(
    base: int, index: float, months: int, account: int, age: tuple[int, int], divisor: float, basic: float,
    monthly: float, total: float,
) -> None:  # fmt: skip
    found = told(base=base, index=index, months=months, account=account, age_months=age[0] * 12 + age[1])
    assert found == {"basic": basic, "account": monthly, "total": total, "divisor": divisor, "note": None}


@pytest.mark.parametrize(
    ("years", "months", "divisor"),
    [(60, 1, "138.4"), (50, 1, "194.6"), (60, 8, "134.3"), (62, 6, "121.0"), (57, 11, "152.5"), (70, 0, "56")],
)
def test_between_two_ages_the_divisor_goes_by_months(years: int, months: int, divisor: str) -> None:
    rule = pension_estimate.SHEET.row(TODAY).rule
    assert str(rule.divisor(years * 12 + months)) == divisor


@given(st.integers(480, 839))
def test_who_is_older_divides_by_no_more(age_months: int) -> None:
    rule = pension_estimate.SHEET.row(TODAY).rule
    assert rule.divisor(age_months + 1) <= rule.divisor(age_months)


def test_without_the_base_only_the_account_is_counted_and_the_formula_shown() -> None:
    answers = {"base": "unknown", "index": "1", "months": "180", "account": "60000", "age_months": "720"}
    result = pension_estimate.CALCULATOR.run(answers, TODAY)
    assert (result.data["basic"], result.data["total"], result.data["account"]) == (None, None, 431.65)
    assert "待公布" in result.lines[0]
    assert "计发基数 × 平均缴费指数 1" in result.lines[1]


def test_a_divisor_that_sources_dispute_is_marked() -> None:
    answers = {"base": "8000", "index": "1", "months": "180", "account": "60000", "age_months": str(47 * 12)}
    result = pension_estimate.CALCULATOR.run(answers, TODAY)
    assert result.data["divisor"] == 208
    assert any("207" in line for line in result.lines)


@pytest.mark.parametrize(("account", "monthly"), [(60000, 431.65), (13900, 100.00)])
def test_a_residents_account_is_divided_by_139(account: int, monthly: float) -> None:
    found = resident_pension.CALCULATOR.run({"account": str(account), "basic": "unknown"}, TODAY).data
    assert (found["account"], found["total"]) == (monthly, None)
    found = resident_pension.CALCULATOR.run({"account": str(account), "basic": "200"}, TODAY).data
    assert found["total"] == monthly + 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"index": "3.1"}, "out_of_range"),
        ({"index": "-1"}, "out_of_range"),
        ({"months": "0"}, "out_of_range"),
        ({"account": "-1"}, "out_of_range"),
        ({"age_months": "479"}, "out_of_range"),
        ({"age_months": "841"}, "out_of_range"),
        ({"base": "nothing"}, "unreadable"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, str], code: str) -> None:
    whole = {"base": "8000", "index": "1", "months": "180", "account": "60000", "age_months": "720"}
    with pytest.raises(Impossible) as refused:
        told(**(whole | change))
    assert refused.value.code == code


def test_the_base_is_never_taken_for_granted() -> None:
    with pytest.raises(Impossible) as refused:
        told(index="1", months="180", account="60000", age_months="720")
    assert (refused.value.code, refused.value.field) == ("missing_argument", "base")
