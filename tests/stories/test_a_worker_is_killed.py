"""kill -9 of the only web worker while many speak: what was acked is there, and answered once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.stories.service import FULL, Citizen, Service, check_story, crowd

CITIZENS = 100 if FULL else 30
KILLS, BETWEEN = (5, 12.0) if FULL else (2, 2.0)  # a worker that lived 10 s is started again at once
TEXTS = ("养老保险最低要交多少年", "我什么时候可以退休", "社保断了可以补吗", "明天会下雨吗", "缴费基数怎么定")


@pytest.fixture(scope="module")
def service(tree: Path, new_home: Callable[[], Path]) -> Iterator[Service]:
    with Service(tree, new_home()) as running:
        yield running


@pytest.mark.timeout(400)
async def test_every_acked_message_is_there_and_is_answered_once(service: Service) -> None:
    async with crowd() as client:
        citizens = await asyncio.gather(*(Citizen.at(service.url, client) for _ in range(CITIZENS)))
        over = asyncio.Event()

        async def speak(n: int, citizen: Citizen) -> None:
            """The first ten say again what was not acked; the others go away at the first error."""
            turn = 0
            while not over.is_set():
                turn += 1
                try:
                    await citizen.say(f"{TEXTS[(n + turn) % len(TEXTS)]}", retry=n < 10)
                except httpx.HTTPError:
                    return
                await asyncio.sleep(0.02)

        speaking = [asyncio.create_task(speak(n, citizen)) for n, citizen in enumerate(citizens)]
        for _ in range(KILLS):
            await asyncio.sleep(BETWEEN)
            worker = service.children("web")[0]
            worker.kill()
            await _until(lambda worker=worker: [p for p in service.children("web") if p != worker])
            service.wait_ready()
        await asyncio.sleep(1)
        over.set()
        await asyncio.gather(*speaking)
        assert sum(len(c.acked) for c in citizens) > CITIZENS * 2

        async def all_answered(citizen: Citizen) -> None:
            """Also for those who went away."""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    while {f"re:{name}" for name in citizen.acked} - {m["id"] for m in await citizen.story()}:
                        await asyncio.sleep(0.5)
            check_story(await citizen.story(), citizen.acked)

        await asyncio.gather(*(all_answered(citizen) for citizen in citizens))


async def test_sockets_of_a_killed_worker_are_counted_no_more(service: Service) -> None:
    async with crowd() as client, AsyncExitStack() as stack:
        for _ in range(3):
            citizen = await Citizen.at(service.url, client)
            address = f"{service.url.replace('http', 'ws')}/api/v1/conversations/{citizen.id}/socket"
            socket = await stack.enter_async_context(connect(address, proxy=None))
            await socket.send(json.dumps({"type": "auth", "token": citizen.token}))
            await socket.recv()
        assert service.counter("yida_sockets") == 3
        worker = service.children("web")[0]
        worker.kill()
        await _until(lambda: [p for p in service.children("web") if p != worker])
        service.wait_ready()
        assert service.counter("yida_sockets") == 0


async def _until(true: object, within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not (callable(true) and true()):
            await asyncio.sleep(0.05)
