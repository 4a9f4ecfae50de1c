"""Deliveries: what was said to an endpoint's citizen leaves once, claimed before it is sent, in order.

A message is taken by the passive reply or by the courier, whichever claims it first. A claim is `claimed` until the
call begins and `sending` while it goes on; only an accepted call makes it `sent`. Whoever was killed while claimed left
nothing behind: it is claimed anew. Killed while sending, nobody knows: it is `unsure`, not pushed again, and repeated
when the citizen next writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from bot.conversation import Message, Party, Stage
from bot.endpoints import live, speaks_here
from bot.errors import NotFound
from bot.store.conversations import message_of, ms, upsert
from bot.store.database import Database
from bot.store.prepared import Prepared
from bot.tables import conversations, messages
from bot.tables_endpoints import callbacks, deliveries, endpoints

LEASE = timedelta(seconds=60)  # of a claim: longer than a call may take
LOOKED_AT = 50  # messages at once
FRESH = timedelta(minutes=10)  # since the citizen was heard: there late answers are looked for more often
LONGEST = timedelta(hours=48)
_D, _E, _M, _C = deliveries.c, endpoints.c, messages.c, conversations.c

# Said for those whose page is open: pushed to a phone they would only disturb, and use up what may be sent.
SILENT = frozenset({"reminder", "closed_quiet", "closed_by_citizen", "recalled"})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message not delivered yet. `parts` of it are; `unsure`: it may have arrived, nobody knows."""

    message: Message
    parts: int = 0
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Packed:
    """One text, and the messages that it delivers; `partly`: of the only one there is more to come."""

    text: str
    taken: tuple[int, ...]
    partly: bool = False


Pack = Callable[[Sequence[Waiting]], Packed | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send this text, until its lease ends."""

    id: str
    endpoint: str
    account: str
    conversation: str
    packed: Packed
    spent: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What the desk shows of an endpoint: how many messages may be sent until when, how many wait, what failed."""

    left: int
    until: int
    waiting: int
    reachable: bool
    error: str


class Deliveries:
    def __init__(self, database: Database) -> None:
        self._db = database

    # The passive reply

    async def settle(self, call_id: str, now: datetime, pack: Pack) -> str:
        """Decides the reply to a call, once for all its repetitions: what waits is taken with it.

        Empty: nothing is told now, the courier takes what comes.
        """

        def job(connection: Connection) -> str:
            call = _CALL.first(connection, {"b_id": call_id})
            if call is None:
                raise NotFound(call_id)
            row = _locked(connection, call.endpoint_id)
            decided = _CALL.first(connection, {"b_id": call_id})
            if decided is not None and decided.reply is not None:
                return str(decided.reply)
            waiting, busy = _waiting(connection, row, ms(now), unsure=True)
            packed = pack(waiting) if waiting else None
            text = packed.text if packed else ""
            _DECIDE.count(connection, {"b_id": call_id, "b_reply": text})
            after = row.after_seq
            if packed is not None:
                state = "partly" if packed.partly else "sent"
                _mark(connection, row, packed.taken, ms(now), way="passive", state=state, claim=call_id[:32])
            if packed is not None and not busy and not packed.partly and len(packed.taken) == len(waiting):
                after = max(row.after_seq, *packed.taken)  # the usual case: nothing is left
            elif packed is not None or not waiting:
                after = _advanced(connection, row, ms(now))
            _ANSWERED.count(connection, {"b_id": row.id, "b_after": after})
            return text

        return await self._db.write(job)

    async def reply(self, call_id: str, text: str) -> str:
        """A reply that is no message of the conversation; gives what was decided before, if it was."""

        def job(connection: Connection) -> str:
            mine = update(callbacks).where(callbacks.c.id == call_id, callbacks.c.reply.is_(None))
            connection.execute(mine.values(reply=text))
            call = connection.execute(select(callbacks).where(callbacks.c.id == call_id)).one()
            connection.execute(update(endpoints).where(_E.id == call.endpoint_id).values(called_until=0))
            return str(call.reply)

        return await self._db.write(job)

    async def decided(self, call_id: str) -> str | None:
        query = select(callbacks.c.reply).where(callbacks.c.id == call_id)
        return await self._db.read(lambda c: c.scalar(query))

    # The courier

    async def due(self, channel: str, now: datetime, *, everywhere: bool, limit: int = 200) -> list[str]:
        """Endpoints for which something may wait; `everywhere` also those that were quiet for a while."""
        at = ms(now)
        grants = or_(
            and_(_E.words_left > 0, _E.words_until > at),
            and_(_E.event_left > 0, _E.event_until > at),
        )
        query = (
            select(_E.id)
            .join(conversations, _C.id == _E.conversation_id)
            .where(
                _E.channel == channel, _E.reachable, _E.seen_at > ms(now - LONGEST), _E.called_until <= at,
                _E.retry_at <= at, _C.last_seq > _E.after_seq, grants,
            )
            .order_by(_E.retry_at)
            .limit(limit)
        )  # fmt: skip
        if not everywhere:
            busy = _C.stage.in_((Stage.WAITING, Stage.AGENT))
            query = query.where(or_(_E.seen_at > ms(now - FRESH), busy))
        return await self._db.read(lambda c: list(c.scalars(query)))

    async def claim(self, endpoint_id: str, now: datetime, pack: Pack) -> Claim | None:
        """Takes the next text for an endpoint, with one of the messages that may be sent."""
        name, at = secrets.token_hex(16), ms(now)

        def look(connection: Connection) -> str:
            row = connection.execute(select(endpoints).where(_E.id == endpoint_id)).one_or_none()
            if row is None or not _may_push(connection, row, at):
                return "no"
            waiting, busy = _waiting(connection, row, at)
            if busy:
                return "stale" if busy < at else "no"
            return "advance" if not waiting else "take" if pack(waiting) else "no"

        def job(connection: Connection) -> Claim | None:
            row = _locked(connection, endpoint_id)
            if not _may_push(connection, row, at):
                return None
            _give_up_stale(connection, row, at)
            waiting, busy = _waiting(connection, row, at)
            packed = None if busy or not waiting else pack(waiting)
            if packed is None:
                if not busy and not waiting:
                    _advance(connection, row, at)
                return None
            kind = live(row, at)[0]
            spent = {f"{kind}_left": getattr(row, f"{kind}_left") - 1}
            connection.execute(update(endpoints).where(_E.id == row.id).values(spent))
            _mark(
                connection, row, packed.taken, at, way="courier", state="claimed", claim=name, until=ms(now + LEASE)
            )  # fmt: skip
            return Claim(name, row.id, row.account, row.conversation_id, packed, kind)

        if await self._db.read(look) == "no":
            return None
        return await self._db.write(job)

    async def begin(self, claim: Claim, now: datetime) -> bool:
        """The call begins now. False: the lease has ended, and somebody else has it."""
        mine = update(deliveries).where(_D.claim == claim.id, _D.state == "claimed", _D.until > ms(now))
        begun = mine.values(state="sending", until=ms(now + LEASE)).returning(_D.seq)
        return len(await self._db.write(lambda c: c.execute(begun).all())) == len(claim.packed.taken)

    async def sent(self, claim: Claim, now: datetime) -> None:
        """The channel has accepted it."""

        def job(connection: Connection) -> None:
            row = _locked(connection, claim.endpoint)
            _delivered(connection, claim.id, claim.packed, ms(now))
            connection.execute(update(endpoints).where(_E.id == claim.endpoint).values(tries=0, retry_at=0))
            _advance(connection, row, ms(now))

        await self._db.write(job)

    async def failed(self, claim: Claim, error: str, now: datetime, retry_at: datetime) -> None:
        """It was refused: it waits, and what it would have used up is given back."""

        def job(connection: Connection) -> None:
            _locked(connection, claim.endpoint)
            mine = update(deliveries).where(_D.claim == claim.id)
            connection.execute(mine.values(state="failed", error=error[:64], at=ms(now)))
            left = _E[f"{claim.spent}_left"]
            back = {"tries": _E.tries + 1, "retry_at": ms(retry_at), left.name: left + 1}
            connection.execute(update(endpoints).where(_E.id == claim.endpoint).values(back))

        await self._db.write(job)

    async def exhausted(self, claim: Claim, error: str, now: datetime) -> None:
        """The channel lets nothing more through until the citizen writes again."""
        none = {"words_left": 0, "event_left": 0}

        def job(connection: Connection) -> None:
            mine = update(deliveries).where(_D.claim == claim.id)
            connection.execute(mine.values(state="failed", error=error[:64], at=ms(now)))
            connection.execute(update(endpoints).where(_E.id == claim.endpoint).values(none))

        await self._db.write(job)

    async def unsure(self, claim: Claim, error: str, now: datetime) -> None:
        """No answer came: it may have arrived."""

        def job(connection: Connection) -> None:
            row = _locked(connection, claim.endpoint)
            mine = update(deliveries).where(_D.claim == claim.id)
            connection.execute(mine.values(state="unsure", error=error[:64], at=ms(now)))
            _advance(connection, row, ms(now))

        await self._db.write(job)

    # The desk

    async def reach(self, conversation_id: str, now: datetime) -> Reach | None:
        """None where nothing is pushed: on a page everything said is shown."""

        def job(connection: Connection) -> Reach | None:
            row = connection.execute(
                select(endpoints).where(_E.conversation_id == conversation_id)
            ).first()  # fmt: skip
            if row is None or not speaks_here(connection, conversation_id):
                return None
            kinds = live(row, ms(now))
            waiting, busy = _waiting(connection, row, ms(now))
            last = select(_D.error).where(_D.conversation_id == conversation_id, _D.state.in_(("failed", "unsure")))
            return Reach(
                sum(getattr(row, f"{kind}_left") for kind in kinds),
                max((getattr(row, f"{kind}_until") for kind in kinds), default=0),
                len(waiting) + (busy > 0), bool(row.reachable),
                connection.scalar(last.order_by(_D.seq.desc()).limit(1)) or "",
            )  # fmt: skip

        return await self._db.read(job)


_LOCK = Prepared(select(endpoints).where(_E.id == bindparam("b_id")).with_for_update(), endpoints.c)
_CALL = Prepared(select(callbacks).where(callbacks.c.id == bindparam("b_id")), callbacks.c)
_DECIDE = Prepared(callbacks.update().where(callbacks.c.id == bindparam("b_id")).values(reply=bindparam("b_reply")))
_ANSWERED = Prepared(
    endpoints.update().where(_E.id == bindparam("b_id")).values(called_until=0, after_seq=bindparam("b_after"))
)
_SAID = Prepared(
    select(messages)
    .where(_M.conversation_id == bindparam("b_conversation"), _M.party != Party.CITIZEN, _M.seq > bindparam("b_after"))
    .order_by(_M.seq)
    .limit(LOOKED_AT),
    messages.c,
)
_KNOWN = Prepared(
    select(deliveries).where(_D.conversation_id == bindparam("b_conversation"), _D.seq > bindparam("b_after")),
    deliveries.c,
)


def _locked(connection: Connection, endpoint_id: str) -> Any:
    """One at a time decides for an endpoint. Raises NotFound."""
    row = _LOCK.first(connection, {"b_id": endpoint_id})
    if row is None:
        raise NotFound(endpoint_id)
    return row


def _may_push(connection: Connection, row: Any, now: int) -> bool:
    here = row.reachable and row.called_until <= now and row.retry_at <= now and bool(live(row, now))
    return here and speaks_here(connection, row.conversation_id)


def _waiting(connection: Connection, row: Any, now: int, *, unsure: bool = False) -> tuple[list[Waiting], int]:
    """What is to be delivered, in order, and until when a claim of somebody else lasts (0: there is none)."""
    later = {"b_conversation": row.conversation_id, "b_after": row.after_seq}
    said = [message_of(found) for found in _SAID.all(connection, later)]
    known = {d.seq: d for d in _KNOWN.all(connection, later)}
    waiting, busy = [], 0
    if unsure:
        waiting.extend(_unsure(connection, row))
    for message in said:
        if message.because in SILENT:
            continue
        delivery = known.get(message.seq)
        if delivery is None:
            waiting.append(Waiting(message))
        elif delivery.state in ("failed", "partly") or (delivery.state == "claimed" and delivery.until <= now):
            waiting.append(Waiting(message, delivery.parts))
        elif delivery.state in ("claimed", "sending"):
            busy = max(busy, delivery.until)
    return waiting, busy


def _unsure(connection: Connection, row: Any) -> list[Waiting]:
    doubtful = and_(_D.endpoint_id == row.id, _D.state == "unsure", _D.conversation_id == row.conversation_id)
    query = select(messages).join(deliveries, and_(_D.conversation_id == _M.conversation_id, _D.seq == _M.seq))
    rows = connection.execute(query.where(doubtful).order_by(_M.seq))
    return [Waiting(message_of(found), unsure=True) for found in rows]


def _give_up_stale(connection: Connection, row: Any, now: int) -> None:
    """Who began a call and was never heard of again may have delivered it."""
    stale = update(deliveries).where(
        _D.conversation_id == row.conversation_id, _D.state == "sending", _D.until <= now
    )  # fmt: skip
    connection.execute(stale.values(state="unsure", error="killed", at=now))


def _mark(
    connection: Connection, row: Any, taken: Sequence[int], now: int, *, way: str, state: str, claim: str = "",
    until: int = 0,
) -> None:  # fmt: skip
    told = {
        "endpoint_id": row.id, "way": way, "state": state, "claim": claim, "until": until, "error": "", "at": now,
    }  # fmt: skip
    delivered = int(way == "passive")
    fresh = [{"conversation_id": row.conversation_id, "seq": seq, "parts": delivered, **told} for seq in taken]
    kept = upsert(connection, deliveries).values(fresh)
    again = told | {"parts": _D.parts + delivered}
    connection.execute(kept.on_conflict_do_update(index_elements=["conversation_id", "seq"], set_=again))


def _delivered(connection: Connection, claim: str, packed: Packed, now: int) -> None:
    told = {"state": "partly" if packed.partly else "sent", "parts": _D.parts + 1, "error": "", "at": now}
    connection.execute(update(deliveries).where(_D.claim == claim).values(told))


def _advance(connection: Connection, row: Any, now: int) -> None:
    """Moves the endpoint's mark over all that needs no more doing, so that it is not looked at again."""
    after = _advanced(connection, row, now)
    connection.execute(update(endpoints).where(_E.id == row.id).values(after_seq=after))


def _advanced(connection: Connection, row: Any, now: int) -> int:
    waiting, busy = _waiting(connection, row, now)
    if busy:
        return int(row.after_seq)
    if waiting:
        return waiting[0].message.seq - 1
    return int(connection.scalar(select(_C.last_seq).where(_C.id == row.conversation_id)) or 0)
