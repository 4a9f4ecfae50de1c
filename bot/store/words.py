"""What agents say to citizens and write for each other: only the owner speaks, everything once, notes apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update

from bot.conversation import Conversation, Message, Party, Stage
from bot.errors import NotFound, Refused
from bot.store.conversations import at_ms, conversation_of, insert_new, message_of, message_row, ms, say_in
from bot.store.database import Database
from bot.tables import conversations, messages, notes

RECALLED_WITHIN = timedelta(minutes=2)
_C, _M = conversations.c, messages.c


@dataclass(frozen=True, slots=True)
class Note:
    """Words for the staff alone, numbered by themselves; a whisper is a supervisor's to the owner."""

    seq: int
    id: str
    agent: str
    text: str
    whisper: bool
    at: datetime


class Words:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def speak(self, conversation_id: str, agent: str, said: Message) -> tuple[Conversation, Message]:
        """Appends what the owner says; the same id again is what was kept. Raises Refused `not_yours` or `gone`."""
        owns = update(conversations).where(_C.id == conversation_id, _C.stage == Stage.AGENT, _C.agent_id == agent)

        def job(connection: Connection) -> tuple[Conversation, Message] | None:
            known = _kept(connection, conversation_id, said.id)
            if known is not None:
                return _found(connection, conversation_id), known
            spoken = owns.values(last_seq=_C.last_seq + 1, owed_since=None).returning(*_C)
            row = connection.execute(spoken).one_or_none()
            if row is None:
                return None
            conversation = conversation_of(row)
            kept = replace(said, seq=conversation.last_seq)
            if insert_new(connection, messages, message_row(conversation_id, kept)):
                return conversation, kept
            undo = update(conversations).where(_C.id == conversation_id).values(last_seq=_C.last_seq - 1)
            connection.execute(undo)  # the number was never seen outside this transaction
            known = _kept(connection, conversation_id, said.id)
            assert known
            return _found(connection, conversation_id), known

        told = await self._db.write(job)
        if told is not None:
            return told
        stage = await self._db.read(lambda c: c.scalar(select(_C.stage).where(_C.id == conversation_id)))
        if stage == Stage.CLOSED:
            raise Refused("gone", "这次咨询已经结束。")
        raise Refused("not_yours", "这个会话不在您这里。")

    async def recall(
        self, conversation_id: str, agent: str, seq: int, now: datetime, *, instead: str, notice: Message
    ) -> Conversation:
        """Takes the owner's own words back; doing it twice is doing it once.

        Raises Refused `not_yours`, or `too_late` after two minutes.
        """

        def job(connection: Connection) -> Conversation | str:
            owner = select(conversations).where(_C.id == conversation_id).with_for_update(key_share=True)
            row = connection.execute(owner).one_or_none()
            said = connection.execute(
                select(messages).where(_M.conversation_id == conversation_id, _M.seq == seq)
            ).one_or_none()
            if row is None or said is None or row.stage != Stage.AGENT or row.agent_id != agent:
                return "not_yours"
            message = message_of(said)
            if message.party is not Party.AGENT or message.details.get("agent") != agent:
                return "not_yours"
            if message.because == "recalled":
                return conversation_of(row)
            if message.at < now - RECALLED_WITHIN:
                return "too_late"
            emptied = replace(message, choices=(), card=None, details=message.details | {"was": message.text})
            extra = message_row(conversation_id, emptied)["extra"]
            taken_back = update(messages).where(_M.conversation_id == conversation_id, _M.seq == seq)
            connection.execute(taken_back.values(text=instead, because="recalled", extra=extra))
            return say_in(connection, conversation_id, notice)

        told = await self._db.write(job)
        if told == "too_late":
            raise Refused("too_late", "超过两分钟，不能撤回了。")
        if isinstance(told, str):
            raise Refused("not_yours", "这条消息不能由您撤回。")
        return told

    async def note(self, conversation_id: str, note: Note, also: Callable[[Connection], None] | None = None) -> Note:
        """Keeps a note once, with what `also` writes. Raises NotFound."""

        def job(connection: Connection) -> Note | None:
            count = update(conversations).where(_C.id == conversation_id).values(last_note=_C.last_note + 1)
            seq = connection.scalar(count.returning(_C.last_note))
            if seq is None:
                return None
            row = {
                "conversation_id": conversation_id, "seq": seq, "id": note.id, "agent_id": note.agent,
                "text": note.text, "whisper": note.whisper, "at": ms(note.at),
            }  # fmt: skip
            if insert_new(connection, notes, row):
                if also is not None:
                    also(connection)
                return replace(note, seq=seq)
            undo = update(conversations).where(_C.id == conversation_id).values(last_note=_C.last_note - 1)
            connection.execute(undo)
            known = select(notes).where(notes.c.conversation_id == conversation_id, notes.c.id == note.id)
            return _note(connection.execute(known).one())

        told = await self._db.write(job)
        if told is None:
            raise NotFound(conversation_id)
        return told

    async def notes(self, conversation_id: str, after: int = 0) -> list[Note]:
        query = select(notes).where(notes.c.conversation_id == conversation_id, notes.c.seq > after)
        rows = await self._db.read(lambda c: c.execute(query.order_by(notes.c.seq)).all())
        return [_note(row) for row in rows]

    async def before(self, conversation_id: str, seq: int, limit: int) -> list[Message]:
        """The last `limit` messages before `seq`, oldest first."""
        query = select(messages).where(_M.conversation_id == conversation_id, _M.seq < seq)
        rows = await self._db.read(lambda c: c.execute(query.order_by(_M.seq.desc()).limit(limit)).all())
        return [message_of(row) for row in reversed(rows)]

    async def last_of(self, conversation_id: str, party: Party) -> Message | None:
        spoken = select(func.max(_M.seq)).where(_M.conversation_id == conversation_id, _M.party == party)
        query = select(messages).where(_M.conversation_id == conversation_id, _M.seq == spoken.scalar_subquery())
        row = await self._db.read(lambda c: c.execute(query).one_or_none())
        return message_of(row) if row else None


def _kept(connection: Connection, conversation_id: str, message_id: str) -> Message | None:
    query = select(messages).where(_M.conversation_id == conversation_id, _M.id == message_id)
    row = connection.execute(query).one_or_none()
    return message_of(row) if row else None


def _found(connection: Connection, conversation_id: str) -> Conversation:
    return conversation_of(connection.execute(select(conversations).where(_C.id == conversation_id)).one())


def _note(row: object) -> Note:
    return Note(row.seq, row.id, row.agent_id, row.text, row.whisper, at_ms(row.at))  # type: ignore[attr-defined]
