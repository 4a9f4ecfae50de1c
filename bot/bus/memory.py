"""Doorbells within one process; the others add a wire to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.bus import Rung

POLL = 1.0  # seconds between looks into the store while the wire to other processes is down
MOST = 10_000  # topics that wait for the wire; beyond them one ring tells everybody to look
EVERYBODY = "*"


class MemoryBell:
    """Set by `strike`, cleared by `wait`."""

    def __init__(self, patience: Callable[[float], float]) -> None:
        self._event = asyncio.Event()
        self._elsewhere = False
        self._patience = patience

    def strike(self, *, elsewhere: bool) -> None:
        self._elsewhere = self._elsewhere or elsewhere
        self._event.set()

    async def wait(self, timeout: float) -> Rung:
        if not self._event.is_set():
            handle = asyncio.get_running_loop().call_later(self._patience(timeout), self._event.set)
            rung = False
            try:
                await self._event.wait()
                rung = handle.when() > asyncio.get_running_loop().time()
            finally:
                handle.cancel()
        else:
            rung = True
        self._event.clear()
        elsewhere, self._elsewhere = self._elsewhere, False
        if elsewhere:
            return "elsewhere"
        return "here" if rung else "silence"


class Outbox:
    """Topics on their way to other processes, each once, kept until the wire has taken them."""

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._topics)

    def put(self, *topics: str) -> None:
        self._topics |= dict.fromkeys(topics)
        if len(self._topics) > MOST:
            self._topics = {EVERYBODY: None}

    def take(self) -> list[str]:
        topics = list(self._topics)
        self._topics.clear()
        return topics


class MemoryBus:
    """`wire` sends a topic to other processes; `connected` says whether it can."""

    def __init__(self, wire: Callable[[str], None] | None = None) -> None:
        self._bells: dict[str, set[MemoryBell]] = {}
        self._wire = wire
        self.connected = wire is None

    def ring(self, topic: str) -> None:
        self.strike(topic, elsewhere=False)
        if self._wire is not None:
            self._wire(topic)

    def strike(self, topic: str, *, elsewhere: bool) -> None:
        if topic == EVERYBODY:
            self.strike_all()
        for bell in self._bells.get(topic, ()):
            bell.strike(elsewhere=elsewhere)

    def strike_all(self) -> None:
        """After a gap on the wire nobody knows what was missed: everyone looks."""
        for bells in self._bells.values():
            for bell in bells:
                bell.strike(elsewhere=True)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[MemoryBell]:
        bell = MemoryBell(self._patience)
        self._bells.setdefault(topic, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[topic].discard(bell)
            if not self._bells[topic]:
                del self._bells[topic]

    def _patience(self, timeout: float) -> float:
        return timeout if self.connected else min(timeout, POLL)
