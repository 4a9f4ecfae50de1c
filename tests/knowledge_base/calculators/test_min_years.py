"""The paid months that a pension needs, and how many are missing."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators.min_years import CALCULATOR
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)
VECTORS = Path(__file__).parent / "retirement_vectors.csv"


def told(**answers: str) -> dict[str, object]:
    return dict(CALCULATOR.run(answers, TODAY).data)


@pytest.mark.parametrize(
    ("year", "months", "years", "extra"),
    [
        (2026, 180, 15, 0),
        (2029, 180, 15, 0),
        (2030, 186, 15, 6),
        (2031, 192, 16, 0),
        (2034, 210, 17, 6),
        (2038, 234, 19, 6),
        (2039, 240, 20, 0),
        (2045, 240, 20, 0),
    ],
)
def test_the_year_of_retirement_says_how_many_months_are_needed(year: int, months: int, years: int, extra: int) -> None:
    found = told(year=str(year))
    assert (found["year"], found["months"], found["years"], found["extra_months"]) == (year, months, years, extra)


@pytest.mark.parametrize(
    ("category", "birth", "chosen", "year", "months"),
    [
        ("male", "1971-03", "2031-03", 2031, 192),
        ("male", "1971-03", "2034-01", 2032, 198),
        ("female50", "1980-07", "2030-07", 2030, 186),
        ("female55", "1975-06", "2030-06", 2030, 186),
    ],
)
def test_who_retires_early_is_measured_by_the_year_chosen_and_who_retires_late_by_the_statutory_one(
    category: str, birth: str, chosen: str, year: int, months: int
) -> None:
    found = told(category=category, birth=birth, chosen=chosen, paid_months="0")
    assert (found["year"], found["months"]) == (year, months)


def test_the_vectors_agree_at_the_statutory_age() -> None:
    for row in csv.DictReader(VECTORS.read_text("utf-8").splitlines()):
        found = told(category=row["category"], birth=row["birth_month"], paid_months="0")
        assert found["months"] == int(row["min_contribution_months_at_statutory"]), row


@given(st.integers(2011, 2099))
def test_a_later_year_never_needs_less_and_at_most_six_months_more(year: int) -> None:
    one, next_one = (int(str(told(year=str(y))["months"])) for y in (year, year + 1))
    assert next_one - one in (0, 6)


@given(year=st.integers(2011, 2100), paid=st.integers(0, 720))
def test_what_is_missing_and_what_is_paid_make_what_is_needed(year: int, paid: int) -> None:
    found = told(year=str(year), paid_months=str(paid))
    gap = int(str(found["gap_months"]))
    assert gap == max(0, int(str(found["months"])) - paid)
    assert found["enough"] is (gap == 0)


@pytest.mark.parametrize(
    ("paid", "sentence"),
    [
        ("120", "到 2039 年 7 月还能交 152 个月，够得上"),
        ("60", "到 2039 年 7 月只能再交 152 个月，到时还差 2 年 4 个月"),
        ("240", "够了"),
    ],
)
def test_it_says_whether_going_on_to_pay_is_enough(paid: str, sentence: str) -> None:
    lines = CALCULATOR.run({"birth": "1976-08", "category": "male", "paid_months": paid}, TODAY).lines
    assert any(sentence in line for line in lines)


def test_who_is_past_the_age_is_not_told_to_go_on_until_then() -> None:
    lines = CALCULATOR.run({"birth": "1960-01", "category": "male", "paid_months": "100"}, TODAY).lines
    assert not any("从现在起" in line for line in lines)
    assert any("延长缴费" in line for line in lines)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({}, "missing_argument"),
        ({"year": "1999"}, "out_of_range"),
        ({"year": "2101"}, "out_of_range"),
        ({"year": "2033", "paid_months": "-1"}, "out_of_range"),
        ({"birth": "1971-03", "category": "male", "paid_months": "1", "chosen": "2031-02"}, "out_of_range"),
        ({"birth": "1971-03", "category": "male", "paid_months": "1", "chosen": "2035-11"}, "out_of_range"),
        ({"birth": "1960-03", "category": "male", "paid_months": "1", "chosen": "2026-01"}, "not_flexible"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, str], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        CALCULATOR.run(answers, TODAY)
    assert refused.value.code == code
