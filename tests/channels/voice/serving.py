"""The web application with a voice process beside it, in one loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.assembly import VOICE_SOCKET
from bot.config import Settings
from channels.voice.house import House
from channels.voice.process import running
from tests.channels.serving import Server


@contextmanager
def with_voice(settings: Settings, socket: Path) -> Iterator[tuple[Server, House]]:
    """As `serve` starts them, only in one process; the web part reaches the voice part by its socket alone."""
    before = os.environ.get(VOICE_SOCKET)
    os.environ[VOICE_SOCKET] = str(socket)
    try:
        with Server(settings) as server:
            stopping, house = server.call(_start(server, socket))
            try:
                yield server, house
            finally:
                server.call(_stop(stopping))
    finally:
        if before is None:
            del os.environ[VOICE_SOCKET]
        else:
            os.environ[VOICE_SOCKET] = before


Stopping = tuple[asyncio.Event, "asyncio.Task[None]"]


async def _start(server: Server, socket: Path) -> tuple[Stopping, House]:
    stop, up = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with running(server.parts, socket) as house:
            while not socket.exists():
                await asyncio.sleep(0.01)
            up.set_result(house)
            await stop.wait()

    task = asyncio.create_task(run())
    await asyncio.wait({task, up}, return_when=asyncio.FIRST_COMPLETED)
    return (stop, task), up.result()


async def _stop(stopping: Stopping) -> None:
    stopping[0].set()
    await stopping[1]
