"""The tallies: days counted from raw events, kept, read as figures; and bursts of a topic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, or_, select

from bot.conversation import Party
from bot.figures import AGAIN_MS, Day, Said, burst, count
from bot.store.conversations import at_ms, ms, upsert
from bot.store.database import Database, alone
from bot.tables import conversations, feedback, messages, moves, ratings, services
from bot.tables_insight import alarms, tallied, tallies

HOUR_MS = 3_600_000
FINAL = timedelta(days=2)  # after its beginning: until then somebody may ask again
RECOUNTED = timedelta(minutes=30)  # yesterday, while it is not final
LOOKED_BACK = 28  # days, for the usual at this hour
EXAMPLES = 5
CHUNK = 500  # ids in one statement
_T, _M = tallies.c, messages.c


@dataclass(frozen=True, slots=True)
class Alarm:
    topic: str
    at: datetime
    count: int
    usual: float
    sigma: float
    examples: tuple[str, ...]


class Tallies:
    """Counting is for a process of its own (`tally`); reading is quick."""

    def __init__(self, database: Database, zone: ZoneInfo) -> None:
        self._db = database
        self._zone = zone

    def bring_up(self, now: datetime, *, days: int = 400) -> list[str]:
        """Counts today, and whatever day is not final yet or was never counted. Returns the days counted."""
        today = now.astimezone(self._zone).date()
        first = self._db.read_now(lambda c: c.scalar(select(func.min(_M.at))))
        if first is None:
            return []
        known = self._db.read_now(lambda c: {r.day: r.at for r in c.execute(select(tallied))})
        oldest = max(at_ms(first).astimezone(self._zone).date(), today - timedelta(days=days))
        due = [day for n in range((today - oldest).days + 1) if self._is_due(day := today - timedelta(n), known, now)]
        for day in due:
            self.recount(day, now)
        self._db.write_now(lambda c: self._alarms(c, now))
        return [day.isoformat() for day in due]

    def _is_due(self, day: date, known: dict[str, int], now: datetime) -> bool:
        counted = known.get(day.isoformat())
        if counted is None or day == now.astimezone(self._zone).date():
            return True
        final = ms(self._midnight(day) + FINAL)
        return counted < final and (ms(now) >= final or ms(now) - counted >= RECOUNTED.total_seconds() * 1000)

    def recount(self, day: date, now: datetime) -> None:
        """The day as its events are now; whatever stood there is replaced at once."""
        counts = self._db.read_now(lambda c: count(self.events(c, day)))
        name = day.isoformat()
        rows = [
            {"day": name, "hour": h, "channel": ch, "subject": subject[:160], "name": what, "value": value}
            for (h, ch, subject, what), value in counts.items()
            if value
        ]

        def job(connection: Connection) -> None:
            alone(connection, "tallies")
            connection.execute(tallies.delete().where(_T.day == name))
            if rows:
                connection.execute(tallies.insert(), rows)
            told = upsert(connection, tallied).values(day=name, at=ms(now))
            connection.execute(told.on_conflict_do_update(index_elements=["day"], set_={"at": ms(now)}))

        self._db.write_now(job)

    def events(self, connection: Connection, day: date) -> Day:
        """Everything of the day as the deciding part reads it."""
        start, end = ms(self._midnight(day)), ms(self._midnight(day + timedelta(days=1)))

        def within(column: Any, until: int = end) -> Any:
            return and_(column >= start, column < until)

        query = select(_M.conversation_id, _M.party, _M.at, _M.because, _M.extra).where(
            within(_M.at, end + AGAIN_MS), or_(_M.party == Party.BOT, _M.party == Party.CITIZEN)
        )
        said = [
            Said(r.conversation_id, r.party, r.at, r.because, (e := r.extra or {}).get("details", {}), e.get("card"))
            for r in connection.execute(query.order_by(_M.at, _M.conversation_id, _M.seq))
        ]
        m, f, g, s = moves.c, feedback.c, ratings.c, services.c
        moved = connection.execute(select(m.conversation_id, m.stage, m.reason, m.at).where(within(m.at))).all()
        about = and_(_M.conversation_id == f.conversation_id, _M.seq == f.seq)
        marked = connection.execute(
            select(f.conversation_id, f.helpful, f.at, _M.extra).join(messages, about).where(within(f.at))
        ).all()
        rated = connection.execute(select(g.conversation_id, g.stars, g.at).where(within(g.at))).all()
        before = services.alias("before")
        passed = select(before.c.id).where(
            before.c.conversation_id == s.conversation_id, before.c.ended_at == s.began_at, before.c.id < s.id
        )
        waited_for = and_(or_(s.waited_ms > 0, s.how != "transferred"), ~passed.exists()).label("waited_for")
        served = connection.execute(
            select(s.conversation_id, s.agent_id, s.waited_ms, s.began_at, s.ended_at, s.resolved, waited_for).where(
                within(s.began_at)
            )
        ).all()
        names = {x.conversation for x in said} | {r[0] for rows in (moved, marked, rated, served) for r in rows}
        return Day(
            start, end, self._zone, _talks(connection, sorted(names)), said, [tuple(r) for r in moved],
            [(r[0], bool(r[1]), r[2], ((r[3] or {}).get("details") or {}).get("entry")) for r in marked],
            [tuple(r) for r in rated], [(*r[:6], bool(r[6])) for r in served],
        )  # fmt: skip

    async def summed(
        self, first: date, last: date, *, channel: str | None = None, subject: str = "", by: Sequence[str] = ()
    ) -> dict[tuple[Any, ...], Counter[str]]:
        """Counts of some days by name, for each value of the columns `by`. A subject ending in `:` is all such."""
        columns = [_T[name] for name in by]
        query = select(*columns, _T.name, func.sum(_T.value)).where(_T.day.between(str(first), str(last)))
        kind = func.substr(_T.subject, 1, len(subject)) if subject.endswith(":") else _T.subject
        query = query.where(kind == subject)
        if channel is not None:
            query = query.where(_T.channel == channel)
        rows = await self._db.read(lambda c: c.execute(query.group_by(*columns, _T.name)).all())
        found: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        for row in rows:
            found[tuple(row[:-2])][row[-2]] = int(row[-1])
        return found

    async def counted_at(self) -> datetime | None:
        at = await self._db.read(lambda c: c.scalar(select(func.max(tallied.c.at))))
        return None if at is None else at_ms(at)

    async def alarms(self, since: datetime) -> list[Alarm]:
        query = select(alarms).where(alarms.c.at >= ms(since)).order_by(alarms.c.at.desc())
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [Alarm(r.topic, at_ms(r.at), r._mapping["count"], r.usual, r.sigma, tuple(r.examples)) for r in rows]

    def _alarms(self, connection: Connection, now: datetime) -> None:
        """Topics asked in the last hour more than three deviations above the usual at this hour of earlier days."""
        end = ms(now)
        local = now.astimezone(self._zone)
        query = select(_M.conversation_id, _M.seq, _M.id, _M.extra).where(
            _M.at > end - HOUR_MS, _M.at <= end, _M.party == Party.BOT
        )
        asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in connection.execute(query):
            told = (row.extra or {}).get("details") or {}
            if told.get("topic") and told.get("outcome") in ("answer", "clarify", "refuse"):
                asked[told["topic"]].append((row.conversation_id, row.id.removeprefix("re:")))
        counted = [d for d in connection.scalars(select(tallied.c.day)) if d < str(local.date())]
        days = sorted(counted)[-LOOKED_BACK:]
        for topic, names in asked.items():
            usual = select(_T.day, func.sum(_T.value)).where(
                _T.subject == f"t:{topic}", _T.name == "questions", _T.hour == local.hour, _T.day.in_(days)
            )
            known = {row[0]: row[1] for row in connection.execute(usual.group_by(_T.day))}
            found = burst(len(names), [int(known.get(day, 0)) for day in days])
            if found is not None:
                self._raise(connection, topic, names, found, local)

    def _raise(
        self,
        connection: Connection,
        topic: str,
        names: list[tuple[str, str]],
        found: tuple[float, float],
        now: datetime,
    ) -> None:
        wanted = or_(*(and_(_M.conversation_id == c, _M.id == m) for c, m in names[-EXAMPLES:]))
        examples = list(dict.fromkeys(connection.scalars(select(_M.text).where(wanted))))
        told = {
            "id": f"{topic}:{now:%Y-%m-%dT%H}", "topic": topic, "at": ms(now), "count": len(names),
            "usual": found[0], "sigma": found[1], "examples": examples,
        }  # fmt: skip
        fresh = upsert(connection, alarms).values(told)
        changed = {key: told[key] for key in ("count", "usual", "sigma", "examples")}
        connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=changed))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)


def _talks(connection: Connection, names: list[str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    c = conversations.c
    for n in range(0, len(names), CHUNK):
        query = select(c.id, c.channel, c.address).where(c.id.in_(names[n : n + CHUNK]))
        found |= {row.id: (row.channel, row.address) for row in connection.execute(query)}
    return found
