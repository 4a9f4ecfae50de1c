"""One look at queue and agents, shared by all who ask in this process within a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from bot.desk import Floor, Standing, standings
from bot.store.queue import Queue

QUEUE = "queue"  # the bell of whoever looks at the queue; no conversation has so short a name
FRESH = 0.25  # seconds; hundreds who wait cost one read a moment, not one each


def desk_of(agent: str) -> str:
    """The bell of an agent's own desk."""
    return f"desk:{agent}"


class Lookout:
    """Never the truth: who changes something asks the store again, and the store decides."""

    def __init__(self, queue: Queue, clock: Callable[[], datetime], fresh: float = FRESH) -> None:
        self._queue = queue
        self._now = clock
        self._fresh = fresh
        self._floor = Floor()
        self._shown: dict[str, tuple[str, str]] = {}
        self._places: dict[str, Standing] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def shown(self, agent: str) -> tuple[str, str]:
        """Name and number of an agent, as citizens see them."""
        if agent not in self._shown:
            self.learn(agent, await self._queue.shown(agent))
        return self._shown[agent]

    def learn(self, agent: str, shown: tuple[str, str]) -> None:
        self._shown[agent] = shown

    async def touch(self, conversation_id: str) -> None:
        """A waiting citizen is there: his place counts."""
        await self._queue.touch([conversation_id], self._now())

    def forget(self) -> None:
        """This process changed the queue: the next look is a new one."""
        self._read_at = float("-inf")

    async def floor(self, *, since: float | None = None) -> Floor:
        """At most `FRESH` old, and read after `since` (of `monotonic`) where that is given."""
        await self._look(since)
        return self._floor

    async def standing(self, conversation_id: str) -> Standing | None:
        """None for whoever does not wait."""
        await self._look()
        if conversation_id not in self._places:
            self.forget()  # whoever waits since a moment ago is not in an older look
            await self._look()
        return self._places.get(conversation_id)

    async def _look(self, since: float | None = None) -> None:
        async with self._reading:
            began = monotonic()
            if began - self._read_at < self._fresh and (since is None or self._read_at >= since):
                return
            self._read_at = began
            self._floor = await self._queue.floor(self._now())
            self._places = standings(self._floor)
