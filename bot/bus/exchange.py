"""The bells of one machine: the parent passes each ring to its other processes over a unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.bus.memory import MemoryBus, Outbox

log = logging.getLogger(__name__)
BACK_OFF = 0.5  # seconds before a lost exchange is looked for again
BACKLOG = 1 << 20  # bytes a slow process may owe; beyond it it is cut off, comes back and looks at everything


@asynccontextmanager
async def run_exchange(path: Path) -> AsyncIterator[None]:
    """The parent's side: what one process writes, all others read."""
    peers: dict[asyncio.StreamWriter, asyncio.Task[object] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers[writer] = asyncio.current_task()
        with contextlib.suppress(ConnectionError, ValueError):
            while chunk := await reader.readline():
                for peer in [p for p in peers if p is not writer]:
                    if peer.transport.get_write_buffer_size() < BACKLOG:
                        peer.write(chunk)
                    else:
                        peer.transport.abort()
        peers.pop(writer, None)
        writer.close()

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, path)
    path.chmod(0o600)
    try:
        yield
    finally:
        server.close()
        serving = [task for task in peers.values() if task is not None]
        for peer in peers:
            peer.close()
        await asyncio.gather(*serving, return_exceptions=True)
        path.unlink(missing_ok=True)


@asynccontextmanager
async def join_exchange(path: str) -> AsyncIterator[MemoryBus]:
    """A process's side: rings go out in one write a loop turn; while the parent is away, listeners poll."""
    outbox = Outbox()
    writers: list[asyncio.StreamWriter] = []
    loop = asyncio.get_running_loop()

    def flush() -> None:
        for writer in writers:
            writer.write("".join(f"{topic}\n" for topic in outbox.take()).encode())

    def wire(topic: str) -> None:
        if writers and not outbox:
            loop.call_soon(flush)
        outbox.put(topic)

    bus = MemoryBus(wire)

    async def listen() -> None:
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(BACK_OFF)
                continue
            writers.append(writer)
            bus.connected = True
            bus.strike_all()
            flush()
            with contextlib.suppress(ConnectionError, ValueError):
                while line := await reader.readline():
                    bus.strike(line.decode().rstrip("\n"), elsewhere=True)
            writers.clear()
            writer.close()
            bus.connected = False
            bus.strike_all()
            log.warning("the exchange is gone; listeners poll until it is back")

    task = asyncio.create_task(listen(), name="bus")
    try:
        yield bus
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        for writer in writers:
            writer.close()
