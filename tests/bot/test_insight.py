"""Counting and gathering in processes of their own, as the chores start them."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot import insight
from bot.bus.memory import MemoryBus
from bot.store.database import open_database
from bot.tables_insight import tallied
from tests.parts import join
from tests.scripted import Clock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in which a citizen has spoken, named by the environment as for a child of the server."""
    monkeypatch.setenv("YIDA_HOME", str(tmp_path))
    monkeypatch.setenv("YIDA_STORE", f"sqlite:///{tmp_path}/yida.db")
    database = open_database(f"sqlite:///{tmp_path}/yida.db")
    database.migrate()
    desk = join(database, MemoryBus(), Clock(datetime.now(UTC)))

    async def spoken() -> None:
        await desk.switchboard.open("web", address="a", id="one")
        await desk.switchboard.receive("one", "养老", id="m")

    asyncio.run(spoken())
    database.close()
    return tmp_path


def days(home: Path) -> list[str]:
    database = open_database(f"sqlite:///{home}/yida.db")
    try:
        return database.read_now(lambda c: list(c.scalars(select(tallied.c.day))))
    finally:
        database.close()


def test_the_chores_count_in_another_process_and_end_it_with_themselves(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(insight, "FIRST", 0.0)

    async def until_counted() -> None:
        task = asyncio.create_task(insight.keep_working("tally"))
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(days, home):
                await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(until_counted())
    assert len(days(home)) == 1


def test_without_a_published_version_there_is_nothing_to_gather(home: Path) -> None:
    async def once() -> int | None:
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "insight", "gather", env=os.environ)
        return await child.wait()

    assert asyncio.run(once()) == 0
