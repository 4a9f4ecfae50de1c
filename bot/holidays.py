"""The table of holidays: seeded from a maintained library, then the bureau's own to edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from time import monotonic

from chinese_calendar.constants import Holiday
from chinese_calendar.constants import holidays as days_off
from chinese_calendar.constants import workdays as days_worked
from sqlalchemy import Connection, select

from bot.errors import Refused
from bot.store.database import Database, alone
from bot.tables import holidays
from bot.working_days import Calendar

FRESH = 60.0  # seconds; a change of the table is heard of within a minute
FIRST_YEAR = 2025  # nothing is due before


class Holidays:
    def __init__(self, database: Database) -> None:
        self._db = database
        self._calendar = Calendar()
        self._read_at = float("-inf")

    async def calendar(self) -> Calendar:
        if monotonic() - self._read_at > FRESH:
            rows = await self._db.read(lambda c: c.execute(select(holidays)).all())
            self._calendar = Calendar({date.fromisoformat(row.day): row.works for row in rows})
            self._read_at = monotonic()
        return self._calendar

    async def of(self, year: int) -> list[tuple[date, bool, str]]:
        """The days of a year that differ from their weekday: (day, worked, name)."""
        query = select(holidays).where(holidays.c.day.like(f"{year}-%")).order_by(holidays.c.day)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [(date.fromisoformat(row.day), row.works, row.name) for row in rows]

    async def replace(
        self, year: int, days: Iterable[tuple[date, bool, str]], also: Callable[[Connection], None] | None = None
    ) -> None:
        """A year as the bureau has it: (day, worked, name). Raises Refused for a day of another year or told twice."""
        told = list(days)
        if any(day.year != year for day, _, _ in told) or len({day for day, _, _ in told}) != len(told):
            raise Refused("bad_day", f"日期必须在 {year} 年内，每天只写一次。")
        rows = [{"day": day.isoformat(), "works": works, "name": name[:64]} for day, works, name in told]

        def job(connection: Connection) -> None:
            connection.execute(holidays.delete().where(holidays.c.day.like(f"{year}-%")))
            if rows:
                connection.execute(holidays.insert(), rows)
            if also is not None:
                also(connection)

        await self._db.write(job)
        self._read_at = float("-inf")


def seed(database: Database) -> int:
    """Writes the years that the table does not know; what the bureau changed stays. Returns the rows written."""
    return database.write_now(seed_in)


def seed_in(connection: Connection) -> int:
    alone(connection, "holidays")
    known = {day[:4] for day in connection.scalars(select(holidays.c.day))}
    rows = [
        {"day": day.isoformat(), "works": works, "name": Holiday(name).chinese}
        for days, works in ((days_off, False), (days_worked, True))
        for day, name in days.items()
        if day.year >= FIRST_YEAR and str(day.year) not in known and (day.weekday() < 5) != works
    ]
    if rows:
        connection.execute(holidays.insert(), rows)
    return len(rows)
