"""A calculator's sheet: its questions, dated rules, sentences and legal basis, all of them data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import Field as Key
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from knowledge_base.calculators.months import spoken_day
from knowledge_base.calculators.result import Result
from knowledge_base.entry import STRICT, Basis, Jurisdiction
from knowledge_base.errors import Impossible
from knowledge_base.fields import Field, applies

FOLDER = Path(__file__).parent

Rule = TypeVar("Rule")


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Row(Generic[Rule]):
    """A rule and the days it holds; past `until` it has to be checked anew."""

    start: date = Key(alias="from")
    until: date | None = None
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Ground:
    """A legal basis, and the cases that it is the basis of."""

    basis: Basis
    when: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Sheet(Generic[Rule]):
    """All of a calculator that is not arithmetic; `rules` stand oldest first."""

    title: str
    about: str
    topics: tuple[str, ...]
    jurisdiction: Jurisdiction
    checked: date
    fields: tuple[Field, ...]
    rules: tuple[Row[Rule], ...]
    grounds: tuple[Ground, ...]
    says: dict[str, str]

    def say(self, name: str, /, **values: object) -> str:
        return self.says[name].format(**values)

    def row(self, day: date) -> Row[Rule]:
        """The rules of the day, else the last known. Raises Impossible for a day before all of them."""
        known = [row for row in self.rules if row.start <= day]
        if not known:
            raise Impossible("before_rules", word("too_early", start=spoken_day(self.rules[0].start)))
        return known[-1]

    def result(
        self, answers: Mapping[str, str], today: date, row: Row[Rule], data: Mapping[str, Any], lines: Iterable[str]
    ) -> Result:
        """Closes the lines with how long the rules hold and that the office decides."""
        valid = _valid(row, self.checked, today)
        basis = tuple(ground.basis for ground in self.grounds if applies(ground.when, answers))
        plain = {name: float(value) if isinstance(value, Decimal) else value for name, value in data.items()}
        return Result(data=plain, lines=(*lines, valid, word("disclaimer")), basis=basis, valid=valid)


def read_sheet(name: str, rule: type[Rule]) -> Sheet[Rule]:
    """The sheet `NAME.yml` beside this file; `rule` is the type of its rules."""
    told, shared = _yaml(name), _yaml("questions")
    told["fields"] = [shared[f.pop("same")] | f if "same" in f else f for f in told["fields"]]
    sheet: Sheet[Rule] = TypeAdapter(Sheet[rule]).validate_python(told)  # type: ignore[valid-type]
    return sheet


def _yaml(name: str) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8"))
    return told


def _valid(row: Row[Any], checked: date, today: date) -> str:
    told = {
        "start": spoken_day(row.start),
        "checked": spoken_day(checked),
        "until": spoken_day(row.until) if row.until else "",
    }
    if row.until is None:
        return word("valid", **told)
    return word("expired" if row.until < today else "valid_until", **told)


def word(name: str, /, **values: object) -> str:
    """A sentence that every calculator uses."""
    return _words()[name].format(**values)


@cache
def _words() -> dict[str, str]:
    return TypeAdapter(dict[str, str]).validate_python(_yaml("every"))
