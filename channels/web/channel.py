"""Routes of the citizens' API (PROTOCOL 2): open, read, send, and the socket; `tasks` and `pages` have the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection

from bot.assembly import Parts
from bot.conversation import Stage
from bot.errors import NotFound, Refused
from channels.security import client_address, is_origin_allowed
from channels.web import described, wire
from channels.web.announcements import emergencies
from channels.web.intake import RESUME_WINDOW_MS, Intake, Sender
from channels.web.pages import page_routes
from channels.web.sockets import FOREIGN, CitizenSocket
from channels.web.tasks import task_routes

LONGEST_WAIT = 25.0
PER_PAGE = 500
LINK_TRIES = 30  # wrong ones in a quarter of an hour; nobody guesses a signature, and many share an address
LAST_SEQ = 2**31 - 1
OPEN = "/api/v1/conversations"
MESSAGES = f"{OPEN}/{{conversation_id}}/messages"


def web_routes(parts: Parts) -> APIRouter:
    """All routes of the web channel over one set of parts."""
    api = CitizenApi(parts)
    routes = APIRouter()
    told: dict[str, Any] = {"dependencies": [Depends(api.own_origin)], "tags": ["citizens"]}
    routes.add_api_route(
        OPEN, api.open_conversation, methods=["POST"], status_code=201, response_model=described.OpenedConversation,
        responses=described.problems(400, 403, 409, 413, 429), **told,
    )  # fmt: skip
    routes.add_api_route(
        MESSAGES, api.read_messages, methods=["GET"], response_model=described.Story,
        responses=described.problems(400, 401, 403, 404), openapi_extra=described.BEARER, **told,
    )  # fmt: skip
    routes.add_api_route(
        MESSAGES, api.take_frame, methods=["POST"], response_model=described.AckFrame | described.PongFrame,
        responses=described.problems(400, 401, 403, 404, 409, 410, 413, 429), openapi_extra=described.TAKES_A_FRAME,
        **told,
    )  # fmt: skip
    routes.add_api_route(
        "/api/v1/links", api.follow_link, methods=["POST"], status_code=201,
        response_model=described.OpenedConversation, responses=described.problems(400, 403, 410, 429), **told,
    )  # fmt: skip
    routes.add_api_websocket_route(f"{OPEN}/{{conversation_id}}/socket", api.socket)
    routes.include_router(task_routes(parts))
    routes.include_router(page_routes(parts))
    return routes


class CitizenApi:
    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._switchboard = parts.switchboard
        self._notices = parts.notices
        self._rates = parts.rates
        self._contacts = parts.contacts
        self._links = parts.links
        self._origins = settings.channels.web.origins
        self._trusted = settings.server.trusted_proxies
        self._per_address = settings.limits.per_address
        self._frame_bytes = settings.limits.frame_bytes
        self._reads = parts.reads
        self._intake = Intake(
            parts.switchboard,
            parts.opinions,
            parts.reads,
            parts.rates,
            messages_per_minute=self._per_address.messages_per_minute,
        )

    async def own_origin(self, request: Request) -> None:
        if not is_origin_allowed(request, self._origins):
            raise Refused("foreign_origin", "这个网站没有接入许可。")

    async def open_conversation(self, request: Request, opening: wire.Opening) -> JSONResponse:
        """Opens a conversation; the same client-made id soon again gives the same one."""
        address = self._fingerprint(request)
        await self._rates.count(f"open:{address}", per_minute=self._per_address.conversations_per_minute)
        opened = await self._switchboard.open(
            opening.channel, address=address, id=opening.id, locale=opening.locale or "zh-CN",
            scene=opening.marked_scene,
            notices=emergencies(self._notices.bulletin, datetime.now(UTC)),
        )  # fmt: skip
        told = {"id": opened.conversation.id, "token": opened.token}
        return _private(told | await self._story(opened.conversation.id, 0), 201)

    async def follow_link(self, request: Request, told: wire.Linked) -> JSONResponse:
        """Goes on with the conversation of a signed link, once, within five minutes."""
        tries = f"resume:{self._fingerprint(request)}"
        await self._rates.check(tries, at_most=LINK_TRIES, window_ms=RESUME_WINDOW_MS)
        try:
            conversation_id, token = await self._links.follow(told.link, datetime.now(UTC))
        except Refused:
            await self._rates.count(tries, per_minute=LINK_TRIES, window_ms=RESUME_WINDOW_MS)
            raise
        return _private({"id": conversation_id, "token": token} | await self._story(conversation_id, 0), 201)

    async def read_messages(
        self,
        request: Request,
        conversation_id: str,
        after: Annotated[int, Query(ge=0, le=LAST_SEQ)] = 0,
        wait: Annotated[float, Query(ge=0)] = 0.0,
    ) -> JSONResponse:
        """What was said after `after`; waits for it up to 25 seconds."""
        sender = await self._sender(request, conversation_id)
        return _private(await self._story(sender.conversation_id, after, min(wait, LONGEST_WAIT)))

    async def take_frame(self, request: Request, conversation_id: str) -> JSONResponse:
        """One client frame; the answer is the ack, also when it is repeated."""
        raw = await request.body()
        if len(raw) > self._frame_bytes:
            raise Refused("too_large", "这条消息太大了，请分几次发。")
        if (again := await self._ended(request, conversation_id, raw)) is not None:
            return _private(again)
        sender = await self._sender(request, conversation_id)
        taken = await self._intake.take(wire.parse(raw), sender)
        if taken.then:
            await taken.then()
        told: dict[str, Any] = {}
        for frame in taken.frames or ({"type": "ack"},):
            told |= frame
        return _private(told)

    async def socket(self, socket: WebSocket, conversation_id: str, after: str = "0") -> None:
        await socket.accept()
        if not is_origin_allowed(socket, self._origins):
            await socket.close(FOREIGN)
            return
        citizen = CitizenSocket(
            socket, self._switchboard, self._reads, self._intake, address=self._fingerprint(socket),
            frame_bytes=self._frame_bytes,
        )  # fmt: skip
        await citizen.serve(conversation_id, _number(after))

    async def _sender(self, request: Request, conversation_id: str) -> Sender:
        token = _bearer(request)
        holder = await self._switchboard.holder(token) if token else None
        if holder is None:
            raise Refused("unauthorized", "登录凭证不对，请刷新页面重新开始。")
        if holder != conversation_id:
            raise NotFound(conversation_id)
        return Sender(conversation_id, token, self._fingerprint(request))

    async def _ended(self, request: Request, conversation_id: str, raw: bytes) -> dict[str, Any] | None:
        """The ack of an `end` that is repeated: its token opens nothing any more, and the client may not know."""
        token = _bearer(request)
        if b'"end"' not in raw or not token or await self._switchboard.ended(token) != conversation_id:
            return None
        frame = wire.parse(raw)
        if not isinstance(frame, wire.End):
            return None
        conversation = await self._switchboard.find(conversation_id)
        return {"type": "ack", "id": frame.id, "seq": conversation.last_seq}

    async def _story(self, conversation_id: str, after: int, wait: float = 0.0) -> dict[str, Any]:
        update = await self._switchboard.messages(conversation_id, after, wait=wait)
        conversation = await self._switchboard.find(conversation_id)
        if conversation.stage is Stage.WAITING:
            await self._switchboard.still_waits(conversation_id)
        return {
            "messages": [wire.message_frame(m) for m in update.messages[:PER_PAGE]],
            "state": wire.state_frame(*await self._switchboard.state(conversation)),
        }

    def _fingerprint(self, connection: HTTPConnection) -> str:
        return self._contacts.fingerprint(client_address(connection, self._trusted))


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _private(told: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(told, status, {"Cache-Control": "no-store"})


def _number(after: str) -> int:
    """Whoever cannot say what it has gets everything: a refused handshake would hide the reason from browsers."""
    return min(int(after), LAST_SEQ) if after.isdecimal() else 0
