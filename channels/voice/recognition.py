"""Sound to text behind one interface: libvosk in a pool of processes, or a server of vosk-server's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import websockets
from websockets.asyncio.client import ClientConnection, connect

from bot.children import FIRST_PAUSE, LONGEST_PAUSE, end_with_parent
from bot.errors import NeighbourError, SettingsError
from channels.voice.recogniser import AUDIO, CLOSE, FINAL, FINISH, HEADER, OPEN, READY, SPENT

log = logging.getLogger(__name__)
PIECE_MS = 60  # of sound for the recogniser at once: the round costs more than the decoding of less
ANSWERS_WITHIN = 3.0  # seconds to say its last word before a process counts as hanging
STARTS_WITHIN = 60.0  # a large model takes its time
CONNECTS_WITHIN = 2.0
BEHIND = 256 * 1024  # bytes that wait for a process that takes nothing


@dataclass(frozen=True, slots=True)
class Words:
    """What was heard so far, or in the end; `spent` answers `finish`."""

    text: str
    final: bool = False
    confidence: float = 1.0
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """Whoever listened does not any more; another may."""


Told = Callable[[Words | Lost], None]


class Listener(Protocol):
    """One caller's ear. Nothing is told after `close`."""

    def feed(self, pcm: bytes) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class Transcriber(Protocol):
    name: str

    @property
    def able(self) -> bool:
        """Whether anybody listens now."""

    async def start(self) -> None: ...
    async def listen(self, rate: int, phrases: Sequence[str], told: Told) -> Listener:
        """Raises NeighbourError when nobody can listen."""

    async def close(self) -> None: ...


class Deaf:
    """No recogniser: calls go by keys."""

    name = "none"
    able = False

    async def start(self) -> None:
        return None

    async def listen(self, rate: int, phrases: Sequence[str], told: Told) -> Listener:
        del rate, phrases, told
        raise NeighbourError("no recogniser")

    async def close(self) -> None:
        return None


class Pool:
    """libvosk in some processes, each with the model loaded once; a new caller goes where the fewest are."""

    def __init__(self, model: Path, processes: int = 2) -> None:
        self.name = f"vosk:{model.name}"
        self._ears = [_Ear(model, n) for n in range(processes)]

    @property
    def able(self) -> bool:
        return any(ear.ready for ear in self._ears)

    async def start(self) -> None:
        """Returns when the first can listen, or none will."""
        starting = [asyncio.create_task(ear.start()) for ear in self._ears]
        await asyncio.gather(*starting)

    async def listen(self, rate: int, phrases: Sequence[str], told: Told) -> Listener:
        ready = [ear for ear in self._ears if ear.ready]
        if not ready:
            raise NeighbourError("no recogniser is up")
        return min(ready, key=lambda ear: ear.callers).open(rate, phrases, told)

    @property
    def pids(self) -> list[int]:
        return [pid for ear in self._ears if (pid := ear.pid) is not None]

    async def close(self) -> None:
        await asyncio.gather(*(ear.close() for ear in self._ears))


class _Ear:
    """One recogniser process, started again with back-off when it ends."""

    def __init__(self, model: Path, number: int) -> None:
        self._model = model
        self._number = number
        self._process: asyncio.subprocess.Process | None = None
        self._told: dict[int, Told] = {}
        self._next = 1
        self._keeping: asyncio.Task[None] | None = None
        self._first = asyncio.Event()
        self.ready = False

    @property
    def callers(self) -> int:
        return len(self._told)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        self._keeping = asyncio.create_task(self._keep(), name=f"recogniser-{self._number}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STARTS_WITHIN):
                await self._first.wait()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            lived = await self._live()
            self._first.set()
            self.ready = False
            told, self._told = self._told, {}
            for tell in told.values():
                tell(Lost())
            pause = FIRST_PAUSE if lived else min(pause * 2, LONGEST_PAUSE)
            log.warning("recogniser %d ended; next start in %.1f s", self._number, pause)
            await asyncio.sleep(pause)

    async def _live(self) -> bool:
        """From its start to its end; whether it ever listened."""
        lived = False
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "channels.voice.recogniser", str(self._model), stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent,
            )  # fmt: skip
            assert self._process.stdout
            while True:
                header = await self._process.stdout.readexactly(HEADER.size)
                caller, kind, length = HEADER.unpack(header)
                told = json.loads(await self._process.stdout.readexactly(length))
                if kind == READY:
                    lived = self.ready = True
                    self._first.set()
                elif (tell := self._told.get(caller)) is not None:
                    tell(Words(told["text"], kind in (FINAL, SPENT), told.get("confidence", 1.0), kind == SPENT))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            return lived
        finally:
            self.ready = False
            await self._end()

    def open(self, rate: int, phrases: Sequence[str], told: Told) -> Listener:
        caller, self._next = self._next, self._next + 1
        self._told[caller] = told
        wanted = {"rate": rate, "phrases": list(phrases)}
        self.send(caller, OPEN, json.dumps(wanted, ensure_ascii=False).encode())
        return _PooledListener(self, caller, rate)

    def send(self, caller: int, kind: int, payload: bytes = b"") -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        process.stdin.write(HEADER.pack(caller, kind, len(payload)) + payload)
        if process.stdin.transport.get_write_buffer_size() > BEHIND:
            self.kill()  # it hangs: whoever waits for it is better served by another

    def kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    def forget(self, caller: int) -> None:
        if self._told.pop(caller, None) is not None:
            self.send(caller, CLOSE)

    async def _end(self) -> None:
        if self._process is None:
            return
        self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            with contextlib.suppress(ConnectionError):
                await self._process.stdout.read()
        await self._process.wait()

    async def close(self) -> None:
        self._told.clear()
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)


class _PooledListener:
    def __init__(self, ear: _Ear, caller: int, rate: int) -> None:
        self._ear = ear
        self._caller = caller
        self._piece = rate * PIECE_MS // 1000 * 2
        self._waiting = bytearray()
        self._late: asyncio.TimerHandle | None = None
        told = ear._told[caller]
        ear._told[caller] = lambda words: self._heard(told, words)

    def _heard(self, told: Told, words: Words | Lost) -> None:
        if self._late is not None and (isinstance(words, Lost) or words.spent):
            self._late.cancel()
            self._late = None
        told(words)

    def feed(self, pcm: bytes) -> None:
        self._waiting += pcm
        if len(self._waiting) >= self._piece:
            self._ear.send(self._caller, AUDIO, bytes(self._waiting))
            self._waiting.clear()

    def finish(self) -> None:
        if self._waiting:
            self._ear.send(self._caller, AUDIO, bytes(self._waiting))
            self._waiting.clear()
        self._ear.send(self._caller, FINISH)
        if self._late is None:
            self._late = asyncio.get_running_loop().call_later(ANSWERS_WITHIN, self._ear.kill)

    def close(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._ear.forget(self._caller)


class Remote:
    """A server beside us or elsewhere; one connection a caller."""

    def __init__(self, url: str) -> None:
        self.name = f"vosk+{url}"
        self._url = url
        self.able = True

    async def start(self) -> None:
        """Asks once whether it is there."""
        with contextlib.suppress(NeighbourError):
            (await self.listen(8_000, (), lambda words: None)).close()

    async def listen(self, rate: int, phrases: Sequence[str], told: Told) -> Listener:
        try:
            async with asyncio.timeout(CONNECTS_WITHIN):
                connection = await connect(self._url, proxy=None, ping_interval=5, ping_timeout=5, close_timeout=1)
                config: dict[str, Any] = {"sample_rate": rate, "words": True, "max_alternatives": 0}
                if phrases:
                    config["phrase_list"] = [*phrases, "[unk]"]
                await connection.send(json.dumps({"config": config}, ensure_ascii=False))
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            self.able = False
            raise NeighbourError(f"{self._url} does not answer") from error
        self.able = True
        return _RemoteListener(connection, rate, told)

    async def close(self) -> None:
        return None


class _RemoteListener:
    """Each message has exactly one answer, in order: so it is known which of them answers `finish`."""

    def __init__(self, connection: ClientConnection, rate: int, told: Told) -> None:
        self._connection = connection
        self._told = told
        self._piece = rate * PIECE_MS // 1000 * 2
        self._waiting = bytearray()
        self._out: asyncio.Queue[bytes | str] = asyncio.Queue(maxsize=500)
        self._asked: deque[bool] = deque()
        self._last = ""
        self._closed = False
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._hear())]

    def feed(self, pcm: bytes) -> None:
        self._waiting += pcm
        if len(self._waiting) >= self._piece:
            self._put(bytes(self._waiting))
            self._waiting.clear()

    def finish(self) -> None:
        if self._waiting:
            self._put(bytes(self._waiting))
            self._waiting.clear()
        self._put('{"reset" : 1}')

    def _put(self, message: bytes | str) -> None:
        try:
            self._out.put_nowait(message)
        except asyncio.QueueFull:
            self._lost()

    async def _send(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                message = await self._out.get()
                self._asked.append(isinstance(message, str))
                await self._connection.send(message)

    async def _hear(self) -> None:
        try:
            async for message in self._connection:
                self._take(json.loads(message), self._asked.popleft() if self._asked else False)
        except (websockets.ConnectionClosed, ValueError, TypeError, AttributeError):
            pass
        self._lost()

    def _take(self, told: dict[str, Any], spent: bool) -> None:
        if self._closed:
            return
        if "partial" in told and not spent:
            if told["partial"] != self._last:
                self._last = str(told["partial"])
                self._told(Words(self._last))
            return
        self._last = ""
        text = str(told.get("text", ""))
        sure = [word["conf"] for word in told.get("result", ()) if isinstance(word.get("conf"), int | float)]
        if text or spent:
            self._told(Words(text, final=True, confidence=sum(sure) / len(sure) if sure else 1.0, spent=spent))

    def _lost(self) -> None:
        if not self._closed:
            self.close()
            self._told(Lost())

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        closing = asyncio.create_task(self._end())
        _CLOSING.add(closing)
        closing.add_done_callback(_CLOSING.discard)

    async def _end(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError, websockets.WebSocketException):
            await self._connection.close()


_CLOSING: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish before its end


def open_transcriber(url: str, processes: int = 2) -> Transcriber:
    """`vosk:MODEL_FOLDER`, `vosk+ws://host:port`, or empty for none. Raises SettingsError for anything else."""
    kind, _, rest = url.partition(":")
    if kind == "vosk" and rest:
        return Pool(Path(rest).absolute(), processes) if Path(rest).is_dir() else Deaf()
    if url.startswith(("vosk+ws://", "vosk+wss://")):
        return Remote(url.removeprefix("vosk+"))
    if not url:
        return Deaf()
    raise SettingsError(f"channels.voice.transcriber: {url} is not known; write vosk:FOLDER or vosk+ws://host:port")
