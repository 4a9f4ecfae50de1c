"""Sound as numbers: mu-law, other rates, and whether somebody speaks (pure)."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, lfilter, resample_poly

FRAME_MS = 20
Samples = NDArray[np.int16]
BIAS, CLIP = 132, 32635  # G.711
LEAST_LOUD = 120.0  # root mean square below which nobody hears anything, of 32767
ABOVE_FLOOR = 3.0  # times the quiet around the speaker
FLOOR_OVER = 75  # frames: the quietest of the last 1.5 s is the quiet around; speech pauses within them
RISES_OF = 5  # frames; three of them loud are speech, one is a click
RISES = 3


def samples(pcm: bytes) -> Samples:
    """Little-endian 16 bit; half a sample at the end is dropped."""
    return np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(np.int16)


def pcm(told: Samples) -> bytes:
    return told.astype("<i2").tobytes()


def silence(rate: int, ms: int = FRAME_MS) -> bytes:
    return bytes(rate * ms // 1000 * 2)


def _expanded() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = ((((code & 0x0F) << 3) + BIAS) << ((code & 0x70) >> 4)) - BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


_FROM_ULAW = _expanded()


def from_ulaw(told: bytes) -> bytes:
    return pcm(_FROM_ULAW[np.frombuffer(told, np.uint8)])


def to_ulaw(told: bytes) -> bytes:
    """G.711 mu-law of 16 bit samples."""
    value = samples(told).astype(np.int32)
    sign = np.where(value < 0, 0x80, 0)
    size = np.minimum(np.abs(value), CLIP) + BIAS
    exponent = np.floor(np.log2(size)).astype(np.int32) - 7
    mantissa = (size >> (exponent + 3)) & 0x0F
    coded: bytes = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8).tobytes()
    return coded


def resampled(told: bytes, rate: int, to: int) -> bytes:
    """A whole recording at another rate."""
    if rate == to or not told:
        return told
    shared = math.gcd(rate, to)
    changed = resample_poly(samples(told).astype(np.float64), to // shared, rate // shared)
    return pcm(np.clip(np.rint(changed), -32768, 32767).astype(np.int16))


class Resampler:
    """Another rate for sound that comes in pieces: no click where they meet."""

    def __init__(self, rate: int, to: int) -> None:
        shared = math.gcd(rate, to)
        self._up, self._down = to // shared, rate // shared
        most = max(self._up, self._down)
        self._taps = firwin(16 * most + 1, 1.0 / most) * self._up if most > 1 else np.ones(1)
        self._state = np.zeros(len(self._taps) - 1)
        self._skip = 0  # samples of the raised rate until the next that is kept

    def take(self, told: bytes) -> bytes:
        if self._up == self._down or not told:
            return told
        raised = np.zeros(len(told) // 2 * self._up)
        raised[:: self._up] = samples(told)
        smooth, self._state = lfilter(self._taps, np.ones(1), raised, zi=self._state)
        kept = smooth[self._skip :: self._down]
        self._skip = (self._skip - len(raised)) % self._down
        return pcm(np.clip(np.rint(kept), -32768, 32767).astype(np.int16))


class Voicing:
    """Hears, frame by frame, whether somebody speaks; what is loud all the time counts as quiet.

    `speaks_ms` is how long the present speech lasts, with its short pauses; `quiet_ms` how long nobody has spoken.
    """

    def __init__(self, rate: int) -> None:
        self._size = rate * FRAME_MS // 1000
        self._left = b""
        self._levels: deque[float] = deque(maxlen=FLOOR_OVER)
        self._loud: deque[bool] = deque(maxlen=RISES_OF)
        self.speaks_ms = 0
        self.quiet_ms = 0

    def take(self, told: bytes) -> None:
        self._left += told
        size = self._size * 2
        while len(self._left) >= size:
            self._frame(samples(self._left[:size]).astype(np.float64))
            self._left = self._left[size:]

    def _frame(self, frame: NDArray[np.float64]) -> None:
        level = float(np.sqrt(np.mean((frame - frame.mean()) ** 2)))  # a direct current is no sound
        self._levels.append(level)
        floor = min(self._levels) if len(self._levels) >= RISES_OF else 0.0
        self._loud.append(level > max(LEAST_LOUD, floor * ABOVE_FLOOR))
        if sum(self._loud) >= RISES:
            self.speaks_ms += FRAME_MS if self.quiet_ms == 0 or self.speaks_ms else FRAME_MS * RISES
            self.quiet_ms = 0
        else:
            self.quiet_ms += FRAME_MS
            if self.quiet_ms > 300:  # a longer pause than within a sentence
                self.speaks_ms = 0


def beep(rate: int, hertz: float = 440.0, ms: int = 200, size: float = 4000.0) -> bytes:
    """A tone with soft ends."""
    count = rate * ms // 1000
    wave = size * np.sin(2 * math.pi * hertz * np.arange(count) / rate)
    edge = min(count // 2, rate // 100)
    ramp = np.ones(count)
    ramp[:edge] = np.linspace(0, 1, edge)
    ramp[count - edge :] = np.linspace(1, 0, edge)
    return pcm((wave * ramp).astype(np.int16))


def hold_music(rate: int) -> bytes:
    """Eight soft notes of our own, four seconds with a pause: whoever waits hears that the line is open."""
    notes = (523.25, 659.25, 783.99, 659.25, 587.33, 698.46, 880.0, 783.99)
    return b"".join(beep(rate, note, 300, 1800.0) + silence(rate, 40) for note in notes) + silence(rate, 1280)


def louder(told: bytes, gain: float) -> bytes:
    """Without wrapping over."""
    return pcm(np.clip(samples(told).astype(np.float64) * gain, -32768, 32767).astype(np.int16))
