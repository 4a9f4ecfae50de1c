"""One process that listens with libvosk: `python -m channels.voice.recogniser MODEL`, many callers at once.

In and out are frames on standard input and output: a header (caller, kind, length; little-endian) and a payload.
libvosk ends its process at some faults, and holds the interpreter while it decodes: that is why it lives apart.
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any, BinaryIO

HEADER = struct.Struct("<IBI")
OPEN, AUDIO, FINISH, CLOSE = range(4)  # to the process
READY, PARTIAL, FINAL, SPENT = range(4)  # from the process; SPENT answers FINISH, also when nothing was said


def main() -> None:
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(sys.argv[1])
    take, give = sys.stdin.buffer, sys.stdout.buffer
    _give(give, 0, READY, {})
    callers: dict[int, Any] = {}
    told: dict[int, str] = {}
    while True:
        header = take.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        caller, kind, length = HEADER.unpack(header)
        payload = take.read(length)
        if kind == OPEN:
            callers[caller] = _recogniser(vosk, model, json.loads(payload))
        elif kind == CLOSE:
            callers.pop(caller, None)
            told.pop(caller, None)
        elif caller in callers:
            ear = callers[caller]
            if kind == FINISH:
                _give(give, caller, SPENT, _heard(ear.FinalResult()))
                told[caller] = ""
            elif ear.AcceptWaveform(payload):
                _give(give, caller, FINAL, _heard(ear.Result()))
                told[caller] = ""
            else:
                partial = json.loads(ear.PartialResult()).get("partial", "")
                if partial != told.get(caller, ""):
                    told[caller] = partial
                    _give(give, caller, PARTIAL, {"text": partial})


def _recogniser(vosk: Any, model: Any, wanted: dict[str, Any]) -> Any:
    rate, phrases = wanted["rate"], known(model, wanted["phrases"])
    # An empty or escaped grammar would end the process, or match nothing.
    grammar = json.dumps([*phrases, "[unk]"], ensure_ascii=False) if phrases else None
    ear = vosk.KaldiRecognizer(model, rate, grammar) if grammar else vosk.KaldiRecognizer(model, rate)
    ear.SetWords(True)
    return ear


def known(model: Any, phrases: list[str]) -> list[str]:
    """Phrases all of whose words the model has: words it lacks are dropped in silence, and the rest means another."""
    return [p for p in phrases if p.strip() and all(model.vosk_model_find_word(w) >= 0 for w in p.split())]


def _heard(told: str) -> dict[str, Any]:
    result = json.loads(told)
    sure = [word["conf"] for word in result.get("result", ()) if "conf" in word]
    return {"text": result.get("text", ""), "confidence": sum(sure) / len(sure) if sure else 1.0}


def _give(out: BinaryIO, caller: int, kind: int, told: dict[str, Any]) -> None:
    payload = json.dumps(told, ensure_ascii=False).encode()
    out.write(HEADER.pack(caller, kind, len(payload)) + payload)
    out.flush()


if __name__ == "__main__":
    main()
