"""What channels do beside requests, once for the whole service: the chores' process starts it by name."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping
from typing import Any

import httpx

from bot.assembly import Parts
from channels.wechat.accounts import Account, read_accounts
from channels.wechat.api import WeChatApi
from channels.wechat.courier import Courier


def chores(parts: Parts, environment: Mapping[str, str] = os.environ) -> list[Coroutine[Any, Any, None]]:
    """Each runs until it is cancelled, and is safe when another process runs it too."""
    accounts = read_accounts(parts.settings.channels.wechat, environment)
    return [_courier(parts, accounts)] if any(account.can_push for account in accounts.values()) else []


async def _courier(parts: Parts, accounts: Mapping[str, Account]) -> None:
    async with httpx.AsyncClient(trust_env=True) as client:
        await Courier(parts, accounts, WeChatApi(client, parts.shared_tokens)).run()
