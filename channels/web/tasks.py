"""Procedures and calculators as the pages of the station ask for them: lists, the next question, guide and result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from bot.answering.wording import basis_sources, confirmation, say
from bot.assembly import Parts
from channels.web import described, described_tasks
from channels.web.wire import source_frame
from knowledge_base.calculators.catalogue import CALCULATORS, Calculator, named
from knowledge_base.calculators.sheet import word
from knowledge_base.entry import Basis
from knowledge_base.errors import Impossible
from knowledge_base.fields import Field, check, next_field, settled
from knowledge_base.procedures.procedure import SECTIONS, Procedure
from knowledge_base.topics import topic_groups

PROCEDURES = "/api/v1/procedures"
COUNTERS = "/api/v1/calculators"
CHECKED_OFF = ("materials", "steps")  # the sections that one ticks off
GONE = "没有这份办事指南，可能已经停用。请从办事指南里重新选。"
LONGEST_NAME = 40  # of what is said back; a longer one is no slip of a program


def task_routes(parts: Parts) -> APIRouter:
    """Answers stand in the address, so that a case can be shared; nothing of it is kept, here or in a cache."""
    routes = APIRouter(tags=["citizens"], dependencies=[Depends(_unkept)])

    def today() -> date:
        return datetime.now(UTC).astimezone(parts.settings.site.zone).date()

    @routes.get(PROCEDURES, response_model=described_tasks.ProcedureList, responses=described.problems())
    async def procedures() -> dict[str, Any]:
        """The procedures that hold today, by group."""
        found = current(parts.library.current.corpus.procedures, today())
        return {"procedures": [{"id": p.id, **_about(p)} for p in found.values()]}

    @routes.get(
        f"{PROCEDURES}/{{procedure_id}}", response_model=described_tasks.ProcedureGuide,
        responses=described.problems(404, 422), openapi_extra=described_tasks.ANSWERS,
    )  # fmt: skip
    async def procedure(request: Request, procedure_id: str) -> dict[str, Any]:
        """The next question of a procedure; once all are answered, the guide of this case."""
        day = today()
        found = current(parts.library.current.corpus.procedures, day)
        if procedure_id not in found:
            raise Impossible("unknown_procedure", GONE)
        return guide(found[procedure_id], answered(found[procedure_id].fields, _told(request), day))

    @routes.get(COUNTERS, response_model=described_tasks.CalculatorList, responses=described.problems())
    async def calculators() -> dict[str, Any]:
        """All calculators, by group."""
        return {"calculators": [{"name": c.name, **_about(c)} for c in counters()]}

    @routes.get(
        f"{COUNTERS}/{{name}}", response_model=described_tasks.CalculatorForm, responses=described.problems(404)
    )
    async def calculator(name: str) -> dict[str, Any]:
        """What a calculator asks."""
        return form(named(name))

    @routes.get(
        f"{COUNTERS}/{{name}}/result", response_model=described_tasks.CalculatorResult,
        responses=described.problems(404, 422), openapi_extra=described_tasks.ANSWERS,
    )  # fmt: skip
    async def result(request: Request, name: str) -> dict[str, Any]:
        """What a calculator makes of the answers."""
        counter = named(name)
        made = counter.run(_told(request), today())
        return {
            "name": counter.name,
            "title": counter.title,
            "lines": made.lines,
            "data": dict(made.data),
            "valid": made.valid,
            "sources": _sources(made.basis, counter),
        }

    return routes


def current(procedures: Mapping[str, Procedure], day: date) -> dict[str, Procedure]:
    """Those that hold on this day, in the order of the station's headings."""
    held = [(name, procedure) for name, procedure in procedures.items() if procedure.holds(day)]
    return dict(sorted(held, key=lambda row: _group(row[1].topics)[0]))


def counters() -> list[Calculator]:
    return sorted(CALCULATORS.values(), key=lambda counter: _group(counter.topics)[0])


def answered(fields: Iterable[Field], given: Mapping[str, str], today: date) -> dict[str, str]:
    """The answers in machine form, without those that another answer made needless. Raises Impossible."""
    known = {field.name: field for field in fields}
    for name in given:
        if name not in known:
            raise Impossible(
                "unknown_argument", word("unknown", name=name[:LONGEST_NAME], names="、".join(known)), name
            )
    answers = {name: check(field, given[name], today) for name, field in known.items() if name in given}
    while needless := [name for name in answers if settled(known[name], _without(answers, name))]:
        answers = _without(answers, *needless)
    return answers


def guide(procedure: Procedure, answers: Mapping[str, str]) -> dict[str, Any]:
    asked = next_field(procedure.fields, answers)
    told: dict[str, Any] = {
        "id": procedure.id,
        **_about(procedure),
        **_ground(procedure),
        "question": asked and _field(asked),
        "answers": answers,
        "given": [_given(field, answers[field.name]) for field in procedure.fields if field.name in answers],
        "sections": [],
        "checklist": [],
        "sources": [],
        "confirm": [],
    }
    if asked is None:
        sections = {name: procedure.lines(name, answers) for name in SECTIONS}
        basis = procedure.basis(answers)
        told["sections"] = [
            {"name": name, "heading": say(f"section_{name}"), "lines": lines}
            for name, lines in sections.items()
            if lines
        ]
        told["checklist"] = [line for name in CHECKED_OFF for line in sections[name]]
        told["sources"] = _sources(basis, procedure)
        told["confirm"] = [confirmation(row) for row in basis if row.mark]
    return told


def form(counter: Calculator) -> dict[str, Any]:
    return {
        "name": counter.name,
        **_about(counter),
        **_ground(counter),
        "fields": [_field(field) for field in counter.fields],
        "sources": _sources(counter.basis, counter),
    }


async def _unkept(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


def _told(request: Request) -> dict[str, str]:
    told: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in told:
            raise Impossible("repeated_argument", word("repeated", name=name[:LONGEST_NAME]), name)
        told[name] = value
    return told


def _without(answers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in answers.items() if name not in names}


def _about(task: Procedure | Calculator) -> dict[str, Any]:
    return {"title": task.title, "about": task.about, "topics": task.topics, "group": _group(task.topics)[1]}


def _group(topics: Sequence[str]) -> tuple[int, str]:
    """Place and name of the heading that the first topic belongs to."""
    return next((n, group.name) for n, group in enumerate(topic_groups()) if topics[0] in group.topics)


def _ground(task: Procedure | Calculator) -> dict[str, str]:
    return {"jurisdiction": task.jurisdiction, "checked": task.checked.isoformat()}


def _sources(basis: Iterable[Basis], task: Procedure | Calculator) -> list[dict[str, str]]:
    return [source_frame(source) for source in basis_sources(tuple(basis), task.jurisdiction, task.checked)]


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name, "ask": field.ask, "kind": field.kind, "hint": field.hint, "unit": field.unit,
        "options": [{"value": option.value, "label": option.label} for option in field.options],
        "required": field.required, "default": field.default, "when": field.when, "unless": field.unless,
        "lowest": field.lowest, "highest": field.highest, "past": field.past,
    }  # fmt: skip


def _given(field: Field, value: str) -> dict[str, str]:
    label = next((option.label for option in field.options if option.value == value), value)
    return {"name": field.name, "ask": field.ask, "value": value, "label": label}
