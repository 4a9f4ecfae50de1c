"""`python -m bot calculate`: one calculator, JSON out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import app


def calculate(*words: str) -> tuple[int, Any]:
    done = CliRunner().invoke(app, ["calculate", *words])
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "retirement birth=1976-08 category=male",
            {
                "age_months": 755,
                "date": "2039-07",
                "delay_months": 35,
                "earliest_flexible": "2036-08",
                "latest_flexible": "2042-07",
            },
        ),
        (
            "retirement category=female50 birth=1974-12",
            {
                "age_months": 600,
                "date": "2024-12",
                "delay_months": 0,
                "earliest_flexible": None,
                "latest_flexible": None,
            },
        ),
        ("late_fee amount=5000 days=181", {"days": 181, "fee": 452.5}),
        ("late_fee amount=5000 due=2026-01-15 paid=2026-07-15", {"days": 181, "fee": 452.5}),
    ],
)
def test_the_result_is_one_json_object(line: str, told: dict[str, Any]) -> None:
    assert calculate(*line.split()) == (0, told)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("min_years year=2033", {"year": 2033, "months": 204, "years": 17, "extra_months": 0}),
        ("unemployment_months paid_months=70 carry=3", {"months": 21, "eligible": True, "new_months": 18, "carry": 3}),
        ("unemployment_months paid_months=70 involuntary=no", {"months": 0, "eligible": False}),
        ("injury_lump_sum grade=7 monthly_wage=7500", {"wage": 7500.0, "months": 13, "lump_sum": 97500.0}),
        ("maternity_allowance wage=6000 child=2 difficult=yes babies=2", {"days": 128, "extra_days": 90}),
        ("pension_estimate base=8000 index=0.8 months=300 account=90000 age_months=728", {"total": 2470.14}),
    ],
)
def test_every_calculator_answers_by_the_names_of_the_protocol(line: str, part: dict[str, Any]) -> None:
    status, told = calculate(*line.split())
    assert status == 0
    assert part.items() <= told.items()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "unknown_calculator"),
        ("lottery", "unknown_calculator"),
        ("retirement birth=1976-08", "missing_argument"),
        ("retirement birth=1939-12 category=male", "out_of_range"),
        ("retirement birth=2999-01 category=male", "out_of_range"),
        ("retirement birth=1976-08 birth=1976-08 category=male", "repeated_argument"),
        ("retirement birth=1976-08 category=male wage=1", "unknown_argument"),
        ("retirement 1976-08 male", "bad_argument"),
        ("retirement -5", "bad_argument"),
        ("injury_lump_sum grade=11 monthly_wage=7500", "out_of_range"),
    ],
)
def test_what_cannot_be_is_status_2_and_a_reason_in_plain_words(line: str, code: str) -> None:
    status, told = calculate(*line.split())
    assert (status, told["code"]) == (2, code)
    assert told["message"].endswith("。")
