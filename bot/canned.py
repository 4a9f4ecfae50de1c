"""Canned replies: an agent's own, and those that all share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from bot.errors import NotFound, Refused
from bot.privacy import mask
from bot.staff import Account, Right
from bot.store.conversations import ms
from bot.store.database import Database
from bot.tables import canned_replies
from knowledge_base.text import visible

LONGEST_TITLE, LONGEST = 40, 2000
_C = canned_replies.c


@dataclass(frozen=True, slots=True)
class Canned:
    """Words that are said often; `{agent}`, `{number}`, `{city}` and `{date}` are filled in where they are sent."""

    id: str
    title: str
    text: str
    shared: bool
    owner: str


class CannedReplies:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def of(self, account: Account) -> list[Canned]:
        """The shared ones and her own, by title."""
        query = select(canned_replies).where(or_(_C.shared.is_(True), _C.owner == account.username))
        rows = await self._db.read(lambda c: c.execute(query.order_by(_C.title, _C.id)).all())
        return [Canned(row.id, row.title, row.text, row.shared, row.owner) for row in rows]

    async def keep(
        self, account: Account, title: str, text: str, *, shared: bool, at: datetime, id: str | None = None
    ) -> Canned:
        """A new one, or another text for one that is hers to change. Raises Refused `empty`, `forbidden`; NotFound."""
        told = Canned(
            id or secrets.token_hex(8), _clean(title, LONGEST_TITLE), _clean(text, LONGEST), shared, account.username
        )
        _check(account, shared=shared)
        values = {"title": told.title, "text": told.text, "shared": shared, "owner": account.username}

        def job(connection: Connection) -> bool:
            if id is None:
                connection.execute(canned_replies.insert().values(id=told.id, made_at=ms(at), **values))
                return True
            _owned(connection, account, id)
            return connection.execute(canned_replies.update().where(_C.id == id).values(values)).rowcount == 1

        await self._db.write(job)
        return told

    async def remove(self, account: Account, id: str) -> None:
        """Raises NotFound, Refused `forbidden`."""

        def job(connection: Connection) -> None:
            _owned(connection, account, id)
            connection.execute(canned_replies.delete().where(_C.id == id))

        await self._db.write(job)


def _owned(connection: Connection, account: Account, id: str) -> None:
    row = connection.execute(select(canned_replies).where(_C.id == id)).one_or_none()
    if row is None or (not row.shared and row.owner != account.username):
        raise NotFound(id)
    _check(account, shared=row.shared)


def _check(account: Account, *, shared: bool) -> None:
    if shared and not account.may(Right.SUPERVISE):
        raise Refused("forbidden", "共用的常用语由班长修改。")


def _clean(text: str, longest: int) -> str:
    shown = mask(visible(text).strip()).text
    if not shown:
        raise Refused("empty", "请写名称和内容。")
    if len(shown) > longest:
        raise Refused("too_long", f"最多 {longest} 个字。")
    return shown
