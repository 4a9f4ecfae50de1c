"""Citizens and agents write to each other while sockets are cut at random and everything is killed -9 twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.stories.lines import Line, OnDuty, OnLine
from tests.stories.service import FULL, Citizen, Service, crowd
from tests.stories.staff import ADMIN, asks_human, hired, signed_in
from tests.stories.tree import configure, copied

CITIZENS, AGENTS, EACH, CUTS = (50, 10, 1000, 500) if FULL else (10, 2, 100, 40)  # 100,000 messages, or 2,000
KILLS = 2
GRACE = 180  # seconds: here everything starts again, and the gate's machine may be slow
WORDS = {"citizen": "市民", "agent": "坐席"}


@pytest.fixture(scope="module")
def service(tree: Path, new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    patient = copied(tree, tmp_path_factory.mktemp("patient") / "project")
    configure(patient, desk={"grace_seconds": GRACE})
    with Service(patient, new_home(), "--workers", "4", YIDA_ADMIN_PASSWORD=ADMIN) as running:
        yield running


@pytest.mark.timeout(3600 if FULL else 300)
async def test_what_citizens_and_agents_saw_and_what_is_stored_is_the_same(service: Service) -> None:
    async with crowd() as client, asyncio.TaskGroup() as group:
        citizens = [OnLine(await Citizen.at(service.url, client)) for _ in range(CITIZENS)]
        agents = []
        for _ in range(AGENTS):
            token = await signed_in(service.url, client, await hired(service.url, client, capacity=5))
            agents.append(OnDuty(service.url, token))
        lines = [side.line for side in (*citizens, *agents)]
        running = [group.create_task(line.run()) for line in lines]
        for citizen in citizens:
            await asks_human(citizen.citizen)
        await _until(lambda: sum(len(agent.heard) for agent in agents) == CITIZENS)
        owners = {name: agent for agent in agents for name in agent.heard}
        assert set(owners) == {citizen.id for citizen in citizens}

        said = 0

        async def speak(line: Line, party: str, **more: str) -> None:
            nonlocal said
            for n in range(EACH):
                await line.say(f"{WORDS[party]}{n}", **more)
                said += 1

        speaking = [
            group.create_task(speak(line, party, **more))
            for citizen in citizens
            for line, party, more in (
                (citizen.line, "citizen", {}),
                (owners[citizen.id].line, "agent", {"conversation": citizen.id}),
            )
        ]
        total = len(speaking) * EACH
        chance = random.Random(20261124)

        async def cut() -> None:
            for n in range(1, CUTS + 1):
                await _until(lambda n=n: said >= total * n // (CUTS + 1), within=1800)
                chance.choice(lines).cut()

        async def kill() -> None:
            for n in range(1, KILLS + 1):
                await _until(lambda n=n: said >= total * n // (KILLS + 1), within=1800)
                everyone = service.alive()
                for process in everyone:
                    process.kill()
                await asyncio.to_thread(psutil.wait_procs, everyone, timeout=10)
                service.start()
                await asyncio.to_thread(service.wait_ready)

        await asyncio.gather(*speaking, cut(), kill())
        stored = _stored(service.home)
        await _until(lambda: all(len(citizen.heard) == len(stored[citizen.id]) for citizen in citizens))
        await _until(lambda: all(len(owners[c.id].heard[c.id]) == len(stored[c.id]) for c in citizens))
        for task in running:
            task.cancel()

    assert sum(line.opened for line in lines) >= len(lines) + CUTS // 2  # some were cut while away already
    for citizen in citizens:
        kept = stored[citizen.id]
        assert [row[0] for row in kept] == list(range(1, len(kept) + 1))
        for party, word in WORDS.items():
            own = [text for _, who, text in kept if who == party and text.startswith(word)]
            assert own == [f"{word}{n}" for n in range(EACH)]
        for seen in (citizen.heard, owners[citizen.id].heard[citizen.id]):
            assert [(m["seq"], m["party"], m["text"]) for m in seen] == kept


def _stored(home: Path) -> dict[str, list[tuple[int, str, str]]]:
    """Each conversation as the database has it."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    with closing(sqlite3.connect(f"file:{home}/yida.db?mode=ro", uri=True)) as database:
        for name, *row in database.execute("SELECT conversation_id, seq, party, text FROM messages ORDER BY 1, 2"):
            found.setdefault(name, []).append((row[0], row[1], row[2]))
    return found


async def _until(true: Callable[[], bool], within: float = 120) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.02)
