"""An agent speaks with a caller: her worker passes the sound on to the voice process that holds the call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from bot.assembly import Parts
from bot.errors import NeighbourError, NotFound, Refused
from bot.staff import Account, Right
from channels.console import desk_wire
from channels.console.desk import AUTH_WITHIN, FOREIGN, NO_SESSION
from channels.console.door import Door, token_of
from channels.relay import relay

AUDIO = "/api/v1/desk/calls/{conversation_id}/audio"
NOT_YOURS, NO_CALL, GONE = 4403, 4404, 1011
LOOK_AT_OWNER = 2.0  # seconds; who gave the caller away hears him no longer


def call_audio_routes(parts: Parts, door: Door) -> APIRouter:
    routes = APIRouter(tags=["desk"])

    async def audio(socket: WebSocket, conversation_id: str) -> None:
        await socket.accept()
        code = await _served(socket, conversation_id, parts, door)
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)

    routes.add_api_websocket_route(AUDIO, audio)
    return routes


async def _served(socket: WebSocket, conversation_id: str, parts: Parts, door: Door) -> int:
    try:
        door.check_origin(socket)
    except Refused:
        return FOREIGN
    account = await _account(socket, parts)
    if account is None:
        return NO_SESSION
    try:
        if not await _hers(parts, conversation_id, account):
            return NOT_YOURS
        call = await parts.calls.of(conversation_id)
    except NotFound:
        return NO_CALL
    at = Path(call.process.partition("|")[2])
    try:
        async with parts.voice.open(f"/agent/{call.id}", socket=at) as voice:
            passing = asyncio.create_task(relay(socket, voice))
            try:
                while not (await asyncio.wait({passing}, timeout=LOOK_AT_OWNER))[0]:
                    if not await _hers(parts, conversation_id, account):
                        return NOT_YOURS
                return passing.result()
            finally:
                passing.cancel()
                await asyncio.gather(passing, return_exceptions=True)
    except NeighbourError:
        return GONE


async def _account(socket: WebSocket, parts: Parts) -> Account | None:
    """By the cookie or the bearer of the handshake, else by the first frame."""
    token = token_of(socket)
    if not token:
        with suppress(TimeoutError, WebSocketDisconnect, KeyError):
            async with asyncio.timeout(AUTH_WITHIN):
                token = desk_wire.parse_auth(await socket.receive_text()) or ""
    account = await parts.sessions.account(token) if token else None
    return account if account is not None and account.may(Right.SERVE) else None


async def _hers(parts: Parts, conversation_id: str, account: Account) -> bool:
    return (await parts.conversations.find(conversation_id)).agent_id == account.username
