"""The rounds: silent conversations are reminded and closed, unanswered messages answered, old traces erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from bot.contacts import Contacts
from bot.conversation import Conversation
from bot.errors import BotError
from bot.rates import Rates
from bot.store.conversations import Conversations
from bot.switchboard import Switchboard

log = logging.getLogger(__name__)
ROUND = 5.0  # seconds
LEFT_ALONE = timedelta(seconds=10)  # a question this old without an answer lost its process
CLEANING = 720  # rounds between erasures: about an hour


class Caretaker:
    """Every round may run twice at once: each change is a compare-and-set."""

    def __init__(
        self, store: Conversations, switchboard: Switchboard, contacts: Contacts, rates: Rates, *,
        remind_after: timedelta, close_after: timedelta, clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._store = store
        self._switchboard = switchboard
        self._contacts = contacts
        self._rates = rates
        self._remind_after = remind_after
        self._close_after = close_after
        self._now = clock

    async def run(self) -> None:
        """Until cancelled; a round that fails is logged and the next one tries again."""
        count = 0
        while True:
            try:
                await self.round()
                if count % CLEANING == 0:
                    await self.clean()
            except BotError as error:
                log.warning("round failed: %s %s", type(error).__name__, error)
            except Exception:
                log.exception("round failed")
            count += 1
            await asyncio.sleep(ROUND)

    async def round(self) -> None:
        now = self._now()
        for conversation, message in await self._store.unanswered(now - LEFT_ALONE):
            await self._alone(conversation, self._switchboard.answer_left(conversation, message))
        for conversation in await self._store.quiet_since(now - self._remind_after):
            await self._alone(conversation, self._switchboard.remind(conversation))
        in_time = now - (self._close_after - self._remind_after)
        for conversation in await self._store.quiet_since(now - self._close_after, reminded_before=in_time):
            await self._alone(conversation, self._switchboard.close_quiet(conversation))

    async def _alone(self, conversation: Conversation, doing: Awaitable[None]) -> None:
        """One conversation that fails does not keep the others waiting."""
        try:
            await doing
        except Exception:
            log.exception("conversation %s failed", conversation.id)

    async def clean(self) -> None:
        await self._contacts.erase_ended(self._now())
        await self._rates.forget_old()
