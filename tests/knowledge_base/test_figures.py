"""Figures of a year: the value of the day, and a warning where the day is beyond what is known."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from knowledge_base.figures import Figure, fill, names_in

Y2025 = {"value": "4800 元", "year": 2025, "from": "2025-01-01", "until": "2025-12-31", "document": "一号"}
Y2026 = {"value": "5000 元", "year": 2026, "from": "2026-03-01", "until": "2026-12-31", "document": "二号"}


def figure(*values: dict[str, Any]) -> Figure:
    told = {"name": "floor", "label": "下限", "city": "杭州", "values": values}
    return TypeAdapter(Figure).validate_python(told)


@pytest.mark.parametrize(
    ("day", "value"),
    [
        (date(2025, 1, 1), "4800 元"),
        (date(2025, 12, 31), "4800 元"),
        (date(2026, 2, 1), "4800 元（2025 年度数，新年度以公布为准）"),  # the new one is not in force yet
        (date(2026, 3, 1), "5000 元"),
        (date(2027, 1, 1), "5000 元（2026 年度数，新年度以公布为准）"),
        (date(2024, 12, 31), "4800 元（2025 年度数，2025-01-01 起执行）"),
    ],
)
def test_the_value_is_that_of_the_day(day: date, value: str) -> None:
    assert figure(Y2025, Y2026).on(day) == value


def test_a_value_without_an_end_holds_on() -> None:
    assert figure(Y2025, {k: v for k, v in Y2026.items() if k != "until"}).on(date(2099, 1, 1)) == "5000 元"


@pytest.mark.parametrize(
    "values",
    [
        (),
        (Y2026, Y2025),
        (Y2025, {**Y2026, "from": "2025-12-31"}),
        ({k: v for k, v in Y2025.items() if k != "until"}, Y2026),
        ({**Y2025, "until": "2024-12-31"},),
    ],
)
def test_values_that_overlap_stand_in_disorder_or_are_missing_are_refused(values: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(ValidationError):
        figure(*values)


def test_a_text_is_filled_with_the_values_of_the_day() -> None:
    text = "下限 {{floor}}，上限另查。"
    assert names_in((text, None, "{{ceiling}}")) == {"floor", "ceiling"}
    assert fill(text, {"floor": figure(Y2025)}, date(2025, 6, 1)) == "下限 4800 元，上限另查。"
    with pytest.raises(KeyError):
        fill(text, {}, date(2025, 6, 1))
