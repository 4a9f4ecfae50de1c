"""What clients receive of procedures and calculators, as /openapi.json names it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from channels.web.described import LegalBasis
from knowledge_base.fields import Kind

ANSWERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "answers", "in": "query", "style": "form", "explode": True,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "one parameter for each answer: the name of the question and the value in machine form",
        }
    ]
}  # fmt: skip


class OptionOffered(BaseModel):
    value: str
    label: str


class QuestionAsked(BaseModel):
    """`when`: asked only after these answers; `unless`: needless once one of these is answered.

    Without an answer `default` counts. The limits are those of a number, or of the year of a month or date.
    """

    name: str
    ask: str
    kind: Kind
    hint: str
    unit: str
    options: list[OptionOffered]
    required: bool
    default: str
    when: dict[str, list[str]]
    unless: list[str]
    lowest: float | None
    highest: float | None
    past: bool


class AnswerGiven(BaseModel):
    name: str
    ask: str
    value: str
    label: str


class Section(BaseModel):
    name: str
    heading: str
    lines: list[str]


class Task(BaseModel):
    """`group` is the heading of the station that its first topic belongs to."""

    title: str
    about: str
    topics: list[str]
    group: str


class ProcedureListed(Task):
    id: str


class ProcedureList(BaseModel):
    procedures: list[ProcedureListed]


class ProcedureGuide(ProcedureListed):
    """`sections`, `checklist`, `sources` and `confirm` are told once `question` is null.

    `answers` are those that count; one that another made needless is left out.
    """

    jurisdiction: str
    checked: str
    question: QuestionAsked | None
    answers: dict[str, str]
    given: list[AnswerGiven]
    sections: list[Section]
    checklist: list[str]
    sources: list[LegalBasis]
    confirm: list[str]


class CalculatorListed(Task):
    name: str


class CalculatorList(BaseModel):
    calculators: list[CalculatorListed]


class CalculatorForm(CalculatorListed):
    jurisdiction: str
    checked: str
    fields: list[QuestionAsked]
    sources: list[LegalBasis]


class CalculatorResult(BaseModel):
    """`lines` for people, the disclaimer last and `valid` before it; `data` for programs."""

    name: str
    title: str
    lines: list[str]
    data: dict[str, str | int | float | bool | None]
    valid: str
    sources: list[LegalBasis]
