"""What is paid after an injury at work, by grade, and after a death."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators import injury_death, injury_lump_sum
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)


def told(**answers: object) -> dict[str, object]:
    given_as_text = {name: str(value) for name, value in answers.items()}
    return dict(injury_lump_sum.CALCULATOR.run(given_as_text, TODAY).data)


def of_death(**answers: object) -> dict[str, object]:
    known = {"national_income": "unknown", "average_wage": "unknown"}
    given_as_text = known | {name: str(value) for name, value in answers.items()}
    return dict(injury_death.CALCULATOR.run(given_as_text, TODAY).data)


@pytest.mark.parametrize(
    ("grade", "given_wage", "wage", "months", "lump_sum", "allowance"),
    [
        (1, 8000, 8000, 27, 216000, 7200),
        (2, 6000, 6000, 25, 150000, 5100),
        (3, 10000, 10000, 23, 230000, 8000),
        (4, 4000, 4800, 21, 100800, 3600),
        (5, 8000, 8000, 18, 144000, 5600),
        (6, 30000, 24000, 16, 384000, 14400),
        (7, 7500, 7500, 13, 97500, None),
        (8, 6500, 6500, 11, 71500, None),
        (9, 5000, 5000, 9, 45000, None),
        (10, 3000, 4800, 7, 33600, None),
    ],
)
def test_the_numbered_examples_hold(
    grade: int, given_wage: int, wage: int, months: int, lump_sum: int, allowance: int | None
) -> None:
    found = told(grade=grade, monthly_wage=given_wage, average_wage=8000)
    assert (found["wage"], found["months"], found["lump_sum"]) == (wage, months, lump_sum)
    assert found["allowance"] == allowance
    assert found["clamped"] is (wage != given_wage)


def test_without_the_local_average_the_wage_stands_as_it_is_and_the_result_says_so() -> None:
    result = injury_lump_sum.CALCULATOR.run({"grade": "10", "monthly_wage": "3000"}, TODAY)
    assert (result.data["wage"], result.data["lump_sum"], result.data["clamped"]) == (3000, 21000, False)
    assert result.data["note"] in result.lines
    assert "60%～300%" in str(result.data["note"])


def test_the_two_payments_at_the_end_of_work_need_the_wage_of_the_province() -> None:
    found = told(grade=7, monthly_wage=7500, average_wage=8000, province_wage=9000)
    assert (found["medical"], found["employment"], found["ending_months"]) == (90000, 90000, 10)
    result = injury_lump_sum.CALCULATOR.run({"grade": "7", "monthly_wage": "7500"}, TODAY)
    assert result.data["medical"] is None
    assert any("10 个月的上年度全省职工月平均工资" in line and "待公布" in line for line in result.lines)
    assert told(grade=4, monthly_wage=7500, province_wage=9000)["medical"] is None


@given(wage=st.decimals(1, 100_000, places=2), average=st.decimals(1, 50_000, places=2), grade=st.integers(1, 10))
def test_the_wage_that_counts_lies_between_the_bounds(wage: Decimal, average: Decimal, grade: int) -> None:
    rule = injury_lump_sum.SHEET.row(TODAY).rule
    counted = injury_lump_sum.counted_wage(rule, wage, average).amount
    assert average * Decimal("0.6") <= counted <= average * 3
    assert counted == wage or not average * Decimal("0.6") <= wage <= average * 3
    assert grade == 1 or rule.lump_sum[grade - 1] > rule.lump_sum[grade]


def test_a_death_is_paid_at_once_by_national_income_and_the_funeral_by_local_wages() -> None:
    found = of_death(national_income=50000, average_wage=8000)
    assert (found["lump_sum"], found["funeral"]) == (1_000_000, 48_000)


def test_figures_that_are_not_known_are_given_as_formulas_only() -> None:
    result = injury_death.CALCULATOR.run({"national_income": "unknown", "average_wage": "unknown"}, TODAY)
    assert set(result.data.values()) == {None}
    assert "20 倍" in result.lines[0]
    assert "待公布" in result.lines[0]


def test_dependants_share_the_wage_up_to_all_of_it() -> None:
    found = of_death(wage=7000, spouse="yes", others=2)
    assert (found["dependants"], found["dependants_capped"]) == (7000, False)
    found = of_death(wage=7000, spouse="yes", others=3, lonely=1)
    assert (found["dependants"], found["dependants_capped"]) == (7000, True)
    assert of_death(wage=7000, spouse="no", others=3, lonely=1, pre_death_wage=6500)["dependants"] == 6500


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"grade": 0, "monthly_wage": 1}, "out_of_range"),
        ({"grade": 11, "monthly_wage": 1}, "out_of_range"),
        ({"grade": "七", "monthly_wage": 1}, "unreadable"),
        ({"grade": 7, "monthly_wage": -1}, "out_of_range"),
        ({"grade": 7}, "missing_argument"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, object], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        told(**answers)
    assert refused.value.code == code


def test_more_lonely_people_than_dependants_cannot_be() -> None:
    with pytest.raises(Impossible):
        of_death(wage=7000, others=1, lonely=2)
