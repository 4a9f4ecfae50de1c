"""Bells: they tell that something was said, never what. A lost ring costs one heartbeat, not a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, Protocol

from bot.errors import SettingsError

Rung = Literal["here", "elsewhere", "silence"]


class Bell(Protocol):
    """One listener's bell for one topic; rings between two waits merge."""

    async def wait(self, timeout: float) -> Rung:
        """Returns at the next ring, telling whether this process rang, or when the time has passed."""


class Bus(Protocol):
    """Rings everyone who subscribed to a topic, in this process and in the others."""

    def ring(self, topic: str) -> None: ...

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[Bell]: ...


@asynccontextmanager
async def open_bus(url: str) -> AsyncIterator[Bus]:
    """`memory://` one process · `unix:///path` one machine · `redis://host:port/n` many machines."""
    scheme = url.partition("://")[0]
    if scheme == "memory":
        from bot.bus.memory import MemoryBus

        yield MemoryBus()
    elif scheme == "unix":
        from bot.bus.exchange import join_exchange

        async with join_exchange(url.removeprefix("unix://")) as machine_bus:
            yield machine_bus
    elif scheme in ("redis", "rediss"):
        from bot.bus.redis import join_redis

        async with join_redis(url) as redis_bus:
            yield redis_bus
    else:
        raise SettingsError(f"bus: {scheme} is not known; write local, memory://, unix:///path or redis://host")
