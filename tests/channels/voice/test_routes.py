"""Gateways on websockets, the calls' API, and the browser's microphone, through a web worker to the voice process."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from channels.voice import proofs, sound
from channels.voice.house import House
from tests.channels.citizen import http, opened, problem
from tests.channels.console.hall import dispatching, seated
from tests.channels.serving import Server
from tests.channels.voice.conftest import Tones
from tests.channels.voice.serving import with_voice

SECRET = "ein-geheimnis"
PROOF = {"X-Yida-Secret": SECRET}
QUESTION = ("养老保险", "要交多少年")


@pytest.fixture(scope="module")
def hall(
    furnished: Callable[..., Any], spoken: Tones, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, House]]:
    told = {
        "audiosocket": "off",
        "transcriber": f"vosk:{spoken.model}",
        "recognisers": 1,
        "phrases": False,
        "secret": SECRET,
    }
    with with_voice(furnished(channels={"voice": told}), tmp_path_factory.mktemp("v") / "v") as joined:
        yield joined


@pytest.fixture
def server(hall: tuple[Server, House]) -> Server:
    return hall[0]


class Gateway:
    """Sends the caller's sound in real time and keeps what is played."""

    def __init__(self, socket: ClientConnection, *, twilio: bool, rate: int = 8_000) -> None:
        self.socket = socket
        self.twilio = twilio
        self.rate = rate
        self.speech = bytearray()
        self.heard = bytearray()
        self.at: list[tuple[float, int]] = []
        self.told: list[dict[str, Any]] = []
        self.code: int | None = None

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def send(self) -> None:
        size, due = self.rate // 50 * 2, self.now
        while True:
            piece = bytes(self.speech[:size]).ljust(size, b"\0")
            del self.speech[:size]
            if self.twilio:
                payload = base64.b64encode(sound.to_ulaw(piece)).decode()
                await self.socket.send(
                    json.dumps(
                        {"event": "media", "streamSid": "MZ1", "media": {"track": "inbound", "payload": payload}}
                    )
                )
            else:
                await self.socket.send(piece)
            due += 0.02
            await asyncio.sleep(max(0, due - self.now))

    async def hear(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self._sound(message)
                    continue
                frame = json.loads(message)
                if frame.get("event") == "media":
                    self._sound(sound.from_ulaw(base64.b64decode(frame["media"]["payload"])))
                else:
                    self.told.append(frame)
        except websockets.ConnectionClosed:
            pass
        self.code = self.socket.close_code

    def _sound(self, pcm: bytes) -> None:
        self.heard += pcm
        self.at.append((self.now, len(self.heard)))

    async def press(self, key: str) -> None:
        told = {"digit": key} if self.twilio else key
        await self.socket.send(json.dumps({"event": "dtmf", "dtmf": told}))

    async def until(self, check: Callable[[], bool], within: float = 20) -> None:
        async with asyncio.timeout(within):
            while not check():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway(server: Server, dialect: str, call: str, rate: int = 8_000, **headers: str) -> AsyncIterator[Gateway]:
    twilio = dialect == "twilio"
    path = "/voice/twilio" if twilio else "/voice/stream"
    subprotocols = [] if dialect in ("twilio", "stream") else [dialect]
    async with connect(
        f"ws://{server.host}{path}", proxy=None, additional_headers=headers or PROOF, subprotocols=subprotocols or None
    ) as socket:
        line = Gateway(socket, twilio=twilio, rate=rate)
        if twilio:
            await socket.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            await socket.send(
                json.dumps(
                    {
                        "event": "start",
                        "streamSid": "MZ1",
                        "start": {
                            "streamSid": "MZ1",
                            "callSid": call,
                            "tracks": ["inbound"],
                            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                        },
                    }
                )
            )
        else:
            await socket.send(json.dumps({"uuid": call, "sampleRate": rate}))
        tasks = [asyncio.create_task(line.send()), asyncio.create_task(line.hear())]
        try:
            yield line
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def everything(socket: ClientConnection) -> list[str | bytes]:
    """What is sent until the socket closes."""
    heard: list[str | bytes] = []
    with suppress(websockets.ConnectionClosed):
        while True:
            heard.append(await socket.recv())
    return heard


async def outcome(server: Server, call: str, field: str = "outcome") -> str:
    async with http(server) as client:
        return (await client.get(f"/api/v1/voice/calls/{call}?field={field}", headers=PROOF)).text


def loud(pcm: bytes) -> bool:
    return len(pcm) > 0 and float(np.abs(sound.samples(pcm)).max()) > 500


DIALECTS = (
    ("audio.drachtio.org", 16_000, "killAudio"),
    ("audio.jambonz.org", 8_000, "killAudio"),
    ("stream", 8_000, None),
    ("twilio", 8_000, "clear"),
)


async def test_each_dialect_asks_interrupts_and_is_given_back_for_a_human(server: Server, spoken: Tones) -> None:
    await asyncio.gather(*(_whole_call(server, spoken, *dialect) for dialect in DIALECTS))


async def _whole_call(server: Server, spoken: Tones, dialect: str, rate: int, kills: str | None) -> None:
    call = str(uuid4())
    async with gateway(server, dialect, call, rate) as line:
        await line.until(lambda: loud(bytes(line.heard[-rate:])))
        began = line.at[0][0]
        await line.press("*")  # ends the notice
        await asyncio.sleep(0.6)
        assert len(line.heard) / 2 / rate - (line.now - began) < 0.25
        line.speech += spoken.say(*QUESTION, rate=rate)
        await line.until(lambda: not line.speech)
        if kills:
            await line.until(lambda: any(kills in (t.get("type"), t.get("event")) for t in line.told))
        await asyncio.sleep(0.3)
        before = len(line.heard)  # silent now: the question is being thought about
        await line.until(lambda: len(line.heard) > before + rate and loud(bytes(line.heard[before:])))
        await line.press("0")
        await line.until(lambda: line.code is not None)
    assert line.code == 1000
    assert await outcome(server, call) == "human"
    assert "养老保险要交多少年" in await outcome(server, call, "summary")


async def test_without_a_proof_nothing_is_said_and_the_socket_closes(server: Server) -> None:
    twilio = json.dumps({"event": "start", "start": {"callSid": "CA1"}})
    await asyncio.gather(_turned_away(server, "/voice/stream", "{}"), _turned_away(server, "/voice/twilio", twilio))


async def _turned_away(server: Server, path: str, first: str) -> None:
    async with connect(f"ws://{server.host}{path}", proxy=None) as socket:
        await socket.send(first)
        heard = await asyncio.wait_for(everything(socket), 8)
        assert (heard, socket.close_code) == ([], 4401)


async def test_a_secret_in_the_first_frame_or_twilios_signature_opens_the_line(server: Server) -> None:
    async with connect(f"ws://{server.host}/voice/stream", proxy=None) as socket:
        await socket.send(json.dumps({"metadata": {"uuid": str(uuid4()), "secret": SECRET}}))
        assert isinstance(await asyncio.wait_for(socket.recv(), 5), bytes)
    signed = {"X-Twilio-Signature": proofs.signature(f"ws://{server.host}/voice/twilio", SECRET)}
    async with gateway(server, "twilio", "CA77", **signed) as line:
        await line.until(lambda: len(line.heard) > 0, 5)


async def test_a_wrong_rate_is_refused(server: Server) -> None:
    async with connect(f"ws://{server.host}/voice/stream", proxy=None, additional_headers=PROOF) as socket:
        await socket.send(json.dumps({"uuid": "x", "sampleRate": 44100}))
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == 1007


async def test_a_call_is_announced_and_asked_after_with_the_secret_only(server: Server) -> None:
    call = str(uuid4())
    path = f"/api/v1/voice/calls/{call}"
    async with http(server) as client:
        assert problem(await client.post(path, json={"number": "13800138000"}))[0] == 401
        assert problem(await client.get(path, headers=PROOF))[0] == 404
        assert (
            await client.post(path, json={"number": "13800138000", "purpose": "咨询"}, headers=PROOF)
        ).status_code == 200
        told = (await client.get(path, headers=PROOF)).json()
        assert told == {"outcome": "", "skill": "", "summary": "", "conversation": None}
        assert "138" not in (await client.get(path, headers=PROOF)).text
        assert problem(await client.post(path, json={"number": "abc"}, headers=PROOF)) == (400, "bad_number")


async def test_the_microphone_gives_words_while_one_speaks_and_sends_no_message(server: Server, spoken: Tones) -> None:
    device = await opened(server)
    async with connect(f"ws://{server.host}{device.path}/speech", proxy=None) as socket:
        await socket.send(json.dumps({"type": "auth", "token": device.token}))
        pcm = spoken.say(*QUESTION, rate=16_000, tail_ms=300)
        for at in range(0, len(pcm), 1280):
            await socket.send(pcm[at : at + 1280])
        await socket.send('{"type":"end"}')
        frames = []
        async with asyncio.timeout(10):
            while not frames or frames[-1]["type"] != "end":
                frames.append(json.loads(await socket.recv()))
    assert "".join(f["text"] for f in frames if f["type"] == "final") == "养老保险要交多少年"
    assert any(f["type"] == "partial" and f["text"] for f in frames)
    assert [m["party"] for m in await device.messages()] == ["bot"]


async def test_the_microphone_needs_the_conversations_own_token(server: Server) -> None:
    mine, other = await opened(server), await opened(server)
    for token, code in (("wrong", 4401), (other.token, 4403)):
        async with connect(f"ws://{server.host}{mine.path}/speech", proxy=None) as socket:
            await socket.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 7)
            assert socket.close_code == code


async def test_a_message_is_read_aloud_to_whom_it_belongs(server: Server) -> None:
    device = await opened(server)
    async with http(server) as client:
        told = await client.get(f"{device.path}/messages/1/audio", headers=device.bearer)
        assert (told.status_code, told.headers["content-type"]) == (200, "audio/wav")
        rate = struct.unpack("<I", told.content[24:28])[0]
        assert rate == 16_000
        assert len(told.content) > rate * 2 * 3
        assert problem(await client.get(f"{device.path}/messages/1/audio"))[0] == 401
        assert problem(await client.get(f"{device.path}/messages/9/audio", headers=device.bearer))[0] == 404


async def test_readiness_says_what_the_voice_can(server: Server) -> None:
    async with http(server) as client:
        assert (await client.get("/readyz")).json()["voice"] == "ok"


async def test_an_agent_hears_the_caller_speaks_by_microphone_and_by_typing_and_is_freed_when_he_hangs_up(
    server: Server, spoken: Tones
) -> None:
    call = str(uuid4())
    with dispatching(server):
        async with seated(server) as (colleague, desk), gateway(server, "audio.jambonz.org", call) as line:
            await line.until(lambda: len(line.heard) > 8_000)
            await line.press("0")
            offer = await desk.next("offer")
            conversation = offer["conversation"]
            await desk.send("accept", conversation=conversation)
            await desk.next("assigned", conversation=conversation)
            cookies = "; ".join(f"{name}={value}" for name, value in colleague.cookies.items())
            path = f"ws://{server.host}/api/v1/desk/calls/{conversation}/audio"
            async with connect(path, proxy=None, additional_headers={"Cookie": cookies}) as audio:
                await asyncio.sleep(4)  # what the machine still says is over
                line.speech += sound.beep(8_000, 700, 600)
                heard = b""
                async with asyncio.timeout(5):
                    while not loud(heard):
                        heard = bytes(await audio.recv())
                before = len(line.heard)
                tone = sound.beep(16_000, 500, 1_000)
                for at in range(0, len(tone), 640):
                    await audio.send(tone[at : at + 640])
                    await asyncio.sleep(0.02)
                await line.until(lambda: loud(bytes(line.heard[before:])))
                await line.until(lambda: len(line.heard) - before > 8_000)
                await asyncio.sleep(1)
                before = len(line.heard)
                await desk.send("say", conversation=conversation, id="typed-1", text="您好，我来帮您查。")
                await line.until(lambda: loud(bytes(line.heard[before:])))
            async with connect(path, proxy=None) as stranger:
                await stranger.send(json.dumps({"type": "auth", "token": "wrong"}))
                assert await asyncio.wait_for(everything(stranger), 7) == []
                assert stranger.close_code == 4401
            await line.socket.close()
            await desk.next("state", conversation=conversation, stage="closed")
    assert await outcome(server, call) == "hangup"
