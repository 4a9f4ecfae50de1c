"""What becomes of a wish for a human: hours, queue, and the honest sentence that says which of them it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.answering.turn import Reply
from bot.answering.wording import say
from bot.conversation import Conversation, Stage
from bot.desk import Floor, Wait, cause, expected_wait, queue_key, urgency
from bot.holidays import Holidays
from bot.lookout import Lookout
from bot.store.conversations import ms
from bot.working_days import Day, Hours, day_words, opening_words

FORM = {"kind": "form", "form": "message"}
Duty = Literal["reply", "rectify"]
Told = tuple[str, str, str]  # sentences for whoever stands behind others, is the first, is served at once
JOINED: Told = ("handoff_queued", "handoff_first", "handoff_next")
AGAIN: Told = ("handoff_again_queued", "handoff_again_next", "handoff_again_next")
SOON = 60  # seconds; a shorter wait is not worth a number


@dataclass(frozen=True, slots=True)
class DeskRules:
    """What the settings say of the agents' desk."""

    zone: ZoneInfo
    hours: Hours
    offer: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=30)
    unanswered: timedelta = timedelta(minutes=5)
    longest_wait: timedelta = timedelta(minutes=30)
    longest_queue: int = 500
    reply_days: int = 3
    rectify_days: int = 15


class Reception:
    """Decides nothing for good: the queue may have changed when the citizen joins it, and then tells him so."""

    def __init__(self, lookout: Lookout, holidays: Holidays, rules: DeskRules, clock: Callable[[], datetime]) -> None:
        self._lookout = lookout
        self._holidays = holidays
        self._rules = rules
        self._now = clock

    async def receive(self, reply: Reply, conversation: Conversation) -> tuple[Reply, Conversation]:
        """The reply to a wish for a human with what is true now, and the conversation with its priority."""
        floor = await self._lookout.floor()
        if conversation.stage is Stage.WAITING:
            return await self._again(reply, conversation, floor), conversation
        crisis = reply.because == "crisis"
        priority = urgency(
            channel=conversation.channel, scene=conversation.scene, returning=conversation.last_agent is not None,
            high_stake=reply.high_stake, crisis=crisis,
        )  # fmt: skip
        conversation = replace(conversation, priority=priority, skill=None)
        if crisis:
            return replace(reply, text=say("crisis_staffed")) if floor.staffed else reply, conversation
        match cause(floor, open_now=await self.open_now(), longest=self._rules.longest_queue):
            case "queued":
                return replace(reply, text=self._queued(floor, priority), card=None), conversation
            case "full":
                text = say("handoff_full", count=len(floor.present), due=await self._due_words("reply"))
                return replace(reply, text=text, hand_off=False, card=FORM), conversation
            case "off_hours":
                return replace(
                    reply, text=await self.closed("handoff_off_hours"), hand_off=False, card=FORM
                ), conversation
            case "nobody":
                return reply, conversation

    async def open_now(self) -> bool:
        local = self._now().astimezone(self._rules.zone)
        return self._rules.hours.open_at(local, await self._holidays.calendar())

    async def closed(self, key: Literal["handoff_off_hours", "closing_time"]) -> str:
        """That nobody serves at this hour, when somebody will, and by when a message is answered."""
        local = self._now().astimezone(self._rules.zone)
        opening = self._rules.hours.next_opening(local, await self._holidays.calendar())
        if opening is None:
            opens = say("opens_unknown")
        else:
            opens = say(
                "opens_provisional" if opening.provisional else "opens", at=opening_words(opening, local.date())
            )
        text = "handoff_off_hours" if key == "handoff_off_hours" else "closing_time"
        return say(text, opens=opens, due=await self._due_words("reply"))

    async def waited_too_long(self) -> str:
        return say("waited_too_long", due=await self._due_words("reply"))

    async def due(self, duty: Duty) -> Day:
        """The last working day on which it must be done."""
        days = self._rules.reply_days if duty == "reply" else self._rules.rectify_days
        return (await self._holidays.calendar()).after(self._now().astimezone(self._rules.zone).date(), days)

    async def _due_words(self, duty: Duty) -> str:
        due = await self.due(duty)
        return say("due_provisional" if due.provisional else "due", day=day_words(due.day))

    def _queued(self, floor: Floor, priority: int) -> str:
        key = queue_key(ms(self._now()), priority)
        ahead = sum(waiting.key <= key for waiting in floor.present)
        return _place_words(JOINED, ahead, expected_wait(floor, ahead + 1))

    async def _again(self, reply: Reply, conversation: Conversation, floor: Floor) -> Reply:
        if reply.because == "crisis":
            return replace(reply, text=say("crisis_staffed")) if floor.staffed else reply
        standing = await self._lookout.standing(conversation.id)
        if not floor.staffed or standing is None:
            return reply
        text = _place_words(AGAIN, standing.position - 1, standing.wait)
        return replace(reply, text=text, card=None)


def _place_words(told: Told, ahead: int, wait: Wait | None) -> str:
    behind, first, at_once = told
    if ahead == 0 and wait is not None and wait.seconds < SOON:
        return say(at_once)
    return say(first, wait=_wait_words(wait)) if ahead == 0 else say(behind, ahead=ahead, wait=_wait_words(wait))


def _wait_words(wait: Wait | None) -> str:
    if wait is None:
        return ""
    low, high = max(1, wait.low // 60), max(1, -(-wait.high // 60))
    return say("wait_about", minutes=f"{low}" if low == high else f"{low}～{high}")
