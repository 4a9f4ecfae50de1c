"""The maternity allowance: the nation's days, and the province's beside them until the fund is known to pay."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators.maternity_allowance import CALCULATOR, SHEET, allowance
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)
CHILD = st.sampled_from(["1", "2", "3"])


def told(**answers: object) -> dict[str, object]:
    return dict(CALCULATOR.run({name: str(value) for name, value in answers.items()}, TODAY).data)


EXAMPLES = [
    ("1", False, 1, "浙江", 6000, 158, "31600.00"),
    ("2", False, 1, "浙江", 6000, 188, "37600.00"),
    ("3", False, 1, "浙江", 8000, 188, "50133.33"),
    ("1", True, 1, "浙江", 7500, 173, "43250.00"),
    ("1", False, 2, "浙江", 9000, 173, "51900.00"),
    ("2", True, 2, "浙江", 9000, 218, "65400.00"),
    ("miscarriage_early", False, 1, "浙江", 6000, 15, "3000.00"),
    ("miscarriage_late", False, 1, "浙江", 6000, 42, "8400.00"),
    ("1", False, 1, "全国", 6000, 98, "19600.00"),
    ("1", True, 3, "全国", 6000, 143, "28600.00"),
]


@pytest.mark.parametrize(("child", "difficult", "babies", "province", "wage", "days", "amount"), EXAMPLES)
def test_the_numbered_examples_hold_where_the_fund_pays_all_days(
    child: str, difficult: bool, babies: int, province: str, wage: int, days: int, amount: str
) -> None:
    rule = replace(SHEET.row(TODAY).rule, extra_paid_by_fund=True)
    found = allowance(rule, Decimal(wage), child, difficult, babies, province)
    assert (found.days, found.national + found.extra, found.amount) == (days, days, Decimal(amount))


def test_until_the_office_confirms_it_the_extra_days_stand_beside_the_amount() -> None:
    result = CALCULATOR.run({"wage": "6000", "child": "1"}, TODAY)
    assert result.data == {"days": 98, "allowance": 19600.0, "extra_days": 60, "extra_included": False}
    assert any("60 天" in line and "没有算进去" in line for line in result.lines)


def test_only_the_nations_rule_names_no_law_of_the_province() -> None:
    result = CALCULATOR.run({"wage": "6000", "child": "1", "province": "national"}, TODAY)
    assert result.data["extra_days"] == 0
    assert not any("浙江" in (basis.document or "") for basis in result.basis)


def test_the_rules_are_to_be_checked_anew_when_the_new_law_comes() -> None:
    assert "2026 年 12 月 31 日以后的规定还要重新核对" in CALCULATOR.run({"wage": "6000", "child": "1"}, TODAY).valid
    later = CALCULATOR.run({"wage": "6000", "child": "1"}, date(2027, 1, 1))
    assert later.valid.startswith("注意：这是按 2026 年 12 月 31 日以前的规定算的")


@given(child=CHILD, wage=st.integers(1, 100_000), babies=st.integers(1, 7))
def test_a_higher_wage_a_difficult_birth_or_one_baby_more_never_pays_less(child: str, wage: int, babies: int) -> None:
    rule = SHEET.row(TODAY).rule
    least = allowance(rule, Decimal(wage), child, False, babies, "浙江")
    for more in (
        allowance(rule, Decimal(wage + 1), child, False, babies, "浙江"),
        allowance(rule, Decimal(wage), child, True, babies, "浙江"),
        allowance(rule, Decimal(wage), child, False, babies + 1, "浙江"),
    ):
        assert more.amount >= least.amount


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"wage": 6000}, "missing_argument"),
        ({"wage": 0, "child": 1}, "out_of_range"),
        ({"wage": 6000, "child": 4}, "unreadable"),
        ({"wage": 6000, "child": 1, "babies": 0}, "out_of_range"),
        ({"wage": 6000, "child": 1, "province": "江苏"}, "unreadable"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, object], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        told(**answers)
    assert refused.value.code == code
