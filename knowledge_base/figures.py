"""The figures that change with the year: one table with validity dates, named in answers as {{name}}."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise

from pydantic import Field
from pydantic.dataclasses import dataclass

from knowledge_base.entry import STRICT, Mark

NAMED = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class FigureValue:
    """What the figure was or is in one year, by which document."""

    value: str
    year: int
    start: date = Field(alias="from")
    until: date | None = None
    document: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Figure:
    """A figure with all its years, oldest first."""

    name: str
    label: str
    city: str
    values: tuple[FigureValue, ...]
    mark: Mark | None = None

    def __post_init__(self) -> None:
        ends = [(v.start, v.until or date.max) for v in self.values]
        if not ends:
            raise ValueError("a figure needs a value")
        if any(until < start for start, until in ends):
            raise ValueError("until lies before from")
        if any(a[1] >= b[0] for a, b in pairwise(ends)):
            raise ValueError("values overlap or are not in order of time")

    def on(self, day: date) -> str:
        """The value of the day; outside the known years the nearest value, with its year and a warning."""
        known = [v for v in self.values if v.start <= day]
        if not known:
            first = self.values[0]
            return f"{first.value}（{first.year} 年度数，{first.start.isoformat()} 起执行）"
        latest = known[-1]
        if latest.until is None or day <= latest.until:
            return latest.value
        return f"{latest.value}（{latest.year} 年度数，新年度以公布为准）"


def names_in(texts: Iterable[str | None]) -> set[str]:
    return {name for text in texts if text for name in NAMED.findall(text)}


def fill(text: str, figures: Mapping[str, Figure], day: date) -> str:
    """The text with each {{name}} replaced by its value on the day. Raises KeyError for an unknown one."""
    return NAMED.sub(lambda found: figures[found[1]].on(day), text)
