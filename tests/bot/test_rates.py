"""How much one address may ask, counted by all processes together."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from bot import rates as module
from bot.errors import Refused
from bot.rates import MINUTE, Rates
from bot.store.database import Database
from bot.tables import rates
from tests.spoken import NOON

START = int(NOON.timestamp() * 1000)


class Time:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(module, "now_ms", lambda: self.now)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


async def test_one_more_than_the_limit_is_refused_until_the_window_is_over(database: Database, time: Time) -> None:
    counting = Rates(database)
    for _ in range(3):
        await counting.count("say:a", per_minute=3)
    time.now += 500
    with pytest.raises(Refused, match="too_often") as refused:
        await counting.count("say:a", per_minute=3)
    assert refused.value.retry_after == 60
    time.now += refused.value.retry_after * 1000
    await counting.count("say:a", per_minute=3)


async def test_addresses_and_purposes_are_counted_apart(database: Database) -> None:
    counting = Rates(database)
    for name in ("say:a", "say:b", "open:a"):
        await counting.count(name, per_minute=1)
    with pytest.raises(Refused):
        await counting.count("say:b", per_minute=1)


async def test_processes_count_together(database: Database, neighbour: Database) -> None:
    both = Rates(database), Rates(neighbour)
    told = await asyncio.gather(
        *(by.count("say:a", per_minute=10) for _ in range(10) for by in both), return_exceptions=True
    )
    assert sum(isinstance(t, Refused) for t in told) == 10


async def test_a_longer_window_counts_longer(database: Database, time: Time) -> None:
    counting = Rates(database)
    await counting.count("resume:a", per_minute=1, window_ms=15 * MINUTE)
    time.now += 14 * MINUTE
    with pytest.raises(Refused) as refused:
        await counting.count("resume:a", per_minute=1, window_ms=15 * MINUTE)
    assert refused.value.retry_after == 60


async def test_looking_counts_nothing_and_refuses_once_enough_was_counted(database: Database, time: Time) -> None:
    counting = Rates(database)
    for _ in range(2):
        for _ in range(5):
            await counting.check("resume:a", at_most=2, window_ms=MINUTE)
        await counting.count("resume:a", per_minute=2)
    time.now += 20_001
    with pytest.raises(Refused, match="too_often") as refused:
        await counting.check("resume:a", at_most=2, window_ms=MINUTE)
    assert refused.value.retry_after == 40
    await counting.check("resume:b", at_most=2, window_ms=MINUTE)
    time.now += 40_000
    await counting.check("resume:a", at_most=2, window_ms=MINUTE)


async def test_zero_is_no_limit_and_costs_no_write(database: Database) -> None:
    for _ in range(5):
        await Rates(database).count("say:a", per_minute=0)
    assert await database.read(lambda c: c.execute(select(rates)).all()) == []


async def test_what_was_counted_long_ago_is_forgotten(database: Database, time: Time) -> None:
    counting = Rates(database)
    await counting.count("old", per_minute=5)
    time.now += 60 * MINUTE + 1
    await counting.count("new", per_minute=5)
    await counting.forget_old()
    assert await database.read(lambda c: list(c.scalars(select(rates.c.name)))) == ["new"]
