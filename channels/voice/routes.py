"""What web workers serve for calls: the API for dialplans, and gateways' websockets, passed on to the voice process."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, StringConstraints

from bot.assembly import Parts
from bot.errors import NeighbourError, Refused
from channels.relay import GONE, relay
from channels.security import is_secure
from channels.voice import proofs
from channels.voice.dialects import SUBPROTOCOLS
from channels.voice.streams import URLS

CALLS = "/api/v1/voice/calls/{call_id}"
PASSED_ON = ("x-yida-secret", "authorization", "x-twilio-signature")
CallId = Annotated[str, Path(pattern=r"^[\w.-]{1,64}$")]
Field = Literal["outcome", "skill", "summary"]


class Announcement(BaseModel):
    """Who calls, as far as the dialplan knows."""

    number: Annotated[str, StringConstraints(max_length=32)] = ""
    purpose: Annotated[str, StringConstraints(max_length=64)] = ""


class CallShown(BaseModel):
    """`outcome` is empty before the call has begun and `live` while it goes on."""

    outcome: str
    skill: str
    summary: str
    conversation: str | None


def voice_routes(parts: Parts) -> APIRouter:
    api = CallsApi(parts)
    routes = APIRouter(tags=["voice"])
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    why = {400: "not understood", 401: "no proof of right", 404: "no such call", 503: "the store is busy"}
    told: dict[int | str, dict[str, object]] = {s: {"description": w, "content": content} for s, w in why.items()}
    text = {"content": {"text/plain; charset=utf-8": {"schema": {"type": "string"}}}}
    plain = told | {200: text | {"description": "what became of it; `field` as plain text"}}
    routes.add_api_route(CALLS, api.announce, methods=["POST"], response_model=CallShown, responses=told)
    routes.add_api_route(CALLS, api.outcome, methods=["GET"], response_model=CallShown, responses=plain)
    routes.add_api_websocket_route("/voice/stream", api.stream)
    routes.add_api_websocket_route("/voice/twilio", api.twilio)
    return routes


class CallsApi:
    def __init__(self, parts: Parts) -> None:
        self._calls = parts.calls
        self._voice = parts.voice
        self._secret = parts.settings.channels.voice.secret
        self._trusted = parts.settings.server.trusted_proxies

    async def announce(self, request: Request, call_id: CallId, told: Announcement) -> Response:
        """Tells of a call before its sound comes."""
        self._check(request)
        await self._calls.announce(call_id, told.number, told.purpose, datetime.now(UTC))
        return await self._shown(call_id)

    async def outcome(
        self, request: Request, call_id: CallId, field: Annotated[Field | None, Query()] = None
    ) -> Response:
        """What became of it; `field` as plain text, for dialplans."""
        self._check(request)
        return await self._shown(call_id, field)

    async def stream(self, socket: WebSocket) -> None:
        await self._pass_on(socket, "/voice/stream")

    async def twilio(self, socket: WebSocket) -> None:
        await self._pass_on(socket, "/voice/twilio")

    async def _shown(self, call_id: str, field: Field | None = None) -> Response:
        call = await self._calls.find(call_id)
        told = CallShown(
            outcome=call.outcome, skill=call.skill, summary=call.summary, conversation=call.conversation_id
        )
        if field is not None:
            return PlainTextResponse(str(getattr(told, field)), headers={"Cache-Control": "no-store"})
        return JSONResponse(told.model_dump(), headers={"Cache-Control": "no-store"})

    def _check(self, request: Request) -> None:
        if not proofs.proves(request.headers, self._secret):
            raise Refused("unauthorized", "没有权限，请检查密钥。")

    async def _pass_on(self, socket: WebSocket, path: str) -> None:
        headers = {name: socket.headers[name] for name in PASSED_ON if name in socket.headers}
        headers[URLS] = " ".join(self._addresses(socket))
        offered = [name for name in socket.scope.get("subprotocols", ()) if name in SUBPROTOCOLS]
        rate = socket.query_params.get("rate", "")
        path += f"?rate={rate}" if rate in ("8000", "16000") else ""
        try:
            async with self._voice.open(path, headers=headers, subprotocols=offered) as voice:
                await socket.accept(voice.subprotocol)
                code = await relay(socket, voice)
        except NeighbourError:
            await socket.accept(offered[0] if offered else None)
            code = GONE
        with contextlib.suppress(RuntimeError):
            await socket.close(code)

    def _addresses(self, socket: WebSocket) -> list[str]:
        """Under which a gateway may have signed: as it came, and as it came to the proxy before us."""
        host = socket.headers.get("host", "")
        rest = socket.url.path + (f"?{socket.url.query}" if socket.url.query else "")
        schemes = ("wss", "https") if is_secure(socket, self._trusted) else ("ws", "http", "wss", "https")
        return [f"{scheme}://{host}{rest}" for scheme in schemes if host]
