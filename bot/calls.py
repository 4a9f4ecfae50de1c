"""Calls by telephone: announced, begun, ended; which process holds one, and what became of it for the dialplan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from bot.contacts import Contacts
from bot.errors import NotFound, Refused
from bot.privacy import mask, valid_phone
from bot.store.conversations import insert_new, ms
from bot.store.database import Database
from bot.tables import messages
from bot.tables_calls import calls
from knowledge_base.text import visible

LIVE = "live"  # the outcome of a call that goes on
LOST = "lost"  # … whose process ended before it did
KEPT_FOR = timedelta(days=90)
OFTEN = 20  # beginnings of one call, after which a gateway that reconnects for ever is refused
SHORTLY = timedelta(minutes=2)  # a call that was cut off goes on where it was
_C = calls.c


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as the store knows it."""

    id: str
    conversation_id: str | None
    process: str
    contact_id: str | None
    purpose: str
    outcome: str
    skill: str
    summary: str
    transcript: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Begun:
    """`again`: it was cut off a moment ago and comes back."""

    row: CallRow
    again: bool


class Calls:
    def __init__(self, database: Database, contacts: Contacts) -> None:
        self._db = database
        self._contacts = contacts

    async def announce(self, call_id: str, number: str, purpose: str, at: datetime) -> None:
        """Before or during its audio; said twice, the first number stays. Raises Refused `bad_number`."""
        number = visible(number).strip()
        if number and not _is_number(number):
            raise Refused("bad_number", "来电号码不对。")

        def job(connection: Connection) -> None:
            insert_new(connection, calls, _fresh(call_id))
            row = connection.execute(select(calls).where(_C.id == call_id).with_for_update()).one()
            contact = row.contact_id
            if number and contact is None:
                contact = self._contacts.keep(connection, valid_phone(number) or number, purpose="call", at=at)
            told = {"contact_id": contact, "purpose": mask(visible(purpose)).text[:64], "announced_at": ms(at)}
            connection.execute(calls.update().where(_C.id == call_id).values(told))

        await self._db.write(job)

    async def begin(self, call_id: str, process: str, at: datetime) -> Begun:
        """Takes the call for this process. Raises Refused `in_use` while another line has it, `too_often`."""

        def job(connection: Connection) -> Begun:
            insert_new(connection, calls, _fresh(call_id))
            before = connection.execute(select(calls).where(_C.id == call_id).with_for_update()).one()
            if before.outcome == LIVE:
                raise Refused("in_use", "这个通话编号正在使用。")
            if before.begun >= OFTEN:
                raise Refused("too_often", "这个通话编号用得太多了。")
            told = {
                "process": process,
                "began_at": ms(at),
                "ended_at": None,
                "outcome": LIVE,
                "begun": before.begun + 1,
            }
            connection.execute(calls.update().where(_C.id == call_id).values(told))
            lately = before.ended_at is not None and before.ended_at > ms(at - SHORTLY)
            return Begun(_row(before), lately and before.outcome in ("hangup", LOST))

        return await self._db.write(job)

    async def holds(self, call_id: str, conversation_id: str) -> None:
        change = calls.update().where(_C.id == call_id).values(conversation_id=conversation_id)
        await self._db.write(lambda c: c.execute(change))

    async def end(
        self, call_id: str, at: datetime, *, outcome: str, skill: str = "", summary: str = "",
        transcript: list[dict[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        """What became of it; a transcript is added to what an earlier part of the call left."""

        def job(connection: Connection) -> None:
            before = connection.scalar(select(_C.transcript).where(_C.id == call_id)) or []
            told = {"ended_at": ms(at), "outcome": outcome, "skill": skill, "summary": summary,
                    "transcript": [*before, *(transcript or [])]}  # fmt: skip
            connection.execute(calls.update().where(_C.id == call_id).values(told))

        await self._db.write(job)

    async def find(self, call_id: str) -> CallRow:
        """Raises NotFound."""
        row = await self._db.read(lambda c: c.execute(select(calls).where(_C.id == call_id)).one_or_none())
        if row is None:
            raise NotFound(call_id)
        return _row(row)

    async def of(self, conversation_id: str) -> CallRow:
        """The call in which a conversation is held, the latest. Raises NotFound."""
        query = select(calls).where(_C.conversation_id == conversation_id).order_by(_C.began_at.desc()).limit(1)
        row = await self._db.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise NotFound(conversation_id)
        return _row(row)

    async def note_heard(self, conversation_id: str, seq: int, told: str) -> None:
        """What of an answer the caller heard, beside the whole of it: the rest does not count as said."""

        def job(connection: Connection) -> None:
            mine = (messages.c.conversation_id == conversation_id) & (messages.c.seq == seq)
            extra = connection.scalar(select(messages.c.extra).where(mine)) or {}
            details = extra.get("details", {}) | {"heard": told}
            connection.execute(messages.update().where(mine).values(extra=extra | {"details": details}))

        await self._db.write(job)

    async def number(self, call: CallRow) -> str | None:
        """The caller's number, for what was asked for in the call itself."""
        if call.contact_id is None:
            return None
        try:
            return await self._contacts.reveal(call.contact_id)
        except NotFound:
            return None

    async def lost(self, machine: str, at: datetime) -> int:
        """Ends what processes of this machine left live when they were killed; returns how many."""
        left = calls.update().where(_C.outcome == LIVE, _C.process.startswith(f"{machine}|", autoescape=True))
        change = left.values(outcome=LOST, ended_at=ms(at))
        return await self._db.write(lambda c: c.execute(change).rowcount)

    async def forget_old(self, now: datetime) -> int:
        cut = ms(now - KEPT_FOR)
        old = calls.delete().where(or_(_C.ended_at < cut, (_C.began_at.is_(None)) & (_C.announced_at < cut)))
        return await self._db.write(lambda c: c.execute(old).rowcount)


def _is_number(number: str) -> bool:
    bare = number.lstrip("+")
    return valid_phone(number) is not None or (bare.isascii() and bare.isdecimal() and 2 <= len(bare) <= 18)


def _fresh(call_id: str) -> dict[str, Any]:
    return {
        "id": call_id, "conversation_id": None, "process": "", "contact_id": None, "purpose": "", "announced_at": None,
        "began_at": None, "ended_at": None, "begun": 0, "outcome": "", "skill": "", "summary": "", "transcript": [],
    }  # fmt: skip


def _row(row: Any) -> CallRow:
    return CallRow(
        row.id, row.conversation_id, row.process, row.contact_id, row.purpose, row.outcome, row.skill, row.summary,
        row.transcript,
    )  # fmt: skip
