"""Endpoints: where a citizen is reached by an address of a channel, which conversation that is, how much may be sent.

The address is sealed, found by fingerprint, and erased when it has served its purpose.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select, update

from bot.contacts import Contacts
from bot.conversation import Party
from bot.errors import NotFound, Refused
from bot.store.conversations import at_ms, insert_new, ms, upsert
from bot.store.database import Database
from bot.store.prepared import Prepared
from bot.tables import conversations, messages
from bot.tables_endpoints import callbacks, deliveries, endpoints

SPOKEN = "at:"  # ids of what citizens say at an endpoint begin so; the endpoint that spoke last gets the answer
KEPT = timedelta(days=30)  # after the citizen was last heard there, as long as a procedure may be left open
REMEMBERED = timedelta(days=1)  # of calls; a channel repeats them within seconds, a stranger within minutes
DELIVERED = timedelta(days=90)  # that it was, and how
_E, _M = endpoints.c, messages.c


@dataclass(frozen=True, slots=True)
class Grant:
    """What the channel lets us send after what the citizen just did."""

    kind: Literal["words", "event"]
    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a channel's server. `id` is the same for each repetition, `stamp` for nothing else."""

    id: str
    stamp: str
    channel: str
    account: str
    address: str
    at: datetime
    answered_by: datetime  # until then the server waits for our reply, and nothing is pushed beside it
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    account: str
    conversation_id: str
    after_seq: int
    reachable: bool
    left: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """`fresh` is false for a repetition; then `reply` is what was decided already, if it was."""

    endpoint: Endpoint
    fresh: bool
    reply: str | None


class Endpoints:
    def __init__(self, database: Database, contacts: Contacts) -> None:
        self._db = database
        self._contacts = contacts

    async def arrive(self, call: Call) -> Arrival:
        """Heard once, whichever worker hears it. Raises Refused `replayed` for the signature of another call."""
        now = ms(call.at)
        name = self._contacts.fingerprint(f"{call.channel}:{call.account}:{call.address}")
        heard = {"id": call.id, "stamp": call.stamp, "endpoint_id": name, "at": now, "reply": None}

        def job(connection: Connection) -> Arrival | None:
            fresh = insert_new(connection, callbacks, heard)
            known = _CALL.first(connection, {"b_id": call.id})
            if known is None:
                return None
            if known.reply is not None:
                return Arrival(_of(_row(connection, name), now), fresh, known.reply)
            row = self._met(connection, name, call, fresh)
            if fresh and not speaks_here(connection, row.conversation_id):
                last = select(conversations.c.last_seq).where(conversations.c.id == row.conversation_id)
                seen = connection.scalar(last) or 0  # on the page where he spoke meanwhile
                connection.execute(update(endpoints).where(_E.id == name).values(after_seq=seen))
                row = _row(connection, name)
            return Arrival(_of(row, now), fresh, None)

        arrival = await self._db.write(job)
        if arrival is None:
            raise Refused("replayed", "这个请求已经用过了。")
        return arrival

    def _met(self, connection: Connection, name: str, call: Call, fresh: bool) -> Any:
        waits = ms(call.answered_by)
        told: dict[str, Any] = {"called_until": waits}
        if fresh:
            told |= {
                "seen_at": ms(call.at), "reachable": True, "sealed": self._contacts.sealed(call.address, name),
                "retry_at": 0, "tries": 0,
            }  # fmt: skip
            if call.grant is not None:
                told |= {f"{call.grant.kind}_left": call.grant.count, f"{call.grant.kind}_until": ms(call.grant.until)}
        new = {
            "id": name, "channel": call.channel, "account": call.account, "after_seq": 0, "made_at": ms(call.at),
            "conversation_id": secrets.token_urlsafe(18), "seen_at": ms(call.at), "reachable": True, "tries": 0,
            "words_left": 0, "words_until": 0, "event_left": 0, "event_until": 0, "retry_at": 0, "sealed": b"",
        }  # fmt: skip
        row = upsert(connection, endpoints).values(new | told)
        met = row.on_conflict_do_update(index_elements=["id"], set_=told).returning(*endpoints.c)
        return connection.execute(met).one()

    async def adopt(self, channel: str, account: str, address: str, at: datetime) -> Endpoint:
        """The endpoint of an app that shows who its user is, such as a mini-program: it is heard, never written to."""
        name = self._contacts.fingerprint(f"{channel}:{account}:{address}")
        call = Call("", "", channel, account, address, at, at)

        def job(connection: Connection) -> Endpoint:
            return _of(self._met(connection, name, call, fresh=True), ms(at))

        return await self._db.write(job)

    async def renew(self, endpoint: Endpoint) -> Endpoint:
        """Another conversation, because that one is over; two that ask for it at once get the same."""

        def job(connection: Connection) -> Endpoint:
            fresh = {"conversation_id": secrets.token_urlsafe(18), "after_seq": 0}
            same = (_E.id == endpoint.id, _E.conversation_id == endpoint.conversation_id)
            connection.execute(update(endpoints).where(*same).values(fresh))
            return _of(_row(connection, endpoint.id), 0)

        return await self._db.write(job)

    async def find(self, endpoint_id: str) -> Endpoint:
        """Raises NotFound."""
        row = await self._db.read(lambda c: c.execute(select(endpoints).where(_E.id == endpoint_id)).one_or_none())
        if row is None:
            raise NotFound(endpoint_id)
        return _of(row, 0)

    async def tries(self, endpoint_id: str) -> int:
        """How often in a row nothing could be sent there."""
        return int(await self._db.read(lambda c: c.scalar(select(_E.tries).where(_E.id == endpoint_id))) or 0)

    async def address(self, endpoint_id: str) -> str:
        """Raises NotFound when it is erased."""
        sealed = await self._db.read(lambda c: c.scalar(select(_E.sealed).where(_E.id == endpoint_id)))
        if not sealed:
            raise NotFound(endpoint_id)
        return self._contacts.opened(sealed, endpoint_id)

    async def leave(self, endpoint_id: str) -> None:
        """The citizen wants no more messages: the address has served its purpose."""
        gone = {"reachable": False, "sealed": b"", "words_left": 0, "event_left": 0}
        await self._db.write(lambda c: c.execute(update(endpoints).where(_E.id == endpoint_id).values(gone)))

    async def of(self, conversation_id: str, now: datetime) -> Endpoint | None:
        """Where the citizen of a conversation is reached, if it is such a channel."""
        query = select(endpoints).where(_E.conversation_id == conversation_id)
        row = await self._db.read(lambda c: c.execute(query).first())
        return _of(row, ms(now)) if row else None

    async def erase_ended(self, now: datetime) -> int:
        """Addresses unused for a month, and the traces of calls and deliveries; returns how many addresses."""

        def job(connection: Connection) -> int:
            connection.execute(callbacks.delete().where(callbacks.c.at < ms(now - REMEMBERED)))
            connection.execute(deliveries.delete().where(deliveries.c.at < ms(now - DELIVERED)))
            return connection.execute(endpoints.delete().where(_E.seen_at < ms(now - KEPT))).rowcount

        return await self._db.write(job)


_CALL = Prepared(select(callbacks).where(callbacks.c.id == bindparam("b_id")), callbacks.c)
_LAST_WORDS = Prepared(
    select(_M.id)
    .where(_M.conversation_id == bindparam("b_id"), _M.party == Party.CITIZEN)
    .order_by(_M.seq.desc())
    .limit(1),
    (_M.id,),
)


def speaks_here(connection: Connection, conversation_id: str) -> bool:
    """Whether the citizen's last words came from an endpoint, not from a page that shares the conversation."""
    last = _LAST_WORDS.first(connection, {"b_id": conversation_id})
    return last is None or last.id.startswith(SPOKEN)


def live(row: Any, now: int) -> list[str]:
    """The kinds of grants that still hold, the one that lapses sooner first."""
    return [
        kind for kind in ("event", "words") if getattr(row, f"{kind}_left") > 0 and getattr(row, f"{kind}_until") > now
    ]


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(select(endpoints).where(_E.id == name)).one()


def _of(row: Any, now: int) -> Endpoint:
    kinds = live(row, now)
    return Endpoint(
        id=row.id, account=row.account, conversation_id=row.conversation_id, after_seq=row.after_seq,
        reachable=bool(row.reachable), left=sum(getattr(row, f"{kind}_left") for kind in kinds),
        until=at_ms(max(getattr(row, f"{kind}_until") for kind in kinds)) if kinds else None,
    )  # fmt: skip
