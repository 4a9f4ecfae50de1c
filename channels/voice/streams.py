"""Gateways on websockets, as they reach the voice process through a web worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.errors import Refused
from channels.voice import proofs
from channels.voice.dialects import SUBPROTOCOLS, Dialect, Key, Linear, Sound, Started, Stopped, Twilio, Unreadable
from channels.voice.house import REFUSING, House
from channels.voice.line import Line, refuse_politely

log = logging.getLogger(__name__)
NO_PROOF, BAD, ENDED, GOES_AWAY = 4401, 1007, 1000, 1001
PROVED_WITHIN = 5.0
AHEAD = 6  # frames, 120 ms: enough for a network's hiccups, little enough to fall silent at once
BEHIND = 150  # messages that the gateway has not taken
URLS = "x-yida-urls"  # what the web worker adds: the addresses under which it was called


class StreamWire:
    """A websocket's way out: one task sends, nothing waits for it."""

    ahead = AHEAD
    steady = False

    def __init__(self, socket: WebSocket, dialect: Dialect, rate: int) -> None:
        self._socket = socket
        self._dialect = dialect
        self.rate = rate
        self._out: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._over = False
        self.sending = asyncio.create_task(self._send())

    def send(self, pcm: bytes) -> None:
        if self._out.qsize() > BEHIND:
            self.sending.cancel()
        else:
            self._out.put_nowait(self._dialect.audio(pcm))

    def flush(self) -> None:
        while not self._out.empty():  # what has not left us needs no killing
            self._out.get_nowait()
        if (told := self._dialect.flush()) is not None:
            self._out.put_nowait(told)

    def give_back(self) -> None:
        if not self._over:
            self._over = True
            if (told := self._dialect.hang_up()) is not None:
                self._out.put_nowait(told)
            self._out.put_nowait(None)

    async def _send(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while (message := await self._out.get()) is not None:
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_text(message)


class Stream:
    """One gateway's call, from its handshake to its end."""

    def __init__(self, house: House, socket: WebSocket, *, twilio: bool) -> None:
        self._house = house
        self._socket = socket
        offered = [name for name in socket.scope.get("subprotocols", ()) if name in SUBPROTOCOLS]
        self._subprotocol = offered[0] if offered and not twilio else None
        rate = socket.query_params.get("rate", "")
        stated = int(rate) if rate in ("8000", "16000") else None
        self._dialect: Dialect = Twilio() if twilio else Linear(self._subprotocol, rate=stated)
        self._secret = house.settings.secret
        urls: Sequence[str] = socket.headers.get(URLS, "").split()
        self._proved = proofs.proves(socket.headers, self._secret, urls)

    async def serve(self) -> None:
        await self._socket.accept(self._subprotocol)
        try:
            async with asyncio.timeout(PROVED_WITHIN):
                started = await self._started()
        except TimeoutError:
            await self._close(NO_PROOF)
            return
        except Unreadable as error:
            log.info("stream: %s", error)
            await self._close(BAD if self._proved else NO_PROOF)
            return
        except WebSocketDisconnect:
            return
        wire = StreamWire(self._socket, self._dialect, started.rate)
        try:
            await self._carry(wire, started)
        finally:
            wire.give_back()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({wire.sending}, timeout=2)
            wire.sending.cancel()
            await self._close(ENDED)

    async def _started(self) -> Started:
        """The first frame that names the call, once the right is proved; until then nothing else is listened to."""
        while True:
            for told in self._dialect.hear(await self._received()):
                if not isinstance(told, Started):
                    continue
                self._proved = self._proved or (told.secret is not None and proofs.same(told.secret, self._secret))
                if self._proved:
                    return told

    async def _carry(self, wire: StreamWire, started: Started) -> None:
        house, call_id = self._house, started.call or str(uuid4())
        if house.full:
            if house.refusing < REFUSING:
                house.refusing += 1
                try:
                    await refuse_politely(house, wire, call_id)
                finally:
                    house.refusing -= 1
            return
        if started.number:
            with contextlib.suppress(Refused):
                await house.parts.calls.announce(call_id, started.number, "", datetime.now(UTC))
        line = Line(house, wire, call_id)
        reading = asyncio.create_task(self._read(line))
        wire.sending.add_done_callback(lambda task: line.gone())
        try:
            await line.run()
        except Refused as error:
            log.info("stream: %s", error.code)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, line: Line) -> None:
        try:
            while True:
                for told in self._dialect.hear(await self._received()):
                    match told:
                        case Sound():
                            line.sound(told.pcm)
                        case Key():
                            line.key(told.digit)
                        case Stopped():
                            return
        except (WebSocketDisconnect, Unreadable, RuntimeError) as error:
            log.info("stream: %s", type(error).__name__)
        finally:
            line.gone()

    async def _received(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1006))
        text = message.get("text")
        told: str | bytes = text if text is not None else message.get("bytes") or b""
        return told

    async def _close(self, code: int) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code)
