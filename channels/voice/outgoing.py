"""What goes out to a caller, 20 ms at a time by the clock: no drift, and nothing ahead that cannot be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from channels.voice.sound import FRAME_MS, silence

log = logging.getLogger(__name__)
FRAME = FRAME_MS / 1000
STALLED = 10  # frames: after so long a standstill what was missed is left out, or the caller would hear all of it late
AGENT_BEHIND_MS = 400  # of an agent's sound at most; older is dropped


class Metronome:
    """One clock for all calls of a process: a beat each 20 ms, by deadline."""

    def __init__(self) -> None:
        self._beats: set[Callable[[float], None]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, beat: Callable[[float], None]) -> None:
        self._beats.add(beat)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="metronome")

    def remove(self, beat: Callable[[float], None]) -> None:
        self._beats.discard(beat)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while self._beats:
            due += FRAME
            now = loop.time()
            if due > now:
                await asyncio.sleep(due - now)
            elif now - due > STALLED * FRAME:
                due = now
            now = loop.time()
            for beat in tuple(self._beats):
                try:
                    beat(now)
                except Exception:
                    log.exception("a call's beat failed")
                    self._beats.discard(beat)

    async def close(self) -> None:
        self._beats.clear()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


@dataclass(slots=True)
class Part:
    """One sentence as sound; `at` bytes of it are gone out."""

    saying: int
    number: int
    pcm: bytes
    last: bool
    at: int = 0


class Outgoing:
    """The queue of one caller. `due` gives what is to be sent now; `heard` the parts that have been played by now."""

    def __init__(self, rate: int, *, ahead: int = 1, steady: bool = True) -> None:
        self.rate = rate
        self._size = rate * FRAME_MS // 1000 * 2
        self._ahead = ahead
        self._steady = steady  # sends silence too: the gateway hangs up on a line without any sound
        self._parts: deque[Part] = deque()
        self._music = b""
        self._music_at = 0
        self.music = False
        self._agent = bytearray()
        self._began: float | None = None
        self._sent = 0
        self._played: deque[tuple[float, Part]] = deque()

    def add(self, part: Part) -> None:
        self._parts.append(part)

    def clear(self) -> None:
        self._parts.clear()
        self._played.clear()

    def set_music(self, pcm: bytes) -> None:
        self._music = pcm

    def agent(self, pcm: bytes) -> None:
        """An agent speaks: at once, over everything else."""
        self._agent += pcm
        most = self.rate * AGENT_BEHIND_MS // 1000 * 2
        if len(self._agent) > most:
            del self._agent[: len(self._agent) - most]

    @property
    def idle(self) -> bool:
        return not (self._parts or self._agent or (self.music and self._music))

    def due(self, now: float) -> list[bytes]:
        """Frames to send at `now`, none when everything is on time."""
        if self._began is None or (self.idle and not self._steady):
            self._began, self._sent = now, 0
            if self.idle and not self._steady:
                return []
        due = int((now - self._began) / FRAME + 1e-6) + self._ahead - self._sent
        if due > STALLED + self._ahead:
            self._sent += due - self._ahead
            due = self._ahead
        frames = [self._frame(now) for _ in range(max(0, due))]
        self._sent += len(frames)
        return frames

    def heard(self, now: float) -> list[Part]:
        found = []
        while self._played and self._played[0][0] <= now:
            found.append(self._played.popleft()[1])
        return found

    def _frame(self, now: float) -> bytes:
        if self._agent:
            told = bytes(self._agent[: self._size])
            del self._agent[: self._size]
        elif self._parts:
            told = self._spoken(now)
        elif self.music and self._music:
            told = self._music[self._music_at : self._music_at + self._size]
            self._music_at = (self._music_at + self._size) % len(self._music)
        else:
            return silence(self.rate)
        return told.ljust(self._size, b"\0")

    def _spoken(self, now: float) -> bytes:
        part = self._parts[0]
        told = part.pcm[part.at : part.at + self._size]
        part.at += len(told)
        if part.at >= len(part.pcm):
            self._parts.popleft()
            self._played.append((now + (self._ahead - 1) * FRAME, part))
        return told
