"""The queue and the agents at their desks: offers, ownership and presence, each decided in the database.

Who changes several rows locks them in one order, agent before conversation before offer: no two wait for each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, exists, func, or_, select

from bot.conversation import Conversation, Message, Stage
from bot.desk import ABSENT_MS, PAUSE_MS, Agent, Floor, Status, Waiting, after_miss
from bot.errors import NotFound, Refused
from bot.staff import Account
from bot.store.conversations import change_in, conversation_of, insert_new, ms, say_in, upsert
from bot.store.database import Database
from bot.tables import RINGING, agents, conversations, messages, offers, services

HERE_MS = 10_000  # since an agent's page was last heard of; three beats of `BEAT` in bot/seats.py
LOOKED_AT = 50  # human stretches from which the usual length is taken
USUAL_MS = 300_000  # of a stretch, until there are some
LONGEST_MS = 3_600_000  # a chat that was forgotten open tells nothing about the others

How = Literal["accept", "transfer", "assign", "take_over"]
REASONS: dict[How, str] = {
    "accept": "accepted", "transfer": "transferred", "assign": "assigned", "take_over": "taken_over",
}  # fmt: skip
Notice = Callable[[Conversation], Message]
_C, _A, _O = conversations.c, agents.c, offers.c
_LOAD = (
    select(func.count())
    .select_from(conversations)
    .where(_C.agent_id == _A.id, _C.stage == Stage.AGENT)
    .correlate(agents)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Desk:
    """One agent as the store keeps her."""

    id: str
    name: str
    number: str
    skills: tuple[str, ...]
    capacity: int
    status: Status
    missed: int
    here: bool
    load: int


@dataclass(frozen=True, slots=True)
class Ringing:
    """An offer that goes on."""

    conversation: str
    agent: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Seat:
    """All that one agent's own desk shows, of one moment."""

    desk: Desk
    ringing: tuple[Ringing, ...]
    held: tuple[Conversation, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A conversation that changed hands, and from whom."""

    conversation: Conversation
    before: str | None
    by_hand: bool


Also = Callable[[Connection], None]  # what is written in the same transaction, such as a row of the audit log
After = Callable[[Connection, Taken], None]


class Queue:
    """One file, because its statements share the order in which they lock and count what the others change."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # What there is

    async def floor(self, now: datetime) -> Floor:
        """Everybody who waits, in order, and everybody who serves, of one moment."""
        return await self._db.read(lambda c: _floor(c, ms(now)))

    async def desks(self, now: datetime) -> list[Desk]:
        query = select(agents, _LOAD.label("load")).order_by(_A.id)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [_desk(row, ms(now)) for row in rows]

    async def desk(self, agent: str, now: datetime) -> Desk:
        """Raises NotFound."""
        query = select(agents, _LOAD.label("load")).where(_A.id == agent)
        row = await self._db.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise NotFound(agent)
        return _desk(row, ms(now))

    async def shown(self, agent: str) -> tuple[str, str]:
        """Name and number as citizens see them; unknown ones are shown as they are kept."""
        query = select(_A.name, _A.number).where(_A.id == agent)
        row = await self._db.read(lambda c: c.execute(query).one_or_none())
        return (row.name, row.number) if row else (agent, "")

    async def ringing(self, agent: str) -> list[Ringing]:
        return await self._db.read(lambda c: _ringing(c, agent))

    async def held(self, agent: str) -> list[Conversation]:
        """The conversations of an agent, the longest unanswered first."""
        return await self._db.read(lambda c: _held(c, agent))

    async def seat(self, agent: str, now: datetime) -> Seat:
        """Raises NotFound."""
        query = select(agents, _LOAD.label("load")).where(_A.id == agent)

        def job(connection: Connection) -> Seat | None:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            ringing, held = _ringing(connection, agent), _held(connection, agent)
            return Seat(replace(_desk(row, ms(now)), load=len(held)), tuple(ringing), tuple(held))

        seat = await self._db.read(job)
        if seat is None:
            raise NotFound(agent)
        return seat

    async def owed(self, before: datetime, *, limit: int = 100) -> list[Conversation]:
        """Conversations whose agent has left the citizen without an answer since then."""
        query = select(conversations).where(_C.stage == Stage.AGENT, _C.owed_since < ms(before)).limit(limit)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [conversation_of(row) for row in rows]

    async def lost(self, before: datetime, *, limit: int = 100) -> list[Conversation]:
        """Conversations whose agent has had no page open since then."""
        away = exists().where(_A.id == _C.agent_id, _A.seen_at >= ms(before))
        query = select(conversations).where(_C.stage == Stage.AGENT, ~away).limit(limit)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [conversation_of(row) for row in rows]

    # Presence

    async def come(self, account: Account, now: datetime) -> Desk:
        """An agent opens a page: what her account says is what counts from now on; her status stays as it was."""
        told = {
            "name": account.name, "number": account.number, "skills": list(account.skills),
            "capacity": account.capacity, "seen_at": ms(now), "gone": False,
        }  # fmt: skip

        def job(connection: Connection) -> None:
            fresh = upsert(connection, agents).values(
                id=account.username, status="offline", missed=0, served_at=0, **told
            )
            connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=told))

        await self._db.write(job)
        return await self.desk(account.username, now)

    async def beat(self, here: Collection[str], now: datetime) -> None:
        """These agents have a page open."""
        if here:
            seen = agents.update().where(_A.id.in_(sorted(here))).values(seen_at=ms(now), gone=False)
            await self._db.write(lambda c: c.execute(seen))

    async def go(self, agent: str, now: datetime) -> None:
        """Her last page here is closed: what rings goes to the next agent. A page elsewhere brings her back."""
        left = agents.update().where(_A.id == agent).values(seen_at=ms(now), gone=True)

        def job(connection: Connection) -> None:
            connection.execute(left)
            _stop_ringing(connection, _O.agent_id == agent, "over", ms(now))

        await self._db.write(job)

    async def set_status(self, agent: str, status: Status, now: datetime, also: Also | None = None) -> None:
        """Whoever is not online rings no longer. Raises NotFound."""

        def job(connection: Connection) -> bool:
            changed = agents.update().where(_A.id == agent).values(status=status, missed=0).returning(_A.id)
            if connection.execute(changed).one_or_none() is None:
                return False
            if status != "online":
                _stop_ringing(connection, _O.agent_id == agent, "over", ms(now))
            if also is not None:
                also(connection)
            return True

        if not await self._db.write(job):
            raise NotFound(agent)

    async def sign_off(self, before: datetime) -> None:
        """Who has had no page open since then comes back by saying so, or chats would go to an empty chair."""
        away = agents.update().where(_A.seen_at < ms(before), _A.status != "offline")
        known = select(_A.id).where(_A.seen_at < ms(before), _A.status != "offline").limit(1)
        if await self._db.read(lambda c: c.execute(known).first()):
            await self._db.write(lambda c: c.execute(away.values(status="offline", missed=0)))

    async def write(self, also: Also) -> None:
        """Writes what stands by itself, such as a row of the audit log."""
        await self._db.write(also)

    async def touch(self, conversation_ids: Collection[str], now: datetime) -> None:
        """These waiting citizens have their page open."""
        seen = conversations.update().where(_C.id.in_(sorted(conversation_ids)), _C.stage == Stage.WAITING)
        await self._db.write(lambda c: c.execute(seen.values(seen_at=ms(now))))

    # Offers

    async def offer(self, made: Sequence[tuple[str, str]], now: datetime, until: datetime) -> list[tuple[str, str]]:
        """Rings for those who still wait; returns what began to ring."""

        def job(connection: Connection) -> list[tuple[str, str]]:
            rung = []
            for conversation, agent in made:
                waits = exists().where(_C.id == conversation, _C.stage == Stage.WAITING)
                here = exists().where(_A.id == agent, _A.status == "online")
                if not connection.scalar(select(and_(waits, here))):
                    continue
                row = {
                    "conversation_id": conversation, "agent_id": agent, "state": RINGING, "made_at": ms(now),
                    "expires_at": ms(until), "ended_at": None,
                }  # fmt: skip
                if insert_new(connection, offers, row):
                    rung.append((conversation, agent))
            return rung

        return await self._db.write(job) if made else []

    async def expire(self, now: datetime) -> list[tuple[str, str, Status]]:
        """Ends what rang in vain: (conversation, agent, her status from now on)."""
        due = select(_O.id, _O.agent_id).where(_O.state == RINGING, _O.expires_at <= ms(now)).order_by(_O.agent_id)
        if not await self._db.read(lambda c: c.execute(due.limit(1)).first()):
            return []

        def job(connection: Connection) -> list[tuple[str, str, Status]]:
            missed = []
            for row in connection.execute(due).all():
                known = connection.execute(_locked(select(agents), _A.id == row.agent_id)).one()
                ended = _stop_ringing(connection, _O.id == row.id, "missed", ms(now))
                if not ended:
                    continue
                count, status = after_miss(known.missed, known.status)
                connection.execute(agents.update().where(_A.id == known.id).values(missed=count, status=status))
                missed.append((ended[0], known.id, status))
            return missed

        return await self._db.write(job)

    async def decline(self, conversation: str, agent: str, now: datetime) -> bool:
        mine = and_(_O.conversation_id == conversation, _O.agent_id == agent)
        return bool(await self._db.write(lambda c: _stop_ringing(c, mine, "declined", ms(now))))

    # Ownership

    async def take(
        self, conversation: str, agent: str, now: datetime, notice: Notice, *,
        how: How, owner: str | None = None, also: After | None = None,
    ) -> Taken:  # fmt: skip
        """Makes the agent the one owner; `owner` is who transfers. Once more by the same agent changes nothing.

        Raises NotFound, or Refused `taken` with the owner's name, `full`, `gone`, `not_online`, `nobody_there`,
        `not_yours`.
        """

        def job(connection: Connection) -> Taken | Refused | None:
            desk = connection.execute(_locked(select(agents), _A.id == agent)).one_or_none()
            row = connection.execute(_locked(select(conversations), _C.id == conversation)).one_or_none()
            if desk is None or row is None:
                return None
            known = conversation_of(row)
            if known.stage is Stage.AGENT and known.agent_id == agent:
                return Taken(known, agent, by_hand=False)
            no = _refusal(connection, known, desk, how, owner, ms(now))
            if no is not None:
                return no
            mine = and_(_O.conversation_id == known.id, _O.agent_id == agent)
            rang = _stop_ringing(connection, mine, "accepted", ms(now))
            moved = known.pass_on(agent) if known.stage is Stage.AGENT else known.claim(agent)
            change_in(connection, moved, REASONS[how], ms(now))
            changed = say_in(connection, known.id, notice(moved))
            connection.execute(agents.update().where(_A.id == agent).values(served_at=ms(now), missed=0))
            taken = Taken(changed, known.agent_id, by_hand=how == "accept" and not rang)
            if also is not None:
                also(connection, taken)
            return taken

        told = await self._db.write(job)
        if told is None:
            raise NotFound(conversation)
        if isinstance(told, Refused):
            raise told
        return told

    async def give_up(
        self, conversation: str, agent: str, now: datetime, to: Callable[[Conversation], Conversation], *,
        reason: str, notices: Callable[[Conversation], Sequence[Message]], also: After | None = None,
    ) -> Taken:  # fmt: skip
        """The owner gives it up: to the bot, to the queue, to its end. Raises NotFound, or Refused `not_yours`."""

        def job(connection: Connection) -> Taken | None:
            row = connection.execute(_locked(select(conversations), _C.id == conversation)).one_or_none()
            if row is None or row.stage != Stage.AGENT or row.agent_id != agent:
                return None
            changed = change_in(connection, to(conversation_of(row)), reason, ms(now))
            for message in notices(changed):
                if not _is_kept(connection, changed.id, message.id):
                    changed = say_in(connection, changed.id, message)
            taken = Taken(changed, agent, by_hand=False)
            if also is not None:
                also(connection, taken)
            return taken

        told = await self._db.write(job)
        if told is None:
            raise Refused("not_yours", "这个会话不在您这里。")
        return told


def hold_back(connection: Connection, conversation: str, agent: str, now: datetime) -> None:
    """Who passed a conversation on is not offered it again for a while, as if she had declined it."""
    row = {
        "conversation_id": conversation, "agent_id": agent, "state": "declined", "made_at": ms(now),
        "expires_at": ms(now), "ended_at": ms(now),
    }  # fmt: skip
    connection.execute(offers.insert().values(row))


def write_outcome(connection: Connection, conversation: str, *, resolved: bool, code: str, remark: str) -> None:
    """How the human stretch that just ended went."""
    last = select(func.max(services.c.id)).where(services.c.conversation_id == conversation).scalar_subquery()
    told = services.update().where(services.c.id == last)
    connection.execute(told.values(resolved=resolved, code=code, remark=remark))


def _locked(query: Any, condition: Any) -> Any:
    """SQLite has one writer and needs no lock. The key stays free, or a new offer's reference would wait for it."""
    return query.where(condition).with_for_update(key_share=True)


def _refusal(
    connection: Connection, known: Conversation, desk: Any, how: How, owner: str | None, now: int
) -> Refused | None:
    """Why the agent may not have it. Both rows are locked: what is counted here stays so until the end."""
    if how == "transfer" and (known.stage is not Stage.AGENT or known.agent_id != owner):
        return Refused("not_yours", "这个会话不在您这里。")
    if known.stage in (Stage.BOT, Stage.CLOSED):
        return Refused("gone", "这位市民已经不在排队了。")
    if how == "accept" and known.stage is Stage.AGENT:
        name = connection.scalar(select(_A.name).where(_A.id == known.agent_id)) or known.agent_id
        return Refused("taken", f"已由{name}接入。")
    if how == "accept" and desk.status != "online":
        return Refused("not_online", "要先在线才能接入。")
    if how in ("transfer", "assign") and not _is_here(desk, now):
        return Refused("nobody_there", "对方现在不在线。")
    load = connection.scalar(
        select(func.count()).select_from(conversations).where(_C.agent_id == desk.id, _C.stage == Stage.AGENT)
    )
    return Refused("full", "接待人数已满。") if int(load or 0) >= desk.capacity else None


def _ringing(connection: Connection, agent: str) -> list[Ringing]:
    query = select(offers).where(_O.agent_id == agent, _O.state == RINGING)
    return [Ringing(row.conversation_id, row.agent_id, row.expires_at) for row in connection.execute(query)]


def _held(connection: Connection, agent: str) -> list[Conversation]:
    query = select(conversations).where(_C.agent_id == agent, _C.stage == Stage.AGENT)
    return [conversation_of(row) for row in connection.execute(query.order_by(_C.owed_since, _C.id))]


def _is_kept(connection: Connection, conversation: str, message: str) -> bool:
    known = exists().where(messages.c.conversation_id == conversation, messages.c.id == message)
    return bool(connection.scalar(select(known)))


def _stop_ringing(connection: Connection, which: Any, state: str, now: int) -> list[str]:
    ended = offers.update().where(which, _O.state == RINGING).values(state=state, ended_at=now)
    return list(connection.scalars(ended.returning(_O.conversation_id)))


def _is_here(row: Any, now: int) -> bool:
    return row.status == "online" and not row.gone and row.seen_at > now - HERE_MS


def _desk(row: Any, now: int) -> Desk:
    return Desk(
        row.id, row.name, row.number, tuple(row.skills), row.capacity, row.status, row.missed, _is_here(row, now),
        row.load,
    )  # fmt: skip


def _floor(connection: Connection, now: int) -> Floor:
    rang: dict[str, list[Any]] = defaultdict(list)
    waiting_rows = connection.execute(
        select(conversations).where(_C.stage == Stage.WAITING).order_by(_C.queue_key, _C.id)
    ).all()
    if waiting_rows:
        of_waiting = exists().where(_C.id == _O.conversation_id, _C.stage == Stage.WAITING)
        for row in connection.execute(select(offers).where(of_waiting)):
            rang[row.conversation_id].append(row)
    ringing = {row.agent_id for rows in rang.values() for row in rows if row.state == RINGING}
    desks = connection.execute(select(agents, _LOAD.label("load"))).all()
    return Floor(
        tuple(_waiting(row, rang[row.id], now) for row in waiting_rows),
        tuple(
            Agent(d.id, d.capacity, d.load, _is_here(d, now), frozenset(d.skills), d.id in ringing, d.served_at)
            for d in desks
        ),
        _usual(connection),
    )


def _waiting(row: Any, rang: Sequence[Any], now: int) -> Waiting:
    """Offers of an earlier stay in the queue count no longer."""
    rang = [o for o in rang if o.made_at >= row.waiting_since]
    rings = next((o for o in rang if o.state == RINGING), None)
    seen = max(row.seen_at or 0, row.heard_at or 0)
    return Waiting(
        row.id, row.queue_key, row.waiting_since, row.priority, row.channel, row.topic, row.skill, row.last_agent,
        present=row.channel != "web" or seen > now - ABSENT_MS,
        offered_to=rings.agent_id if rings else None,
        expires_at=rings.expires_at if rings else None,
        missed_by=frozenset(o.agent_id for o in rang if o.state == "missed"),
        declined_by=frozenset(o.agent_id for o in rang if o.state == "declined" and o.ended_at > now - PAUSE_MS),
    )  # fmt: skip


def _usual(connection: Connection) -> int:
    """How long the latest human stretches lasted on average."""
    length = services.c.ended_at - services.c.began_at
    latest = (
        select(case((length > LONGEST_MS, LONGEST_MS), else_=length).label("length"))
        .where(services.c.ended_at.is_not(None), or_(services.c.how == "closed", services.c.how == "released"))
        .order_by(services.c.ended_at.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    told = connection.scalar(select(func.avg(latest.c.length)))
    return int(told) if told else USUAL_MS
