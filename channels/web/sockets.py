"""A citizen's socket: auth first, then frames in, and out whatever is said, in order, each once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.conversation import Conversation, Stage
from bot.errors import NotFound, Refused, Stale, StoreBusy
from bot.measure import REFUSALS, SOCKETS
from bot.switchboard import Switchboard
from channels.problems import BUSY
from channels.web import wire
from channels.web.intake import Intake, Sender

log = logging.getLogger(__name__)
AUTH_WITHIN = 5.0
NO_TOKEN, FOREIGN = 4401, 4403
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
        self._typed = 0.0

    async def serve(self, conversation_id: str, after: int) -> None:
        token = await self._authenticated(conversation_id)
        if token is None:
            return
        sender = Sender(conversation_id, token, self._address)
        SOCKETS.inc()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._tell, sender, after, tasks.cancel_scope)
                await self._listen(sender)
                tasks.cancel_scope.cancel()
        finally:
            SOCKETS.dec()

    async def _authenticated(self, conversation_id: str) -> str | None:
        try:
            async with asyncio.timeout(AUTH_WITHIN):
                token = wire.parse_auth(await self._socket.receive_text())
        except (TimeoutError, WebSocketDisconnect, KeyError):
            token = None
        holder = await self._switchboard.holder(token) if token else None
        if holder == conversation_id:
            return token
        await self._close(FOREIGN if holder else NO_TOKEN)
        return None

    async def _tell(self, sender: Sender, after: int, scope: anyio.CancelScope) -> None:
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
        except (NotFound, WebSocketDisconnect, RuntimeError, TimeoutError):
            pass
        finally:
            scope.cancel()

    async def _position(self, conversation: Conversation) -> int | None:
        if conversation.stage is not Stage.WAITING:
            return None
        return await self._switchboard.position(conversation.id)

    async def _listen(self, sender: Sender) -> None:
        """Takes frames one after another, so one citizen's words stay in order."""
        try:
            while True:
                async with asyncio.timeout(IDLE):
                    raw = await self._socket.receive_text()
                if not await self._take(raw, sender):
                    return
        except (WebSocketDisconnect, KeyError, TimeoutError, RuntimeError):
            return

    async def _take(self, raw: str, sender: Sender) -> bool:
        """Whether to go on listening."""
        try:
            if len(raw.encode()) > self._frame_bytes:
                raise Refused("too_large", "这条消息太大了，请分几次发。")
            frame = wire.parse(raw)
            if isinstance(frame, wire.Typing) and not self._may_type():
                return True
            taken = await self._intake.take(frame, sender)
            for told in taken.frames:
                await self._send(told)
            if taken.then:
                await self._shown_typing(taken.then)
            if taken.ended:
                await self._close(1000)
            return not taken.ended
        except Refused as error:
            REFUSALS.labels(error.code).inc()
            await self._send(wire.error_frame(error, wire.frame_id(raw)))
        except (StoreBusy, Stale) as error:
            log.error("store: %s", error)
            await self._send(wire.error_frame(Refused("store_busy", BUSY, retry_after=2), wire.frame_id(raw)))
        return True

    def _may_type(self) -> bool:
        now = monotonic()
        if now - self._typed < TYPING_EVERY:
            return False
        self._typed = now
        return True

    async def _shown_typing(self, answer: Callable[[], Awaitable[None]]) -> None:
        """Answers; a citizen who waits longer than a blink sees that somebody is writing."""
        task = asyncio.ensure_future(answer())
        done, _ = await asyncio.wait({task}, timeout=TYPING_AFTER)
        if not done:
            await self._send({"type": "typing", "party": "bot"})
        await task

    async def _send(self, frame: dict[str, object]) -> None:
        async with asyncio.timeout(SLOW):
            await self._socket.send_text(wire.encode(frame))

    async def _close(self, code: int) -> None:
        try:
            await self._socket.close(code)
        except RuntimeError:
            pass
