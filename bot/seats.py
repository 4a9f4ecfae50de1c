"""What agents and supervisors do at their desks: take, speak, note, pass on, close; each once, and told to all.

A seat is an agent's place at the desk (坐席). Who owns a conversation is decided in the store; what is done with
somebody else's conversation, or by hand past the order of the queue, is written to the audit log beside it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from bot.answering.wording import say
from bot.bus import Bell, Bus
from bot.conversation import Conversation, Message, Party, Stage
from bot.desk import HEAD, Status, can_take
from bot.errors import BotError, Refused
from bot.lookout import QUEUE, Lookout, desk_of
from bot.privacy import mask
from bot.speaking import RATE, Speaking, noted, supervises
from bot.staff import Account
from bot.store.conversations import Conversations
from bot.store.queue import Desk, How, Notice, Queue, Taken, hold_back, write_outcome
from bot.switchboard import Switchboard
from knowledge_base.text import visible

log = logging.getLogger(__name__)
BEAT = 3.0  # seconds between two notes that these agents' pages are open
LONGEST_REMARK = 500
CODES = {
    "answered": "已答复", "guided": "已指引办理", "referred": "转其他部门", "ticket": "已转工单",
    "unreachable": "市民未再回应", "unclear": "诉求不明", "other": "其他",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Closing:
    """How it went, as the agent says."""

    resolved: bool
    code: str
    remark: str

    def checked(self) -> Closing:
        """Raises Refused `bad_code`."""
        if self.code not in CODES:
            raise Refused("bad_code", "请选择办结类型。")
        return replace(self, remark=mask(visible(self.remark).strip()).text[:LONGEST_REMARK])


class Seats:
    """Long, because each of an agent's acts is a method of its own; what they share is `_take` and `_give_up`."""

    def __init__(
        self, store: Conversations, queue: Queue, speaking: Speaking, switchboard: Switchboard, lookout: Lookout,
        bus: Bus, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._store = store
        self._queue = queue
        self._speaking = speaking
        self._switchboard = switchboard
        self._lookout = lookout
        self._bus = bus
        self._now = clock
        self._pages: Counter[str] = Counter()

    # Presence

    async def come(self, account: Account) -> Desk:
        """A page of hers opens here."""
        self._pages[account.username] += 1
        desk = await self._queue.come(account, self._now())
        self._lookout.forget()
        self._lookout.learn(account.username, (account.name, account.number))
        self._bus.ring(QUEUE)
        return desk

    async def go(self, agent: str) -> None:
        """A page of hers closes here; after the last one her conversations wait for the grace time."""
        self._pages[agent] -= 1
        if self._pages[agent] <= 0:
            del self._pages[agent]
            await self._queue.go(agent, self._now())
            self._rung()

    async def beat(self) -> None:
        """Until cancelled: tells the store whose pages are open in this process."""
        while True:
            await asyncio.sleep(BEAT)
            try:
                await self._queue.beat(self._pages, self._now())
            except BotError as error:
                log.warning("beat failed: %s %s", type(error).__name__, error)

    async def set_status(self, agent: str, status: Status) -> None:
        await self._queue.set_status(agent, status, self._now())
        self._rung(agent)

    async def force_away(self, supervisor: Account, agent: str) -> None:
        """Raises Refused `forbidden`, NotFound."""
        supervises(supervisor)
        note = noted(supervisor, "forced_away", agent, self._now())
        await self._queue.set_status(agent, "away", self._now(), note)
        self._rung(agent)

    # Whose it is

    async def accept(self, account: Account, conversation: str) -> Conversation:
        """Raises Refused `taken`, `full`, `gone`, `not_online`; NotFound."""
        return await self._take(account, conversation, account.username, "accept")

    async def decline(self, agent: str, conversation: str) -> None:
        await self._queue.decline(conversation, agent, self._now())
        self._rung(agent)

    async def transfer(
        self,
        account: Account,
        conversation: str,
        *,
        to_agent: str | None = None,
        to_skill: str = "",
        note: str = "",
    ) -> Conversation:
        """To an agent who can take it now, or to the head of the queue of a skill that somebody here has.

        Raises Refused `nobody_there`, `full`, `not_yours`; NotFound.
        """
        if to_agent is not None:
            changed = await self._take(account, conversation, to_agent, "transfer")
        else:
            floor = await self._queue.floor(self._now())
            if not can_take([a for a in floor.agents if a.id != account.username], to_skill):
                raise Refused("nobody_there", "这一组现在没有人在线。")

            def passed(connection: Connection, taken: Taken) -> None:
                hold_back(connection, taken.conversation.id, account.username, self._now())
                noted(account, "transferred", taken.conversation.id, self._now(), to=to_skill)(connection)

            changed = await self._give_up(
                account.username, conversation, "transferred", _transferred,
                lambda c: replace(c.wait(priority=HEAD, skill=to_skill), last_agent=None),
                passed,
            )  # fmt: skip
        if note.strip():
            await self._speaking.note(account, conversation, id=f"transfer-{changed.version}", text=note)
        return changed

    async def release(self, agent: str, conversation: str) -> Conversation:
        """Back to the bot, which has read along. Raises Refused `not_yours`."""
        return await self._give_up(
            agent, conversation, "released", lambda c: [self._notice(c, "human_released"), self._rating(c)],
            lambda c: c.release(),
        )  # fmt: skip

    async def close(self, agent: str, conversation: str, closing: Closing) -> Conversation:
        """Raises Refused `bad_code`, `not_yours`."""
        told = closing.checked()
        return await self._give_up(
            agent, conversation, "closed", lambda c: [self._notice(c, "human_closed"), self._rating(c)],
            lambda c: c.close(self._now()),
            lambda c, t: write_outcome(c, conversation, resolved=told.resolved, code=told.code, remark=told.remark),
        )  # fmt: skip

    async def lose(self, conversation: Conversation, why: Literal["agent_lost", "unanswered"]) -> Conversation:
        """Back to the head of the queue, with an apology. Raises Refused `not_yours` when that is done already."""
        return await self._give_up(
            conversation.agent_id or "", conversation.id, why,
            lambda c: [self._notice(c, "agent_lost" if why == "agent_lost" else "agent_silent")],
            lambda c: c.wait(priority=HEAD),
        )  # fmt: skip

    async def assign(self, supervisor: Account, conversation: str, agent: str) -> Conversation:
        supervises(supervisor)
        return await self._take(supervisor, conversation, agent, "assign")

    async def take_over(self, supervisor: Account, conversation: str) -> Conversation:
        supervises(supervisor)
        return await self._take(supervisor, conversation, supervisor.username, "take_over")

    async def watch(self, supervisor: Account, conversation: str) -> Conversation:
        """Reading along, unseen by citizen and agent. Raises Refused `forbidden`, NotFound."""
        supervises(supervisor)
        found = await self._store.find(conversation)
        await self._queue.write(noted(supervisor, "watched", conversation, self._now()))
        return found

    def desk_bell(self, agent: str) -> AbstractAsyncContextManager[Bell]:
        return self._bus.subscribe(desk_of(agent))

    def queue_bell(self) -> AbstractAsyncContextManager[Bell]:
        return self._bus.subscribe(QUEUE)

    def bell(self, conversation: str) -> AbstractAsyncContextManager[Bell]:
        return self._bus.subscribe(conversation)

    # How it is done

    async def _take(self, account: Account, conversation: str, agent: str, how: How) -> Conversation:
        name, number = await self._lookout.shown(agent)
        owner = account.username if how == "transfer" else None

        def also(connection: Connection, taken: Taken) -> None:
            if how != "accept" or taken.by_hand:
                action = {"accept": "picked", "transfer": "transferred", "assign": "assigned", "take_over": "took_over"}
                noted(account, action[how], conversation, self._now(), to=agent, before=taken.before or "")(connection)

        taken = await self._queue.take(
            conversation, agent, self._now(), self._begins(name, number), how=how, owner=owner, also=also
        )
        before = replace(
            taken.conversation, stage=Stage.AGENT if taken.before else Stage.WAITING, agent_id=taken.before
        )
        self._switchboard.changed(before, taken.conversation)
        return taken.conversation

    async def _give_up(
        self, agent: str, conversation: str, reason: str, notices: Callable[[Conversation], Sequence[Message]],
        to: Callable[[Conversation], Conversation], also: Callable[[Connection, Taken], object] | None = None,
    ) -> Conversation:  # fmt: skip
        def written(connection: Connection, taken: Taken) -> None:
            if also is not None:
                also(connection, taken)

        taken = await self._queue.give_up(
            conversation, agent, self._now(), to, reason=reason, notices=notices, also=written
        )
        before = replace(taken.conversation, stage=Stage.AGENT, agent_id=agent)
        self._switchboard.changed(before, taken.conversation)
        return taken.conversation

    def _begins(self, name: str, number: str) -> Notice:
        who = f"{name}（{number} 号）" if number else name

        def notice(conversation: Conversation) -> Message:
            text = say("human_begins", who=who)
            return Message(f"sys:human:{conversation.version}", Party.SYSTEM, text, self._now(), because="human_begins")

        return notice

    def _notice(self, conversation: Conversation, key: str) -> Message:
        return Message(f"sys:ends:{conversation.version}", Party.SYSTEM, say(key), self._now(), because="human_ends")

    def _rating(self, conversation: Conversation) -> Message:
        name, text = f"sys:rate:{conversation.version}", say("ask_rating")
        return Message(name, Party.SYSTEM, text, self._now(), card=RATE, because="ask_rating")

    def _rung(self, agent: str | None = None) -> None:
        self._lookout.forget()
        self._bus.ring(QUEUE)
        if agent is not None:
            self._bus.ring(desk_of(agent))


def _transferred(conversation: Conversation) -> list[Message]:
    text = say("human_transferred")
    at = conversation.waiting_since or conversation.opened_at
    return [Message(f"sys:ends:{conversation.version}", Party.SYSTEM, text, at, because="human_ends")]
