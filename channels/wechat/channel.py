"""Routes of the official accounts (PROTOCOL 5): the server's check, and messages in with the passive reply out.

WeChat waits five seconds and then calls again, three times in all. Each call is heard once, and all get one reply: what
is ready within `DEADLINE`, else `success`, and the courier brings the answer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, StringConstraints

from bot.assembly import Parts
from bot.deliveries import Packed, Waiting
from bot.endpoints import Arrival, Call, Grant
from bot.errors import BotError, NeighbourError, NotFound, Refused
from channels.problems import problem
from channels.wechat.accounts import DEFAULT, Account
from channels.wechat.api import WeChatApi, WeChatError
from channels.wechat.crypto import BadEnvelope, is_fresh, is_signed, signature
from channels.wechat.hearing import MEANT, WECHAT, Hearing, Recognise, is_quiet
from channels.wechat.render import Style, passive
from channels.wechat.wire import BadXml, Incoming, incoming, parse, reply_xml, sealed_xml

log = logging.getLogger(__name__)
DEADLINE = 4.2  # seconds of the five that WeChat waits; the rest is for the store and the way back
CALLED = timedelta(seconds=5)
LOOK = 0.1  # seconds between two looks at what another process decides
WORDS = timedelta(hours=48)
EVENT = timedelta(minutes=1)
SUCCESS = "success"


def wechat_routes(parts: Parts, accounts: dict[str, Account], recognise: Recognise | None = None) -> APIRouter:
    """All routes of the connected accounts; none for others."""
    channel = WeChatChannel(parts, accounts, recognise)
    routes = APIRouter(tags=["wechat"])
    for path in ("/wechat", "/wechat/{account}"):
        routes.add_api_route(path, channel.check, methods=["GET"], include_in_schema=False)
        routes.add_api_route(path, channel.take, methods=["POST"], include_in_schema=False)
    routes.add_api_route("/api/v1/wechat/login", channel.login, methods=["POST"], include_in_schema=False)
    return routes


class Login(BaseModel):
    """Body of a mini-program's login."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    account: Annotated[str, StringConstraints(max_length=32)] = DEFAULT


def style_of(parts: Parts, conversation_id: str) -> Style:
    """How the messages of a conversation look, with links that open it."""
    told = parts.settings.channels.wechat

    def link() -> str:
        return f"{told.station}/#go={parts.links.sign(conversation_id, datetime.now(UTC))}" if told.station else ""

    return Style(told.clickable, link)


class WeChatChannel:
    def __init__(
        self, parts: Parts, accounts: dict[str, Account], recognise: Recognise | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._parts = parts
        self._accounts = accounts
        self._hearing = Hearing(parts, dict(parts.settings.channels.wechat.scenes), recognise)
        self._clock = clock
        self._working: set[asyncio.Task[str]] = set()

    async def check(self, request: Request, account: str = DEFAULT) -> Response:
        """WeChat makes sure that the address is ours."""
        known = self._called(account)
        if known is None:
            return problem(404, "not_found", "没有找到。")
        query = request.query_params
        if not self._is_signed(known, request):
            return _forbidden()
        return PlainTextResponse(query.get("echostr", ""), headers={"X-Content-Type-Options": "nosniff"})

    async def take(self, request: Request, account: str = DEFAULT) -> Response:
        """One message or event. 403 for a wrong signature or time, 400 for what is no message."""
        began = asyncio.get_running_loop().time()
        known = self._called(account)
        if known is None:
            return problem(404, "not_found", "没有找到。")
        if not self._is_signed(known, request):
            return _forbidden()
        try:
            call, sealed = self._opened(known, request, await request.body())
        except BadEnvelope:
            return _forbidden()
        except BadXml as error:
            return problem(400, "bad_xml", str(error))
        try:
            text = await self._replied(known, call, _stamp(known, request), began + DEADLINE)
        except Refused as error:
            if error.code != "replayed":
                raise
            return _forbidden()
        return self._response(known, call, text, sealed=sealed)

    async def login(self, told: Login) -> Response:
        """A mini-program's user, by the code of `wx.login`: his conversation goes on, on whatever device he is."""
        account = self._accounts.get(told.account)
        if account is None or not account.can_push:
            return problem(404, "not_found", "没有找到。")
        now = datetime.now(UTC)
        async with httpx.AsyncClient() as client:
            try:
                openid = await WeChatApi(client, self._parts.shared_tokens).user_of(account, told.code)
            except WeChatError:
                return problem(401, "bad_code", "登录已过期，请重新打开小程序。")
            except NeighbourError:
                return problem(503, "wechat_unreachable", "微信没有回应，请稍后再试。", retry_after=2)
        endpoint = await self._parts.endpoints.adopt("miniprogram", account.name, openid, now)
        try:
            conversation = await self._parts.switchboard.find(endpoint.conversation_id)
        except NotFound:
            opened = await self._parts.switchboard.open("web", address=endpoint.id, id=endpoint.conversation_id)
            conversation = opened.conversation
        link = self._parts.links.sign(conversation.id, now)
        _, token = await self._parts.links.follow(link, now)
        return JSONResponse({"id": conversation.id, "token": token}, 201, {"Cache-Control": "no-store"})

    def _called(self, name: str) -> Account | None:
        """The account that WeChat calls by this name."""
        account = self._accounts.get(name)
        return account if account is not None and account.token else None

    def _is_signed(self, account: Account, request: Request) -> bool:
        query = request.query_params
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not is_fresh(timestamp, self._clock()):
            return False
        return is_signed(query.get("signature", ""), account.token, timestamp, nonce)

    def _opened(self, account: Account, request: Request, raw: bytes) -> tuple[Incoming, bool]:
        """Sealed, or plain; of a message that is both only what is sealed counts. Raises BadEnvelope, BadXml."""
        query = request.query_params
        told = parse(raw)
        sealed = told.get("Encrypt")
        envelope = account.envelope
        if query.get("encrypt_type", "raw") in ("raw", ""):
            if "MsgType" not in told and sealed:
                raise BadEnvelope
            return incoming(account.name, told), False
        if envelope is None or not isinstance(sealed, str):
            raise BadEnvelope
        signed = query.get("msg_signature", "")
        if not is_signed(signed, account.token, query.get("timestamp", ""), query.get("nonce", ""), sealed):
            raise BadEnvelope
        return incoming(account.name, parse(envelope.open(sealed).encode())), True

    async def _replied(self, account: Account, call: Incoming, stamp: str, ends: float) -> str:
        """The words of the reply; empty where the courier has them, or there are none."""
        now = datetime.now(UTC)
        arrival = await self._parts.endpoints.arrive(
            Call(
                id=call.key, stamp=stamp, channel=WECHAT, account=account.name, address=call.sender, at=now,
                answered_by=now + CALLED, grant=_grant(call, now),
            )
        )  # fmt: skip
        if arrival.reply is not None:
            return arrival.reply
        if not arrival.fresh:
            return await self._repeated(call, arrival, ends)
        work = asyncio.create_task(self._hearing.take(call, arrival.endpoint), name=f"wechat-{call.key[:8]}")
        self._working.add(work)
        work.add_done_callback(self._done)
        await asyncio.wait({work}, timeout=max(0.0, ends - asyncio.get_running_loop().time()))
        preface, done = "", work.done()
        if work.done() and not work.cancelled():
            error = work.exception()
            if isinstance(error, Refused):
                return await self._parts.deliveries.reply(call.key, error.sentence)
            preface = work.result() if error is None else ""
        return await self._settled(call, arrival, preface, answered=done)

    async def _repeated(self, call: Incoming, arrival: Arrival, ends: float) -> str:
        """Another try of WeChat's, while the first is being answered, or its process was killed."""
        while asyncio.get_running_loop().time() < ends:
            decided = await self._parts.deliveries.decided(call.key)
            if decided is not None:
                return decided
            await asyncio.sleep(LOOK)
        return await self._settled(call, arrival, "", answered=True)

    async def _settled(self, call: Incoming, arrival: Arrival, preface: str, *, answered: bool) -> str:
        """What waits by now; a greeting alone, before the answer, is left for the courier to bring with it."""
        if is_quiet(call):
            return await self._parts.deliveries.reply(call.key, "")

        def pack(waiting: Sequence[Waiting]) -> Packed | None:
            told = waiting if answered else [w for w in waiting if w.message.because != "greeting"]
            return passive(told, style_of(self._parts, arrival.endpoint.conversation_id), preface)

        return await self._parts.deliveries.settle(call.key, datetime.now(UTC), pack)

    def _done(self, work: asyncio.Task[str]) -> None:
        """The words are kept; whatever failed after that, the caretaker answers."""
        self._working.discard(work)
        if work.cancelled():
            return
        error = work.exception()
        if isinstance(error, Refused):
            return
        if isinstance(error, BotError):
            log.warning("a call failed", extra={"told": {"why": type(error).__name__}})
        elif error is not None:
            log.error("a call failed", exc_info=error)

    def _response(self, account: Account, call: Incoming, text: str, *, sealed: bool) -> Response:
        if not text:
            return PlainTextResponse(SUCCESS)
        now = int(self._clock())
        xml = reply_xml(call, text, now)
        envelope = account.envelope
        if sealed and envelope is not None:
            closed, nonce = envelope.seal(xml), secrets.token_hex(8)
            xml = sealed_xml(closed, signature(account.token, str(now), nonce, closed), str(now), nonce)
        return Response(xml, media_type="application/xml")


def _grant(call: Incoming, now: datetime) -> Grant | None:
    """WeChat's rule: five messages within 48 hours of the follower's words, three within a minute of some events."""
    if call.kind in MEANT:
        return Grant("event", 3, now + EVENT)
    return None if call.is_event else Grant("words", 5, now + WORDS)


def _stamp(account: Account, request: Request) -> str:
    """What one signature was made for; the same with another message is a replay."""
    query = request.query_params
    told = (account.name, query.get("timestamp", ""), query.get("nonce", ""), query.get("msg_signature", ""))
    return sha256("\x00".join(told).encode()).hexdigest()


def _forbidden() -> Response:
    return problem(403, "forbidden", "签名不对，或者已经过期。")
