"""The audit log: who did what, each row sealed with the hash of the row before it, so that a change shows.

A row holds names, ids and reasons; never a secret, and nothing that people typed unless it was masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import Connection, func, select

from bot.store.conversations import ms, upsert
from bot.store.database import Database
from bot.tables import audit, audit_head

START = "0" * 64  # stands before the first row
HEAD = "head"
PAGE = 1_000
TERMINAL = "(terminal)"  # who works on the machine itself; no account can have this name


@dataclass(frozen=True, slots=True)
class Row:
    """One row as kept; `at` in milliseconds since 1970, `detail` as JSON text."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    detail: str
    address: str
    previous: str
    hash: str

    def seal(self) -> str:
        """What `hash` must be."""
        return sha256(json.dumps(astuple(self)[:-1], ensure_ascii=True).encode()).hexdigest()

    def told(self) -> dict[str, object]:
        at = datetime.fromtimestamp(self.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "seq": self.seq, "at": at, "actor": self.actor, "action": self.action, "subject": self.subject,
            "detail": json.loads(self.detail), "address": self.address, "hash": self.hash,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    seq: int
    why: str


def first_broken(rows: Iterable[Row], head_seq: int, head_hash: str) -> Broken | None:
    """The first row that is not as it was written, given rows in order and where the log ended."""
    seq, last = 0, START
    for row in rows:
        seq += 1
        if row.seq != seq:
            return Broken(seq, "missing")
        if row.previous != last:
            return Broken(seq, "does not follow the row before it")
        if row.hash != row.seal():
            return Broken(seq, "changed")
        last = row.hash
    if seq < head_seq:
        return Broken(seq + 1, "missing")
    if seq > head_seq:
        return Broken(head_seq + 1, "was not written by us")
    return None if last == head_hash else Broken(seq, "is not the one that was written last")


def append(
    connection: Connection,
    *,
    actor: str,
    action: str,
    at: datetime,
    subject: str = "",
    detail: Mapping[str, object] | None = None,
    address: str = "",
) -> None:
    """One more row, in the transaction of what it records.

    Call it last: it waits for other transactions that append, and whoever waits for a row of theirs then waits forever.
    """
    fresh = upsert(connection, audit_head).values(name=HEAD, seq=1, hash=START)
    taken = fresh.on_conflict_do_update(index_elements=["name"], set_={"seq": audit_head.c.seq + 1})
    seq, previous = connection.execute(taken.returning(audit_head.c.seq, audit_head.c.hash)).one()
    told = json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True)
    row = Row(seq, ms(at), actor, action, subject[:128], told, address[:64], previous, "")
    row = replace(row, hash=row.seal())
    connection.execute(audit.insert().values(asdict(row)))
    connection.execute(audit_head.update().values(hash=row.hash))


def rows(connection: Connection, after: int = 0, until: int | None = None) -> Iterator[Row]:
    """All rows after `after` in order, read by pages."""
    while True:
        query = select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(PAGE)
        page = [Row(*row) for row in connection.execute(query if until is None else query.where(audit.c.seq <= until))]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].seq


@dataclass(frozen=True, slots=True)
class Verified:
    """How many rows the log has, the hash of the last, and the first that is broken."""

    count: int
    head: str
    broken: Broken | None


def verify(connection: Connection, noted: str = "") -> Verified:
    """Reads the whole log, also while it grows. `noted` is the hash of any earlier row, kept elsewhere."""
    last = select(func.coalesce(func.max(audit.c.seq), 0)).scalar_subquery()
    found = connection.execute(select(audit_head.c.seq, audit_head.c.hash, last)).first()
    seq, head, until = found or (0, START, connection.scalar(select(last)) or 0)
    broken = first_broken(rows(connection, until=until), seq, head)
    if not broken and noted and not connection.scalar(select(audit.c.seq).where(audit.c.hash == noted)):
        broken = Broken(seq + 1, f"the row {noted} is gone")
    return Verified(seq, head, broken)


class AuditLog:
    """The log for those who read it."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def latest(self, *, before: int | None, limit: int) -> list[Row]:
        """The newest first; `before` is the number of the oldest that is known."""
        query = select(audit).order_by(audit.c.seq.desc()).limit(limit)
        query = query if before is None else query.where(audit.c.seq < before)
        return await self._db.read(lambda c: [Row(*row) for row in c.execute(query)])
