"""The voice process as its neighbours reach it: over a unix socket, by websocket. Sound never crosses the bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import websockets
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

from bot.errors import NeighbourError

CONNECTS_WITHIN = 2.0
SPEAKS_WITHIN = 8.0
TRANSCRIBES_WITHIN = 30.0
LONGEST = 4 * 2**20  # bytes of one message
PIECE = 32_000  # one second of sound at 16 kHz


class VoiceNeighbour:
    """`socket` is None where no voice process runs."""

    def __init__(self, socket: Path | None) -> None:
        self._socket = socket

    @property
    def here(self) -> bool:
        return self._socket is not None

    async def status(self) -> dict[str, object]:
        """What can speak and listen. Raises NeighbourError."""
        async with self.open("/status") as connection:
            told: dict[str, object] = json.loads(await _answer(connection, CONNECTS_WITHIN))
            return told

    async def speak(self, text: str, *, rate: int = 16_000) -> bytes:
        """A WAV. Raises NeighbourError."""
        async with self.open("/speak") as connection:
            await connection.send(json.dumps({"text": text, "rate": rate}, ensure_ascii=False))
            told = await _answer(connection, SPEAKS_WITHIN)
            if not isinstance(told, bytes):
                raise NeighbourError("the voice process cannot speak")
            return told

    async def transcribe(self, pcm: bytes, *, rate: int = 16_000) -> str:
        """What a whole recording says: 16 bit mono. Raises NeighbourError."""
        async with self.open(f"/listen?rate={rate}") as connection:
            for at in range(0, len(pcm), PIECE):
                await connection.send(pcm[at : at + PIECE])
            await connection.send(json.dumps({"type": "end"}))
            said: list[str] = []
            while True:
                told = json.loads(await _answer(connection, TRANSCRIBES_WITHIN))
                if told.get("type") == "final":
                    said.append(str(told.get("text", "")))
                elif told.get("type") != "partial":
                    return "".join(said)

    @asynccontextmanager
    async def open(
        self, path: str, *, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = (),
        socket: Path | None = None,
    ) -> AsyncIterator[ClientConnection]:  # fmt: skip
        """A websocket to it, or to the process that holds a call. Raises NeighbourError when it does not answer."""
        at = socket or self._socket
        if at is None:
            raise NeighbourError("no voice process runs here")
        try:
            async with asyncio.timeout(CONNECTS_WITHIN):
                connection = await unix_connect(
                    str(at), f"ws://voice{path}", additional_headers=dict(headers or {}), max_size=LONGEST,
                    subprotocols=[Subprotocol(name) for name in subprotocols] or None, compression=None,
                    ping_interval=None, close_timeout=1, proxy=None,
                )  # fmt: skip
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            raise NeighbourError("the voice process does not answer") from error
        try:
            yield connection
        finally:
            await connection.close()


async def _answer(connection: ClientConnection, within: float) -> str | bytes:
    try:
        async with asyncio.timeout(within):
            told: str | bytes = await connection.recv()
            return told
    except (TimeoutError, websockets.ConnectionClosed) as error:
        raise NeighbourError("the voice process does not answer") from error
