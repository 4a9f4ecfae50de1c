"""`python -m tests.bench.speech FOLDER ws://host:port`: real Mandarin through whole calls, with and without phrases.

FOLDER holds `01.wav` … `17.wav` (8 kHz, 16 bit, mono) about social insurance; the server speaks vosk-server's protocol.
The recordings stay where they are. A call ends right when the answer's topic is one of TOPICS, or asks back with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.assembly import open_parts
from bot.config import Settings, read_settings
from channels.voice.process import running
from tests.channels.voice.conftest import Process
from tests.channels.voice.gateway import calling
from tests.servers import free_port

TOPICS = {
    "01": ("pension.apply", "pension.adjust", "pension.amount", "pension.payment"), "02": ("pension.resident",),
    "03": ("unemployment.months",), "04": ("card.loss",), "05": ("medical.remote",),
    "06": ("enroll.flexible", "contribution.base"), "07": ("human",), "08": ("maternity.allowance", "maternity.apply"),
    "09": ("injury.recognition", "injury.apply"), "10": ("medical.retire",), "11": ("medical.break",),
    "12": ("medical.resident",), "13": ("query.balance",), "14": ("pension.min_years",), "15": ("medical.reimburse",),
    "16": ("pension.apply",), "17": ("query.contact",),
}  # fmt: skip
AT_ONCE = 4
ENOUGH = 12


@dataclass(frozen=True)
class Ended:
    name: str
    heard: str
    outcome: str
    topic: str
    right: bool
    asked_back: bool


async def measure(folder: Path, server: str, home: Path) -> None:
    for phrases in (True, False):
        told = {"transcriber": f"vosk+{server}", "phrases": phrases, "synthesizer": "espeak:", "calls": 40}
        async with voice(home, told) as process:
            limit = asyncio.Semaphore(AT_ONCE)
            ended = await asyncio.gather(*(_call(process, folder / f"{name}.wav", limit) for name in TOPICS))
        right = sum(e.right for e in ended)
        back = sum(e.asked_back for e in ended)
        print(
            f"\n{'with' if phrases else 'without'} phrases: {right} of {len(ended)} in the right topic ({back} by asking back), {ENOUGH} wanted"
        )
        for e in ended:
            print(f"  {e.name} {'right' if e.right else 'WRONG'} {e.outcome:<9} {e.topic:<24} {e.heard}")


@asynccontextmanager
async def voice(home: Path, told: dict[str, object]) -> AsyncIterator[Process]:
    port = free_port()
    settings = Settings.model_validate({
        "home": home, "store": f"sqlite:///{home}/yida.db", "nlu": {"engine": "local"},
        "channels": {"voice": {"audiosocket": f"127.0.0.1:{port}", **told}},
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as private:
        async with open_parts(settings) as parts:
            await parts.follower.start()
            async with running(parts, Path(private) / "v") as house:
                await asyncio.sleep(1)
                yield Process(parts, house, port, Path(private) / "v")


async def _call(process: Process, path: Path, limit: asyncio.Semaphore) -> Ended:
    name, wanted = path.stem, TOPICS[path.stem]
    async with limit, calling(process.port) as caller:
        await caller.sounds(within=10)
        caller.key("*")
        await asyncio.sleep(0.8)
        with wave.open(str(path)) as file:
            caller.say(file.readframes(file.getnframes()))
        ended = await caller.finish()
        with contextlib.suppress(TimeoutError):
            await caller.sounds(ended + 0.3, within=6)
        await asyncio.sleep(1.0)
        line = process.house.lines.get(caller.id)
        found = await process.parts.conversations.messages(line._talk.id) if line else []
        call = await process.parts.calls.find(caller.id)
        if call.conversation_id and not found:
            found = await process.parts.conversations.messages(call.conversation_id)
    bot = next((m for m in reversed(found) if m.details.get("outcome")), None)
    heard = next((m.text for m in reversed(found) if m.party == "citizen"), "")
    if bot is None:
        return Ended(name, heard, call.outcome or "none", "", right=False, asked_back=False)
    outcome, topic = str(bot.details["outcome"]), str(bot.details.get("topic") or "")
    entries = process.parts.library.current.entries
    offered = [entries[c.entry].topic for c in bot.choices if c.entry in entries]
    asked_back = outcome == "clarify" and any(t in wanted for t in offered)
    right = (outcome in ("answer", "handoff", "smalltalk") and topic in wanted) or asked_back
    print(f"{name} done", file=sys.stderr, flush=True)
    return Ended(name, heard, outcome, topic, right, asked_back)


def main() -> None:
    folder, server = Path(sys.argv[1]), sys.argv[2]
    if not all((folder / f"{name}.wav").is_file() for name in TOPICS):
        sys.exit(f"{folder} has not all of 01.wav … 17.wav")
    known = read_settings().home
    with tempfile.TemporaryDirectory(prefix="speech-") as temporary:
        home = Path(temporary) / "var"
        home.mkdir()
        shutil.copytree(known / "knowledge", home / "knowledge")
        shutil.copy(known / "yida.db", home / "yida.db")
        from bot.preparation import prepare

        settings = Settings.model_validate(
            {"home": home, "store": f"sqlite:///{home}/yida.db", "nlu": {"engine": "local"}}
        )
        prepare(settings, lambda stage, done, of: None)
        print("prepared", file=sys.stderr, flush=True)
        asyncio.run(measure(folder, server, home))


if __name__ == "__main__":
    main()
