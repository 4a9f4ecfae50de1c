"""Conversations and their messages: numbered in the database, changed by compare-and-set, heard once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, case, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError

from bot.conversation import BOT_SPEAKS_IN, Choice, Conversation, Message, Party, Source, Stage, Task
from bot.desk import queue_key
from bot.errors import NotFound, Refused, Stale
from bot.store.database import Database
from bot.store.prepared import Prepared
from bot.tables import RINGING, conversations, messages, moves, offers, services, tokens

Columns = dict[str, Any]
UNFINISHED_MS = 30 * 86_400_000  # a procedure that was left is taken up again within a month
MINUTE = 60_000
PAGE = 500
LAST = 2**31 - 1  # the highest number that a message can have


@dataclass(frozen=True, slots=True)
class Heard:
    """A citizen's message as kept. `fresh` is false when this id had been heard before."""

    conversation: Conversation
    message: Message
    fresh: bool


class Conversations:
    """Reads and writes of one table row and its messages. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def open(
        self, fresh: Conversation, greeting: Message, *, address: str, digest: str, same_within_ms: int
    ) -> Conversation:
        """Keeps a new conversation; the same id from the same address again gives the one that is there.

        Raises Refused `id_taken` when the id belongs to somebody else.
        """

        def job(connection: Connection) -> Conversation:
            known = row_of(connection, fresh.id)
            if known is None:
                connection.execute(conversations.insert().values(_new_row(fresh, address)))
                kept = _append(connection, replace(fresh, last_seq=1), replace(greeting, seq=1))
            elif known.address == address and known.opened_at > ms(fresh.opened_at) - same_within_ms:
                kept = conversation_of(known)
            else:
                raise Refused("id_taken", "这个会话编号已被使用，请换一个。")
            connection.execute(
                tokens.insert().values(digest=digest, conversation_id=fresh.id, made_at=ms(fresh.opened_at))
            )
            return kept

        return await self._db.write(_once_more(job))

    async def find(self, conversation_id: str) -> Conversation:
        """Raises NotFound."""
        row = await self._db.read(lambda c: row_of(c, conversation_id))
        if row is None:
            raise NotFound(conversation_id)
        return conversation_of(row)

    async def holder(self, digest: str) -> str | None:
        """The conversation that a token's digest opens."""
        return await self._token(digest, tokens.c.ended_at.is_(None))

    async def ended(self, digest: str) -> str | None:
        """The conversation that it opened until the citizen ended it."""
        return await self._token(digest, tokens.c.ended_at.is_not(None))

    async def _token(self, digest: str, condition: ColumnElement[bool]) -> str | None:
        query = select(tokens.c.conversation_id).where(tokens.c.digest == digest, condition)
        return await self._db.read(lambda c: c.scalar(query))

    async def end_token(self, digest: str, at: datetime) -> None:
        ended = tokens.update().where(tokens.c.digest == digest, tokens.c.ended_at.is_(None))
        await self._db.write(lambda c: c.execute(ended.values(ended_at=ms(at))))

    async def hear(self, conversation_id: str, said: Message, *, per_minute: int, reopen_ms: int) -> Heard:
        """Appends what a citizen said. Raises NotFound, or Refused `too_often` or `gone`."""
        now = ms(said.at)
        values = {"b_id": conversation_id, "b_now": now, "b_cut": now - MINUTE, "b_limit": per_minute or LAST}

        def job(connection: Connection) -> Heard:
            row = _HEAR.first(connection, values)
            if row is None:
                known = connection.execute(_BY_ID.with_for_update(), {"b_id": conversation_id}).one_or_none()
                if known is None:
                    raise NotFound(conversation_id)
                earlier = _earlier(connection, conversation_id, said.id)
                if earlier is not None:
                    return Heard(conversation_of(known), earlier, fresh=False)
                if known.stage == Stage.CLOSED:
                    if known.closed_at < now - (UNFINISHED_MS if known.task else reopen_ms):
                        raise Refused("gone", "这次咨询已经结束，请重新开始。")
                    change_in(connection, conversation_of(known).reopen(), "reopened", now)
                row = _HEAR.first(connection, values)  # another message may have opened it again
                if row is None:
                    wait = seconds_until(known.window_from + MINUTE, now)
                    raise Refused("too_often", "您发得太快了，请稍等一分钟再发。", retry_after=wait)
            conversation = conversation_of(row)
            kept = replace(said, seq=conversation.last_seq)
            once = _KEEP_ONCE_SQLITE if connection.dialect.name == "sqlite" else _KEEP_ONCE_POSTGRESQL
            if once.count(connection, message_row(conversation_id, kept)) == 1:
                return Heard(conversation, kept, fresh=True)
            connection.execute(_UNHEAR, values)  # the number was never seen outside this transaction
            known, earlier = row_of(connection, conversation_id), _earlier(connection, conversation_id, said.id)
            if known is None or earlier is None:
                raise NotFound(conversation_id)
            return Heard(conversation_of(known), earlier, fresh=False)

        return await self._db.write(job)

    async def reply(
        self, turn_of: Conversation, reply: Message, *, hand_off: bool = False, reason: str = ""
    ) -> Conversation | None:
        """Appends what the bot says and what it remembers by it, if nobody changed the conversation since.

        Raises Stale when it was changed (or a human holds it). None: this reply was kept before.
        """
        stage = Stage.WAITING if hand_off and turn_of.stage is Stage.BOT else turn_of.stage
        values = {
            "b_id": turn_of.id, "b_version": turn_of.version, "b_topic": turn_of.topic, "b_entry": turn_of.last_entry,
            "b_misses": turn_of.misses, "b_offered": _told(turn_of.offered), "b_slots": turn_of.slots,
            "b_task": turn_of.task, "b_stage": stage, "b_priority": turn_of.priority, "b_skill": turn_of.skill,
            "b_since": None, "b_key": None, "b_seen": None,
        }  # fmt: skip
        if stage is Stage.WAITING:  # who waits has a place, whatever the turn knew of it; one that is kept stays
            since = ms(reply.at)
            values |= {"b_since": since, "b_key": queue_key(since, turn_of.priority)}
            values |= {"b_seen": since} if stage is not turn_of.stage else {}

        def job(connection: Connection) -> Conversation:
            row = _REPLY.first(connection, values)
            if row is None:
                raise Stale(turn_of.id)
            conversation = conversation_of(row)
            _KEEP.count(connection, message_row(turn_of.id, replace(reply, seq=conversation.last_seq)))
            if stage != turn_of.stage:
                _note_move(connection, conversation, reason, ms(reply.at))
            return conversation

        try:
            return await self._db.write(_duplicate_is_refused(job))
        except _Duplicate:
            return None

    async def say(self, conversation_id: str, message: Message) -> Conversation:
        """Appends words of the service that answer nothing, such as a notice. Raises NotFound."""

        def job(connection: Connection) -> Conversation:
            return say_in(connection, conversation_id, message)

        try:
            return await self._db.write(_duplicate_is_refused(job))
        except _Duplicate:
            return await self.find(conversation_id)

    async def change(
        self, wanted: Conversation, *, reason: str, at: datetime, notice: Message | None = None
    ) -> Conversation:
        """Compare-and-set of a conversation, with a notice in the same transaction. Raises Stale."""

        def job(connection: Connection) -> Conversation:
            changed = change_in(connection, wanted, reason, ms(at))
            if notice is None:
                return changed
            return say_in(connection, wanted.id, notice)

        try:
            return await self._db.write(_duplicate_is_refused(job))
        except _Duplicate:
            return await self.find(wanted.id)

    async def messages(self, conversation_id: str, *, after: int = 0, limit: int = PAGE) -> list[Message]:
        """What was said after `after`, oldest first, at most `limit`."""
        later = messages.c.seq > min(after, LAST)
        query = select(messages).where(messages.c.conversation_id == conversation_id, later)
        rows = await self._db.read(lambda c: c.execute(query.order_by(messages.c.seq).limit(limit)).all())
        return [message_of(row) for row in rows]

    async def listened(self, conversation_id: str, after: int) -> tuple[Conversation, list[Message]]:
        """The conversation and its next messages, of one moment. Raises NotFound."""

        def job(connection: Connection) -> tuple[Conversation, list[Message]]:
            row = row_of(connection, conversation_id)
            if row is None:
                raise NotFound(conversation_id)
            found = _AFTER.all(
                connection, {"b_id": conversation_id, "b_after": min(after, LAST), "b_upto": row.last_seq}
            )
            return conversation_of(row), [message_of(m) for m in found]

        return await self._db.read(job)

    async def touch_typing(self, conversation_id: str, at: datetime) -> None:
        """The citizen is writing: reminder and closing wait."""
        change = conversations.update().where(conversations.c.id == conversation_id).values(typing_at=ms(at))
        await self._db.write(lambda c: c.execute(change))

    async def quiet_since(
        self, before: datetime, *, reminded_before: datetime | None = None, limit: int = 200
    ) -> list[Conversation]:
        """Conversations with the bot in which the citizen neither spoke nor typed since then.

        Those that were not reminded yet; or with `reminded_before`, those whose reminder is older than that.
        """
        cut = ms(before)
        query = select(conversations).where(
            conversations.c.stage == Stage.BOT,
            conversations.c.reminded == (reminded_before is not None),
            conversations.c.heard_at < cut,
            or_(conversations.c.typing_at.is_(None), conversations.c.typing_at < cut),
        )
        if reminded_before is not None:
            lately = and_(moves.c.reason == "reminded", moves.c.at > ms(reminded_before))
            query = query.where(~exists().where(moves.c.conversation_id == conversations.c.id, lately))
        rows = await self._db.read(lambda c: c.execute(query.limit(limit)).all())
        return [conversation_of(row) for row in rows]

    async def unanswered(self, before: datetime, *, limit: int = 100) -> list[tuple[Conversation, Message]]:
        """Citizens' messages that a killed process left without the bot's answer.

        What was said to an agent has no reply either: only as many of the last ones count as are `unanswered`.
        """
        asked, answered = messages.alias("asked"), messages.alias("answered")
        reply = and_(
            answered.c.conversation_id == asked.c.conversation_id, answered.c.id == literal("re:") + asked.c.id
        )
        place = func.row_number().over(partition_by=asked.c.conversation_id, order_by=asked.c.seq.desc())
        without = (
            select(asked.c.conversation_id, asked.c.seq, place.label("place"))
            .join(conversations, conversations.c.id == asked.c.conversation_id)
            .outerjoin(answered, reply)
            .where(
                conversations.c.unanswered > 0,
                conversations.c.stage.in_(BOT_SPEAKS_IN),
                conversations.c.heard_at < ms(before),
                asked.c.party == Party.CITIZEN,
                answered.c.id.is_(None),
            )
            .subquery()
        )
        query = (
            select(conversations, messages)
            .join(messages, messages.c.conversation_id == conversations.c.id)
            .join(without, and_(without.c.conversation_id == conversations.c.id, without.c.seq == messages.c.seq))
            .where(without.c.place <= conversations.c.unanswered)
            .order_by(messages.c.conversation_id, messages.c.seq)
            .limit(limit)
        )
        width = len(conversations.c)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [
            (conversation_of(_part(row, conversations, 0)), message_of(_part(row, messages, width))) for row in rows
        ]

    async def by_code(self, code: str) -> Message | None:
        """The answer that a citizen quotes."""
        query = select(messages).where(messages.c.answer_code == code)
        row = await self._db.read(lambda c: c.execute(query).first())
        return message_of(row) if row else None


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def seconds_until(end: int, now: int) -> int:
    """Whole seconds to wait, rounded up: whoever comes back then is let in."""
    return max(1, -((now - end) // 1000))


def at_ms(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


class _Duplicate(Exception):
    """This id is in the conversation already."""


def _duplicate_is_refused(job: Any) -> Any:
    """PostgreSQL ends the transaction at a broken constraint; the same way out serves both stores."""

    def guarded(connection: Connection) -> Any:
        try:
            return job(connection)
        except IntegrityError as error:
            if "messages" in str(error.orig):
                raise _Duplicate from error
            raise

    return guarded


def _once_more(job: Any) -> Any:
    """Two openings of one id at once: the slower one finds the row of the faster."""

    def guarded(connection: Connection) -> Any:
        try:
            with connection.begin_nested():
                return job(connection)
        except IntegrityError:
            return job(connection)

    return guarded


_C = conversations.c
_FOR_THE_BOT = case((_C.stage == Stage.AGENT, 0), else_=1)
_HEAR = Prepared(
    conversations.update()
    .where(
        _C.id == bindparam("b_id"),
        _C.stage != Stage.CLOSED,
        or_(_C.window_from <= bindparam("b_cut"), _C.window_count < bindparam("b_limit")),
    )
    .values(
        last_seq=_C.last_seq + 1,
        heard_at=bindparam("b_now"),
        reminded=False,
        unanswered=_C.unanswered + _FOR_THE_BOT,
        owed_since=case((_C.stage == Stage.AGENT, func.coalesce(_C.owed_since, bindparam("b_now"))), else_=None),
        window_count=case((_C.window_from <= bindparam("b_cut"), 1), else_=_C.window_count + 1),
        window_from=case((_C.window_from <= bindparam("b_cut"), bindparam("b_now")), else_=_C.window_from),
    )
    .returning(*_C),
    _C,
)
_UNHEAR = (
    conversations.update()
    .where(_C.id == bindparam("b_id"))
    .values(last_seq=_C.last_seq - 1, unanswered=_C.unanswered - _FOR_THE_BOT, window_count=_C.window_count - 1)
)
_REPLY = Prepared(
    conversations.update()
    .where(
        _C.id == bindparam("b_id"),
        _C.version == bindparam("b_version"),
        or_(*(_C.stage == stage for stage in BOT_SPEAKS_IN)),
    )
    .values(
        last_seq=_C.last_seq + 1,
        version=_C.version + 1,
        unanswered=case((_C.unanswered > 0, _C.unanswered - 1), else_=0),
        topic=bindparam("b_topic"),
        last_entry=bindparam("b_entry"),
        misses=bindparam("b_misses"),
        offered=bindparam("b_offered", type_=_C.offered.type),
        slots=bindparam("b_slots", type_=_C.slots.type),
        task=bindparam("b_task", type_=_C.task.type),
        stage=bindparam("b_stage"),
        waiting_since=func.coalesce(_C.waiting_since, bindparam("b_since", type_=BigInteger)),
        queue_key=func.coalesce(_C.queue_key, bindparam("b_key", type_=BigInteger)),
        seen_at=func.coalesce(bindparam("b_seen", type_=BigInteger), _C.seen_at),
        priority=bindparam("b_priority"),
        skill=bindparam("b_skill"),
    )
    .returning(*_C),
    _C,
)
_SAY = conversations.update().where(_C.id == bindparam("b_id")).values(last_seq=_C.last_seq + 1).returning(*_C)
_KEEP = Prepared(messages.insert())
_KEEP_ONCE_SQLITE = Prepared(sqlite_insert(messages).on_conflict_do_nothing())
_KEEP_ONCE_POSTGRESQL = Prepared(pg_insert(messages).on_conflict_do_nothing())
_AFTER = Prepared(
    select(messages)
    .where(
        messages.c.conversation_id == bindparam("b_id"),
        messages.c.seq > bindparam("b_after"),
        messages.c.seq <= bindparam("b_upto"),
    )
    .order_by(messages.c.seq)
    .limit(PAGE),
    messages.c,
)
_BY_ID = select(conversations).where(_C.id == bindparam("b_id"))
_FIND = Prepared(_BY_ID, _C)
_EARLIER = select(messages).where(
    messages.c.conversation_id == bindparam("b_id"), messages.c.id == bindparam("b_message")
)


def row_of(connection: Connection, conversation_id: str) -> Any | None:
    return _FIND.first(connection, {"b_id": conversation_id})


def _earlier(connection: Connection, conversation_id: str, message_id: str) -> Message | None:
    row = connection.execute(_EARLIER, {"b_id": conversation_id, "b_message": message_id}).one_or_none()
    return message_of(row) if row else None


def say_in(connection: Connection, conversation_id: str, message: Message) -> Conversation:
    """Appends in the caller's transaction. Raises NotFound, or IntegrityError when the id is there."""
    row = connection.execute(_SAY, {"b_id": conversation_id}).one_or_none()
    if row is None:
        raise NotFound(conversation_id)
    conversation = conversation_of(row)
    connection.execute(messages.insert(), message_row(conversation_id, replace(message, seq=conversation.last_seq)))
    return conversation


def _append(connection: Connection, conversation: Conversation, message: Message) -> Conversation:
    connection.execute(messages.insert(), message_row(conversation.id, message))
    return conversation


def change_in(connection: Connection, wanted: Conversation, reason: str, now: int) -> Conversation:
    """Compare-and-set on `version` in the caller's transaction, with what the desk remembers. Raises Stale."""
    waits = wanted.stage is Stage.WAITING
    statement = (
        conversations.update()
        .where(_C.id == wanted.id, _C.version == wanted.version)
        .values(
            version=_C.version + 1,
            stage=wanted.stage,
            agent_id=wanted.agent_id,
            topic=wanted.topic,
            last_entry=wanted.last_entry,
            misses=wanted.misses,
            offered=_told(wanted.offered),
            slots=wanted.slots,
            task=wanted.task,
            reminded=wanted.reminded,
            unanswered=0 if wanted.stage in (Stage.AGENT, Stage.CLOSED) else _C.unanswered,
            closed_at=None if wanted.closed_at is None else ms(wanted.closed_at),
            waiting_since=func.coalesce(_C.waiting_since, now) if waits else None,
            queue_key=func.coalesce(_C.queue_key, queue_key(now, wanted.priority)) if waits else None,
            seen_at=now if waits else _C.seen_at,
            priority=wanted.priority,
            skill=wanted.skill,
            last_agent=wanted.last_agent,
            owed_since=now if wanted.stage is Stage.AGENT else None,
        )
        .returning(*_C)
    )
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise Stale(wanted.id)
    changed = conversation_of(row)
    _note_move(connection, changed, reason, now)
    _keep_services(connection, wanted, reason, now)
    return changed


def _keep_services(connection: Connection, wanted: Conversation, reason: str, now: int) -> None:
    """A human stretch begins and ends, and an offer stops ringing, in the statement's own transaction."""
    if wanted.stage is not Stage.WAITING:
        rings = offers.update().where(offers.c.conversation_id == wanted.id, offers.c.state == RINGING)
        connection.execute(rings.values(state="over", ended_at=now))
    goes_on = services.update().where(services.c.conversation_id == wanted.id, services.c.ended_at.is_(None))
    connection.execute(goes_on.values(ended_at=now, how=reason))
    if wanted.agent_id is not None:
        waited = now - ms(wanted.waiting_since) if wanted.waiting_since else 0
        began = {"conversation_id": wanted.id, "agent_id": wanted.agent_id, "waited_ms": waited, "began_at": now}
        connection.execute(services.insert().values(**began, how="", code="", remark=""))


def _note_move(connection: Connection, conversation: Conversation, reason: str, now: int) -> None:
    told = {"conversation_id": conversation.id, "stage": conversation.stage, "agent_id": conversation.agent_id}
    connection.execute(moves.insert(), {**told, "reason": reason, "at": now})


def _new_row(fresh: Conversation, address: str) -> Columns:
    return {
        "id": fresh.id, "channel": fresh.channel, "address": address, "locale": fresh.locale, "scene": fresh.scene,
        "stage": fresh.stage, "agent_id": None, "topic": None, "last_entry": None, "misses": 0, "offered": [],
        "slots": fresh.slots, "task": None, "last_seq": 1, "version": 0, "opened_at": ms(fresh.opened_at),
        "heard_at": None, "typing_at": None, "reminded": False, "closed_at": None, "waiting_since": None,
        "window_from": 0, "window_count": 0, "unanswered": 0, "queue_key": None, "priority": 0, "skill": None,
        "last_agent": None, "owed_since": None, "seen_at": None, "last_note": 0,
    }  # fmt: skip


def conversation_of(row: Any) -> Conversation:
    return Conversation(
        id=row.id, channel=row.channel, opened_at=at_ms(row.opened_at), locale=row.locale, scene=row.scene,
        stage=Stage(row.stage), agent_id=row.agent_id, topic=row.topic, last_entry=row.last_entry, misses=row.misses,
        offered=tuple(Choice(**c) for c in row.offered), slots=dict(row.slots),
        task=Task(**row.task) if row.task else None, last_seq=row.last_seq,
        version=row.version, reminded=bool(row.reminded),
        heard_at=None if row.heard_at is None else at_ms(row.heard_at),
        closed_at=None if row.closed_at is None else at_ms(row.closed_at), priority=row.priority, skill=row.skill,
        last_agent=row.last_agent, last_note=row.last_note,
        waiting_since=None if row.waiting_since is None else at_ms(row.waiting_since),
        owed_since=None if row.owed_since is None else at_ms(row.owed_since),
    )  # fmt: skip


def _told(choices: Sequence[Choice]) -> list[Choice]:
    """As a JSON column takes them: the engines' serializer writes dataclasses."""
    return list(choices)


def message_row(conversation_id: str, message: Message) -> Columns:
    extra = {
        "choices": message.choices,
        "sources": message.sources,
        "card": message.card,
        "details": message.details,
    }
    return {
        "conversation_id": conversation_id, "seq": message.seq, "id": message.id, "party": message.party,
        "text": message.text, "at": ms(message.at), "because": message.because, "answer_code": message.answer_code,
        "extra": {k: v for k, v in extra.items() if v} or None,
    }  # fmt: skip


def message_of(row: Any) -> Message:
    extra = row.extra or {}
    return Message(
        id=row.id, party=Party(row.party), text=row.text, at=at_ms(row.at), seq=row.seq, because=row.because,
        answer_code=row.answer_code, choices=tuple(Choice(**c) for c in extra.get("choices", ())),
        sources=tuple(Source(**s) for s in extra.get("sources", ())), card=extra.get("card"),
        details=extra.get("details", {}),
    )  # fmt: skip


def upsert(connection: Connection, table: Any) -> Any:
    """`INSERT … ON CONFLICT` of the connection's own dialect."""
    return (sqlite_insert if connection.dialect.name == "sqlite" else pg_insert)(table)


def insert_new(connection: Connection, table: Any, row: Columns) -> bool:
    """Keeps the row unless one of its keys is taken; tells whether it was kept."""
    once = upsert(connection, table).on_conflict_do_nothing()
    counted = {"preserve_rowcount": True}  # psycopg's count is dropped otherwise
    return connection.execute(once, row, execution_options=counted).rowcount == 1


class _Part:
    """The columns of one table in a row of two."""

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self.__dict__.update(zip(names, values, strict=True))


def _part(row: Any, table: Any, start: int) -> _Part:
    names = [column.name for column in table.c]
    return _Part(names, tuple(row)[start : start + len(names)])
