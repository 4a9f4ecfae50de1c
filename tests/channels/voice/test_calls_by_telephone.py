"""Whole calls over a real TCP socket: AudioSocket, the real libvosk listening to tones, a real synthesizer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import select

from bot.tables import messages, ratings
from channels.voice import framing, sound
from channels.voice.framing import Frame
from tests.channels.voice.conftest import Process, Start, Tones
from tests.channels.voice.gateway import Caller, calling

QUESTION = ("养老保险", "要交多少年")


async def greeted(caller: Caller) -> None:
    """A key ends the notice, which no word interrupts."""
    await caller.sounds(within=3)
    caller.key("*")
    await asyncio.sleep(0.6)


async def rows(process: Process, query: Any) -> list[Any]:
    return await process.parts.database.read(lambda c: list(c.execute(query)))


async def answered_and_rated(process: Process, spoken: Tones) -> None:
    """A caller who interrupts, asks, asks again, tells a number that must not be kept, says good-bye and rates."""
    async with calling(process.port) as caller:
        await greeted(caller)
        began = caller.now
        caller.say(spoken.say(*QUESTION))
        ended = await caller.finish()
        assert await caller.quiet(200) - began < 1.0  # interrupted while still speaking
        assert await caller.sounds(ended, within=3) - ended < 2.0
        await caller.quiet(1_200)
        for key in "330106197603081234#":
            caller.key(key)
            await asyncio.sleep(0.03)
        pressed = caller.now
        await caller.sounds(pressed + 0.3, within=5)
        caller.say(spoken.say("没有了"))
        await caller.finish()
        await asyncio.sleep(1.5)
        caller.key("5")
        await caller.over()
    assert await process.outcome(caller.id) == "answered"
    said = await process.said(caller.id)
    assert [t["text"] for t in said if t["party"] == "citizen"] == ["养老保险要交多少年", "［身份证号已隐去］"]
    assert all(t["at_ms"] > 0 for t in said)
    assert [r.stars for r in await rows(process, select(ratings).where(ratings.c.stars == 5))] == [5]
    kept = await rows(process, select(messages.c.text))
    assert not any("33010619" in row.text for row in kept)


async def given_back_for_a_human(process: Process) -> None:
    async with calling(process.port) as caller:
        await caller.sounds()
        caller.key("0")
        await caller.over(8)
    assert await process.outcome(caller.id) == "human"


async def hung_up(process: Process) -> None:
    async with calling(process.port) as caller:
        await caller.sounds()
    assert await process.outcome(caller.id) == "hangup"


async def silent_noisy_and_clipped(process: Process, kind: str) -> None:
    """Neither silence nor noise nor a direct current is answered as if something had been asked."""
    rng = np.random.default_rng(3)
    pcm = {
        "silence": bytes(160_000),
        "noise": sound.pcm(rng.normal(0, 1_500, 160_000).astype(np.int16)),
        "current": sound.pcm(np.full(160_000, 12_000, np.int16)),
    }[kind]
    async with calling(process.port) as caller:
        caller.say(pcm)
        await asyncio.sleep(14)
    await process.outcome(caller.id)
    said = await process.said(caller.id)
    assert [t for t in said if t["party"] == "citizen"] == []


async def test_callers_are_answered_all_at_once(voice: Start, spoken: Tones) -> None:
    async with voice() as process:
        await asyncio.gather(
            answered_and_rated(process, spoken), given_back_for_a_human(process), hung_up(process),
            *(silent_noisy_and_clipped(process, kind) for kind in ("silence", "noise", "current")),
        )  # fmt: skip


async def test_what_is_no_call_is_let_go_and_bothers_nobody(voice: Start) -> None:
    async with voice() as process:
        for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\x7f" * 4_000, framing.encode(Frame(framing.HANGUP))):
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            writer.write(raw)
            async with asyncio.timeout(3):
                while await reader.read(1_000):
                    pass
            writer.close()
        async with calling(process.port) as caller:
            caller.send(Frame(0x10, bytes(65_535)))  # the longest there is
            caller.send(Frame(0x10, b"\x01"))  # half a sample
            caller.send(Frame(0x12, bytes(640)))  # another rate
            await caller.sounds()
            caller.writer.write(b"\x99\x00\x00")
            async with asyncio.timeout(5):
                while not caller.closed:
                    await asyncio.sleep(0.01)
        assert await process.outcome(caller.id) == "hangup"


async def test_a_connection_without_a_name_is_closed_after_five_seconds(voice: Start) -> None:
    async with voice() as process, calling(process.port, named=False) as caller:
        began = caller.now
        async with asyncio.timeout(7):
            while not caller.closed:
                await asyncio.sleep(0.01)
        assert 4 < caller.now - began < 6.5
        assert caller.heard  # silence from the first moment: Asterisk waits for it


async def test_the_same_call_twice_is_one_call_and_goes_on_after_a_cut(voice: Start) -> None:
    call = str(uuid4())
    async with voice() as process:
        async with calling(process.port, call) as first:
            await first.sounds()
            async with calling(process.port, call) as second:
                await second.over(3)
            assert first.given_back is None
        assert await process.outcome(call) == "hangup"
        before = (await process.parts.calls.find(call)).conversation_id
        async with calling(process.port, call) as again:
            await again.sounds()
            assert (await process.parts.calls.find(call)).conversation_id == before


async def test_a_gateway_that_reconnects_for_ever_is_refused(voice: Start) -> None:
    call = str(uuid4())
    async with voice() as process:
        for _ in range(25):
            async with calling(process.port, call, sends=False) as caller:
                while not caller.heard and not caller.closed:
                    await asyncio.sleep(0.002)
        async with calling(process.port, call) as caller:
            await caller.over(3)
        async with calling(process.port) as other:
            assert await other.sounds()


async def test_beyond_the_limit_callers_hear_that_all_lines_are_busy(voice: Start) -> None:
    async with voice(calls=1) as process, calling(process.port) as first:
        await first.sounds()
        async with calling(process.port) as second:
            await second.sounds(within=3)
            await second.over(15)
        assert await process.outcome(second.id) == "refused"
        assert first.given_back is None


async def test_a_recogniser_killed_in_the_middle_of_a_sentence_is_told_within_three_seconds(
    voice: Start, spoken: Tones
) -> None:
    async with voice(recognisers=2) as process, calling(process.port) as caller:
        await greeted(caller)
        caller.say(spoken.say("养老保险", "什么时候发", "养老保险", "什么时候发"))
        await asyncio.sleep(0.9)
        for pid in process.house.transcriber.pids:  # type: ignore[attr-defined]
            os.kill(pid, signal.SIGKILL)
        killed = caller.now
        await caller.quiet(100)
        assert await caller.sounds(killed + 0.3, within=4) - killed < 3
        caller.key("0")
        await caller.over()


ENGINES = ("", f"command:{sys.executable} -c 'import time; time.sleep(60)'", "command:/nowhere/at/all")


async def test_without_a_voice_the_caller_hears_an_apology_and_goes_to_a_human(voice: Start) -> None:
    await asyncio.gather(*(_apologised(voice, engine) for engine in ENGINES))


async def _apologised(voice: Start, engine: str) -> None:
    async with voice(synthesizer=engine) as process, calling(process.port) as caller:
        await caller.sounds(within=6)
        await caller.over(15)
        assert await process.outcome(caller.id) == "human"


async def test_sound_is_paced_by_the_clock_and_never_ahead(voice: Start) -> None:
    async with voice() as process, calling(process.port) as caller:
        await asyncio.sleep(3)
        first = caller.heard[0][0]
        sent = [(at - first) * 1000 - 20 * n for n, (at, _) in enumerate(caller.heard)]
        assert all(len(pcm) == 320 for _, pcm in caller.heard)
        assert min(sent) > -60  # a frame ahead, and what the connection itself holds back


async def test_a_recording_keeps_both_sides_and_hides_what_is_keyed(voice: Start, tmp_path: Path) -> None:
    async with voice(record=True) as process, calling(process.port) as caller:
        await caller.sounds()
        caller.say(sound.beep(8_000, 400, 1_500))
        await caller.finish()
        caller.key("0")
        await caller.over()
        await process.outcome(caller.id)
        (path,) = (process.house.folder / "recordings").glob("*.wav")
        told = np.frombuffer(path.read_bytes()[44:], "<i2").reshape(-1, 2)
        assert np.abs(told[:, 0]).max() > 3_000
        assert np.abs(told[:, 1]).max() > 1_000
        assert path.stat().st_mode & 0o077 == 0
