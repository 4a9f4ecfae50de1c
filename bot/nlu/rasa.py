"""Rasa as a neighbour: one JSON line out, one in, over a unix socket, with a deadline and a circuit breaker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from bot.errors import NeighbourError
from bot.nlu.local import LocalNLU
from bot.understanding import Entity, Understanding

log = logging.getLogger(__name__)
FAILURES = 5  # in a row, then the circuit opens
REST = 2.0  # seconds it stays open before one question tries again
LONGEST = 300  # characters; Rasa's time grows with the length and blocks its loop


class RasaClient:
    """One connection, questions answered in order. Raises NeighbourError."""

    def __init__(self, socket: Path, *, deadline: float) -> None:
        self._socket = socket
        self._deadline = deadline
        self._free = asyncio.Lock()
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._inode = 0

    async def ask(self, request: dict[str, str]) -> dict[str, object]:
        try:
            async with asyncio.timeout(self._deadline), self._free:
                return await self._exchange(request)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            self._drop()
            raise NeighbourError(f"rasa: {type(error).__name__}") from error

    async def _exchange(self, request: dict[str, str]) -> dict[str, object]:
        inode = self._socket.stat().st_ino
        if self._stream is None or inode != self._inode:  # a newer model took the socket's place
            self._drop()
            self._stream = await asyncio.open_unix_connection(str(self._socket), limit=1 << 20)
            self._inode = inode
        reader, writer = self._stream
        writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        answer: dict[str, object] = json.loads(await reader.readuntil(b"\n"))
        return answer

    def _drop(self) -> None:
        """A late answer must not be taken for the next question's."""
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream[1].close()
        self._stream = None

    def close(self) -> None:
        self._drop()


class RasaNLU:
    """Asks Rasa; late, down or resting, the local engine answers alone."""

    def __init__(self, client: RasaClient, local: LocalNLU, *, on_fallback: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._local = local
        self._on_fallback = on_fallback
        self._failures = 0
        self._closed_until = 0.0

    @property
    def healthy(self) -> bool:
        return self._failures < FAILURES

    async def understand(self, text: str) -> Understanding:
        bare = text.strip()[:LONGEST]
        if bare and monotonic() >= self._closed_until:
            try:
                told = await self._client.ask({"text": bare})
                self._failures = 0
                return _understanding(told)
            except NeighbourError as error:
                self._failures += 1
                if self._failures >= FAILURES:
                    self._closed_until = monotonic() + REST
                log.debug("local engine answers: %s", error)
        self._on_fallback()
        return self._local.understand_now(text)


def _understanding(told: dict[str, object]) -> Understanding:
    intent = told.get("intent") or {}
    entities: dict[tuple[str, int, int], Entity] = {}
    for e in told.get("entities") or ():  # type: ignore[attr-defined]
        key = (e["entity"], e["start"], e["end"])
        entities.setdefault(key, Entity(e["entity"], str(e["value"]), e["start"], e["end"]))
    name, confidence = intent.get("name") or "", float(intent.get("confidence") or 0.0)  # type: ignore[attr-defined]
    return Understanding(name, confidence, tuple(sorted(entities.values(), key=lambda e: e.start)), "rasa")
