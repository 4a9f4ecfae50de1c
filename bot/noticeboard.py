"""The notice board: notices and switches in the store, followed by every process, changed with an audit row.

Channels ask `switch_text(channel)` before they greet, and `greeting_notices(channel)` for what they tell before the
greeting or the menu. Both are read from memory. Emergencies during a conversation are told by the switchboard.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from bot.accounts import Actor
from bot.audit import append
from bot.bus import Bus
from bot.errors import NotFound, Refused, Stale
from bot.notices import CHANNELS, Bulletin, Kind, Notice, Switch
from bot.privacy import mask
from bot.store.conversations import at_ms, insert_new, ms
from bot.store.database import Database
from bot.tables_announced import notices, switches
from knowledge_base.text import visible

log = logging.getLogger(__name__)
TOPIC = "notices"
BEAT = 2.0  # seconds between looks, where a ring was lost; a change must be heard of within five
LONGEST, LONGEST_QUESTION = 500, 60
KEPT_MS = 90 * 86_400_000  # what ended earlier is not listed any more
_N, _S = notices.c, switches.c


@dataclass(frozen=True, slots=True)
class Wording:
    """What somebody wants announced."""

    kind: Kind
    text: str
    channels: tuple[str, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class NoticeBoard:
    def __init__(self, database: Database, bus: Bus, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = database
        self._bus = bus
        self._now = clock
        self.bulletin = Bulletin()

    def switch_text(self, channel: str) -> str | None:
        """The maintenance text while `channel` (web, wechat, voice) is switched off, else None."""
        return self.bulletin.switch_text(channel)

    def greeting_notices(self, channel: str) -> tuple[str, ...]:
        """What `channel` tells before its greeting or menu, now: emergencies first, then what is pinned."""
        return self.bulletin.greeting_notices(channel, self._now())

    def holding(self, kind: Kind, channel: str) -> tuple[Notice, ...]:
        return self.bulletin.holding(kind, channel, self._now())

    @asynccontextmanager
    async def following(self, announce: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """While inside, the bulletin is at most a few seconds old; `announce` is called once new emergencies hold."""
        await self.look()
        task = asyncio.create_task(self._follow(announce), name="notices")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self, announce: Callable[[], Awaitable[None]]) -> None:
        told: set[str] = set()
        async with self._bus.subscribe(TOPIC) as bell:
            while True:
                try:
                    await self.look()
                    held = {n.key for channel in CHANNELS for n in self.holding(Kind.EMERGENCY, channel)}
                    if held - told:
                        await announce()
                    told = held
                except Exception:
                    log.exception("notices could not be followed")
                await bell.wait(BEAT)

    async def look(self) -> None:
        """Reads the bulletin as it stands in the store."""
        self.bulletin = await self._db.read(_bulletin)

    async def past(self) -> list[Notice]:
        """What holds, comes, or ended lately; the newest first."""
        cut = ms(self._now()) - KEPT_MS
        query = select(notices).where((_N.ends_at.is_(None)) | (_N.ends_at > cut)).order_by(_N.starts_at.desc(), _N.id)
        return [_notice(row) for row in await self._db.read(lambda c: c.execute(query).all())]

    async def post(self, told: Wording, by: Actor, *, id: str | None = None) -> Notice:
        """A new notice; the same id again is the one that is there. Raises Refused."""
        now = self._now()
        fresh = _row(id or secrets.token_hex(8), _checked(told, now), now, by) | {"revision": 1}

        def job(connection: Connection) -> Any:
            if insert_new(connection, notices, fresh):
                _note(connection, by, "notice_posted", fresh, now)
            return connection.execute(select(notices).where(_N.id == fresh["id"])).one()

        return await self._done(job)

    async def change(self, id: str, revision: int, told: Wording, by: Actor) -> Notice:
        """Raises NotFound, Stale when somebody changed it since `revision`, Refused."""
        now = self._now()
        values = _row(id, _checked(told, now), now, by) | {"revision": revision + 1}
        changed = notices.update().where(_N.id == id, _N.revision == revision).values(values).returning(*_N)
        return await self._change(changed, id, by, "notice_changed")

    async def end(self, id: str, by: Actor) -> Notice:
        """From now on it is told no more; ending it twice is ending it once. Raises NotFound."""
        now = self._now()
        goes_on = (_N.ends_at.is_(None)) | (_N.ends_at > ms(now))
        ended = notices.update().where(_N.id == id, goes_on).returning(*_N)
        values = {"ends_at": ms(now), "changed_at": ms(now), "changed_by": by.username}
        try:
            return await self._change(ended.values(revision=_N.revision + 1, **values), id, by, "notice_ended")
        except Stale:
            return await self._find(id)

    async def switch(self, channel: str, *, off: bool, text: str, by: Actor) -> Switch:
        """Raises NotFound for an unknown channel, Refused without a text."""
        if channel not in CHANNELS:
            raise NotFound(channel)
        words, now = _words(text, LONGEST) if off or text.strip() else "", self._now()
        values = {"off": off, "text": words, "changed_at": ms(now), "changed_by": by.username}

        def job(connection: Connection) -> Any:
            insert_new(connection, switches, {"channel": channel, "revision": 0, **values, "off": False})
            changed = switches.update().where(_S.channel == channel).values(revision=_S.revision + 1, **values)
            row = connection.execute(changed.returning(*_S)).one()
            detail = {"off": off, "text": words}
            append(connection, actor=by.username, action="channel_switched", at=now, subject=channel, detail=detail,
                   address=by.address)  # fmt: skip
            return row

        row = await self._db.write(job)
        await self._tell()
        return _switch(row)

    async def _change(self, statement: Any, id: str, by: Actor, action: str) -> Notice:
        def job(connection: Connection) -> Any:
            row = connection.execute(statement).one_or_none()
            if row is not None:
                _note(connection, by, action, row._mapping, self._now())
            return row

        return await self._done(job, id)

    async def _done(self, job: Callable[[Connection], Any], id: str = "") -> Notice:
        row = await self._db.write(job)
        if row is None:
            await self._find(id)
            raise Stale(id)
        await self._tell()
        return _notice(row)

    async def _tell(self) -> None:
        await self.look()
        self._bus.ring(TOPIC)

    async def _find(self, id: str) -> Notice:
        row = await self._db.read(lambda c: c.execute(select(notices).where(_N.id == id)).one_or_none())
        if row is None:
            raise NotFound(id)
        return _notice(row)


def _checked(told: Wording, now: datetime) -> Wording:
    if not told.channels or not set(told.channels) <= set(CHANNELS):
        raise Refused("bad_channel", "请至少选一个渠道。")
    starts = told.starts_at or now
    if told.ends_at is not None and told.ends_at <= max(starts, now):
        raise Refused("bad_time", "结束时间要晚于开始时间，也要晚于现在。")
    text = _words(told.text, LONGEST_QUESTION if told.kind is Kind.HOT else LONGEST)
    channels = tuple(channel for channel in CHANNELS if channel in told.channels)
    return Wording(told.kind, text, channels, starts, told.ends_at)


def _words(text: str, longest: int) -> str:
    """Everybody reads it, so nobody's own number may stand in it."""
    words = visible(text).strip()
    if not words:
        raise Refused("empty", "请写上要告诉市民的话。")
    if len(words) > longest:
        raise Refused("too_long", f"请不要超过 {longest} 个字。")
    if mask(words).kinds:
        raise Refused("personal_number", "这段话里有个人号码，请改用单位电话。")
    return words


def _row(id: str, told: Wording, now: datetime, by: Actor) -> dict[str, Any]:
    return {
        "id": id, "kind": told.kind, "text": told.text, "channels": list(told.channels),
        "starts_at": ms(told.starts_at or now), "ends_at": ms(told.ends_at) if told.ends_at else None,
        "changed_at": ms(now), "changed_by": by.username,
    }  # fmt: skip


def _note(connection: Connection, by: Actor, action: str, row: Any, at: datetime) -> None:
    detail = {key: row[key] for key in ("kind", "text", "channels", "starts_at", "ends_at")}
    append(connection, actor=by.username, action=action, at=at, subject=row["id"], detail=detail, address=by.address)


def _bulletin(connection: Connection) -> Bulletin:
    """What is over or far away in the past is left out; what comes is decided when its time has come."""
    goes_on = (_N.ends_at.is_(None)) | (_N.ends_at > ms(datetime.now(UTC)) - KEPT_MS)
    found = connection.execute(select(notices).where(goes_on)).all()
    return Bulletin(
        tuple(_notice(row) for row in found),
        {row.channel: _switch(row) for row in connection.execute(select(switches))},
    )


def _notice(row: Any) -> Notice:
    return Notice(
        row.id, Kind(row.kind), row.text, tuple(row.channels), at_ms(row.starts_at),
        None if row.ends_at is None else at_ms(row.ends_at), row.revision, at_ms(row.changed_at), row.changed_by,
    )  # fmt: skip


def _switch(row: Any) -> Switch:
    return Switch(row.channel, bool(row.off), row.text, row.revision, at_ms(row.changed_at), row.changed_by)
