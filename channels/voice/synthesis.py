"""Text to sound: eSpeak NG, or any program that is told a text and answers with a WAV; each text rendered once."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from pypinyin import Style, lazy_pinyin

from bot.children import end_with_parent
from bot.errors import NeighbourError, SettingsError
from channels.voice.sound import resampled

log = logging.getLogger(__name__)
PATIENCE = 2.0  # seconds for one sentence; it takes 10 to 20 ms
WORDS_A_MINUTE = 180
NEWER = (1, 52)  # from here on Chinese characters are read rightly
VOICE, PINYIN_VOICE = "cmn+f2", "cmn-latn-pinyin+f2"
IN_MEMORY = 64 * 2**20  # bytes of sound
ON_DISK = 512 * 2**20
LONGEST_TEXT = 600


@dataclass(frozen=True, slots=True)
class Spoken:
    """16 bit mono samples."""

    pcm: bytes
    rate: int


class Engine(Protocol):
    """Renders one text. Raises NeighbourError when it can't in time."""

    name: str

    async def render(self, text: str, speed: float) -> Spoken: ...

    async def close(self) -> None: ...


class EspeakLoaded:
    """Our own small program around the library of espeakng-loader, kept running: 5 ms a sentence."""

    name = "espeak-1.52"

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "channels.voice.espeak")) -> None:
        self._command = list(command)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def render(self, text: str, speed: float) -> Spoken:
        line = json.dumps({"text": text, "words_a_minute": round(WORDS_A_MINUTE * speed)})
        async with self._turn:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._asked(line.encode() + b"\n")
            except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                await self._end()
                raise NeighbourError(f"{self._command[-1]} does not answer") from error
            except asyncio.CancelledError:
                await self._end()  # half an answer would be taken for the next one's
                raise

    async def _asked(self, line: bytes) -> Spoken:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=end_with_parent,
            )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line)
        await self._process.stdin.drain()
        rate, length = struct.unpack("<II", await self._process.stdout.readexactly(8))
        return Spoken(await self._process.stdout.readexactly(length), rate)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _killed(process)

    async def close(self) -> None:
        async with self._turn:  # nobody reads an answer any more
            await self._end()


class Program:
    """A program for every text: the text on its standard input, a WAV on its standard output."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self.name = name
        self._command = list(command)

    async def render(self, text: str, speed: float) -> Spoken:
        return await self._run(self._arguments(speed), self._told(text))

    async def _run(self, command: Sequence[str], told: str) -> Spoken:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                preexec_fn=end_with_parent,
            )  # fmt: skip
        except OSError as error:
            raise NeighbourError(f"{command[0]}: {error.strerror}") from error
        try:
            async with asyncio.timeout(PATIENCE):
                out, _ = await process.communicate(told.encode())
        except TimeoutError as error:
            raise NeighbourError(f"{command[0]} does not answer") from error
        finally:
            if process.returncode is None:
                await _killed(process)
        if process.returncode:
            raise NeighbourError(f"{command[0]} ended with {process.returncode}")
        return read_wav(out)

    def _arguments(self, speed: float) -> Sequence[str]:
        return [part.replace("{speed}", f"{speed:.2f}") for part in self._command]

    def _told(self, text: str) -> str:
        return text

    async def close(self) -> None:
        return None


class EspeakProgram(Program):
    """The espeak-ng of the system. Before 1.52 it spells Chinese characters as English letters, so it gets pinyin."""

    def __init__(self, program: str, *, pinyin: bool) -> None:
        voice = PINYIN_VOICE if pinyin else VOICE
        super().__init__([program, "--stdout", "-v", voice], f"espeak-{'pinyin' if pinyin else 'characters'}")
        self._pinyin = pinyin

    def _arguments(self, speed: float) -> Sequence[str]:
        return [*self._command, "-s", str(round(WORDS_A_MINUTE * speed))]

    def _told(self, text: str) -> str:
        return as_pinyin(text) if self._pinyin else text


def as_pinyin(text: str) -> str:
    """Syllables with the figure of their tone, sandhi applied; marks stay as pauses, letters are spelled."""
    marks = str.maketrans("，、；：。！？“”（）", ",,,,.!?  ,,")
    spelled = re.sub(r"[A-Za-z]+", lambda m: " ".join(m[0]), text.translate(marks))
    return " ".join(lazy_pinyin(spelled, style=Style.TONE3, tone_sandhi=True, neutral_tone_with_five=True))


def read_wav(told: bytes) -> Spoken:
    """16 bit mono PCM; a length that a pipe could not know is the rest. Raises NeighbourError for all else."""
    if told[:4] != b"RIFF" or told[8:12] != b"WAVE":
        raise NeighbourError("the synthesizer's answer is no WAV")
    at, rate = 12, 0
    while at + 8 <= len(told):
        name, size = told[at : at + 4], int.from_bytes(told[at + 4 : at + 8], "little")
        body = told[at + 8 : at + 8 + size]
        if name == b"fmt ":
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if channels != 1 or bits != 16 or kind not in (1, 0xFFFE):
                raise NeighbourError("the synthesizer's WAV is not 16 bit mono")
        elif name == b"data":
            if not rate:
                break
            return Spoken(body[: len(body) & ~1], rate)
        at += 8 + size + size % 2
    raise NeighbourError("the synthesizer's WAV has no sound")


def wav(pcm: bytes, rate: int) -> bytes:
    """16 bit mono, with a note that the voice is synthetic."""
    note = b"INFOISFT" + struct.pack("<I", 20) + b"AI synthetic speech\0"
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = form + b"LIST" + struct.pack("<I", len(note)) + note + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def open_engine(url: str) -> Engine | None:
    """`espeak:` (as newly as it is here), `command:program {speed}`, or empty for none.

    Raises SettingsError for anything else. None: nothing that could speak is installed.
    """
    kind, _, rest = url.partition(":")
    if kind == "command" and rest.strip():
        return Program(shlex.split(rest), f"command:{rest.strip()}")
    if kind == "espeak":
        if not rest and importlib.util.find_spec("espeakng_loader") is not None:
            return EspeakLoaded()
        program = shutil.which(rest or "espeak-ng")
        return EspeakProgram(program, pinyin=_version(program) < NEWER) if program else None
    if not url:
        return None
    raise SettingsError(f"channels.voice.synthesizer: {url} is not known; write espeak: or command:…")


class Voice:
    """Speaks texts at a rate; what was spoken once is kept by the hash of all that shapes it."""

    def __init__(self, engine: Engine | None, folder: Path | None = None) -> None:
        self._engine = engine
        self._folder = folder
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def speaks(self) -> bool:
        return self._engine is not None

    @property
    def name(self) -> str:
        return self._engine.name if self._engine else "none"

    async def speak(self, text: str, rate: int, *, speed: float = 1.0, keep: bool = False) -> bytes:
        """Samples at `rate`. `keep` also on disk, for the sentences that are said in every call.

        Raises NeighbourError when nothing can speak it.
        """
        key = self._key(text, rate, speed)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        path = self._folder / f"{key}.pcm" if self._folder else None
        if path is not None:
            with contextlib.suppress(OSError):
                self._remember(key, found := await asyncio.to_thread(path.read_bytes))
                return found
        if self._engine is None:
            raise NeighbourError("no synthesizer")
        spoken = await self._engine.render(text[:LONGEST_TEXT], speed)
        told = await asyncio.to_thread(resampled, spoken.pcm, spoken.rate, rate)
        self._remember(key, told)
        if keep and path is not None:
            await asyncio.to_thread(_write, path, told)
        return told

    async def prepare(self, texts: Sequence[str], rates: Sequence[int]) -> None:
        """Renders before anybody waits; stops at the first that can't be."""
        with contextlib.suppress(NeighbourError):
            for rate in rates:
                for text in texts:
                    await self.speak(text, rate, keep=True)

    def sweep(self) -> None:
        """Forgets the oldest files beyond the room there is."""
        if self._folder is None:
            return
        files = sorted(self._folder.glob("*.pcm"), key=lambda p: p.stat().st_mtime, reverse=True)
        used = 0
        for path in files:
            used += path.stat().st_size
            if used > ON_DISK:
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()

    def _key(self, text: str, rate: int, speed: float) -> str:
        return sha256(f"{self.name}\0{rate}\0{speed:.2f}\0{text}".encode()).hexdigest()[:32]

    def _remember(self, key: str, told: bytes) -> None:
        self._kept[key] = told
        self._size += len(told)
        while self._size > IN_MEMORY:
            self._size -= len(self._kept.popitem(last=False)[1])


def _version(program: str) -> tuple[int, int]:
    """Of espeak-ng; the oldest where it does not say."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        asked = [program, "--version"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout  # noqa: S603
        if found := re.search(r"(\d+)\.(\d+)", told):
            return int(found[1]), int(found[2])
    return 0, 0


def _write(path: Path, told: bytes) -> None:
    """Whole or not at all."""
    making = path.with_suffix(f".{os.getpid()}")
    making.write_bytes(told)
    making.replace(path)


async def _killed(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    for pipe in (process.stdin,):
        if pipe is not None:
            pipe.close()
    if process.stdout is not None:
        with contextlib.suppress(ConnectionError):
            await process.stdout.read()
    await process.wait()
