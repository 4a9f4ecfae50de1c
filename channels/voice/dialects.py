"""What gateways say on a websocket: mod_audio_fork, jambonz, mod_audio_stream and Twilio Media Streams (pure)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from channels.voice.sound import from_ulaw, to_ulaw

DRACHTIO, JAMBONZ = "audio.drachtio.org", "audio.jambonz.org"
SUBPROTOCOLS = (DRACHTIO, JAMBONZ)
RATES = (8_000, 16_000)
LONGEST_ID = 64


class Unreadable(ValueError):
    """What came is not of this dialect."""


@dataclass(frozen=True, slots=True)
class Started:
    """The first that a gateway tells: which call, its rate, and the secret where it stands in the metadata."""

    call: str | None
    rate: int
    secret: str | None = None
    number: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """Little-endian 16 bit samples at the rate of the call."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Key:
    digit: str


@dataclass(frozen=True, slots=True)
class Stopped:
    pass


Told = Started | Sound | Key | Stopped
Wire = str | bytes


class Dialect(Protocol):
    """One connection's way to speak. Raises Unreadable for what it cannot be."""

    def hear(self, message: Wire) -> list[Told]: ...
    def audio(self, pcm: bytes) -> Wire: ...
    def flush(self) -> Wire | None:
        """Forget what is not played yet; None where the gateway cannot."""

    def hang_up(self) -> Wire | None: ...


class Linear:
    """L16 in binary messages, everything else in JSON: the dialects that differ by their subprotocol."""

    def __init__(self, subprotocol: str | None = None, *, rate: int | None = None) -> None:
        self._kind = subprotocol
        self._rate = rate or 8_000
        self._stated = rate is not None
        self._files: str | None = None  # how audio goes back where binary messages are not played
        self._started = False

    def hear(self, message: Wire) -> list[Told]:
        if isinstance(message, bytes):
            return [Sound(message)]
        told = _object(message)
        if not self._started:
            return [self._start(told)]
        digit = _digit(told)
        if digit:
            return [Key(digit)]
        return [Stopped()] if told.get("type") in ("stop", "disconnect", "hangup") else []

    def _start(self, told: Mapping[str, Any]) -> Started:
        self._started = True
        more = told.get("metadata")
        more = more if isinstance(more, dict) else {}
        rate = told.get("sampleRate", more.get("sampleRate", self._rate))
        if self._stated:
            rate = self._rate
        if isinstance(rate, str) and rate.isdecimal():
            rate = int(rate)
        if isinstance(rate, bool) or rate not in RATES:
            raise Unreadable("only 8000 and 16000 Hz")
        self._rate = rate
        back = _text(told, "playback") or _text(more, "playback")
        self._files = back if back in ("playAudio", "streamAudio") else None
        call = _text(told, "uuid") or _text(more, "uuid") or _text(told, "callSid") or _text(told, "call_sid")
        return Started(
            _call(call), self._rate, _text(told, "secret") or _text(more, "secret"),
            _text(told, "from") or _text(told, "number") or _text(more, "number") or "",
        )  # fmt: skip

    def audio(self, pcm: bytes) -> Wire:
        if self._files is None:
            return pcm
        told = base64.b64encode(pcm).decode()
        if self._files == "playAudio":
            data = {"audioContentType": "raw", "sampleRate": self._rate, "audioContent": told}
        else:
            data = {"audioDataType": "raw", "sampleRate": self._rate, "audioData": told}
        return json.dumps({"type": self._files, "data": data})

    def flush(self) -> Wire | None:
        return json.dumps({"type": "killAudio"}) if self._kind in SUBPROTOCOLS else None

    def hang_up(self) -> Wire | None:
        return json.dumps({"type": "disconnect"}) if self._kind in SUBPROTOCOLS else None


class Twilio:
    """Media Streams: JSON only, mu-law at 8 kHz in base64."""

    def __init__(self) -> None:
        self._stream = ""
        self._marks = 0

    def hear(self, message: Wire) -> list[Told]:
        told = _object(message)
        match told.get("event"):
            case "start":
                return [self._start(_part(told, "start"), told)]
            case "media":
                media = _part(told, "media")
                if media.get("track", "inbound") not in ("inbound", "inbound_track"):
                    return []
                return [Sound(from_ulaw(_bytes(media.get("payload"))))]
            case "dtmf":
                digit = _digit(_part(told, "dtmf"))
                return [Key(digit)] if digit else []
            case "stop":
                return [Stopped()]
            case _:
                return []  # connected, mark, and what a later release may tell

    def _start(self, start: Mapping[str, Any], told: Mapping[str, Any]) -> Started:
        form = start.get("mediaFormat", {})
        form = form if isinstance(form, dict) else {}
        if form.get("sampleRate", 8_000) not in (8_000, "8000") or form.get("encoding", "audio/x-mulaw") not in (
            "audio/x-mulaw",
            "audio/mulaw",
        ):
            raise Unreadable("only audio/x-mulaw at 8000 Hz")
        self._stream = _text(start, "streamSid") or _text(told, "streamSid") or ""
        more = start.get("customParameters", {})
        more = more if isinstance(more, dict) else {}
        return Started(_call(_text(start, "callSid")), 8_000, _text(more, "secret"), _text(more, "number") or "")

    def audio(self, pcm: bytes) -> Wire:
        payload = base64.b64encode(to_ulaw(pcm)).decode()
        return json.dumps({"event": "media", "streamSid": self._stream, "media": {"payload": payload}})

    def mark(self, name: str) -> Wire:
        """Comes back when what was sent before it has been played."""
        return json.dumps({"event": "mark", "streamSid": self._stream, "mark": {"name": name}})

    def flush(self) -> Wire | None:
        return json.dumps({"event": "clear", "streamSid": self._stream})

    def hang_up(self) -> Wire | None:
        return None  # closing the socket gives the call back to its TwiML


def _object(message: Wire) -> dict[str, Any]:
    try:
        told = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error
    if not isinstance(told, dict):
        raise Unreadable("not an object")
    return told


def _part(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = told.get(name)
    if not isinstance(part, dict):
        raise Unreadable(f"{name} is missing")
    return part


def _bytes(told: object) -> bytes:
    if not isinstance(told, str):
        raise Unreadable("payload is no text")
    try:
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("payload is not base64") from error


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value if isinstance(value, str) and value else None


def _call(name: str | None) -> str | None:
    if name is None:
        return None
    if len(name) > LONGEST_ID or not all(c.isalnum() or c in "-_." for c in name):
        raise Unreadable("the call's id is too long or has other characters")
    return name


def _digit(told: Mapping[str, Any]) -> str | None:
    if told.get("event", "dtmf") != "dtmf" and told.get("type") != "dtmf":
        return None
    for name in ("dtmf", "digit", "digits"):
        value = told.get(name)
        if isinstance(value, str) and len(value) == 1 and value in "0123456789*#":
            return value
    return None
