"""Jobs: work that takes a processor for long, kept in the store until it is done, also over kill -9.

Whoever claims a job holds it while the lease is renewed; after that another may. Each job's work can be done twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.errors import NotFound
from bot.store.database import Database, now_ms
from bot.tables_knowledge import jobs

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
LEASE_MS = 15_000  # a holder not heard of for so long has died
ATTEMPTS = 3
RING = "jobs"  # the bell of whoever waits for work
_J = jobs.c


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    kind: str
    state: str
    by: str
    told: dict[str, Any]
    result: dict[str, Any]
    progress: float
    attempts: int


class Jobs:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def find(self, id: str, kind: str) -> Job:
        """Raises NotFound."""
        row = await self._db.read(lambda c: c.execute(select(jobs).where(_J.id == id, _J.kind == kind)).one_or_none())
        if row is None:
            raise NotFound(id)
        return _job(row)

    def look(self, id: str) -> Job:
        """Raises NotFound."""
        row = self._db.read_now(lambda c: c.execute(select(jobs).where(_J.id == id)).one_or_none())
        if row is None:
            raise NotFound(id)
        return _job(row)

    async def claim(self, holder: str) -> Job | None:
        """The job that has waited longest, or whose holder has died; None where there is nothing to do."""

        def job(connection: Connection) -> Job | None:
            moment = now_ms()
            waits = (_J.state == QUEUED) & (_J.due_at <= moment)
            orphaned = (_J.state == RUNNING) & (_J.leased_until < moment)
            row = connection.execute(select(jobs).where(waits | orphaned).order_by(_J.due_at).limit(1)).one_or_none()
            if row is None:
                return None
            taken = jobs.update().where(_J.id == row.id, _J.state == row.state, _J.leased_until == row.leased_until)
            values = {
                "state": RUNNING, "holder": holder, "leased_until": moment + LEASE_MS, "attempts": row.attempts + 1,
            }  # fmt: skip
            if connection.execute(taken.values(values)).rowcount != 1:
                return None
            return _job(connection.execute(select(jobs).where(_J.id == row.id)).one())

        return await self._db.write(job)

    async def renew(self, id: str, holder: str) -> bool:
        """Whether it is still the holder's."""
        mine = (_J.id == id) & (_J.holder == holder) & (_J.state == RUNNING)

        def job(connection: Connection) -> bool:
            values = {"leased_until": now_ms() + LEASE_MS}
            return bool(connection.execute(jobs.update().where(mine).values(values)).rowcount)

        return await self._db.write(job)

    async def give_up(self, id: str, holder: str) -> bool:
        """After an attempt that came to nothing: again later, or failed for good; tells whether for good."""

        def job(connection: Connection) -> bool:
            row = connection.execute(select(jobs).where(_J.id == id, _J.holder == holder)).one_or_none()
            if row is None or row.state != RUNNING:
                return False
            over = bool(row.attempts >= ATTEMPTS)
            values = {"state": FAILED if over else QUEUED, "holder": "", "leased_until": 0}
            connection.execute(jobs.update().where(_J.id == id).values(values))
            return over

        return await self._db.write(job)

    def progress(self, id: str, share: float) -> None:
        self._db.write_now(lambda c: moved(c, id, share))

    def end(self, id: str, result: Mapping[str, Any], *, failed: bool = False) -> None:
        """For good."""
        self._db.write_now(lambda c: ended(c, id, result, failed=failed))


def moved(connection: Connection, id: str, share: float) -> None:
    """How much of it is done, from 0 to 1."""
    connection.execute(jobs.update().where(_J.id == id).values(progress=round(share, 3)))


def ended(connection: Connection, id: str, result: Mapping[str, Any], *, failed: bool = False) -> None:
    """In the transaction of the work's last step."""
    values = {"state": FAILED if failed else DONE, "progress": 1.0, "result": dict(result), "leased_until": 0}
    connection.execute(jobs.update().where(_J.id == id).values(values))


def add(
    connection: Connection, kind: str, by: str, told: Mapping[str, Any], *, due_at: int | None = None, id: str = ""
) -> str:
    """In the transaction of what it belongs to; returns its id."""
    name = id or secrets.token_hex(8)
    moment = now_ms()
    connection.execute(
        jobs.insert().values(
            id=name, kind=kind, state=QUEUED, by=by, made_at=moment, due_at=moment if due_at is None else due_at,
            told=dict(told), result={}, progress=0.0, holder="", leased_until=0, attempts=0,
        )
    )  # fmt: skip
    return name


def waits(connection: Connection, kind: str) -> bool:
    """Whether one of this kind is queued."""
    return connection.scalar(select(_J.id).where(_J.kind == kind, _J.state == QUEUED).limit(1)) is not None


def _job(row: Row[Any]) -> Job:
    return Job(row.id, row.kind, row.state, row.by, row.told, row.result, row.progress, row.attempts)
