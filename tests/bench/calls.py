"""Calls: from the end of speech to the first sound, how soon we fall silent, the pace, and how many at once.

The real service with the real libvosk, which listens to tones, and the synthesizer of this machine; callers share the
processors with it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

from channels.voice.call import PATIENCE
from tests.bench import server as service
from tests.channels.voice import tones
from tests.channels.voice.gateway import FRAME, Caller, calling
from tests.servers import free_port

WORDS = ("养老保险", "要交多少年", "失业金", "怎么领", "社保卡", "丢了怎么办", "没有了")
QUESTIONS = (("养老保险", "要交多少年"), ("失业金", "怎么领"), ("社保卡", "丢了怎么办"))
TURNS = 4  # questions of one caller
PACED = 20
SECONDS = 20.0
CROWDS = (10, 20, 40)


@dataclass
class Calls:
    """Seconds, as callers saw them."""

    answered: list[float] = field(default_factory=list)
    hushed: list[float] = field(default_factory=list)


@dataclass
class Pace:
    """How far frames, and a bare sleeper beside them, were from their moment, in milliseconds."""

    frames: list[float]
    bare: list[float]


@dataclass
class Crowd:
    count: int
    answered: list[float]
    late: list[float]
    lost: int
    cpu: dict[str, float]


def at(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def one(port: int, lexicon: dict[str, tuple[int, ...]], into: Calls, turns: int = TURNS) -> list[float]:
    """A caller who asks again as soon as the answer has begun; gives how late each frame came."""
    async with calling(port, str(uuid4())) as caller:
        await caller.sounds(within=20)
        caller.key("*")
        await asyncio.sleep(1.2)
        for turn in range(turns):
            began, speaking = caller.now, _loud_now(caller)
            caller.say(_speech(lexicon, QUESTIONS[turn % len(QUESTIONS)]))
            if speaking:
                into.hushed.append(await caller.quiet(160, within=20) - began)
            ended = await caller.finish()
            into.answered.append(await caller.sounds(ended, within=20) - ended)
            await asyncio.sleep(1.5)
        return _lateness([moment for moment, _ in caller.heard])


def _speech(lexicon: dict[str, tuple[int, ...]], words: Sequence[str]) -> bytes:
    return tones.synthesise(words, lexicon, rate=8_000, amplitude=8_000).astype("<i2").tobytes()


def _loud_now(caller: Caller) -> bool:
    from tests.channels.voice.gateway import loud

    return any(loud(pcm) for moment, pcm in caller.heard[-10:] if caller.now - moment < 0.2)


def _lateness(moments: Sequence[float]) -> list[float]:
    """Against the earliest line that all frames could have kept: 20 ms apart."""
    offset = min(moment - n * FRAME for n, moment in enumerate(moments))
    return [(moment - n * FRAME - offset) * 1000 for n, moment in enumerate(moments)]


async def paced(port: int) -> Pace:
    """Twenty callers who only listen, and a sleeper in this process."""
    frames: list[float] = []
    bare: list[float] = []

    async def listener() -> None:
        async with calling(port, str(uuid4())) as caller:
            await asyncio.sleep(SECONDS)
            frames.extend(_lateness([moment for moment, _ in caller.heard]))

    async def sleeper() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(int(SECONDS / FRAME)):
            due += FRAME
            await asyncio.sleep(max(0, due - loop.time()))
            bare.append((loop.time() - due) * 1000)

    await asyncio.gather(sleeper(), *(listener() for _ in range(PACED)))
    return Pace(frames, bare)


async def crowd(port: int, lexicon: dict[str, tuple[int, ...]], count: int, groups: dict[str, list[int]]) -> Crowd:
    """So many at once, all asking."""
    into = Calls()
    processes = {name: [psutil.Process(pid) for pid in pids] for name, pids in groups.items()}
    before = {name: sum(sum(p.cpu_times()[:2]) for p in found) for name, found in processes.items()}
    began = asyncio.get_running_loop().time()
    done = await asyncio.gather(*(one(port, lexicon, into) for _ in range(count)), return_exceptions=True)
    spent = asyncio.get_running_loop().time() - began
    cpu = {
        name: (sum(sum(p.cpu_times()[:2]) for p in found) - before[name]) / spent for name, found in processes.items()
    }
    late = [ms for each in done if isinstance(each, list) for ms in each]
    return Crowd(count, into.answered, late, sum(not isinstance(each, list) for each in done), cpu)


def measure(prepared: Path, folder: Path) -> str:
    """The section of docs/bench.md."""
    model = folder / "tones"
    lexicon = tones.make_model(model, tones.assign_codes(WORDS))
    port = free_port()
    told = {"YIDA_VOICE_AUDIOSOCKET": f"127.0.0.1:{port}", "YIDA_VOICE_TRANSCRIBER": f"vosk:{model}"}
    with service.running(prepared, folder / "calls", 1, engine="local", **told) as running:
        return asyncio.run(_measured(psutil.Process(running.web[0]).ppid(), port, lexicon))


async def _measured(parent: int, port: int, lexicon: dict[str, tuple[int, ...]]) -> str:
    await _listening(port)
    alone = Calls()
    for _ in range(5):
        await one(port, lexicon, alone)
    pace = await paced(port)
    groups = _groups(parent)
    crowds = [await crowd(port, lexicon, count, groups) for count in CROWDS]
    return section(alone, pace, crowds)


async def _listening(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.2)


def _groups(parent: int) -> dict[str, list[int]]:
    """The voice process and its recognisers and synthesizer apart."""
    found: dict[str, list[int]] = {"voice": [], "recogniser": [], "synthesizer": []}
    for process in psutil.Process(parent).children(recursive=True):
        words = process.cmdline()
        if "channels.voice.recogniser" in words:
            found["recogniser"].append(process.pid)
        elif any("espeak" in word for word in words):
            found["synthesizer"].append(process.pid)
        elif words[-1:] == ["voice"]:
            found["voice"].append(process.pid)
    return found


def section(alone: Calls, pace: Pace, crowds: Sequence[Crowd]) -> str:
    at_work = [seconds - PATIENCE / 1000 for seconds in alone.answered]
    rows = [
        "| what | p50 | p95 |", "|---|---|---|",
        f"| end of speech → first sound of the answer, ms | {_ms(alone.answered, 0.5)} | {_ms(alone.answered, 0.95)} |",
        f"| … without the {PATIENCE} ms in which somebody may go on, ms | {_ms(at_work, 0.5)} | {_ms(at_work, 0.95)} |",
        f"| start of speech → silence of ours, ms | {_ms(alone.hushed, 0.5)} | {_ms(alone.hushed, 0.95)} |",
        f"| a frame from its moment, {PACED} calls, ms | {at(pace.frames, 0.5):.1f} | {at(pace.frames, 0.95):.1f} |",
        f"| a bare sleeper beside them, ms | {at(pace.bare, 0.5):.1f} | {at(pace.bare, 0.95):.1f} |",
    ]  # fmt: skip
    head = (
        "| calls at once | answer p50 / p95, ms | frame late p95, ms | lost | CPU: voice / recogniser / synthesizer |"
    )
    many = [head, "|---|---|---|---|---|"]
    for each in crowds:
        cpu = " / ".join(f"{each.cpu.get(name, 0):.2f}" for name in ("voice", "recogniser", "synthesizer"))
        many.append(
            f"| {each.count} | {_ms(each.answered, 0.5)} / {_ms(each.answered, 0.95)} | {at(each.late, 0.95):.1f} | {each.lost} | {cpu} |"
        )
    return "\n".join([*rows, "", *many])


def _ms(values: Sequence[float], share: float) -> str:
    return f"{at(values, share) * 1000:.0f}"
