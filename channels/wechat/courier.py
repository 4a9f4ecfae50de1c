"""The courier: pushes what the passive reply could not bring: late answers, agents' words, notices, the rating.

It is one of the chores and may run many times at once: each text is claimed in the store before it is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from bot.assembly import Parts
from bot.deliveries import Claim, Packed, Waiting
from bot.errors import BotError, NeighbourError
from channels.wechat.accounts import Account
from channels.wechat.api import NoAnswer, NotReached, WeChatApi, WeChatError
from channels.wechat.channel import style_of
from channels.wechat.hearing import WECHAT
from channels.wechat.render import Style, pushed

log = logging.getLogger(__name__)
LOOK = 0.5  # seconds between rounds
EVERYWHERE = 10  # rounds between two that also look at citizens who have been quiet for a while
AT_ONCE = 16  # calls; WeChat takes hundreds a second, and answers within 100 ms
SOON, LONGEST = timedelta(seconds=2), timedelta(minutes=10)  # until a refused text is tried again
BARRED = timedelta(hours=1)  # an account without the right is asked again after this
CLEANING = 7200  # rounds between erasures: about an hour

USED_UP = frozenset({45015, 45047})  # out of time; too many without a word of the citizen
NO_RIGHT = frozenset({48001, 48003, 48004, 50002})
GONE = frozenset({40003, 43004, 43019})  # no follower any more


class Courier:
    def __init__(
        self, parts: Parts, accounts: Mapping[str, Account], api: WeChatApi,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._parts = parts
        self._accounts = {name: account for name, account in accounts.items() if account.can_push}
        self._api = api
        self._now = clock
        self._lanes = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; a round that fails is logged and the next one tries again."""
        count = 0
        while True:
            try:
                await self.round(everywhere=count % EVERYWHERE == 0)
                if count % CLEANING == 0:
                    await self._parts.endpoints.erase_ended(self._now())
            except BotError as error:
                log.warning("round failed: %s %s", type(error).__name__, error)
            except Exception:
                log.exception("round failed")
            count += 1
            await asyncio.sleep(LOOK)

    async def round(self, *, everywhere: bool = True) -> int:
        """Sends what is due; returns how many texts were accepted."""
        due = await self._parts.deliveries.due(WECHAT, self._now(), everywhere=everywhere)
        return sum(await asyncio.gather(*(self._serve(endpoint) for endpoint in due)))

    async def _serve(self, endpoint: str) -> int:
        """All that waits for one citizen, in order; one that fails does not keep the others waiting."""
        count = 0
        try:
            async with self._lanes:
                while await self._one(endpoint):
                    count += 1
        except BotError as error:
            log.warning("a citizen could not be served: %s", type(error).__name__)
        except Exception:
            log.exception("a citizen could not be served")
        return count

    async def _one(self, endpoint_id: str) -> bool:
        """Claims and sends one text. False: there is none, or it has to wait."""
        endpoint = await self._parts.endpoints.find(endpoint_id)
        account = self._accounts.get(endpoint.account)
        if account is None or await self._is_barred(account):
            return False
        openid = await self._parts.endpoints.address(endpoint_id)
        style, now = style_of(self._parts, endpoint.conversation_id), self._now()
        claim = await self._parts.deliveries.claim(endpoint_id, now, _packing(style, now))
        if claim is None or not await self._parts.deliveries.begin(claim, self._now()):
            return False
        return await self._send(account, openid, claim)

    async def _send(self, account: Account, openid: str, claim: Claim) -> bool:
        deliveries, now = self._parts.deliveries, self._now
        try:
            await self._api.send_text(account, openid, claim.packed.text)
        except WeChatError as error:
            await self._refused(account, openid, claim, error)
            return False
        except NoAnswer as error:
            _tell("no answer", claim, str(error))
            await deliveries.unsure(claim, "no answer", now())
            return False
        except NotReached as error:
            await self._later(claim, "not reached", str(error))
            return False
        await deliveries.sent(claim, now())
        return True

    async def _refused(self, account: Account, openid: str, claim: Claim, error: WeChatError) -> None:
        deliveries, code = self._parts.deliveries, str(error.code)
        if error.code in USED_UP:
            _tell("used up", claim, code)
            await deliveries.exhausted(claim, code, self._now())
            await self._by_template(account, openid, claim)
        elif error.code in NO_RIGHT:
            _tell("no right to push", claim, code)
            await deliveries.failed(claim, code, self._now(), self._now())
            await self._parts.shared_tokens.bar(account.name, self._now() + BARRED)
        elif error.code in GONE:
            await deliveries.failed(claim, code, self._now(), self._now())
            await self._parts.endpoints.leave(claim.endpoint)
        else:
            await self._later(claim, code, code)

    async def _later(self, claim: Claim, error: str, why: str) -> None:
        _tell("later", claim, why)
        tries = await self._parts.endpoints.tries(claim.endpoint)
        wait = min(LONGEST, SOON * 2 ** min(tries, 10))
        await self._parts.deliveries.failed(claim, error, self._now(), self._now() + wait)

    async def _by_template(self, account: Account, openid: str, claim: Claim) -> None:
        """Tells that an answer waits, where the operator has a template for it. It is no delivery of the answer."""
        template = self._parts.settings.channels.wechat.reply_template
        if not template:
            return
        station = style_of(self._parts, claim.conversation).link()
        try:
            await self._api.send_template(account, openid, template, {"thing1": "您有一条新的答复"}, url=station)
        except NeighbourError as error:
            _tell("no template message", claim, str(error))

    async def _is_barred(self, account: Account) -> bool:
        token = await self._parts.shared_tokens.current(account.name, self._now())
        return token is not None and token.barred


def _packing(style: Style, now: datetime) -> Callable[..., Packed | None]:
    def pack(waiting: list[Waiting]) -> Packed | None:
        return pushed(waiting, style, now)

    return pack


def _tell(what: str, claim: Claim, why: str) -> None:
    log.warning(
        "courier: %s", what, extra={"told": {"conversation": claim.conversation, "account": claim.account, "why": why}}
    )  # fmt: skip
