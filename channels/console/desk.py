"""An agent's socket: offers, her conversations and the queue as they change; what she does, decided in the store."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.assembly import Parts
from bot.conversation import Conversation, Party, Stage
from bot.desk import Floor
from bot.errors import NotFound, Refused, Stale, StoreBusy
from bot.measure import REFUSALS
from bot.seats import Closing
from bot.staff import Account, Right
from bot.switchboard import HEARTBEAT
from channels.console import desk_told, desk_wire
from channels.console.desk_told import SUGGESTED, DeskTold
from channels.console.door import Door, token_of
from channels.frames import encode, stamp
from channels.problems import BUSY, FAULT

log = logging.getLogger(__name__)
AUTH_WITHIN = 5.0
NO_SESSION, FOREIGN = 4401, 4403
LET_GO, COME_AGAIN = 1001, 1013
QUEUE_EVERY = 0.5  # seconds at least between two frames of the queue
SHOWN = 50  # of the queue
LAST = 100  # messages when a conversation is opened without a cursor
FRAME_BYTES = 16_384
SLOW = 10.0  # seconds a page may take for one frame before it has to come back
IDLE = 120.0  # seconds without any frame, pings included, before a socket counts as dead
LOOK_AT_SESSION = 20.0  # seconds; who is signed out or closed is let go within them
ACTING_EVERY = 60.0  # seconds between two notes that somebody works here
TYPING_EVERY = 3.0
Told = dict[str, Any]


class DeskSocket:
    """One accepted websocket of a page, from auth to close; an agent may have several.

    Long, because what is told and what is done share one state: what this page knows already.
    """

    def __init__(self, socket: WebSocket, parts: Parts, door: Door, told: DeskTold) -> None:
        self._socket = socket
        self._parts = parts
        self._door = door
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._tasks = anyio.create_task_group()
        self._looking = asyncio.Lock()
        self._sending = asyncio.Lock()
        self._token = ""
        self._acted = float("-inf")
        self._heard = self._loop.time()
        self._offers: dict[str, int] = {}
        self._mine: dict[str, Conversation] | None = None
        self._status: Told = {}
        self._watched: set[str] = set()
        self._follows: dict[str, anyio.CancelScope] = {}
        self._closes_with = LET_GO

    async def serve(self) -> None:
        try:
            account = await self._authenticated()
        except StoreBusy as error:
            log.error("store: %s", error)
            await self._close(COME_AGAIN)
            return
        if account is None:
            return
        await self._parts.seats.come(account)
        try:
            async with self._tasks:
                self._tasks.start_soon(self._guarded, self._tell_desk, account)
                self._tasks.start_soon(self._guarded, self._tell_queue, account)
                self._tasks.start_soon(self._guarded, self._watch_session, account)
                await self._listen(account)
                self._let_go()
        finally:
            with anyio.CancelScope(shield=True), suppress(StoreBusy):
                await self._parts.seats.go(account.username)
        await self._close(self._closes_with)

    async def _authenticated(self) -> Account | None:
        """By the cookie or the bearer of the handshake, else by the first frame."""
        try:
            self._door.check_origin(self._socket)
        except Refused:
            await self._close(FOREIGN)
            return None
        self._token = token_of(self._socket)
        account = await self._parts.sessions.account(self._token) if self._token else None
        if account is None:
            try:
                async with asyncio.timeout(AUTH_WITHIN):
                    self._token = desk_wire.parse_auth(await self._received()) or ""
            except (TimeoutError, WebSocketDisconnect):
                self._token = ""
            account = await self._parts.sessions.account(self._token) if self._token else None
        if account is not None and account.may(Right.SERVE):
            return account
        await self._close(NO_SESSION if account is None else FOREIGN)
        return None

    async def _guarded(self, work: Callable[[Account], Awaitable[None]], account: Account) -> None:
        """What ends takes the socket with it: its page comes back and asks for everything anew."""
        try:
            await work(account)
        except (WebSocketDisconnect, RuntimeError):
            pass
        except (StoreBusy, NotFound) as error:
            log.error("store: %s", error)
            self._closes_with = COME_AGAIN
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._tasks.cancel_scope.cancel()

    # What is told

    async def _tell_desk(self, account: Account) -> None:
        """Offers, what is hers, and her status, at each ring of her own bell."""
        async with self._parts.seats.desk_bell(account.username) as bell:
            while True:
                await self._look(account)
                await bell.wait(HEARTBEAT)

    async def _look(self, account: Account) -> None:
        async with self._looking:
            now = datetime.now(UTC)
            seat = await self._parts.queue.seat(account.username, now)
            ringing = {ring.conversation: ring.expires_at for ring in seat.ringing}
            held = {conversation.id: conversation for conversation in seat.held}
            for gone in [name for name in self._offers if name not in ringing]:
                del self._offers[gone]
                await self._send(await self._offer_gone(gone))
            before, self._mine = self._mine, held
            for name, conversation in held.items():
                if before is not None and name not in before:
                    context = await self._told.context(name)
                    await self._send({"type": "assigned", "conversation": name, "context": context})
                    await self._send(await self._told.state(conversation))
                    self._follow(account, name, conversation.last_seq, 0)
            for name in before or ():
                if name not in held:
                    await self._send(await self._unassigned(name))
            for name, expires in ringing.items():
                if self._offers.get(name) != expires:
                    self._offers[name] = expires
                    await self._send(await self._offered(name, expires))
            desk = {
                "type": "status", "value": seat.desk.status, "missed": seat.desk.missed, "load": seat.desk.load,
                "capacity": seat.desk.capacity,
            }  # fmt: skip
            if desk != self._status:
                self._status = desk
                await self._send(desk)

    async def _offered(self, name: str, expires: int) -> Told:
        context = await self._told.context(name)
        return {"type": "offer", "conversation": name, "expires_at": desk_wire.stamp_ms(expires), "context": context}

    async def _offer_gone(self, name: str) -> Told:
        with suppress(NotFound):
            conversation = await self._parts.conversations.find(name)
            return {"type": "offer_gone", "conversation": name, "taken_by": conversation.agent_id}
        return {"type": "offer_gone", "conversation": name, "taken_by": None}

    async def _unassigned(self, name: str) -> Told:
        dossier = await self._parts.dossiers.of(name)
        ended = [s for s in dossier.services if s.ended_at is not None]
        return {"type": "unassigned", "conversation": name, "reason": ended[-1].how if ended else ""}

    async def _tell_queue(self, account: Account) -> None:
        """The queue as it changes, at most twice a second."""
        async with self._parts.seats.queue_bell() as bell:
            told: Told | None = None
            while True:
                rung = monotonic()
                floor = await self._parts.lookout.floor(since=rung)
                if {w.conversation for w in floor.waiting if w.offered_to == account.username} != set(self._offers):
                    await self._look(account)  # whoever rang here was taken by hand, or has left
                frame = await self._queue(account, floor)
                if frame != told:
                    told = frame
                    await self._send(frame)
                await anyio.sleep(QUEUE_EVERY)
                await bell.wait(HEARTBEAT)

    async def _queue(self, account: Account, floor: Floor) -> Told:
        held = await self._parts.queue.held(account.username)
        shown = [desk_wire.waiting(n, w) for n, w in enumerate(floor.waiting[:SHOWN], start=1)]
        mine = [{"conversation": c.id, "last_seq": c.last_seq, "owed_since": _stamp(c)} for c in held]
        return {"type": "queue", "waiting": shown, "count": len(floor.waiting), "mine": mine}

    def _follow(self, account: Account, name: str, after: int, after_note: int) -> None:
        """Sends what is said in a conversation from here on; following it again begins anew."""
        self._unfollow(name)
        scope = self._follows[name] = anyio.CancelScope()
        self._tasks.start_soon(self._tell_conversation, account, scope, name, after, after_note)

    def _unfollow(self, name: str) -> None:
        scope = self._follows.pop(name, None)
        if scope is not None:
            scope.cancel()

    async def _tell_conversation(
        self, account: Account, scope: anyio.CancelScope, name: str, after: int, after_note: int
    ) -> None:
        with scope, suppress(NotFound, WebSocketDisconnect, RuntimeError):
            async with anyio.create_task_group() as both:
                both.start_soon(self._tell_typing, name)
                both.start_soon(self._tell_read, name)
                try:
                    await self._tell_words(account, name, after, after_note)
                except StoreBusy as error:
                    log.error("store: %s", error)
                    self._closes_with = COME_AGAIN
                    self._let_go()
                both.cancel_scope.cancel()
        if self._follows.get(name) is scope:
            del self._follows[name]

    async def _tell_words(self, account: Account, name: str, after: int, after_note: int) -> None:
        """Until it is no longer hers to read."""
        seen: Told | None = None
        suggested = 0
        async with self._parts.seats.bell(name) as bell:
            while True:
                conversation, messages = await self._parts.conversations.listened(name, after)
                if not self._may_read(account, conversation):
                    return
                for message in messages:
                    after = message.seq
                    await self._send(desk_wire.message(name, message))
                    if (recalled := message.details.get("recalled")) is not None:
                        await self._send({"type": "recalled", "conversation": name, "seq": recalled})
                if after < conversation.last_seq:
                    continue
                if conversation.last_note > after_note:
                    for note in await self._parts.words.notes(name, after_note):
                        after_note = note.seq
                        await self._send(desk_told.note(name, note))
                state = await self._told.state(conversation)
                if {**state, "last_seq": 0} != seen:
                    seen = {**state, "last_seq": 0}
                    await self._send(state)
                if conversation.agent_id == account.username:
                    suggested = await self._suggest(conversation, suggested)
                await bell.wait(HEARTBEAT)

    def _may_read(self, account: Account, conversation: Conversation) -> bool:
        mine = account.username in (conversation.agent_id, conversation.last_agent)
        return mine or conversation.stage is Stage.WAITING or conversation.id in self._watched

    async def _suggest(self, conversation: Conversation, suggested: int) -> int:
        """Entries for the citizen's last words; the number of the message that they are for."""
        last = await self._parts.words.last_of(conversation.id, Party.CITIZEN)
        if last is None or last.seq <= suggested:
            return suggested
        now = datetime.now(UTC)
        entries = self._told.entries(last.text, limit=SUGGESTED, now=now, channel=conversation.channel)
        await self._send({"type": "suggestions", "conversation": conversation.id, "seq": last.seq, "entries": entries})
        return last.seq

    async def _tell_typing(self, name: str) -> None:
        async with self._parts.switchboard.typings(name, Party.CITIZEN) as bell:
            while True:
                if await bell.wait(HEARTBEAT) != "silence":
                    await self._send({"type": "typing", "conversation": name, "party": "citizen"})
                    await anyio.sleep(TYPING_EVERY)

    async def _tell_read(self, name: str) -> None:
        told = 0
        async with self._parts.reads.bell(name, Party.CITIZEN) as bell:
            while True:
                with suppress(StoreBusy):
                    if (seq := await self._parts.reads.up_to(name, Party.CITIZEN)) > told:
                        told = seq
                        await self._send({"type": "read", "conversation": name, "party": "citizen", "seq": seq})
                await bell.wait(HEARTBEAT)

    async def _watch_session(self, account: Account) -> None:
        """Lets go of who is signed out, closed, or gone silent; what her account says now is what counts."""
        while True:
            await anyio.sleep(LOOK_AT_SESSION)
            now = await self._parts.sessions.account(self._token, acting=False)
            if now is None or not now.may(Right.SERVE):
                self._closes_with = NO_SESSION if now is None else FOREIGN
                return
            if self._loop.time() - self._heard > IDLE:
                return
            if now != account:
                account = now
                await self._parts.queue.come(now, datetime.now(UTC))
                await self._look(now)

    # What is done

    async def _listen(self, account: Account) -> None:
        """Takes frames one after another, so that an agent's words stay in order."""
        try:
            while True:
                raw = await self._received()
                self._heard = self._loop.time()
                for told in await self._taken(raw, account):
                    await self._send(told)
        except (WebSocketDisconnect, RuntimeError):
            return

    async def _taken(self, raw: str | bytes, account: Account) -> list[Told]:
        try:
            if len(raw.encode() if isinstance(raw, str) else raw) > FRAME_BYTES:
                raise Refused("too_large", "这条消息太大了，请分几次发。")
            return await self._done(desk_wire.parse(raw), account)
        except Refused as error:
            refusal = error
        except NotFound:
            refusal = Refused("not_found", "没有找到这个会话。")
        except (StoreBusy, Stale) as error:
            log.error("store: %s", error)
            refusal = Refused("store_busy", BUSY, retry_after=2)
        except Exception:
            log.exception("frame failed")
            refusal = Refused("internal", FAULT)
        REFUSALS.labels(refusal.code).inc()
        return [{"type": "error", "code": refusal.code, "message": refusal.sentence} | desk_wire.named(raw)]

    async def _done(self, frame: desk_wire.DeskFrame, account: Account) -> list[Told]:
        """The frames to answer with. Raises Refused, NotFound, StoreBusy."""
        told = await self._noticed(frame, account)
        if told is not None:
            return told
        account = await self._acting(account)
        match frame:
            case desk_wire.Status():
                await self._parts.seats.set_status(account.username, frame.value)
                await self._look(account)
            case desk_wire.Open():
                await self._opened(frame, account)
            case desk_wire.Words():
                return [await self._said(frame, account)]
            case desk_wire.Push():
                said = await self._parts.speaking.speak(
                    account, frame.conversation, _PUSHED[frame.form], id=frame.id, form=frame.form
                )
                return [_ack(frame.conversation, frame.id, said.seq)]
            case desk_wire.Recall():
                await self._parts.speaking.recall(account, frame.conversation, frame.seq)
                return [_ack(frame.conversation, frame.id, frame.seq)] if frame.id else []
            case desk_wire.About():
                await self._about(frame, account)
            case _:
                await self._passed(frame, account)
        return []

    async def _noticed(self, frame: desk_wire.DeskFrame, account: Account) -> list[Told] | None:
        """What a page sends by itself keeps no session awake; None for what somebody does."""
        match frame:
            case desk_wire.Ping():
                return [{"type": "pong"}]
            case desk_wire.Auth():
                return []
            case desk_wire.About(type="typing"):
                self._parts.speaking.typing(frame.conversation)
                return []
            case desk_wire.Read():
                await self._parts.reads.read(frame.conversation, Party.AGENT, frame.seq, owner=account.username)
                return []
        return None

    async def _acting(self, account: Account) -> Account:
        """Keeps the session awake while somebody works. Raises Refused `unauthorized` once it is over."""
        if self._loop.time() - self._acted < ACTING_EVERY:
            return account
        now = await self._parts.sessions.account(self._token)
        if now is None or not now.may(Right.SERVE):
            self._closes_with = NO_SESSION
            self._let_go()
            raise Refused("unauthorized", "登录已经过期，请重新登录。")
        self._acted = self._loop.time()
        return account

    async def _said(self, frame: desk_wire.Words, account: Account) -> Told:
        speaking = self._parts.speaking
        if frame.type == "say":
            seq = (await speaking.speak(account, frame.conversation, frame.text, id=frame.id)).seq
        elif frame.type == "note":
            await self._check_open(frame.conversation, account)
            seq = (await speaking.note(account, frame.conversation, id=frame.id, text=frame.text)).seq
        else:
            seq = (await speaking.whisper(account, frame.conversation, id=frame.id, text=frame.text)).seq
        return _ack(frame.conversation, frame.id, seq)

    async def _opened(self, frame: desk_wire.Open, account: Account) -> None:
        conversation = await self._check_open(frame.conversation, account)
        after = frame.after if frame.after is not None else max(0, conversation.last_seq - LAST)
        await self._send(await self._told.state(conversation))
        self._follow(account, frame.conversation, after, frame.after_note)

    async def _check_open(self, name: str, account: Account) -> Conversation:
        """Raises NotFound, Refused `not_yours`."""
        conversation = await self._parts.conversations.find(name)
        if not self._may_read(account, conversation):
            raise Refused("not_yours", "这个会话不在您这里。")
        return conversation

    async def _about(self, frame: desk_wire.About, account: Account) -> None:
        seats, name = self._parts.seats, frame.conversation
        match frame.type:
            case "accept":
                await seats.accept(account, name)
            case "decline":
                await seats.decline(account.username, name)
            case "leave":
                self._unfollow(name)
                self._watched.discard(name)
                return
            case "release":
                await seats.release(account.username, name)
            case "watch":
                conversation = await seats.watch(account, name)
                self._watched.add(name)
                await self._send(await self._told.state(conversation))
                self._follow(account, name, max(0, conversation.last_seq - LAST), 0)
                return
            case "take_over":
                await seats.take_over(account, name)
        await self._look(account)

    async def _passed(self, frame: desk_wire.DeskFrame, account: Account) -> None:
        seats = self._parts.seats
        match frame:
            case desk_wire.Transfer():
                if (frame.to.agent is None) == (frame.to.skill is None):
                    raise Refused("bad_frame", "请选择转给哪位坐席，或哪个技能组。")
                await seats.transfer(
                    account, frame.conversation, to_agent=frame.to.agent, to_skill=frame.to.skill or "", note=frame.note
                )
            case desk_wire.Close():
                closing = Closing(frame.resolved, frame.code, frame.remark)
                await seats.close(account.username, frame.conversation, closing)
            case desk_wire.Assign():
                await seats.assign(account, frame.conversation, frame.agent)
            case desk_wire.ForceAway():
                await seats.force_away(account, frame.agent)
        await self._look(account)

    # The wire

    async def _received(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        raw: str | bytes = message.get("text") or message.get("bytes") or ""
        return raw

    async def _send(self, frame: Told) -> None:
        """One after another: several tasks speak here."""
        async with self._sending:
            late = self._loop.call_later(SLOW, self._let_go)
            try:
                await self._socket.send_text(encode(frame))
            finally:
                late.cancel()

    async def _close(self, code: int) -> None:
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(SLOW):
                await self._socket.close(code)


_PUSHED = {"message": "请填写下面的留言表，我们会尽快回复您。", "rate": "请为这次服务评价。"}


def _ack(conversation: str, name: str, seq: int) -> Told:
    return {"type": "ack", "conversation": conversation, "id": name, "seq": seq}


def _stamp(conversation: Conversation) -> str | None:
    return stamp(conversation.owed_since) if conversation.owed_since else None
