"""By voice in the browser: the microphone's sound to text, which the citizen sends or not; a message read aloud."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from bot.assembly import Parts
from bot.conversation import Party
from bot.errors import NeighbourError, NotFound, Refused
from channels.relay import relay
from channels.security import client_address, is_origin_allowed
from channels.web import described, wire
from channels.web.sockets import AUTH_WITHIN, FOREIGN, NO_TOKEN

SPEECH = "/api/v1/conversations/{conversation_id}/speech"
AUDIO = "/api/v1/conversations/{conversation_id}/messages/{seq}/audio"
LONGEST_BYTES = 90 * 32_000  # of one recording: a minute and a half
PER_MINUTE = 60  # messages read aloud, for one address
UNABLE = 1013
WAV: dict[str, Any] = {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}


def speech_routes(parts: Parts) -> APIRouter:
    api = SpeechApi(parts)
    routes = APIRouter(tags=["citizens"])
    routes.add_api_route(
        AUDIO, api.audio, methods=["GET"], response_class=Response, dependencies=[Depends(api.own_origin)],
        responses={200: WAV, **described.problems(400, 401, 403, 404, 429)}, openapi_extra=described.BEARER,
    )  # fmt: skip
    routes.add_api_websocket_route(SPEECH, api.speech)
    return routes


class SpeechApi:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._origins = parts.settings.channels.web.origins

    async def own_origin(self, request: Request) -> None:
        if not is_origin_allowed(request, self._origins):
            raise Refused("foreign_origin", "这个网站没有接入许可。")

    async def audio(
        self, request: Request, conversation_id: str, seq: Annotated[int, Path(ge=1, le=2**31 - 1)]
    ) -> Response:
        """A message of the service, read aloud by a synthetic voice."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        holder = await self._parts.switchboard.holder(token) if token and scheme.lower() == "bearer" else None
        if holder is None:
            raise Refused("unauthorized", "登录凭证不对，请刷新页面重新开始。")
        if holder != conversation_id:
            raise NotFound(conversation_id)
        address = client_address(request, self._parts.settings.server.trusted_proxies)
        limit = self._parts.settings.limits.per_address.messages_per_minute
        name = f"aloud:{self._parts.contacts.fingerprint(address)}"
        await self._parts.rates.count(name, per_minute=min(limit, PER_MINUTE))
        found = await self._parts.conversations.messages(conversation_id, after=seq - 1, limit=1)
        if not found or found[0].seq != seq or found[0].party is Party.CITIZEN:
            raise NotFound(str(seq))
        try:
            told = await self._parts.voice.speak(found[0].text)
        except NeighbourError as error:
            raise Refused("no_voice", "现在不能朗读。", retry_after=30) from error
        return Response(told, media_type="audio/wav", headers={"Cache-Control": "private, max-age=3600"})

    async def speech(self, socket: WebSocket, conversation_id: str) -> None:
        """Auth frame, then 16 bit samples at 16 kHz up; `partial` and `final` down. It sends no message by itself."""
        await socket.accept()
        code = await self._served(socket, conversation_id)
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)

    async def _served(self, socket: WebSocket, conversation_id: str) -> int:
        if not is_origin_allowed(socket, self._origins):
            return FOREIGN
        try:
            async with asyncio.timeout(AUTH_WITHIN):
                token = wire.parse_auth(await socket.receive_text())
        except (TimeoutError, WebSocketDisconnect, KeyError):
            token = None
        holder = await self._parts.switchboard.holder(token) if token else None
        if holder != conversation_id:
            return FOREIGN if holder else NO_TOKEN
        try:
            async with self._parts.voice.open("/listen?rate=16000") as voice:
                return await relay(socket, voice, most=LONGEST_BYTES)
        except NeighbourError:
            sorry = Refused("unable", "现在不能语音识别，请打字。")
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.send_text(wire.encode(wire.error_frame(sorry)))
            return UNABLE
