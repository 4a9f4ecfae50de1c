"""eSpeak NG 1.52 from the package espeakng-loader, in a process of its own: `python -m channels.voice.espeak`.

eSpeak NG is GPL-3 and stays apart: this program alone loads it, and speaks with us through pipes. One JSON line in
(`{"text", "words_a_minute"}`), out 8 bytes (rate and length, little-endian) and that many bytes of 16 bit samples.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
from typing import Any

VOICE = b"cmn+f2"
SYNCHRONOUS, UTF8, RATE = 2, 1, 1


def main() -> None:
    import espeakng_loader

    library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, os.fsencode(espeakng_loader.get_data_path()), 0)
    if rate <= 0:
        sys.exit("espeak_Initialize failed")
    heard = bytearray()

    def take(samples: Any, count: int, events: object) -> int:
        del events
        if samples and count > 0:
            heard.extend(ctypes.string_at(samples, count * 2))
        return 0

    shape = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    callback = shape(take)  # held here: the library keeps only its address
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(VOICE)
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        told = json.loads(line)
        heard.clear()
        text = told["text"].encode()
        library.espeak_SetParameter(RATE, int(told["words_a_minute"]), 0)
        library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None)
        out.write(struct.pack("<II", rate, len(heard)) + heard)
        out.flush()


if __name__ == "__main__":
    main()
