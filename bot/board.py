"""The wall board: how many wait and serve now, and what became of those who asked for a human today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, or_, select

from bot.conversation import Stage
from bot.store.conversations import ms
from bot.store.database import Database
from bot.store.queue import Desk, Queue
from bot.tables import moves, ratings, services
from bot.tickets import Tickets

ANEW = ("agent_lost", "unanswered", "transferred")  # moves into the queue of those who had been served already
LEFT = ("left_queue", "waited_too_long", "closing_time")
QUICK_MS = 15_000  # GB/T 33358 counts calls answered within 15 seconds


@dataclass(frozen=True, slots=True)
class Today:
    """Since midnight of the site's time zone; a stretch after a transfer is no new service."""

    asked: int
    served: int
    left: int
    average_wait_ms: int | None
    quick: int
    rated: int
    average_stars: float | None


@dataclass(frozen=True, slots=True)
class Board:
    at: datetime
    waiting: int
    longest_wait_ms: int
    desks: tuple[Desk, ...]
    today: Today
    open_tickets: int
    overdue_tickets: int


class Boards:
    def __init__(self, database: Database, queue: Queue, tickets: Tickets, zone: ZoneInfo) -> None:
        self._db = database
        self._queue = queue
        self._tickets = tickets
        self._zone = zone

    async def board(self, now: datetime) -> Board:
        floor = await self._queue.floor(now)
        local = now.astimezone(self._zone)
        midnight = ms(datetime.combine(local.date(), time(), self._zone))
        today = await self._db.read(lambda c: _today(c, midnight))
        opened, overdue = await self._tickets.count(local.date())
        longest = max((ms(now) - w.since for w in floor.waiting), default=0)
        desks = tuple(await self._queue.desks(now))
        return Board(now, len(floor.present), longest, desks, today, opened, overdue)


def _today(connection: Connection, midnight: int) -> Today:
    moved = select(func.count()).select_from(moves).where(moves.c.at >= midnight)
    asked = moved.where(moves.c.stage == Stage.WAITING, moves.c.reason.not_in(ANEW))
    left = moved.where(moves.c.stage == Stage.BOT, moves.c.reason.in_(LEFT))
    waited = services.c.waited_ms
    served: Any = connection.execute(
        select(func.count(), func.avg(waited), func.count().filter(waited <= QUICK_MS)).where(
            services.c.began_at >= midnight, or_(waited > 0, services.c.how != "transferred"), ~_passed_on()
        )
    ).one()
    stars: Any = connection.execute(
        select(func.count(), func.avg(ratings.c.stars)).where(ratings.c.at >= midnight)
    ).one()
    return Today(
        int(connection.scalar(asked) or 0), int(served[0]), int(connection.scalar(left) or 0),
        None if served[1] is None else int(served[1]), int(served[2]), int(stars[0]),
        None if stars[1] is None else float(stars[1]),
    )  # fmt: skip


def _passed_on() -> Any:
    """A stretch that began where another of the same conversation ended: the citizen did not wait for it."""
    before = services.alias("before")
    same = (before.c.conversation_id == services.c.conversation_id) & (before.c.ended_at == services.c.began_at)
    return select(before.c.id).where(same, before.c.id < services.c.id).exists()
