"""Passes a websocket's messages on to the voice process and back, as they are."""

from __future__ import annotations

import asyncio
import contextlib

import websockets
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection

GONE = 1011


async def relay(socket: WebSocket, voice: ClientConnection, *, most: int | None = None) -> int:
    """Until either side closes; the code with which the voice process closed, 1000 when the client did first.

    `most`: bytes from the client, then it is over.
    """

    async def up() -> int:
        taken = 0
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, websockets.ConnectionClosed):
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                told = message.get("text") if message.get("text") is not None else message.get("bytes") or b""
                taken += len(told or b"")
                if most is not None and taken > most:
                    return 1009
                await voice.send(told or b"")
        return 1000

    async def down() -> int:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            try:
                while True:
                    told = await voice.recv()
                    if isinstance(told, str):
                        await socket.send_text(told)
                    else:
                        await socket.send_bytes(told)
            except websockets.ConnectionClosed:
                code = voice.close_code
                return GONE if code is None or code == 1006 else code
        return 1000

    ways = [asyncio.create_task(up()), asyncio.create_task(down())]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        return max(task.result() for task in done)
    finally:
        for task in ways:
            task.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
