"""The voice process: AudioSocket on TCP, and on a unix socket what web workers bring: gateways, browsers, agents."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.assembly import VOICE_SOCKET, Parts, open_parts
from bot.config import read_settings
from bot.errors import NeighbourError, SettingsError
from channels.voice.audiosocket import AudioSocket
from channels.voice.dictation import Dictation
from channels.voice.house import House, machine, open_house, spoken
from channels.voice.recording import forget_old
from channels.voice.streams import Stream
from channels.voice.synthesis import wav

log = logging.getLogger(__name__)
TRIES_AGAIN = 5.0  # seconds until the port is tried again that somebody else has
TIDIES_EVERY = 3600.0
LONGEST_TEXT = 4_000
NO_CALL = 4404


def internal(house: House) -> Starlette:
    """What neighbours ask over the unix socket; whoever can open that is trusted."""

    async def status(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(json.dumps(house.status()))
        await socket.close()

    async def stream(socket: WebSocket) -> None:
        await Stream(house, socket, twilio=False).serve()

    async def twilio(socket: WebSocket) -> None:
        await Stream(house, socket, twilio=True).serve()

    async def speak(socket: WebSocket) -> None:
        """A text in, a WAV out."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, ValueError, KeyError):
            told = json.loads(await socket.receive_text())
            try:
                rate = int(told["rate"])
                await socket.send_bytes(wav(await spoken(house, str(told["text"])[:LONGEST_TEXT], rate), rate))
            except NeighbourError as error:
                log.error("voice: %s", error)
                await socket.send_text(json.dumps({"error": "unable"}))
        with contextlib.suppress(RuntimeError):
            await socket.close()

    async def listen(socket: WebSocket) -> None:
        await Dictation(house, socket).serve()

    async def agent(socket: WebSocket) -> None:
        await _agent(house, socket)

    return Starlette(routes=[
        WebSocketRoute("/status", status), WebSocketRoute("/voice/stream", stream),
        WebSocketRoute("/voice/twilio", twilio), WebSocketRoute("/speak", speak), WebSocketRoute("/listen", listen),
        WebSocketRoute("/agent/{call_id}", agent),
    ])  # fmt: skip


async def _agent(house: House, socket: WebSocket) -> None:
    """The caller's sound to an agent, and hers to the caller: 16 kHz both ways."""
    await socket.accept()
    line = house.lines.get(socket.path_params["call_id"])
    if line is None:
        await socket.close(NO_CALL)
        return
    out: asyncio.Queue[bytes] = asyncio.Queue(maxsize=100)

    def hears(told: bytes) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # a page that does not keep up misses some
            out.put_nowait(told)

    async def send() -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await socket.send_bytes(await out.get())

    line.connect_agent(hears)
    sending = asyncio.create_task(send())
    try:
        while (message := await socket.receive())["type"] != "websocket.disconnect":
            if message.get("bytes"):
                line.agent_sound(message["bytes"])
    except (RuntimeError, WebSocketDisconnect):
        pass
    finally:
        line.disconnect_agent(hears)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


@asynccontextmanager
async def running(parts: Parts, socket: Path) -> AsyncIterator[House]:
    """Everything of the voice process over these parts, until left."""
    house = await open_house(parts, process=f"{machine()}|{socket}")
    door = AudioSocket(house)
    config = uvicorn.Config(
        internal(house), uds=str(socket), loop="none", ws="websockets-sansio", lifespan="off", log_config=None,
        access_log=False, ws_max_size=4 * 2**20, ws_ping_interval=None, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # ours are handled by whoever runs us
    tasks = [
        asyncio.create_task(server.serve(), name="internal"),
        asyncio.create_task(_open_door(door, parts.settings.channels.voice.audiosocket), name="audiosocket"),
        asyncio.create_task(house.prepare(), name="prepare"),
        asyncio.create_task(_tidy(house), name="tidy"),
    ]
    try:
        yield house
    finally:
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks[1:], return_exceptions=True)
        await door.close()
        await house.close()
        server.should_exit = True
        await asyncio.gather(tasks[0], return_exceptions=True)


async def _open_door(door: AudioSocket, at: str) -> None:
    """A port that another server has is tried again: browsers and websockets do not need it."""
    if at == "off":
        return
    host, _, port = at.rpartition(":")
    if not port.isdecimal():
        raise SettingsError(f"channels.voice.audiosocket: {at} is not host:port or off")
    warned = False
    while True:
        try:
            taken = await door.start(host.strip("[]") or "127.0.0.1", int(port))
            log.info("AudioSocket listens on %s:%d", host, taken)
            return
        except OSError as error:
            if not warned:
                log.warning("AudioSocket: %s is not free (%s); it is tried again", at, error.strerror)
            warned = True
            await asyncio.sleep(TRIES_AGAIN)


async def _tidy(house: House) -> None:
    """Old calls and recordings go when their time is over."""
    while True:
        with contextlib.suppress(Exception):
            await house.parts.calls.forget_old(datetime.now(UTC))
            await asyncio.to_thread(forget_old, house.folder / "recordings", house.settings.record_days)
        await asyncio.sleep(TIDIES_EVERY)


async def run() -> None:
    """`python -m bot child voice`: until SIGINT or SIGTERM."""
    stopping = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    async with open_parts(read_settings()) as parts:
        await parts.follower.start()
        following = [
            asyncio.create_task(parts.follower.run(parts.bus)),
        ]
        async with running(parts, Path(os.environ[VOICE_SOCKET])):
            await stopping.wait()
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await parts.follower.leave()
