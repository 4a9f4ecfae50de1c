"""Pictures that followers sent to the agent: fetched from WeChat when she looks, shown to her alone, never kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.assembly import Parts
from bot.audit import append
from bot.errors import NeighbourError, NotFound
from channels.problems import problem
from channels.wechat.accounts import Account
from channels.wechat.api import WeChatApi

PATH = "/api/v1/desk/conversations/{conversation_id}/media/{seq}"
SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "audio/amr")
Reader = Callable[[Request, str], Awaitable[str]]


def picture_routes(parts: Parts, accounts: Mapping[str, Account], reader: Reader) -> APIRouter:
    """`reader` lets in whoever may read the conversation, and gives the name; it raises Refused or NotFound."""
    routes = APIRouter(tags=["desk"])

    async def media(request: Request, conversation_id: str, seq: int) -> Response:
        """What the citizen sent, as WeChat keeps it for three days; each look is audited."""
        name = await reader(request, conversation_id)
        found = await parts.conversations.messages(conversation_id, after=seq - 1, limit=1)
        told = found[0].details.get("media") if found and found[0].seq == seq else None
        account = accounts.get(told.get("account", "")) if isinstance(told, dict) else None
        if account is None or not account.can_push or not isinstance(told, dict):
            raise NotFound(conversation_id)
        await parts.database.write(
            lambda c: append(
                c, actor=name, action="picture_seen", subject=conversation_id, detail={"seq": seq}, at=datetime.now(UTC)
            )
        )  # fmt: skip
        try:
            async with httpx.AsyncClient() as client:
                got = await WeChatApi(client, parts.shared_tokens).media(account, str(told.get("media", "")))
        except NeighbourError:
            return problem(502, "picture_gone", "图片取不到了，可能已经超过三天。")
        kind = got.kind if got.kind in SHOWN else "application/octet-stream"
        safe = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response(got.content, media_type=kind, headers=safe)

    routes.add_api_route(PATH, media, methods=["GET"], include_in_schema=False)  # a file of any kind
    return routes
