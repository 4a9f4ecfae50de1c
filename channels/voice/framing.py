"""AudioSocket, as Asterisk speaks it: frames of type, length (16 bits, big-endian) and payload (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

HANGUP, CALL, KEY, FAULT = 0x00, 0x01, 0x03, 0xFF
RATES = {
    0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000, 0x15: 44_100, 0x16: 48_000, 0x17: 96_000,
    0x18: 192_000,
}  # fmt: skip
KNOWN = frozenset({HANGUP, CALL, KEY, FAULT, *RATES})
AUDIO_8K = 0x10
HEADER = 3
LONGEST = 0xFFFF


@dataclass(frozen=True, slots=True)
class Frame:
    kind: int
    payload: bytes = b""

    @property
    def rate(self) -> int | None:
        """Samples a second of an audio frame; None for all others."""
        return RATES.get(self.kind)


class Unreadable(ValueError):
    """What came is not AudioSocket."""


class Decoder:
    """Bytes in as they arrive, whole frames out. Raises Unreadable at a type that nobody defined."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, told: bytes) -> list[Frame]:
        left, at, frames = self._left + told, 0, []
        while len(left) - at >= HEADER:
            kind, length = left[at], int.from_bytes(left[at + 1 : at + HEADER], "big")
            if kind not in KNOWN:
                raise Unreadable(f"type {kind:#04x}")
            end = at + HEADER + length
            if len(left) < end:
                break
            frames.append(Frame(kind, left[at + HEADER : end]))
            at = end
        self._left = left[at:]
        return frames


def encode(frame: Frame) -> bytes:
    if len(frame.payload) > LONGEST:
        raise ValueError("a payload has at most 65535 bytes")
    return bytes([frame.kind]) + len(frame.payload).to_bytes(2, "big") + frame.payload


def audio(pcm: bytes) -> bytes:
    """One frame of 8 kHz audio. Asterisk takes an empty one for a fault."""
    return encode(Frame(AUDIO_8K, pcm))


GIVE_BACK = encode(Frame(HANGUP))  # the dialplan goes on


def call_id(frame: Frame) -> str | None:
    """The UUID of a frame that names the call."""
    return str(UUID(bytes=frame.payload)) if frame.kind == CALL and len(frame.payload) == 16 else None


def key(frame: Frame) -> str | None:
    """The key that was pressed."""
    pressed = frame.payload.decode("ascii", "replace") if frame.kind == KEY else ""
    return pressed if len(pressed) == 1 and pressed in "0123456789*#" else None
