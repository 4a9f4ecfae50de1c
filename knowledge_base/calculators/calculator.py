"""One calculator: what it asks and what it makes of the answers (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from knowledge_base.calculators.result import Result
from knowledge_base.calculators.sheet import Sheet, word
from knowledge_base.entry import Basis, Jurisdiction
from knowledge_base.errors import Impossible
from knowledge_base.fields import Field, applies, check, settled

Compute = Callable[[Mapping[str, str], date], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculator:
    """`topics`: the topics that it belongs to, its own first."""

    name: str
    title: str
    about: str
    topics: tuple[str, ...]
    fields: tuple[Field, ...]
    basis: tuple[Basis, ...]
    jurisdiction: Jurisdiction
    checked: date
    compute: Compute

    def run(self, given: Mapping[str, str], today: date) -> Result:
        """Raises Impossible for names that it does not know, missing answers, and answers that cannot be."""
        return self.compute(_answers(self.fields, given, today), today)


def calculator(name: str, sheet: Sheet[Any], compute: Compute) -> Calculator:
    return Calculator(
        name=name, title=sheet.title, about=sheet.about, topics=sheet.topics, fields=sheet.fields,
        basis=tuple(ground.basis for ground in sheet.grounds), jurisdiction=sheet.jurisdiction,
        checked=sheet.checked, compute=compute,
    )  # fmt: skip


def arguments(words: Sequence[str]) -> dict[str, str]:
    """`birth=1976-08 category=male` as a mapping. Raises Impossible."""
    given: dict[str, str] = {}
    for told in words:
        name, sign, value = told.partition("=")
        if not sign or not name:
            raise Impossible("bad_argument", word("not_named", told=told))
        if name in given:
            raise Impossible("repeated_argument", word("repeated", name=name), name)
        given[name] = value
    return given


def _answers(fields: Sequence[Field], given: Mapping[str, str], today: date) -> dict[str, str]:
    """The given answers checked, and what goes without saying added."""
    names = [field.name for field in fields]
    if unknown := next((name for name in given if name not in names), None):
        raise Impossible("unknown_argument", word("unknown", name=unknown, names="、".join(names)), unknown)
    answers: dict[str, str] = {}
    missing: list[str] = []
    for field in fields:
        if field.name in given:
            answers[field.name] = check(field, given[field.name], today)
        elif field.default and applies(field.when, answers):
            answers[field.name] = field.default
        elif field.required and not settled(field, answers):
            missing.append(field.name)
    if missing:
        raise Impossible("missing_argument", word("missing", names="、".join(missing)), missing[0])
    return answers
