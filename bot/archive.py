"""Conversations for those who look into them: searched and exported, masked as they are kept, each look audited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, tuple_

from bot.accounts import Actor
from bot.audit import append
from bot.store.conversations import at_ms, ms
from bot.store.database import Database
from bot.tables import conversations, messages

PAGE, BATCH = 50, 2_000
COLUMNS = ("时间", "会话", "渠道", "序号", "谁说的", "内容", "结果", "条目", "主题")
PARTIES = {"citizen": "市民", "bot": "机器人", "agent": "坐席", "system": "系统"}
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for a formula
_M, _C = messages.c, conversations.c


@dataclass(frozen=True, slots=True)
class Wanted:
    """Messages of a span of time, of a channel, with these words; where they are left out, all."""

    first: datetime
    last: datetime
    text: str = ""
    channel: str | None = None


class Archive:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def search(self, wanted: Wanted, by: Actor, at: datetime) -> list[Any]:
        """The latest messages that fit; of each who said it, when and where."""
        rows = await self._db.read(
            lambda c: c.execute(
                _fitting(wanted).order_by(_M.at.desc(), _M.conversation_id, _M.seq).limit(PAGE)
            ).all()
        )  # fmt: skip
        await self._note(by, "conversations_searched", wanted, at, found=len(rows))
        return list(rows)

    async def export(self, wanted: Wanted, by: Actor, at: datetime) -> AsyncIterator[list[str]]:
        """A table row by row, oldest first; it is in the audit log before the first row is told."""
        await self._note(by, "conversations_exported", wanted, at)
        return self._rows(wanted)

    async def _rows(self, wanted: Wanted) -> AsyncIterator[list[str]]:
        yield list(COLUMNS)
        place: tuple[int, str, int] | None = None
        while True:
            query = _fitting(wanted).order_by(_M.at, _M.conversation_id, _M.seq).limit(BATCH)
            if place is not None:
                query = query.where(tuple_(_M.at, _M.conversation_id, _M.seq) > place)
            rows = await self._db.read(lambda c, q=query: c.execute(q).all())  # type: ignore[misc]
            for row in rows:
                yield _cells(row)
            if len(rows) < BATCH:
                return
            place = (rows[-1].at, rows[-1].conversation_id, rows[-1].seq)

    async def _note(self, by: Actor, action: str, wanted: Wanted, at: datetime, **more: Any) -> None:
        told = {"from": wanted.first.isoformat(), "to": wanted.last.isoformat(), "channel": wanted.channel} | more
        if wanted.text:
            told["text"] = wanted.text
        await self._db.write(
            lambda c: append(c, actor=by.username, action=action, at=at, detail=told, address=by.address)
        )


def cell(value: object) -> str:
    """Text that no spreadsheet calculates."""
    text = str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text


def line(cells: list[str]) -> str:
    """One row of a CSV file."""
    return ",".join(f'"{cell(c).replace(chr(34), chr(34) * 2)}"' for c in cells) + "\r\n"


def _fitting(wanted: Wanted) -> Select[Any]:
    query = (
        select(_M.conversation_id, _M.seq, _M.party, _M.text, _M.at, _M.extra, _C.channel)
        .join(conversations, _C.id == _M.conversation_id)
        .where(and_(_M.at >= ms(wanted.first), _M.at < ms(wanted.last)))
    )
    if wanted.channel is not None:
        query = query.where(_C.channel == wanted.channel)
    return query.where(_M.text.contains(wanted.text, autoescape=True)) if wanted.text else query


def _cells(row: Any) -> list[str]:
    told = (row.extra or {}).get("details") or {}
    return [
        at_ms(row.at).isoformat(timespec="seconds"), row.conversation_id, row.channel, str(row.seq),
        PARTIES.get(row.party, row.party), row.text, *(str(told.get(k) or "") for k in ("outcome", "entry", "topic")),
    ]  # fmt: skip
