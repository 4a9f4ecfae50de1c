"""Versions of knowledge for those who publish: built and gated aside, live at once, and back again in seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from bot import jobs
from bot.audit import append
from bot.bus import Bus
from bot.drafts import Drafts, now, publishable, settle
from bot.errors import NotFound, Refused
from bot.shelf import Shelf
from bot.staff import Account
from bot.store.conversations import insert_new
from bot.store.database import Database, now_ms
from bot.tables import artefacts, pointers, versions
from bot.tables_knowledge import jobs as jobs_table
from knowledge_base.corpus import Corpus
from knowledge_base.errors import ArtefactError
from knowledge_base.index import version_named
from knowledge_base.library import Library

BUILDING, FAILED, READY, LIVE, RETIRED = "building", "failed", "ready", "live", "retired"
LISTED = 50
PUBLISHING = "publishing"  # the pointer that one holds while switching
HOLD_MS = 60_000  # a switch that has taken so long was killed
TRAIN_AFTER_MS = 10 * 60_000  # of quiet after a publication, so that several are learned from together
_V = versions.c


@dataclass(frozen=True, slots=True)
class Version:
    """One version as those see it who publish."""

    id: str
    status: str
    entries: int
    made_at: int
    live_at: int | None
    report: dict[str, Any]
    progress: float

    @property
    def reasons(self) -> list[str]:
        return list(self.report.get("reasons", ()))


class Versions:
    def __init__(self, database: Database, shelf: Shelf, library: Library, drafts: Drafts, bus: Bus) -> None:
        self._db = database
        self._shelf = shelf
        self._library = library
        self._drafts = drafts
        self._bus = bus

    async def listed(self) -> list[Version]:
        """The newest first."""
        query = select(versions).order_by(_V.made_at.desc()).limit(LISTED)
        return await self._db.read(lambda c: [_version(c, row) for row in c.execute(query)])

    async def find(self, id: str) -> Version:
        """Raises NotFound."""
        return await self._db.read(lambda c: _find(c, id))

    async def build(self, account: Account) -> Version:
        """Asks for a version of what is approved; the same knowledge is the same version. Takes no processor here."""
        live = self._library.current
        await self._drafts.seed(live.corpus.entries)
        entries = tuple(await self._db.read(publishable))
        base = live.corpus
        corpus = Corpus(entries, base.figures, base.procedures)
        name = await asyncio.to_thread(version_named, corpus, live.models.version)

        def job(connection: Connection) -> Version:
            made = insert_new(
                connection, versions,
                {"id": name, "models": live.models.version, "status": BUILDING, "entries": len(entries),
                 "made_at": now_ms(), "live_at": None, "report": {"by": account.username}},
            )  # fmt: skip
            known = _find(connection, name)
            if not made and known.status == FAILED:
                values = {"status": BUILDING, "made_at": now_ms(), "report": {"by": account.username}}
                made = (
                    connection.execute(
                        versions.update().where(_V.id == name, _V.status == FAILED).values(values)
                    ).rowcount
                    == 1
                )
            if made:
                job_id = jobs.add(connection, "build", account.username, {"version": name})
                report = {"by": account.username, "job": job_id}
                connection.execute(versions.update().where(_V.id == name).values(report=report))
                append(connection, actor=account.username, action="version_asked", subject=name, at=now())
            return _find(connection, name)

        asked = await self._db.write(job)
        self._bus.ring(jobs.RING)
        return asked

    async def publish(self, account: Account, id: str, *, reason: str = "") -> Version:
        """Live on all workers. A version that failed its gate needs a reason and two people, one after the other.

        Raises NotFound, Refused `not_ready`, `gate_failed`, `own_override`, `publishing`.
        """
        known = await self.find(id)
        if known.status == BUILDING:
            raise Refused("not_ready", "这个版本还在生成，请稍候。")
        if known.status == LIVE:
            return known
        if known.status == FAILED and not await self._overridden(account, known, reason.strip()):
            return await self.find(id)
        return await self._switch(account, id, "version_published", back=False)

    async def roll_back(self, account: Account, id: str) -> Version:
        """Back to a version that has answered before. Raises NotFound, Refused `never_live`, `publishing`."""
        known = await self.find(id)
        if known.live_at is None:
            raise Refused("never_live", "只能回退到上过线的版本。")
        if known.status == LIVE:
            return known
        return await self._switch(account, id, "version_rolled_back", back=True)

    async def _overridden(self, account: Account, known: Version, reason: str) -> bool:
        """Whether a second person agrees to publish what failed; the first one is noted. Raises Refused."""
        if not reason:
            raise Refused("gate_failed", "这个版本没有通过检查，不能发布。坚持发布要写明理由，并由另一人再确认。")
        whole = await self._db.read(
            lambda c: c.scalar(select(artefacts.c.id).where(artefacts.c.id == f"index-{known.id}"))
        )
        if whole is None:
            raise Refused("not_ready", "这个版本没有生成出来，不能发布。")
        first = known.report.get("override")
        if first and first["by"] == account.username:
            raise Refused("own_override", "要由另一位同事再确认。")

        def job(connection: Connection) -> None:
            report = _find(connection, known.id).report
            told = {"by": account.username, "reason": reason[:500], "at": now_ms()}
            report = report | ({"agreed": told} if first else {"override": told})
            connection.execute(versions.update().where(_V.id == known.id).values(report=report))
            append(
                connection, actor=account.username, action="gate_overridden" if first else "override_asked",
                subject=known.id, at=now(), detail={"reason": reason[:500]},
            )  # fmt: skip

        await self._db.write(job)
        return first is not None

    async def _switch(self, account: Account, id: str, action: str, *, back: bool) -> Version:
        await self._hold(id)
        try:
            await self._shelf.publish(id, self._bus)
        except (NotFound, ArtefactError) as error:
            raise Refused("not_ready", "这个版本已经不在了，请重新生成。") from error
        finally:
            await self._db.write(lambda c: c.execute(pointers.delete().where(pointers.c.name == PUBLISHING)))
        entries = await asyncio.to_thread(self._library.entries_of, id)

        def job(connection: Connection) -> None:
            settle(connection, entries, back=back)
            queue_training(connection, account.username)
            append(connection, actor=account.username, action=action, subject=id, at=now())

        await self._db.write(job)
        self._bus.ring(jobs.RING)
        return await self.find(id)

    async def _hold(self, id: str) -> None:
        """One switch at a time. Raises Refused `publishing`."""
        moment = now_ms()

        def job(connection: Connection) -> bool:
            row = {"name": PUBLISHING, "value": f"{moment + HOLD_MS}:{id}"}
            if insert_new(connection, pointers, row):
                return True
            held = connection.scalar(select(pointers.c.value).where(pointers.c.name == PUBLISHING)) or "0:"
            if int(held.partition(":")[0]) > moment:
                return False
            taken = pointers.update().where(pointers.c.name == PUBLISHING, pointers.c.value == held)
            return connection.execute(taken.values(row)).rowcount == 1

        if not await self._db.write(job):
            raise Refused("publishing", "另一个版本正在发布，请稍候再试。")


def queue_training(connection: Connection, by: str) -> None:
    """Models learn from what is live, later and in the background; once for all that is published meanwhile."""
    if not jobs.waits(connection, "train"):
        jobs.add(connection, "train", by, {}, due_at=now_ms() + TRAIN_AFTER_MS)


def _find(connection: Connection, id: str) -> Version:
    row = connection.execute(select(versions).where(_V.id == id)).one_or_none()
    if row is None:
        raise NotFound(id)
    return _version(connection, row)


def _version(connection: Connection, row: Row[Any]) -> Version:
    progress = 1.0
    if row.status == BUILDING:
        found = select(jobs_table.c.progress).where(jobs_table.c.id == row.report.get("job", ""))
        progress = connection.scalar(found) or 0.0
    return Version(row.id, row.status, row.entries, row.made_at, row.live_at, row.report, progress)
