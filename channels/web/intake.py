"""Takes one client frame in: acks what is on disk, then lets the bot answer. Socket and long poll share it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.answering.assistant import Perceived
from bot.conversation import Choice, Party
from bot.errors import Refused
from bot.opinions import Opinions
from bot.rates import Rates
from bot.reads import Reads
from bot.store.conversations import Heard
from bot.switchboard import Switchboard
from bot.tickets import Form
from channels.web import wire

log = logging.getLogger(__name__)
Frame = dict[str, Any]
RESUME_TRIES = 5
RESUME_WINDOW_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a frame: the conversation its token opens, and from where."""

    conversation_id: str
    token: str
    address: str


Then = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Taken:
    """The frames to send back, and what is still to be done after they are sent."""

    frames: tuple[Frame, ...]
    then: Then | None = None
    ended: bool = False


class Intake:
    def __init__(
        self, switchboard: Switchboard, opinions: Opinions, reads: Reads, rates: Rates, *, messages_per_minute: int
    ) -> None:
        self._switchboard = switchboard
        self._opinions = opinions
        self._reads = reads
        self._rates = rates
        self._messages_per_minute = messages_per_minute

    async def take(self, frame: wire.ClientFrame, sender: Sender) -> Taken:
        """Raises Refused with what to tell, StoreBusy when nothing could be kept."""
        match frame:
            case wire.Ping():
                return Taken(({"type": "pong"},))
            case wire.Read():
                await self._reads.read(sender.conversation_id, Party.CITIZEN, frame.seq)
                return Taken(())
            case wire.Typing():
                await self._switchboard.typing(sender.conversation_id)
                return Taken(())
            case wire.Say() | wire.Choose() | wire.Human():
                return await self._spoken(frame, sender)
            case wire.Resume():
                return await self._resumed(frame, sender)
            case wire.LeaveQueue() | wire.End():
                return await self._done(frame, sender)
            case _:
                await self._rates.count(f"say:{sender.address}", per_minute=self._messages_per_minute)
                return await self._done(frame, sender)

    async def _spoken(self, frame: wire.Say | wire.Choose | wire.Human, sender: Sender) -> Taken:
        await self._rates.count(f"say:{sender.address}", per_minute=self._messages_per_minute)
        chosen: Choice | None = None
        if isinstance(frame, wire.Say):
            heard, perceived = await self._switchboard.hear(sender.conversation_id, frame.text, id=frame.id)
        elif isinstance(frame, wire.Choose):
            heard, perceived, chosen = await self._switchboard.choose(sender.conversation_id, frame.choice, id=frame.id)
        else:
            heard, perceived, chosen = await self._switchboard.ask_human(sender.conversation_id, id=frame.id)
        return Taken((_ack(frame.id, heard.message.seq),), self._answering(heard, perceived, chosen))

    def _answering(self, heard: Heard, perceived: Perceived, chosen: Choice | None) -> Then:
        async def answer() -> None:
            try:
                await self._switchboard.answer(heard, perceived, chosen)
            except Exception:  # the words are kept and acked; the caretaker answers what was left
                log.exception("no answer to message %d of %s", heard.message.seq, heard.conversation.id)

        return answer

    async def _resumed(self, frame: wire.Resume, sender: Sender) -> Taken:
        tries = f"resume:{sender.address}"
        await self._rates.check(tries, at_most=RESUME_TRIES, window_ms=RESUME_WINDOW_MS)
        try:
            opened = await self._switchboard.resume(frame.code)
        except Refused:
            await self._rates.count(tries, per_minute=RESUME_TRIES, window_ms=RESUME_WINDOW_MS)
            raise
        told = {"type": "resumed", "id": frame.id, "conversation": opened.conversation.id, "token": opened.token}
        return Taken((told, _ack(frame.id, opened.conversation.last_seq)))

    async def _done(
        self, frame: wire.LeaveQueue | wire.MessageForm | wire.Rate | wire.Feedback | wire.End, sender: Sender
    ) -> Taken:
        """Frames that make no message of the citizen: the ack carries the last number."""
        name, now = sender.conversation_id, datetime.now(UTC)
        match frame:
            case wire.LeaveQueue():
                conversation = await self._switchboard.leave_queue(name, id=frame.id)
            case wire.MessageForm():
                form = Form(frame.topic, frame.text, frame.phone, frame.consent)
                conversation = await self._switchboard.leave_message(name, form, id=frame.id)
            case wire.End():
                conversation = await self._switchboard.end(name, sender.token, id=frame.id)
                return Taken((_ack(frame.id, conversation.last_seq),), ended=True)
            case wire.Rate():
                due = await self._switchboard.rectified_by()
                await self._opinions.rate(name, frame.stars, frame.reasons, frame.text, now, due=due)
                conversation = await self._switchboard.find(name)
            case wire.Feedback():
                await self._opinions.mark(name, frame.seq, helpful=frame.helpful, at=now)
                conversation = await self._switchboard.find(name)
        return Taken((_ack(frame.id, conversation.last_seq),))


def _ack(name: str, seq: int) -> Frame:
    return {"type": "ack", "id": name, "seq": seq}
