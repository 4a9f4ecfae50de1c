"""A browser's microphone: sound in at 16 kHz, `partial` and `final` out; `{"type":"end"}` asks for what is left."""

from __future__ import annotations

import asyncio
import contextlib
import json

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.errors import NeighbourError
from channels.voice.house import House
from channels.voice.recognition import Listener, Lost, Words
from channels.voice.words import plain

UNABLE = 1013  # try again later
Frame = dict[str, object]


class Dictation:
    def __init__(self, house: House, socket: WebSocket) -> None:
        self._house = house
        self._socket = socket
        self._out: asyncio.Queue[Frame | None] = asyncio.Queue()

    async def serve(self) -> None:
        await self._socket.accept()
        rate = 8_000 if self._socket.query_params.get("rate") == "8000" else 16_000
        try:
            listener = await self._house.transcriber.listen(rate, self._house.phrases(), self._told)
        except NeighbourError:
            self._sorry("现在不能语音识别，请打字。")
            await self._send()
            return
        sending = asyncio.create_task(self._send())
        try:
            await self._take(listener)
        finally:
            listener.close()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _take(self, listener: Listener) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            while (message := await self._socket.receive())["type"] != "websocket.disconnect":
                if message.get("bytes"):
                    listener.feed(message["bytes"][: len(message["bytes"]) & ~1])
                elif message.get("text"):
                    listener.finish()

    def _told(self, heard: Words | Lost) -> None:
        if isinstance(heard, Lost):
            self._sorry("语音识别中断了，请再试一次，或者打字。")
        elif heard.final:
            if heard.text:
                self._out.put_nowait({"type": "final", "text": plain(heard.text)})
            if heard.spent:
                self._out.put_nowait({"type": "end"})
        else:
            self._out.put_nowait({"type": "partial", "text": plain(heard.text)})

    def _sorry(self, message: str) -> None:
        self._out.put_nowait({"type": "error", "code": "unable", "message": message})
        self._out.put_nowait(None)

    async def _send(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while (frame := await self._out.get()) is not None:
                await self._socket.send_text(json.dumps(frame, ensure_ascii=False))
            await self._socket.close(UNABLE)
