"""The machine's exchange: its parent may be late, go and come back; a ring then costs a second, not a heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.bus import exchange, memory
from bot.bus.exchange import join_exchange, run_exchange
from tests.bot.bus.test_bus import SOON, joined


async def test_only_the_owner_may_ring(tmp_path: Path) -> None:
    async with run_exchange(tmp_path / "bells"):
        assert (tmp_path / "bells").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "bells").exists()


async def test_a_socket_that_a_killed_parent_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "bells").write_text("left")
    async with run_exchange(tmp_path / "bells"), join_exchange(str(tmp_path / "bells")) as bus:
        await joined(bus)


async def test_while_the_parent_is_away_listeners_look_each_second(tmp_path: Path) -> None:
    async with join_exchange(str(tmp_path / "bells")) as bus, bus.subscribe("t") as bell:
        began = time.monotonic()
        await bell.wait(25)
        await bell.wait(25)
        assert time.monotonic() - began < 3


async def test_listeners_look_when_the_parent_goes_and_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "bells"
    async with AsyncExitStack() as stack:
        async with run_exchange(path):
            bus = await stack.enter_async_context(join_exchange(str(path)))
            bell = await stack.enter_async_context(bus.subscribe("t"))
            await joined(bus)
            while await bell.wait(0.1) != "silence":
                pass
        assert await bell.wait(SOON) == "elsewhere"
        async with run_exchange(path):
            await joined(bus)
            assert await bell.wait(SOON) == "elsewhere"
            other = await stack.enter_async_context(join_exchange(str(path)))
            await joined(other)
            while await bell.wait(0.1) != "silence":
                pass
            other.ring("t")
            assert await bell.wait(SOON) == "elsewhere"


async def test_what_was_rung_before_the_wire_stood_is_rung_when_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The listener found the parent first; the ringer, a moment later, must not leave it in silence."""
    path = tmp_path / "bells"
    monkeypatch.setattr(exchange, "BACK_OFF", 0.6)
    async with join_exchange(str(path)) as late:
        await asyncio.sleep(0.05)  # it looked in vain
        async with run_exchange(path), join_exchange(str(path)) as early, early.subscribe("t") as bell:
            await joined(early)
            while await bell.wait(0.05) != "silence":
                pass
            assert not late.connected
            late.ring("t")
            assert await bell.wait(SOON) == "elsewhere"


async def test_more_topics_than_wait_for_the_wire_become_one_ring_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bells"
    monkeypatch.setattr(memory, "MOST", 10)
    monkeypatch.setattr(exchange, "BACK_OFF", 0.6)
    async with join_exchange(str(path)) as late:
        await asyncio.sleep(0.05)
        async with run_exchange(path), join_exchange(str(path)) as early, early.subscribe("not rung") as bell:
            await joined(early)
            while await bell.wait(0.05) != "silence":
                pass
            for n in range(11):
                late.ring(f"t{n}")
            assert await bell.wait(SOON) == "elsewhere"


async def test_a_process_that_does_not_read_is_cut_off_so_that_it_looks_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BACKLOG", 1000)
    path = tmp_path / "bells"
    async with run_exchange(path), join_exchange(str(path)) as ringer:
        await joined(ringer)
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1024)
        await asyncio.sleep(0.05)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for n in range(3000):
            ringer.ring(f"{n:0>200}")
            if n % 100 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(SOON):
            with contextlib.suppress(ConnectionError):
                while await reader.read(65536):
                    pass
        writer.close()
