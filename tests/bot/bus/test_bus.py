"""One suite for all bells: in one process, between the workers of a machine, between machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.bus import Bus, open_bus
from bot.bus.exchange import run_exchange
from bot.bus.memory import MemoryBus
from bot.errors import SettingsError
from tests.servers import RedisServer

SOON = 5.0
A_MOMENT = 0.15


@dataclass
class Wire:
    """Two processes' buses; in one process both are the same."""

    here: Bus
    there: Bus

    @property
    def is_one(self) -> bool:
        return self.here is self.there


@pytest.fixture(params=["memory", "unix", "redis"])
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            bus = await stack.enter_async_context(open_bus("memory://"))
            yield Wire(bus, bus)
            return
        if request.param == "unix":
            await stack.enter_async_context(run_exchange(tmp_path / "bells"))
            url = f"unix://{tmp_path}/bells"
        else:
            server: RedisServer = request.getfixturevalue("redis_server")
            url = server.url
        here, there = [await stack.enter_async_context(open_bus(url)) for _ in range(2)]
        await joined(here, there)
        yield Wire(here, there)


async def joined(*buses: Bus) -> None:
    """Until each bus has its wire."""
    async with asyncio.timeout(SOON):
        while not all(isinstance(bus, MemoryBus) and bus.connected for bus in buses):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


async def test_a_ring_wakes_those_who_listen_here_and_in_other_processes(wire: Wire) -> None:
    async with wire.here.subscribe("t") as near, wire.there.subscribe("t") as far:
        wire.here.ring("t")
        assert await near.wait(SOON) == "here"
        assert await far.wait(SOON) == ("here" if wire.is_one else "elsewhere")


async def test_a_ring_for_something_else_wakes_nobody(wire: Wire) -> None:
    async with wire.here.subscribe("mine") as near, wire.there.subscribe("mine") as far:
        wire.here.ring("other")
        assert [await bell.wait(A_MOMENT) for bell in (near, far)] == ["silence", "silence"]


async def test_rings_between_two_waits_are_one(wire: Wire) -> None:
    async with wire.here.subscribe("t") as near, wire.there.subscribe("t") as far:
        for _ in range(50):
            wire.here.ring("t")
        assert await near.wait(SOON) == "here"
        await far.wait(SOON)
        await asyncio.sleep(A_MOMENT)
        assert await near.wait(0.05) == "silence"


async def test_a_ring_before_the_wait_is_not_lost(wire: Wire) -> None:
    async with wire.there.subscribe("t") as bell:
        wire.here.ring("t")
        await asyncio.sleep(A_MOMENT)
        began = time.monotonic()
        assert await bell.wait(SOON) != "silence"
        assert time.monotonic() - began < 1


async def test_everyone_who_listens_has_a_bell_of_his_own(wire: Wire) -> None:
    async with AsyncExitStack() as stack:
        sides = [wire.here, wire.there] * 5
        bells = [await stack.enter_async_context(bus.subscribe("t")) for bus in sides]
        wire.there.ring("t")
        told = await asyncio.gather(*(bell.wait(SOON) for bell in bells))
        assert "silence" not in told


async def test_who_left_is_forgotten(wire: Wire) -> None:
    async with wire.here.subscribe("t"), wire.here.subscribe("t"):
        pass
    async with wire.there.subscribe("t") as bell:
        wire.here.ring("t")
        assert await bell.wait(SOON) != "silence"
    assert isinstance(wire.here, MemoryBus)
    assert wire.here._bells == {}


async def test_a_bell_that_nobody_rings_is_silent_when_the_time_has_passed(wire: Wire) -> None:
    async with wire.here.subscribe("t") as bell:
        began = time.monotonic()
        assert await bell.wait(0.2) == "silence"
        assert 0.15 < time.monotonic() - began < 2


async def test_a_ring_from_elsewhere_is_not_hidden_by_one_from_here(wire: Wire) -> None:
    async with wire.here.subscribe("t") as bell:
        wire.there.ring("t")
        await asyncio.sleep(A_MOMENT)
        wire.here.ring("t")
        assert await bell.wait(SOON) == ("here" if wire.is_one else "elsewhere")
        wire.here.ring("t")
        assert await bell.wait(SOON) == "here"


async def test_many_topics_rung_at_once_all_arrive(wire: Wire) -> None:
    async with AsyncExitStack() as stack:
        bells = [await stack.enter_async_context(wire.there.subscribe(f"t{n}")) for n in range(500)]
        for n in range(500):
            wire.here.ring(f"t{n}")
        told = await asyncio.gather(*(bell.wait(SOON) for bell in bells))
        assert "silence" not in told


@pytest.mark.parametrize("url", ["kafka://x", "local", "", "http://127.0.0.1"])
async def test_a_bus_that_is_not_known_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(SettingsError, match="write local, memory://"):
        async with open_bus(url):
            pass
