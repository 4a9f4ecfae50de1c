"""The desk's calls: lists, a citizen's story, search, canned replies, tickets, the wall board; and its socket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response, WebSocket
from fastapi.responses import JSONResponse

from bot.assembly import Parts
from bot.conversation import Conversation, Stage
from bot.dossiers import Scope
from bot.errors import NotFound, Refused
from bot.seats import CODES
from bot.speaking import noted
from bot.staff import Account, Right
from bot.tickets import RESULTS
from channels.console import bodies, desk_told, desk_wire
from channels.console import desk_described as shown
from channels.console.desk import DeskSocket
from channels.console.desk_told import FOUND, DeskTold
from channels.console.door import Door
from channels.console.session import PRIVATE
from channels.frames import stamp

DESK = "/api/v1/desk"
TALK = DESK + "/conversations/{conversation_id}"
TICKET = DESK + "/tickets/{number}"
LAST_SEQ = 2**31 - 1
MOST = 500
Told = dict[str, Any]


def desk_routes(parts: Parts, door: Door) -> APIRouter:
    api = DeskApi(parts, door)
    routes = APIRouter(tags=["desk"])

    def add(method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200) -> None:
        told = bodies.problems(401, 403, *statuses)
        routes.add_api_route(path, call, methods=[method], response_model=model, status_code=status, responses=told)

    add("GET", DESK + "/me", api.me, model=shown.Seat)
    add("GET", DESK + "/agents", api.agents, model=shown.Agents)
    add("GET", DESK + "/conversations", api.conversations, 400, model=shown.Talks)
    add("GET", TALK, api.context, 404, model=shown.Context)
    add("GET", TALK + "/reach", api.reach, 404, model=shown.Reached)
    add("GET", TALK + "/messages", api.messages, 400, 404, model=shown.DeskStory)
    add("GET", TALK + "/notes", api.notes, 400, 404, model=shown.Notes)
    add("GET", DESK + "/search", api.search, 400, model=shown.Entries)
    add("GET", DESK + "/codes", api.codes, model=shown.Codes)
    add("GET", DESK + "/replies", api.replies, model=shown.Replies)
    add("POST", DESK + "/replies", api.new_reply, 400, model=shown.ReplyShown, status=201)
    add("PUT", DESK + "/replies/{reply_id}", api.change_reply, 400, 404, model=shown.ReplyShown)
    add("DELETE", DESK + "/replies/{reply_id}", api.remove_reply, 404, status=204)
    add("GET", DESK + "/tickets", api.tickets, 400, model=shown.TicketList)
    add("POST", TICKET + "/take", api.take_ticket, 404, model=shown.TicketShown)
    add("POST", TICKET + "/answer", api.answer_ticket, 400, 404, model=shown.TicketShown)
    add("POST", TICKET + "/phone", api.phone, 400, 404, 422, model=shown.PhoneShown)
    add("POST", TICKET + "/close", api.close_ticket, 400, 404, 422, model=shown.TicketShown)
    add("GET", DESK + "/board", api.board, model=shown.BoardShown)
    routes.add_api_websocket_route(DESK + "/socket", api.socket)
    return routes


class DeskApi:
    """Twenty small calls over one set of parts; each asks the door first."""

    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._door = door
        self._told = DeskTold(parts)
        self._zone = parts.settings.site.zone

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        await DeskSocket(socket, self._parts, self._door, self._told).serve()

    async def me(self, request: Request) -> Response:
        """One's own seat."""
        account = await self._agent(request)
        told: Told = {"username": account.username, "name": account.name, "number": account.number}
        told |= {"status": "offline", "load": 0, "capacity": account.capacity, "rights": sorted(account.rights)}
        try:
            seat = await self._parts.queue.desk(account.username, _now())
        except NotFound:
            return _private(told)
        return _private(told | {"status": seat.status, "load": seat.load})

    async def agents(self, request: Request) -> Response:
        """All who ever had the desk open, and what they can take now."""
        await self._agent(request)
        return _private({"agents": [desk_told.desk(seat) for seat in await self._parts.queue.desks(_now())]})

    async def conversations(self, request: Request, scope: Scope = "mine") -> Response:
        """One's own, those who wait, or the latest that a human served; supervisors see everybody's."""
        account = await self._agent(request)
        everybody = account.may(Right.SUPERVISE)
        found = await self._parts.dossiers.listed(scope, account.username, everybody=everybody)
        told = []
        for one in found:
            agent = await self._told.agent(one.conversation.agent_id)
            told.append(desk_wire.brief(one.conversation, agent, one.last_text))
        return _private({"conversations": told})

    async def context(self, request: Request, conversation_id: str) -> Response:
        """Who and why, what the bot said, who came before."""
        await self._readable(request, conversation_id)
        return _private(await self._told.context(conversation_id))

    async def reach(self, request: Request, conversation_id: str) -> Response:
        """How many messages may still be pushed to the citizen, and what waits; null where a page shows all."""
        await self._readable(request, conversation_id)
        return _private({"reach": desk_told.reach(await self._parts.deliveries.reach(conversation_id, _now()))})

    async def messages(
        self,
        request: Request,
        conversation_id: str,
        before: Annotated[int, Query(ge=1, le=LAST_SEQ)] = LAST_SEQ,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """A page of the story, oldest first; `earlier` says whether more lies before."""
        await self._readable(request, conversation_id)
        found = await self._parts.words.before(conversation_id, before, limit)
        told = [desk_wire.message(conversation_id, message) for message in found]
        return _private({"messages": told, "earlier": bool(found) and found[0].seq > 1})

    async def notes(
        self, request: Request, conversation_id: str, after: Annotated[int, Query(ge=0, le=LAST_SEQ)] = 0
    ) -> Response:
        """What the staff wrote for each other."""
        await self._readable(request, conversation_id)
        found = await self._parts.words.notes(conversation_id, after)
        return _private({"notes": [desk_told.note(conversation_id, note) for note in found]})

    async def search(self, request: Request, text: Annotated[str, Query(max_length=500)]) -> Response:
        """Entries of the knowledge with the answers as they would be sent."""
        await self._agent(request)
        entries = self._told.entries(text, limit=FOUND, now=_now()) if text.strip() else []
        return _private({"entries": entries})

    async def codes(self, request: Request) -> Response:
        """What closing a conversation and a ticket needs."""
        await self._agent(request)
        codes = [{"code": code, "label": label} for code, label in CODES.items()]
        return _private({"codes": codes, "results": [{"result": r, "label": label} for r, label in RESULTS.items()]})

    async def replies(self, request: Request) -> Response:
        """Shared ones and one's own."""
        account = await self._agent(request)
        return _private({"replies": [_canned(reply) for reply in await self._parts.canned.of(account)]})

    async def new_reply(self, request: Request, told: shown.ReplyBody) -> Response:
        """`{agent}`, `{number}`, `{city}`, `{date}` are filled in by the page."""
        account = await self._agent(request)
        kept = await self._parts.canned.keep(account, told.title, told.text, shared=told.shared, at=_now())
        return _private(_canned(kept), 201)

    async def change_reply(self, request: Request, reply_id: str, told: shown.ReplyBody) -> Response:
        """One's own; a shared one with `supervise`."""
        account = await self._agent(request)
        kept = await self._parts.canned.keep(account, told.title, told.text, shared=told.shared, at=_now(), id=reply_id)
        return _private(_canned(kept))

    async def remove_reply(self, request: Request, reply_id: str) -> Response:
        """One's own; a shared one with `supervise`."""
        await self._parts.canned.remove(await self._agent(request), reply_id)
        return Response(status_code=204)

    async def tickets(
        self,
        request: Request,
        status: Literal["open", "closed"] = "open",
        kind: Literal["message", "rectification"] | None = None,
        after: Annotated[str | None, Query(max_length=16)] = None,
    ) -> Response:
        """What is due first at the top."""
        await self._agent(request)
        found, following = await self._parts.tickets.page(status=status, kind=kind, after=after)
        return _private({"tickets": [desk_told.ticket(ticket, self._today()) for ticket in found], "next": following})

    async def take_ticket(self, request: Request, number: str, told: shown.Nothing = shown.NOTHING) -> Response:
        """Whoever takes it works on it."""
        del told
        account = await self._agent(request)
        taken = await self._parts.tickets.take(number, account.username)
        return _private(desk_told.ticket(taken, self._today()))

    async def answer_ticket(self, request: Request, number: str, told: shown.AnswerBody) -> Response:
        """Said to the citizen in the conversation that the ticket came from, also after its end."""
        account = await self._agent(request)
        ticket = await self._parts.tickets.find(number)
        await self._parts.speaking.answer(account, ticket.conversation, told.text, id=told.id)
        return _private(desk_told.ticket(await self._parts.tickets.take(number, account.username), self._today()))

    async def phone(self, request: Request, number: str, told: shown.ReasonBody) -> Response:
        """The telephone number, once reason and name are in the audit log."""
        account = await self._agent(request)
        if not told.reason.strip():
            raise Refused("no_reason", "请写明为什么要看电话。")
        write = noted(account, "phone_shown", number, _now(), reason=told.reason.strip())
        return _private({"phone": await self._parts.tickets.reveal(number, write)})

    async def close_ticket(self, request: Request, number: str, told: shown.ClosingBody) -> Response:
        """A rectification only with the result of the call back."""
        account = await self._agent(request)
        closed = await self._parts.tickets.close(
            number, account.username, result=told.result, remark=told.remark, at=_now(),
            also=noted(account, "ticket_closed", number, _now(), result=told.result),
        )  # fmt: skip
        return _private(desk_told.ticket(closed, self._today()))

    async def board(self, request: Request) -> Response:
        """The hall in numbers, for supervisors."""
        await self._door.may(request, Right.SUPERVISE)
        board = await self._parts.boards.board(_now())
        here = [seat for seat in board.desks if seat.here]
        wait = board.today.average_wait_ms
        return _private({
            "at": stamp(board.at), "waiting": board.waiting, "longest_wait_seconds": board.longest_wait_ms // 1000,
            "online": len(here), "away": sum(seat.status == "away" for seat in board.desks),
            "serving": sum(seat.load for seat in board.desks), "places": sum(seat.capacity for seat in here),
            "free": sum(max(0, seat.capacity - seat.load) for seat in here),
            "today": {
                "asked": board.today.asked, "served": board.today.served, "left": board.today.left,
                "average_wait_seconds": None if wait is None else round(wait / 1000), "rated": board.today.rated,
                "within_15_seconds": board.today.quick, "average_stars": board.today.average_stars,
            },
            "tickets": {"open": board.open_tickets, "overdue": board.overdue_tickets},
            "agents": [desk_told.desk(seat) for seat in board.desks],
        })  # fmt: skip

    async def _agent(self, request: Request) -> Account:
        return (await self._door.may(request, Right.SERVE)).account

    async def reader(self, request: Request, conversation_id: str) -> str:
        """For what other channels show at the desk: lets in whoever may read it, and gives the name."""
        await self._readable(request, conversation_id)
        return (await self._agent(request)).username

    async def _readable(self, request: Request, conversation_id: str) -> Conversation:
        """Her own, whoever waits, whom she served last; supervisors read all, which is audited where they watch.

        Raises NotFound for all others, so that ids cannot be tried.
        """
        account = await self._agent(request)
        conversation = await self._parts.conversations.find(conversation_id)
        mine = account.username in (conversation.agent_id, conversation.last_agent)
        if mine or conversation.stage is Stage.WAITING or account.may(Right.SUPERVISE):
            return conversation
        if any(t.owner == account.username for t in await self._parts.tickets.of(conversation_id)):
            return conversation
        raise NotFound(conversation_id)

    def _today(self) -> str:
        return _now().astimezone(self._zone).date().isoformat()


def _canned(reply: Any) -> Told:
    return {"id": reply.id, "title": reply.title, "text": reply.text, "shared": reply.shared, "owner": reply.owner}


def _now() -> datetime:
    return datetime.now(UTC)


def _private(told: Told, status: int = 200) -> JSONResponse:
    return JSONResponse(told, status, PRIVATE)
