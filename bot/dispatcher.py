"""The dispatcher: rings the next free agent, takes back what rang in vain, and lets nobody wait in silence.

It may run many times at once, on many machines: each change is decided in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

from bot.bus import Bus
from bot.desk import Floor, offers
from bot.errors import BotError, NotFound, Refused
from bot.lookout import QUEUE, desk_of
from bot.reception import DeskRules, Reception
from bot.seats import Seats
from bot.store.conversations import ms
from bot.store.queue import Queue
from bot.switchboard import Switchboard

log = logging.getLogger(__name__)
LOOK = 1.0  # seconds between two rounds when nothing rings
RECONNECTING = timedelta(seconds=10)  # after a start, agents' pages come back before anybody counts as lost
JUMP = 5.0  # seconds by which the clock may differ from the time that passed; beyond it, it was set


class Dispatcher:
    def __init__(
        self, queue: Queue, seats: Seats, switchboard: Switchboard, reception: Reception, bus: Bus, rules: DeskRules,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC), steady: Callable[[], float] = monotonic,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._seats = seats
        self._switchboard = switchboard
        self._reception = reception
        self._bus = bus
        self._rules = rules
        self._now = clock
        self._steady = steady
        self._since = clock()
        self._last = (self._since, steady())

    async def run(self) -> None:
        """Until cancelled; a round that fails is logged and the next one tries again."""
        async with self._bus.subscribe(QUEUE) as bell:
            while True:
                try:
                    await self.round()
                except BotError as error:
                    log.warning("round failed: %s %s", type(error).__name__, error)
                except Exception:
                    log.exception("round failed")
                await bell.wait(LOOK)

    async def round(self) -> None:
        now = self._now()
        for _, agent, status in await self._queue.expire(now):
            if status == "away":
                log.info("agent is away: missed her offers", extra={"told": {"agent": agent}})
            self._bus.ring(desk_of(agent))
            self._bus.ring(QUEUE)
        await self._take_back(now)
        floor = await self._queue.floor(now)
        await self._send_back(floor, now)
        await self._offer(floor, now)

    async def _offer(self, floor: Floor, now: datetime) -> None:
        rung = await self._queue.offer(offers(floor), now, now + self._rules.offer)
        for _, agent in rung:
            self._bus.ring(desk_of(agent))
        if rung:
            self._bus.ring(QUEUE)

    async def _take_back(self, now: datetime) -> None:
        """From agents whose pages are gone, and from those who leave a citizen without an answer."""
        if not self._may_judge(now):
            return
        cut = now - self._rules.grace
        for conversation in await self._queue.lost(cut):
            await _alone(conversation.id, self._seats.lose(conversation, "agent_lost"))
        await self._queue.sign_off(cut)
        for conversation in await self._queue.owed(now - self._rules.unanswered):
            await _alone(conversation.id, self._seats.lose(conversation, "unanswered"))
            with suppress(NotFound):
                await self._seats.set_status(conversation.agent_id or "", "away")

    async def _send_back(self, floor: Floor, now: datetime) -> None:
        """Those who waited too long, and everybody once the desk has closed, are told what else they can do."""
        cut = ms(now - self._rules.longest_wait)
        over = [w.conversation for w in floor.waiting if w.since < cut]
        if over:
            text = await self._reception.waited_too_long()
            for name in over:
                await _alone(name, self._switchboard.send_back(name, "waited_too_long", text))
        left = [w.conversation for w in floor.waiting if w.since >= cut and not w.urgent]
        if left and not floor.staffed and not await self._reception.open_now():
            text = await self._reception.closed("closing_time")
            for name in left:
                await _alone(name, self._switchboard.send_back(name, "closing_time", text))

    def _may_judge(self, now: datetime) -> bool:
        """Not soon after a start, nor after the clock was set: pages need a moment to be heard of."""
        then, at = self._last
        self._last = (now, self._steady())
        if abs((now - then).total_seconds() - (self._last[1] - at)) > JUMP:
            log.warning("the clock was set; nobody is taken for lost for a moment")
            self._since = now
        return now - self._since >= min(RECONNECTING, self._rules.grace)


async def _alone(conversation: str, doing: Awaitable[object]) -> None:
    """One conversation that fails does not keep the others waiting; that somebody else was faster is no failure."""
    try:
        await doing
    except Refused:
        return
    except Exception:
        log.exception("conversation %s failed", conversation)
