"""What a form asks: its questions, in order, each only where earlier answers make it matter (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files

import yaml
from pydantic.dataclasses import dataclass

from knowledge_base.entry import STRICT
from knowledge_base.errors import Unreadable

YES = ("yes", "true", "1", "是")
NO = ("no", "false", "0", "否")
BEYOND = ("future", "negative", "too_low", "too_high")  # read well, but not possible
_MONTH = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})(?:[-/.][0-9]{1,2})?")  # a day is more than was asked for
_DATE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?")  # longer ones are no wage and no count
_WHOLE = re.compile(r"(-?[0-9]{1,12})(?:\.0+)?")


class Kind(StrEnum):
    """How an answer is written in machine form."""

    MONTH = "month"  # 1976-08
    DATE = "date"  # 2026-01-15
    MONEY = "money"  # yuan
    NUMBER = "number"
    COUNT = "count"  # whole
    CHOICE = "choice"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Option:
    """One answer to choose; `also` are the words that citizens use for it."""

    value: str
    label: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Field:
    """One question. `when`: asked only after these answers; `unless`: not asked once one of these is answered.

    `default` is what a machine may leave out; people are asked all the same. The limits are those of a number, or of
    the year of a month or date; `past`: not later than today. `unit` is what a count counts: months, age (in months),
    days … Options of a number are answers beside it, such as 不知道. `cues` are words beside a number in a question
    that make it this answer unasked; without them a number is asked for.
    """

    name: str
    ask: str
    kind: Kind
    options: tuple[Option, ...] = ()
    required: bool = True
    hint: str = ""
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    past: bool = False
    default: str = ""
    when: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()


def applies(when: Mapping[str, Sequence[str]], answers: Mapping[str, str]) -> bool:
    """Whether every named answer is among the given values."""
    return all(answers.get(name) in values for name, values in when.items())


def settled(field: Field, answers: Mapping[str, str]) -> bool:
    """Whether the question is answered, or these answers make it needless."""
    return any(name in answers for name in (field.name, *field.unless)) or not applies(field.when, answers)


def next_field(fields: Sequence[Field], answers: Mapping[str, str]) -> Field | None:
    """The first required question that has to be asked."""
    return next((f for f in fields if f.required and not settled(f, answers)), None)


def check(field: Field, value: str, today: date) -> str:
    """The value in its one machine form. Raises Unreadable with what to do about it."""
    bare = value.strip()
    chosen = next((o.value for o in field.options if bare.lower() in (o.value, o.label, *o.also)), None)
    return chosen or _CHECKS[field.kind](field, bare, today)


def _month(field: Field, value: str, today: date) -> str:
    found = _MONTH.fullmatch(value)
    day = _day(found[1], found[2], "1") if found else None
    if day is None:
        raise _refused(field, "month")
    _check_day(field, day, today)
    return day.isoformat()[:7]


def _date(field: Field, value: str, today: date) -> str:
    found = _DATE.fullmatch(value)
    day = _day(*found.groups()) if found else None
    if day is None:
        raise _refused(field, "date")
    _check_day(field, day, today)
    return day.isoformat()


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _check_day(field: Field, day: date, today: date) -> None:
    if field.past and day > today:
        raise _refused(field, "future")
    _check_limits(field, Decimal(day.year), " 年")


def _number(field: Field, value: str, today: date) -> str:
    del today
    bare = value.replace(",", "").removesuffix("元")
    if not _NUMBER.fullmatch(bare):
        raise _refused(field, "number")
    if field.kind is Kind.MONEY and bare.startswith("-"):
        raise _refused(field, "negative")
    _check_limits(field, Decimal(bare), " 元" if field.kind is Kind.MONEY else "")
    return bare


def _count(field: Field, value: str, today: date) -> str:
    del today
    found = _WHOLE.fullmatch(value)
    if found is None:
        raise _refused(field, "count")
    if found[1].startswith("-"):
        raise _refused(field, "negative")
    _check_limits(field, Decimal(found[1]), "")
    return str(int(found[1]))


def _check_limits(field: Field, number: Decimal, unit: str) -> None:
    if field.lowest is not None and number < Decimal(str(field.lowest)):
        raise _refused(field, "too_low", limit=f"{field.lowest:.12g}{unit}")
    if field.highest is not None and number > Decimal(str(field.highest)):
        raise _refused(field, "too_high", limit=f"{field.highest:.12g}{unit}")


def _choice(field: Field, value: str, today: date) -> str:
    del value, today
    told = "、".join(f"{option.label}（{option.value}）" for option in field.options)
    raise _refused(field, "choice", options=told)


def _yes_no(field: Field, value: str, today: date) -> str:
    del today
    if value.lower() in YES:
        return "yes"
    if value.lower() in NO:
        return "no"
    raise _refused(field, "yes_no")


def _refused(field: Field, why: str, **told: str) -> Unreadable:
    return Unreadable(field.name, _sentences()[why].format(**told), "out_of_range" if why in BEYOND else "unreadable")


@cache
def _sentences() -> dict[str, str]:
    told: dict[str, str] = yaml.safe_load(files("knowledge_base").joinpath("fields.yml").read_text("utf-8"))
    return told


_CHECKS: Mapping[Kind, Callable[[Field, str, date], str]] = {
    Kind.MONTH: _month,
    Kind.DATE: _date,
    Kind.MONEY: _number,
    Kind.NUMBER: _number,
    Kind.COUNT: _count,
    Kind.CHOICE: _choice,
    Kind.YES_NO: _yes_no,
}
