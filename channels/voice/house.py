"""What all calls of one process share: parts, engines, the clock, and how many may talk at once."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.assembly import Parts
from bot.config import Voice as VoiceSettings
from bot.errors import NeighbourError
from channels.voice import ear, words
from channels.voice.call import Manners
from channels.voice.outgoing import Metronome
from channels.voice.phrases import phrases_of
from channels.voice.recognition import Transcriber, open_transcriber
from channels.voice.sms import TextMessages, open_text_messages
from channels.voice.sound import from_ulaw, hold_music, resampled
from channels.voice.synthesis import Voice, open_engine

if TYPE_CHECKING:
    from channels.voice.line import Line

log = logging.getLogger(__name__)
RATES = (8_000, 16_000)
APOLOGY = Path(__file__).with_name("apology.ulaw")  # for when nothing can speak: rendered once, it needs no engine
REFUSING = 20  # calls that are told at once that all lines are busy; beyond them there is not even that


@dataclass
class House:
    """Opened by `open_house`, closed by `close`."""

    parts: Parts
    settings: VoiceSettings
    transcriber: Transcriber
    voice: Voice
    texts: TextMessages | None
    folder: Path
    process: str = ""
    metronome: Metronome = field(default_factory=Metronome)
    lines: dict[str, Line] = field(default_factory=dict)
    refusing: int = 0
    _phrases: tuple[str, tuple[str, ...]] = ("", ())
    _music: dict[int, bytes] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.lines) >= self.settings.calls

    def manners(self, *, texts: bool) -> Manners:
        site = self.parts.site
        phones = "，".join(f"{purpose}，{number}" for number, purpose in site.phones[:2])
        return Manners(
            city=site.city, phones=ear.for_ear(phones), records=self.settings.record,
            texts=texts and self.texts is not None, longest=self.settings.longest_minutes * 60_000,
        )  # fmt: skip

    def phrases(self) -> Sequence[str]:
        """What callers are likely to say, of the version in service."""
        if not self.settings.phrases:
            return ()
        index = self.parts.library.current
        if self._phrases[0] != index.version:
            self._phrases = (index.version, phrases_of(index.entries.values()))
        return self._phrases[1]

    def music(self, rate: int) -> bytes:
        if rate not in self._music:
            self._music[rate] = hold_music(rate)
        return self._music[rate]

    def apology(self, rate: int) -> bytes:
        return resampled(from_ulaw(APOLOGY.read_bytes()), 8_000, rate)

    async def prepare(self) -> None:
        """Renders what is said in every call, while nobody waits for it."""
        await asyncio.to_thread(self.voice.sweep)
        notice = words.say("notice", city=self.parts.site.city)
        texts = [notice, *(piece for text in words.fixed() for piece in (text, *ear.sentences(text)))]
        await self.voice.prepare(list(dict.fromkeys(texts)), RATES)

    async def listens(self) -> bool:
        return self.transcriber.able

    def status(self) -> dict[str, object]:
        return {
            "calls": len(self.lines), "most": self.settings.calls, "synthesizer": self.voice.name,
            "transcriber": self.transcriber.name, "hears": self.transcriber.able, "speaks": self.voice.speaks,
        }  # fmt: skip

    async def close(self) -> None:
        for line in list(self.lines.values()):
            await line.close("lost")
        await self.metronome.close()
        await self.transcriber.close()
        await self.voice.close()


def machine() -> str:
    """This machine's name, as calls are marked with."""
    return socket.gethostname()[:64]


async def open_house(parts: Parts, process: str = "") -> House:
    """Starts the engines; returns when the recogniser can listen, or never will."""
    settings = parts.settings.channels.voice
    folder = parts.settings.home / "voice"
    transcriber = open_transcriber(settings.transcriber or found_model(folder), settings.recognisers)
    engine = open_engine(settings.synthesizer)
    if engine is None:
        log.warning("no synthesizer: calls are handed to the dialplan (pip install espeakng-loader, or espeak-ng)")
    house = House(
        parts, settings, transcriber, Voice(engine, folder / "spoken"), open_text_messages(settings.sms), folder,
        process=process or f"{machine()}|{os.getpid()}",
    )  # fmt: skip
    await parts.calls.lost(machine(), datetime.now(UTC))
    await transcriber.start()
    return house


def found_model(folder: Path) -> str:
    """The model that `make voice-model` fetched."""
    model = folder / "model"
    return f"vosk:{model}" if (model / "am" / "final.mdl").is_file() else ""


async def spoken(house: House, text: str, rate: int) -> bytes:
    """A text as the browser hears it, sentence by sentence. Raises NeighbourError."""
    pieces = [await house.voice.speak(piece, rate) for piece in ear.sentences(text)[:40]]
    if not pieces:
        raise NeighbourError("nothing to say")
    return b"".join(pieces)
