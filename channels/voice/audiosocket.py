"""The AudioSocket server: Asterisk calls us, one TCP connection a call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from uuid import uuid4

from bot.errors import Refused
from channels.voice import framing
from channels.voice.framing import Decoder, Unreadable
from channels.voice.house import REFUSING, House
from channels.voice.line import Line, refuse_politely
from channels.voice.sound import Resampler, silence

log = logging.getLogger(__name__)
NAMED_WITHIN = 5.0  # seconds until the UUID has come; Asterisk sends it first
RATE = 8_000
READ = 16_384
BEHIND = 64 * 1024  # bytes that the gateway has not taken: four seconds; it is gone
FRAME = 0.02


class SocketWire:
    """A connection's way out."""

    rate = RATE
    ahead = 1
    steady = True  # Asterisk drops a call after two seconds without sound

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._over = False

    @property
    def stuck(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > BEHIND

    def send(self, pcm: bytes) -> None:
        if self._over or self._writer.is_closing():
            return
        if self.stuck:
            self._writer.transport.abort()
            return
        self._writer.write(framing.audio(pcm))

    def flush(self) -> None:
        """Nothing is ever sent ahead."""

    def give_back(self) -> None:
        if not self._over:
            self._over = True
            if not self._writer.is_closing():
                self._writer.write(framing.GIVE_BACK)


class AudioSocket:
    """Takes connections until it is closed."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """The port it listens on. Raises OSError when it can't."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=READ, backlog=256)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            _notices_a_dead_peer(writer)
            await self._serve(reader, writer)
        except (ConnectionError, Unreadable, TimeoutError) as error:
            log.info("audiosocket: %s", error or type(error).__name__)
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(task)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                writer.close()
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire, decoder = SocketWire(writer), Decoder()
        wire.send(silence(RATE))  # until the first sound Asterisk may hear nothing of the caller either
        async with asyncio.timeout(NAMED_WITHIN):
            call_id, left = await _named(reader, decoder)
        if call_id is None:
            return
        house = self._house
        if house.full:
            await self._refuse(reader, wire, call_id)
            return
        line = Line(house, wire, call_id)
        reading = asyncio.create_task(_read(reader, decoder, line, left))
        try:
            await line.run()
        except Refused as error:
            log.info("audiosocket: %s", error.code)
            wire.give_back()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _refuse(self, reader: asyncio.StreamReader, wire: SocketWire, call_id: str) -> None:
        house = self._house
        if house.refusing >= REFUSING:
            wire.give_back()
            return
        house.refusing += 1
        telling = asyncio.create_task(refuse_politely(house, wire, call_id))
        try:
            while not telling.done():
                reading = asyncio.create_task(reader.read(READ))
                await asyncio.wait({telling, reading}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done() and not reading.result():
                    telling.cancel()
                    break
                reading.cancel()
        finally:
            house.refusing -= 1
            await asyncio.gather(telling, return_exceptions=True)


async def _named(reader: asyncio.StreamReader, decoder: Decoder) -> tuple[str | None, list[framing.Frame]]:
    """The call's id, and the frames that came with it; sound before it is nobody's. None: it ended before."""
    while told := await reader.read(READ):
        frames = decoder.feed(told)
        for number, frame in enumerate(frames):
            if frame.kind == framing.CALL:
                return framing.call_id(frame) or str(uuid4()), frames[number + 1 :]
            if frame.kind in (framing.HANGUP, framing.FAULT):
                return None, []
    return None, []


async def _read(reader: asyncio.StreamReader, decoder: Decoder, line: Line, left: list[framing.Frame]) -> None:
    """Hands on what comes until the caller is gone."""
    resamplers: dict[int, Resampler] = {}
    try:
        frames = left
        while True:
            for frame in frames:
                if frame.kind in (framing.HANGUP, framing.FAULT):
                    return
                if (digit := framing.key(frame)) is not None:
                    line.key(digit)
                elif frame.rate == RATE:
                    line.sound(frame.payload)
                elif frame.rate is not None:
                    resampler = resamplers.setdefault(frame.rate, Resampler(frame.rate, RATE))
                    line.sound(resampler.take(frame.payload[: len(frame.payload) & ~1]))
            told = await reader.read(READ)
            if not told:
                return
            frames = decoder.feed(told)
    except (ConnectionError, Unreadable) as error:
        log.info("audiosocket: %s", error or type(error).__name__)
    finally:
        line.gone()


def _notices_a_dead_peer(writer: asyncio.StreamWriter) -> None:
    """A gateway whose cable was pulled says nothing; the kernel asks it."""
    held = writer.get_extra_info("socket")
    if held is None:
        return
    with contextlib.suppress(OSError):
        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                held.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
