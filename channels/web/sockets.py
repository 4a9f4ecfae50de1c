"""A citizen's socket: auth first, then frames in, and out whatever is said, in order, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bot.conversation import Conversation, Stage
from bot.errors import NotFound, Refused, Stale, StoreBusy
from bot.measure import REFUSALS, SOCKETS
from bot.switchboard import Switchboard
from channels.problems import BUSY, FAULT
from channels.web import wire
from channels.web.intake import Intake, Sender, Taken

log = logging.getLogger(__name__)
AUTH_WITHIN = 5.0
NO_TOKEN, FOREIGN = 4401, 4403  # these two make a device begin anew, all others make it come back
ENDED, LET_GO, COME_AGAIN = 1000, 1001, 1013
TYPING_EVERY = 3.0  # seconds between notes that a citizen is writing
TYPING_AFTER = 0.25  # seconds of thinking before the bot is shown to be writing
IDLE = 120.0  # seconds without any frame, pings included, before a socket counts as dead
SLOW = 10.0  # seconds a client may take for one frame before it has to come back


class CitizenSocket:
    """One accepted websocket, from auth to close."""

    def __init__(
        self, socket: WebSocket, switchboard: Switchboard, intake: Intake, *, address: str, frame_bytes: int
    ) -> None:
        self._socket = socket
        self._switchboard = switchboard
        self._intake = intake
        self._address = address
        self._frame_bytes = frame_bytes
        self._loop = asyncio.get_running_loop()
        self._tasks = anyio.create_task_group()
        self._heard = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None
        self._typed = 0.0
        self._closes_with = LET_GO

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
                    now = update.conversation
                    caught_up = not update.messages or update.messages[-1].seq >= now.last_seq
                    if caught_up and (seen is None or (seen.stage, seen.agent_id) != (now.stage, now.agent_id)):
                        seen = now
                        await self._send(wire.state_frame(now, await self._position(now)))
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

    async def _position(self, conversation: Conversation) -> int | None:
        if conversation.stage is not Stage.WAITING:
            return None
        return await self._switchboard.position(conversation.id)

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
