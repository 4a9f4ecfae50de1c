"""The statutory retirement age: every birth month of the vectors, the numbered examples, and what holds always."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.calculators.months import machine, month
from knowledge_base.calculators.retirement import CALCULATOR, retirement_of
from knowledge_base.errors import Impossible

TODAY = date(2026, 11, 22)
VECTORS = Path(__file__).parent / "retirement_vectors.csv"
CATEGORIES = ("male", "female55", "female50")
BIRTHS = st.integers(month("1940-01"), month("2026-10"))

EXAMPLES = [
    ("male", "1964-12", 0, (60, 0), "2024-12", None, None),
    ("male", "1965-01", 1, (60, 1), "2025-02", "2025-01", "2028-02"),
    ("male", "1965-08", 2, (60, 2), "2025-10", "2025-08", "2028-10"),
    ("male", "1967-05", 8, (60, 8), "2028-01", "2027-05", "2031-01"),
    ("male", "1970-06", 17, (61, 5), "2031-11", "2030-06", "2034-11"),
    ("male", "1976-08", 35, (62, 11), "2039-07", "2036-08", "2042-07"),
    ("male", "1976-09", 36, (63, 0), "2039-09", "2036-09", "2042-09"),
    ("male", "1985-03", 36, (63, 0), "2048-03", "2045-03", "2051-03"),
    ("female55", "1969-12", 0, (55, 0), "2024-12", None, None),
    ("female55", "1970-01", 1, (55, 1), "2025-02", "2025-01", "2028-02"),
    ("female55", "1974-10", 15, (56, 3), "2031-01", "2029-10", "2034-01"),
    ("female55", "1981-08", 35, (57, 11), "2039-07", "2036-08", "2042-07"),
    ("female55", "1981-09", 36, (58, 0), "2039-09", "2036-09", "2042-09"),
    ("female55", "1988-02", 36, (58, 0), "2046-02", "2043-02", "2049-02"),
    ("female50", "1974-12", 0, (50, 0), "2024-12", None, None),
    ("female50", "1975-02", 1, (50, 1), "2025-03", "2025-02", "2028-03"),
    ("female50", "1975-11", 6, (50, 6), "2026-05", "2025-11", "2029-05"),
    ("female50", "1980-07", 34, (52, 10), "2033-05", "2030-07", "2036-05"),
    ("female50", "1984-10", 59, (54, 11), "2039-09", "2036-09", "2042-09"),
    ("female50", "1984-11", 60, (55, 0), "2039-11", "2036-11", "2042-11"),
    ("female50", "1992-04", 60, (55, 0), "2047-04", "2044-04", "2050-04"),
]


def told(category: str, birth: str) -> dict[str, object]:
    return dict(CALCULATOR.run({"category": category, "birth": birth}, TODAY).data)


@pytest.mark.parametrize(("category", "birth", "delay", "age", "at", "earliest", "latest"), EXAMPLES)
def test_the_numbered_examples_hold(
    category: str, birth: str, delay: int, age: tuple[int, int], at: str, earliest: str | None, latest: str | None
) -> None:
    assert told(category, birth) == {
        "age_months": age[0] * 12 + age[1],
        "date": at,
        "delay_months": delay,
        "earliest_flexible": earliest,
        "latest_flexible": latest,
    }


def test_every_birth_month_of_the_vectors_holds() -> None:
    rows = list(csv.DictReader(VECTORS.read_text("utf-8").splitlines()))
    assert len(rows) == 433
    for row in rows:
        assert told(row["category"], row["birth_month"]) == {
            "age_months": int(row["statutory_age_years"]) * 12 + int(row["statutory_age_months"]),
            "date": row["statutory_retire_month"],
            "delay_months": int(row["delay_months"]),
            "earliest_flexible": row["earliest_flex_month"] or None,
            "latest_flexible": row["latest_flex_month"] or None,
        }, row


@given(category=st.sampled_from(CATEGORIES), birth=BIRTHS)
def test_a_month_younger_retires_later_and_is_put_off_by_one_month_more_at_most(category: str, birth: int) -> None:
    older, younger = (retirement_of(category, machine(b), TODAY) for b in (birth, birth + 1))
    assert younger.delay - older.delay in (0, 1)
    assert younger.at > older.at


@given(category=st.sampled_from(CATEGORIES), birth=BIRTHS)
def test_who_may_choose_may_choose_around_the_statutory_month_and_never_before_the_reform(
    category: str, birth: int
) -> None:
    when = retirement_of(category, machine(birth), TODAY)
    if when.earliest is None or when.latest is None:
        assert when.delay == 0
    else:
        assert month("2025-01") <= when.earliest < when.at == when.latest - 36
        assert when.at - when.earliest <= 36


def test_the_result_comes_first_and_the_formula_has_the_numbers_in_it() -> None:
    lines = CALCULATOR.run({"category": "male", "birth": "1976-08"}, TODAY).lines
    assert lines[0].startswith("您的法定退休时间是 2039 年 7 月，法定退休年龄是 62 岁 11 个月")
    assert "139 ÷ 4" in lines[1]
    assert lines[-1] == "测算结果仅供参考，以参保地社保/医保经办机构核定为准。"


def test_a_woman_is_told_that_her_post_decides_and_a_capped_delay_says_so() -> None:
    lines = CALCULATOR.run({"category": "female50", "birth": "1992-04"}, TODAY).lines
    assert any("岗位" in line for line in lines)
    assert "按 60 个月算" in lines[1]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"category": "male", "birth": "1939-12"}, "out_of_range"),
        ({"category": "male", "birth": "2026-12"}, "out_of_range"),
        ({"category": "male", "birth": "1976-13"}, "unreadable"),
        ({"category": "someone", "birth": "1976-08"}, "unreadable"),
        ({"birth": "1976-08"}, "missing_argument"),
        ({"category": "male", "birth": "1976-08", "day": "1"}, "unknown_argument"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, str], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        CALCULATOR.run(answers, TODAY)
    assert refused.value.code == code
