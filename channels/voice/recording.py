"""A call kept as a WAV with the caller left and us right; what holds a personal number is silenced."""

from __future__ import annotations

import contextlib
import struct
import time
from pathlib import Path

import numpy as np

from channels.voice.sound import samples

A_DAY = 86_400


class Recording:
    """Written as it is heard; `close` names it. Faults of the disk end the recording, never the call."""

    def __init__(self, folder: Path, call_id: str, rate: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / f"{call_id}.wav"
        self._making = self._path.with_suffix(".part")
        self._rate = rate
        self._file = self._making.open("w+b")
        self._making.chmod(0o600)
        self._file.write(bytes(44))
        self._caller = bytearray()

    def heard(self, pcm: bytes) -> None:
        self._caller += pcm

    def said(self, pcm: bytes) -> None:
        """Our own sound goes by the clock and so paces both sides."""
        left, self._caller = self._caller[: len(pcm)], self._caller[len(pcm) :]
        if len(self._caller) > self._rate * 2:  # a gateway that sends too fast
            self._caller = self._caller[-self._rate :]
        both = np.zeros((len(pcm) // 2, 2), "<i2")
        both[: len(left) // 2, 0] = samples(bytes(left))
        both[:, 1] = samples(pcm)
        with contextlib.suppress(OSError, ValueError):
            self._file.write(both.tobytes())

    def silence(self, since_ms: int, until_ms: int) -> None:
        """Takes both sides out of a stretch."""
        with contextlib.suppress(OSError, ValueError):
            end = self._file.tell()
            start = min(end, 44 + max(0, since_ms) * self._rate // 1000 * 4)
            stop = min(end, 44 + max(0, until_ms) * self._rate // 1000 * 4)
            self._file.seek(start)
            self._file.write(bytes(max(0, stop - start)))
            self._file.seek(end)

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            size = self._file.tell() - 44
            self._file.seek(0)
            form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, self._rate, self._rate * 4, 4, 16)
            self._file.write(
                b"RIFF" + struct.pack("<I", size + 36) + b"WAVE" + form + b"data" + struct.pack("<I", size)
            )
            self._file.close()
            self._making.replace(self._path)


def forget_old(folder: Path, days: int) -> int:
    """Removes recordings past their time; returns how many."""
    cut, gone = time.time() - days * A_DAY, 0
    for path in folder.glob("*.*"):
        if path.stat().st_mtime < cut:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
