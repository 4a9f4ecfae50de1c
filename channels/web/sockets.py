"""A citizen's socket: auth first, then frames in, and out whatever is said, in order, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.conversation import Conversation, Party, Stage
from bot.errors import NotFound, Refused, Stale, StoreBusy
from bot.measure import REFUSALS, SOCKETS
from bot.reads import Reads
from bot.switchboard import HEARTBEAT, Switchboard
from channels.problems import BUSY, FAULT
from channels.web import wire
from channels.web.intake import Intake, Sender, Taken

log = logging.getLogger(__name__)
AUTH_WITHIN = 5.0
NO_TOKEN, FOREIGN = 4401, 4403  # these two make a device begin anew, all others make it come back
ENDED, LET_GO, COME_AGAIN = 1000, 1001, 1013
TYPING_EVERY = 3.0  # seconds between notes that a citizen is writing
TYPING_AFTER = 0.25  # seconds of thinking before the bot is shown to be writing
PLACE_EVERY = 3.0  # seconds between two looks at the place in the queue
STILL_HERE_EVERY = 5  # looks between two notes that a waiting citizen is there
IDLE = 120.0  # seconds without any frame, pings included, before a socket counts as dead
SLOW = 10.0  # seconds a client may take for one frame before it has to come back


class CitizenSocket:
    """One accepted websocket, from auth to close."""

    def __init__(
        self, socket: WebSocket, switchboard: Switchboard, reads: Reads, intake: Intake, *, address: str,
        frame_bytes: int,
    ) -> None:  # fmt: skip
        self._socket = socket
        self._switchboard = switchboard
        self._reads = reads
        self._intake = intake
        self._address = address
        self._frame_bytes = frame_bytes
        self._loop = asyncio.get_running_loop()
        self._tasks = anyio.create_task_group()
        self._heard = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._typed = 0.0
        self._closes_with = LET_GO
        self._stage = Stage.BOT
        self._followed: set[Stage] = set()

    async def serve(self, conversation_id: str, after: int) -> None:
        try:
            token = await self._authenticated(conversation_id)
        except StoreBusy as error:
            log.error("store: %s", error)
            await self._close(COME_AGAIN)
            return
        if token is None:
            return
        sender = Sender(conversation_id, token, self._address)
        SOCKETS.inc()
        self._watch_silence()
        try:
            async with self._tasks:
                self._tasks.start_soon(self._tell, sender, after)
                await self._listen(sender)
                self._let_go()
        finally:
            SOCKETS.dec()
            if self._watch is not None:
                self._watch.cancel()
        await self._close(self._closes_with)

    async def _authenticated(self, conversation_id: str) -> str | None:
        try:
            async with asyncio.timeout(AUTH_WITHIN):
                token = wire.parse_auth(await self._received())
        except (TimeoutError, WebSocketDisconnect):
            token = None
        holder = await self._switchboard.holder(token) if token else None
        if holder == conversation_id:
            return token
        await self._close(FOREIGN if holder else NO_TOKEN)
        return None

    async def _tell(self, sender: Sender, after: int) -> None:
        """Sends what is said until the client is gone."""
        try:
            async with self._switchboard.listen(sender.conversation_id, after) as updates:
                seen: Conversation | None = None
                async for update in updates:
                    for message in update.messages:
                        await self._send(wire.message_frame(message))
                        if (recalled := wire.recalled_frame(message)) is not None:
                            await self._send(recalled)
                    now = update.conversation
                    caught_up = not update.messages or update.messages[-1].seq >= now.last_seq
                    if caught_up and (seen is None or (seen.stage, seen.agent_id) != (now.stage, now.agent_id)):
                        seen = now
                        await self._send(wire.state_frame(*await self._switchboard.state(now)))
                        self._follow_stage(now)
        except (NotFound, WebSocketDisconnect, RuntimeError):
            pass
        except StoreBusy as error:
            log.error("store: %s", error)
            self._closes_with = COME_AGAIN
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._tasks.cancel_scope.cancel()

    def _watch_silence(self) -> None:
        """One timer a socket, moved only when it runs out: a timeout around every frame costs more than the frame."""
        left = self._heard + IDLE - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._watch_silence)
        else:
            self._let_go()

    def _follow_stage(self, conversation: Conversation) -> None:
        """What only some stages need is followed only then: an idle socket costs nothing."""
        self._stage = conversation.stage
        following = {Stage.WAITING: self._tell_place, Stage.AGENT: self._tell_agent}.get(self._stage)
        if following is not None and self._stage not in self._followed:
            self._followed.add(self._stage)
            self._tasks.start_soon(following, conversation.id)

    async def _tell_place(self, conversation_id: str) -> None:
        """Place and expected wait as they change."""
        told, looks = None, 0
        with suppress(NotFound, WebSocketDisconnect, RuntimeError, StoreBusy):
            while self._stage is Stage.WAITING:
                if looks % STILL_HERE_EVERY == 0:
                    await self._switchboard.still_waits(conversation_id)
                await anyio.sleep(PLACE_EVERY)
                looks += 1
                state = await self._switchboard.state(await self._switchboard.find(conversation_id))
                if self._stage is Stage.WAITING and state.standing not in (None, told):
                    told = state.standing
                    await self._send(wire.state_frame(*state))
        self._followed.discard(Stage.WAITING)

    async def _tell_agent(self, conversation_id: str) -> None:
        """That she writes, and how far she has read."""
        async with anyio.create_task_group() as both:
            both.start_soon(self._tell_typing, conversation_id)
            both.start_soon(self._tell_read, conversation_id)
        self._followed.discard(Stage.AGENT)

    async def _tell_typing(self, conversation_id: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            async with self._switchboard.typings(conversation_id, Party.AGENT) as bell:
                while self._stage is Stage.AGENT:
                    if await bell.wait(HEARTBEAT) != "silence" and self._stage is Stage.AGENT:
                        await self._send({"type": "typing", "party": "agent"})

    async def _tell_read(self, conversation_id: str) -> None:
        told = 0
        with suppress(WebSocketDisconnect, RuntimeError, StoreBusy):
            async with self._reads.bell(conversation_id, Party.AGENT) as bell:
                while self._stage is Stage.AGENT:
                    seq = await self._reads.up_to(conversation_id, Party.AGENT)
                    if seq > told:
                        told = seq
                        await self._send({"type": "read", "party": "agent", "seq": seq})
                    await bell.wait(HEARTBEAT)

    async def _listen(self, sender: Sender) -> None:
        """Takes frames one after another, so one citizen's words stay in order."""
        try:
            while True:
                raw = await self._received()
                self._heard = self._loop.time()
                taken = await self._taken(raw, sender)
                for told in taken.frames:
                    await self._send(told)
                if taken.then:
                    await self._shown_typing(taken.then)
                if taken.ended:
                    self._closes_with = ENDED
                    return
        except (WebSocketDisconnect, RuntimeError):
            return

    async def _received(self) -> str | bytes:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        raw: str | bytes = message.get("text") or message.get("bytes") or ""
        return raw

    async def _taken(self, raw: str | bytes, sender: Sender) -> Taken:
        """What to tell; every frame that cannot be taken is refused by name, or its client would send it for ever."""
        try:
            if len(raw.encode() if isinstance(raw, str) else raw) > self._frame_bytes:
                raise Refused("too_large", "这条消息太大了，请分几次发。")
            frame = wire.parse(raw)
            if isinstance(frame, wire.Typing) and not self._may_type():
                return Taken(())
            return await self._intake.take(frame, sender)
        except Refused as error:
            refusal = error
        except (StoreBusy, Stale) as error:
            log.error("store: %s", error)
            refusal = Refused("store_busy", BUSY, retry_after=2)
        except Exception:
            log.exception("frame failed")
            refusal = Refused("internal", FAULT)
        REFUSALS.labels(refusal.code).inc()
        return Taken((wire.error_frame(refusal, wire.frame_id(raw)),))

    def _may_type(self) -> bool:
        now = monotonic()
        if now - self._typed < TYPING_EVERY:
            return False
        self._typed = now
        return True

    async def _shown_typing(self, answer: Callable[[], Awaitable[None]]) -> None:
        """Answers, also whoever has left; one who waits longer than a blink sees that somebody is writing."""
        note = self._loop.call_later(TYPING_AFTER, self._tasks.start_soon, self._show_typing)
        try:
            with anyio.CancelScope(shield=True):
                await answer()
        finally:
            note.cancel()

    async def _show_typing(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self._send({"type": "typing", "party": "bot"})

    async def _send(self, frame: dict[str, object]) -> None:
        late = self._loop.call_later(SLOW, self._let_go)
        try:
            await self._socket.send_text(wire.encode(frame))
        finally:
            late.cancel()

    async def _close(self, code: int) -> None:
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(SLOW):
                await self._socket.close(code)
