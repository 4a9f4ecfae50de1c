"""Statements that run for every question: compiled once, then SQLite's driver gets their text and values.

The way through SQLAlchemy's `execute` costs several times what SQLite itself needs; PostgreSQL takes it as it is.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import ClauseElement

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Place(NamedTuple):
    """A question mark of the text: the value's name, what stands for it when none is given, how it is written."""

    name: str
    default: Any
    write: Convert | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement as SQLite's driver takes it, and how the columns that come back are read."""

    text: str
    places: tuple[Place, ...]
    row: Callable[[Iterable[Any]], Any]
    read: tuple[tuple[int, Convert], ...]


class Prepared:
    """A statement whose rows are `columns`. Its parameters are single values: no lists for `IN`."""

    def __init__(self, statement: Executable, columns: Iterable[Column[Any]] = ()) -> None:
        self._statement = statement
        self._columns = tuple(columns)
        self._plan: Plan | None = None

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """The rows, their values under the columns' names. Raises DBAPIError like `execute`."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._statement, dict(values)))
        plan, cursor = self._executed(connection, values)
        found = cursor.fetchall()
        if not plan.read:
            return [plan.row(told) for told in found]
        rows = []
        for told in found:
            cells = list(told)
            for at, convert in plan.read:
                cells[at] = convert(cells[at])
            rows.append(plan.row(cells))
        return rows

    def first(self, connection: Connection, values: Values) -> Any | None:
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def count(self, connection: Connection, values: Values) -> int:
        """How many rows it changed."""
        if connection.dialect.name != "sqlite":
            counted = {"preserve_rowcount": True}  # psycopg's count is dropped otherwise
            return connection.execute(self._statement, dict(values), execution_options=counted).rowcount
        return self._executed(connection, values)[1].rowcount

    def _executed(self, connection: Connection, values: Values) -> tuple[Plan, sqlite3.Cursor]:
        plan = self._plan = self._plan or _planned(self._statement, self._columns, connection.dialect)
        told = [
            values.get(name, default) if write is None else write(values.get(name, default))
            for name, default, write in plan.places
        ]
        driver: Any = connection.connection.driver_connection
        try:
            return plan, driver.execute(plan.text, told)
        except sqlite3.Error as error:
            raise DBAPIError.instance(plan.text, None, error, sqlite3.Error, dialect=connection.dialect) from error


def _planned(statement: Executable, columns: tuple[Column[Any], ...], dialect: Dialect) -> Plan:
    assert isinstance(statement, ClauseElement)
    compiled: Any = statement.compile(dialect=dialect)
    places = []
    for name in compiled.positiontup:
        bound = compiled.binds[name]
        places.append(Place(name, bound.value, bound.type.dialect_impl(dialect).bind_processor(dialect)))
    read = []
    for at, column in enumerate(columns):
        convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if convert is not None:
            read.append((at, convert))
    named: Any = namedtuple("Row", [column.name for column in columns]) if columns else None
    row = named._make if columns else tuple
    return Plan(compiled.string, tuple(places), row, tuple(read))
