"""One procedure as data, and the guide through one case of it (pure).

A line holds for every case, or only `when` the named answers are among the given ones. Nothing is computed: who reads
the file sees every path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from knowledge_base.entry import STRICT, Basis, Jurisdiction, Validity
from knowledge_base.fields import Field, Kind, applies, next_field

When = Mapping[str, tuple[str, ...]]
SECTIONS = ("conditions", "materials", "where", "time", "fee", "steps", "result", "refused", "notes")
PAGES: tuple[tuple[str, ...], ...] = (
    ("conditions", "materials"),
    ("where", "time", "fee"),
    ("steps",),
    ("result", "refused", "notes"),
)


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Line:
    """One sentence of a section."""

    text: str
    when: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _line(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


Lines = tuple[Annotated[Line, BeforeValidator(_line)], ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Ground:
    """A legal basis, and the cases that it is the basis of."""

    basis: Basis
    when: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Procedure:
    """`id` is also the name of the intent that asks for it, without `procedure_`."""

    id: str
    title: str
    about: str
    topics: tuple[str, ...]
    fields: tuple[Field, ...] = ()
    conditions: Lines
    materials: Lines
    where: Lines
    time: Lines
    fee: Lines
    steps: Lines
    result: Lines
    refused: Lines
    notes: Lines = ()
    grounds: tuple[Ground, ...]
    jurisdiction: Jurisdiction
    checked: date
    valid: Validity = field(default_factory=Validity)

    def lines(self, section: str, answers: Mapping[str, str]) -> tuple[str, ...]:
        """What a section says in this case."""
        told: Lines = getattr(self, section)
        return tuple(line.text for line in told if applies(line.when, answers))

    def basis(self, answers: Mapping[str, str]) -> tuple[Basis, ...]:
        return tuple(ground.basis for ground in self.grounds if applies(ground.when, answers))

    def holds(self, day: date) -> bool:
        """Whether the guide may be given on this day."""
        return self.valid.holds(day)


def cases(procedure: Procedure) -> Iterator[dict[str, str]]:
    """Every complete set of answers: the leaves of the procedure."""
    waiting: list[dict[str, str]] = [{}]
    while waiting:
        answers = waiting.pop()
        asked = next_field(procedure.fields, answers)
        if asked is None:
            yield answers
        else:
            waiting.extend({**answers, asked.name: option.value} for option in asked.options)


def faults(procedure: Procedure) -> Iterator[str]:
    """What a schema can't see: unknown names and values, questions without options, and cases that say nothing."""
    options = {f.name: {o.value for o in f.options} for f in procedure.fields}
    for asked in procedure.fields:
        if asked.kind not in (Kind.CHOICE, Kind.YES_NO) or len(asked.options) < 2:
            yield f"question {asked.name} needs options to choose from"
    everywhere = [*(line.when for name in SECTIONS for line in getattr(procedure, name))]
    everywhere += [ground.when for ground in procedure.grounds]
    everywhere += [dict(asked.when) for asked in procedure.fields]
    for when in everywhere:
        for name, values in when.items():
            if name not in options:
                yield f"when: there is no question {name}"
            elif unknown := set(values) - options[name]:
                yield f"when: {name} has no option {', '.join(sorted(unknown))}"
    if any(len(o) < 2 for o in options.values()):
        return  # the cases could not be walked
    for answers in cases(procedure):
        empty = [name for name in SECTIONS[:-1] if not procedure.lines(name, answers)]
        if empty or not procedure.basis(answers):
            yield f"case {answers}: nothing is said of {', '.join(empty) or 'the basis'}"
