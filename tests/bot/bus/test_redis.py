"""Redis may be late, die, hang and come back: rings work again, and meanwhile listeners look for themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.bus import redis as module
from bot.bus.redis import join_redis
from tests.bot.bus.test_bus import SOON, joined
from tests.servers import RedisServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    own = RedisServer(tmp_path)
    yield own
    own.kill()


async def settled(bell: object, moment: float = 0.3) -> None:
    while await bell.wait(moment) != "silence":  # type: ignore[attr-defined]
        pass


async def rings_again(ringer: object, bell: object) -> None:
    async with asyncio.timeout(2 * SOON):
        await settled(bell)
        ringer.ring("t")  # type: ignore[attr-defined]
        assert await bell.wait(SOON) == "elsewhere"  # type: ignore[attr-defined]


async def test_redis_killed_and_back_after_some_seconds(server: RedisServer) -> None:
    server.start()
    async with join_redis(server.url) as near, join_redis(server.url) as far, far.subscribe("t") as bell:
        await joined(near, far)
        await rings_again(near, bell)
        server.kill()
        began = time.monotonic()
        looks = 0
        while time.monotonic() - began < 3.5:
            near.ring("t")
            await bell.wait(25)
            looks += 1
        assert looks >= 3
        server.start()
        await joined(near, far)
        await rings_again(near, bell)


async def test_a_redis_that_is_late_is_joined_when_it_comes(server: RedisServer) -> None:
    async with join_redis(server.url) as near, join_redis(server.url) as far, far.subscribe("t") as bell:
        assert await bell.wait(25) in ("silence", "elsewhere")  # it looks at once or after a second
        server.start()
        await joined(near, far)
        await rings_again(near, bell)


async def test_a_ring_that_could_not_be_sent_is_sent_when_redis_is_back(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener is back first; without the ring it would sleep a whole heartbeat."""
    server.start()
    async with join_redis(server.url) as near:
        await joined(near)
        server.kill()
        await asyncio.sleep(0.1)
        monkeypatch.setattr(module, "BACK_OFF", 1.5)
        near.ring("t")
        await asyncio.sleep(0.5)
        monkeypatch.setattr(module, "BACK_OFF", 0.1)
        server.start()
        async with join_redis(server.url) as far, far.subscribe("t") as bell:
            await joined(far)
            while await bell.wait(0.02) != "silence":
                pass
            assert await bell.wait(SOON) == "elsewhere"


async def test_a_redis_that_hangs_counts_as_gone(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections stay open and nothing comes: only asking tells."""
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    server.start()
    async with join_redis(server.url) as near, join_redis(server.url) as far, far.subscribe("t") as bell:
        await joined(near, far)
        await settled(bell)
        server.hang()
        try:
            began = time.monotonic()
            await bell.wait(25)
            await bell.wait(25)
            assert time.monotonic() - began < 8
            assert not far.connected
        finally:
            server.wake()
        await joined(near, far)
        await rings_again(near, bell)


async def test_leaving_while_redis_is_away_takes_no_time(server: RedisServer) -> None:
    async with asyncio.timeout(SOON):
        async with join_redis(server.url) as bus:
            bus.ring("t")
            await asyncio.sleep(0.1)
