"""A voice process of its own over the tiny library, with the real libvosk, which listens to tones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.assembly import Parts, open_parts
from channels.voice.house import House
from channels.voice.process import running
from tests.channels.voice import tones
from tests.servers import free_port

WORDS = (
    "养老金", "什么时候发", "转人工", "再说一遍", "慢一点", "嗯", "好的", "要", "不用了", "是", "不是", "没有了",
    "身份证号是", "三三零一零六", "一九七六零三零八", "一二三四", "养老保险", "要交多少年", "第一个", "失业金", "天气",
)  # fmt: skip


@dataclass(frozen=True)
class Tones:
    """A model folder, and its language: each word is three tones."""

    model: Path
    lexicon: dict[str, tuple[int, ...]]

    def say(self, *words: str, rate: int = 8_000, lead_ms: int = 100, amplitude: float = 8000, **more: Any) -> bytes:
        pcm = tones.synthesise(words, self.lexicon, rate=rate, lead_ms=lead_ms, amplitude=amplitude, **more)
        return pcm.astype("<i2").tobytes()


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Tones:
    folder = tmp_path_factory.mktemp("tones")
    return Tones(folder, tones.make_model(folder, tones.assign_codes(WORDS)))


@dataclass
class Process:
    """A running voice process: its parts, its house, and the port of AudioSocket."""

    parts: Parts
    house: House
    port: int
    socket: Path

    async def outcome(self, call_id: str, within: float = 10) -> str:
        async with asyncio.timeout(within):
            while True:
                with contextlib.suppress(Exception):
                    row = await self.parts.calls.find(call_id)
                    if row.outcome not in ("", "live"):
                        return row.outcome
                await asyncio.sleep(0.02)

    async def said(self, call_id: str) -> list[dict[str, Any]]:
        return (await self.parts.calls.find(call_id)).transcript


Start = Callable[..., AbstractAsyncContextManager[Process]]


@pytest.fixture
def voice(furnished: Any, spoken: Tones, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def start(**settings: Any) -> AsyncIterator[Process]:
        port = free_port()
        told = {
            "audiosocket": f"127.0.0.1:{port}",
            "transcriber": f"vosk:{spoken.model}",
            "recognisers": 1,
            "phrases": False,
        }
        home = furnished(channels={"voice": told | settings})
        socket = tmp_path / f"v{port}"
        async with open_parts(home) as parts:
            await parts.follower.start()
            async with running(parts, socket) as house:
                while not socket.exists() or not await _listens(port):
                    await asyncio.sleep(0.01)
                yield Process(parts, house, port, socket)

    return start


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
