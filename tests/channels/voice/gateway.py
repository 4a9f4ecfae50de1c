"""A gateway and its caller: AudioSocket over a real TCP socket, in real time, as Asterisk sends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np

from channels.voice import framing, sound
from channels.voice.framing import Decoder, Frame, encode

FRAME = 0.02


def loud(pcm: bytes) -> bool:
    told = sound.samples(pcm)
    return bool(len(told)) and float(np.sqrt(np.mean(told.astype(float) ** 2))) > 100


@dataclass
class Caller:
    """Sends 20 ms of sound each 20 ms, silence where there is nothing to say, and keeps what it hears."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    id: str
    speech: bytearray = field(default_factory=bytearray)
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    given_back: float | None = None
    closed: bool = False

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def say(self, pcm: bytes) -> None:
        self.speech += pcm

    def key(self, digit: str) -> None:
        self.send(Frame(framing.KEY, digit.encode()))

    def send(self, frame: Frame) -> None:
        self.writer.write(encode(frame))

    async def finish(self) -> float:
        """Until all is said; when that was."""
        while self.speech:
            await asyncio.sleep(0.005)
        return self.now

    async def quiet(self, ms: int = 600, within: float = 40) -> float:
        """Until the service has been silent for so long; when it fell silent."""
        async with asyncio.timeout(within):
            while True:
                last = next((at for at, pcm in reversed(self.heard) if loud(pcm)), 0.0)
                if last and self.now - last > ms / 1000:
                    return last
                await asyncio.sleep(0.01)

    async def sounds(self, after: float = 0.0, within: float = 10) -> float:
        """Until the service says something after that moment; when it began."""
        async with asyncio.timeout(within):
            while True:
                found = next((at for at, pcm in self.heard if at > after and loud(pcm)), None)
                if found is not None:
                    return found
                await asyncio.sleep(0.005)

    async def over(self, within: float = 30) -> None:
        async with asyncio.timeout(within):
            while self.given_back is None and not self.closed:
                await asyncio.sleep(0.01)

    async def _send(self) -> None:
        due = self.now
        while not self.writer.is_closing():
            piece = bytes(self.speech[:320]).ljust(320, b"\0")
            del self.speech[:320]
            self.writer.write(framing.audio(piece))
            due += FRAME
            await asyncio.sleep(max(0, due - self.now))

    async def _hear(self) -> None:
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while told := await self.reader.read(16_384):
                for frame in decoder.feed(told):
                    if frame.kind == framing.HANGUP:
                        self.given_back = self.now
                    elif frame.rate:
                        self.heard.append((self.now, frame.payload))
        self.closed = True


@asynccontextmanager
async def calling(port: int, id: str | None = None, *, named: bool = True, sends: bool = True) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    caller = Caller(reader, writer, id or str(uuid4()))
    if named:
        caller.send(Frame(framing.CALL, UUID(caller.id).bytes))
    tasks = [asyncio.create_task(caller._hear())]
    if sends:
        tasks.append(asyncio.create_task(caller._send()))
    try:
        yield caller
    finally:
        writer.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
