"""Routes of the citizens' API, the service station and the widget (PROTOCOL 2)."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response, WebSocket
from fastapi.responses import FileResponse, JSONResponse

from bot.assembly import Parts
from bot.conversation import Stage
from bot.errors import NotFound, Refused
from channels.security import client_address, is_origin_allowed
from channels.web import described, wire
from channels.web.intake import Intake, Sender
from channels.web.sockets import FOREIGN, CitizenSocket
from channels.web.station import station_facts

STATIC = Path(__file__).parent / "static"
LONGEST_WAIT = 25.0
PER_PAGE = 500
LAST_SEQ = 2**31 - 1
FRESH = {"Cache-Control": "no-cache"}  # a page is asked for again each time, and answered with 304 while it is the same


def web_routes(parts: Parts) -> APIRouter:
    """All routes of the web channel over one set of parts."""
    settings = parts.settings
    switchboard, origins, trusted = parts.switchboard, settings.channels.web.origins, settings.server.trusted_proxies
    per_address = settings.limits.per_address
    intake = Intake(
        switchboard, parts.opinions, parts.rates, messages_per_minute=per_address.messages_per_minute
    )  # fmt: skip
    routes = APIRouter()

    def fingerprint(request: Request | WebSocket) -> str:
        return parts.contacts.fingerprint(client_address(request, trusted))

    def own_origin(request: Request) -> None:
        if not is_origin_allowed(request, origins):
            raise Refused("foreign_origin", "这个网站没有接入许可。")

    async def sender(request: Request, conversation_id: str) -> Sender:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        holder = await switchboard.holder(token) if scheme.lower() == "bearer" and token else None
        if holder is None:
            raise Refused("unauthorized", "登录凭证不对，请刷新页面重新开始。")
        if holder != conversation_id:
            raise NotFound(conversation_id)
        return Sender(conversation_id, token, fingerprint(request))

    From = Annotated[Sender, Depends(sender)]
    guarded = [Depends(own_origin)]

    async def state(conversation_id: str) -> dict[str, object]:
        conversation = await switchboard.find(conversation_id)
        position = await switchboard.position(conversation_id) if conversation.stage is Stage.WAITING else None
        return wire.state_frame(conversation, position)

    @routes.post(
        "/api/v1/conversations", status_code=201, dependencies=guarded, tags=["citizens"],
        response_model=described.OpenedConversation, responses=described.problems(400, 403, 409, 413, 429),
    )  # fmt: skip
    async def open_conversation(request: Request, opening: wire.Opening) -> JSONResponse:
        """Opens a conversation; the same client-made id soon again gives the same one."""
        address = fingerprint(request)
        await parts.rates.count(f"open:{address}", per_minute=per_address.conversations_per_minute)
        opened = await switchboard.open(
            opening.channel, address=address, id=opening.id, locale=opening.locale or "zh-CN", scene=opening.scene
        )
        update = await switchboard.messages(opened.conversation.id, 0)
        told = {
            "id": opened.conversation.id,
            "token": opened.token,
            "messages": [wire.message_frame(m) for m in update.messages],
            "state": await state(opened.conversation.id),
        }
        return JSONResponse(told, 201, {"Cache-Control": "no-store"})

    @routes.get(
        "/api/v1/conversations/{conversation_id}/messages", dependencies=guarded, tags=["citizens"],
        response_model=described.Story, responses=described.problems(400, 401, 403, 404),
        openapi_extra=described.BEARER,
    )  # fmt: skip
    async def read_messages(
        sender: From,
        after: Annotated[int, Query(ge=0, le=LAST_SEQ)] = 0,
        wait: Annotated[float, Query(ge=0)] = 0.0,
    ) -> JSONResponse:
        """What was said after `after`; waits for it up to 25 seconds."""
        update = await switchboard.messages(sender.conversation_id, after, wait=min(wait, LONGEST_WAIT))
        told = {
            "messages": [wire.message_frame(m) for m in update.messages[:PER_PAGE]],
            "state": await state(sender.conversation_id),
        }
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @routes.post(
        "/api/v1/conversations/{conversation_id}/messages", dependencies=guarded, tags=["citizens"],
        response_model=described.AckFrame | described.PongFrame,
        responses=described.problems(400, 401, 403, 404, 409, 410, 413, 429), openapi_extra=described.TAKES_A_FRAME,
    )  # fmt: skip
    async def take_frame(request: Request, sender: From) -> JSONResponse:
        """One client frame; the answer is the ack, also when it is repeated."""
        raw = await request.body()
        if len(raw) > settings.limits.frame_bytes:
            raise Refused("too_large", "这条消息太大了，请分几次发。")
        taken = await intake.take(wire.parse(raw), sender)
        if taken.then:
            await taken.then()
        told = taken.frames[-1] if taken.frames else {"type": "ack"}
        if len(taken.frames) > 1:
            told = {**taken.frames[0], **told}
        return JSONResponse(told, headers={"Cache-Control": "no-store"})

    @routes.websocket("/api/v1/conversations/{conversation_id}/socket")
    async def socket(socket: WebSocket, conversation_id: str, after: str = "0") -> None:
        await socket.accept()
        if not is_origin_allowed(socket, origins):
            await socket.close(FOREIGN)
            return
        citizen = CitizenSocket(
            socket, switchboard, intake, address=fingerprint(socket), frame_bytes=settings.limits.frame_bytes
        )  # fmt: skip
        await citizen.serve(conversation_id, _number(after))

    @routes.get(
        "/api/v1/station", tags=["citizens"], response_model=described.StationFacts, responses=described.problems()
    )  # fmt: skip
    async def station() -> dict[str, object]:
        """What the service station shows: topics with common questions, hours, phones."""
        return station_facts(parts.site, settings.site.zone, parts.library.current)

    @routes.get("/", include_in_schema=False)
    @routes.get("/s/{code}", include_in_schema=False)
    async def station_page(code: str = "") -> Response:
        del code  # the page reads it from its own address
        return FileResponse(STATIC / "station.html", headers=FRESH)

    @routes.get("/widget.js", include_in_schema=False)
    async def widget() -> Response:
        return FileResponse(STATIC / "widget.js", media_type="text/javascript")

    @routes.get("/widget/demo", include_in_schema=False)
    async def demo() -> Response:
        return FileResponse(STATIC / "demo.html", headers=FRESH)

    return routes


def _number(after: str) -> int:
    """Whoever cannot say what it has gets everything: a refused handshake would hide the reason from browsers."""
    return min(int(after), LAST_SEQ) if after.isdecimal() else 0
