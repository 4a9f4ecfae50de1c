"""Rasa as a neighbour: one JSON line out, one in, over a unix socket, with a deadline and a circuit breaker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from bot.errors import NeighbourError
from bot.nlu.local import LocalNLU
from bot.understanding import Entity, Understanding
from knowledge_base.text import normalise

log = logging.getLogger(__name__)
FAILURES = 5  # in a row, then the circuit opens
REST = 2.0  # seconds it stays open before one question tries again
LONGEST = 300  # characters; Rasa's time grows with the length and blocks its loop
QUEUE = 8  # under way in one process: Rasa takes some 8 ms a question, one after the other, the local engine 1 ms
LINE = 1 << 20


class Busy(NeighbourError):
    """Enough questions wait already; this one would be late. Says nothing against Rasa's health."""


class RasaClient:
    """One connection, questions answered in order. Raises NeighbourError."""

    def __init__(self, socket: Path, *, deadline: float) -> None:
        self._socket = socket
        self._deadline = deadline
        self._free = asyncio.Lock()
        self._under_way = 0
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._inode = 0

    @property
    def there(self) -> bool:
        """Whether a sidecar has taken its place; its keeper removes the socket when it has ended."""
        return self._socket.exists()

    async def ask(self, request: Mapping[str, str]) -> dict[str, Any]:
        """Raises Busy at once when others wait, any other NeighbourError within the deadline."""
        if self._under_way >= QUEUE:
            raise Busy("rasa: too many questions at once")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._deadline), self._free, self._dropped_on_error():
                return await self._exchange(request)
        except (OSError, TimeoutError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
            raise NeighbourError(f"rasa: {type(error).__name__}") from error
        finally:
            self._under_way -= 1

    async def _exchange(self, request: Mapping[str, str]) -> dict[str, Any]:
        inode = self._socket.stat().st_ino
        if inode != self._inode:  # a newer model took the socket's place
            self.close()
        if self._stream is not None:
            with contextlib.suppress(ConnectionError, EOFError):  # it ended meanwhile; its successor is asked
                return await self._tell(*self._stream, request)
            self.close()
        self._stream = await asyncio.open_unix_connection(str(self._socket), limit=LINE)
        self._inode = inode
        return await self._tell(*self._stream, request)

    async def _tell(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Mapping[str, str]
    ) -> dict[str, Any]:
        writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        answer = json.loads(await reader.readuntil(b"\n"))
        if not isinstance(answer, dict):
            raise ValueError("not an object")
        return answer

    @contextlib.asynccontextmanager
    async def _dropped_on_error(self) -> AsyncIterator[None]:
        """A late answer must not be taken for the next question's."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream[1].close()
        self._stream = None


class RasaNLU:
    """Asks Rasa; late, busy, down or resting, the local engine answers alone."""

    def __init__(self, client: RasaClient, local: LocalNLU, *, on_fallback: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._local = local
        self._on_fallback = on_fallback
        self._failures = 0
        self._closed_until = 0.0

    @property
    def healthy(self) -> bool:
        return self._failures < FAILURES and self._client.there

    async def understand(self, text: str) -> Understanding:
        bare = normalise(text)[:LONGEST]
        if bare and self._client.there and self._may_try():
            try:
                understood = self._read(await self._client.ask({"text": bare}), bare)
            except Busy:
                pass
            except NeighbourError as error:
                self._failures += 1
                self._closed_until = monotonic() + REST
                log.debug("local engine answers: %s", error)
            else:
                self._failures = 0
                return understood
        self._on_fallback()
        return self._local.understand_now(text)

    def _may_try(self) -> bool:
        """While the circuit is open one question a rest tries."""
        now = monotonic()
        if self._failures >= FAILURES:
            if now < self._closed_until:
                return False
            self._closed_until = now + REST
        return True

    def _read(self, told: Mapping[str, Any], text: str) -> Understanding:
        try:
            intent = told["intent"]
            entities = tuple(_entities(told))
            name, confidence = str(intent["name"] or ""), float(intent["confidence"])
        except (KeyError, TypeError, ValueError) as error:
            raise NeighbourError(f"rasa: {told.get('error') or 'an answer of another shape'}") from error
        return Understanding(name, confidence, self._local.entities.complete(entities, text), "rasa")


def _entities(told: Mapping[str, Any]) -> Iterator[Entity]:
    """Two extractors may find the same one."""
    seen = {(str(e["entity"]), int(e["start"]), int(e["end"])): str(e["value"]) for e in told["entities"]}
    for (name, start, end), value in sorted(seen.items(), key=lambda item: item[0][1]):
        yield Entity(name, value, start, end)
