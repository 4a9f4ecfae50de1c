"""Questions whose answers must stay right: asked of every new version before it may be published."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from bot.audit import append
from bot.drafts import now
from bot.errors import NotFound, Refused
from bot.privacy import mask
from bot.staff import Account
from bot.store.conversations import ms
from bot.store.database import Database
from bot.tables_knowledge import regressions
from knowledge_base.text import visible

OUTCOMES = ("answer", "clarify", "refuse", "handoff", "smalltalk")
LONGEST = 500
_R = regressions.c


@dataclass(frozen=True, slots=True)
class Regression:
    """A question and what it must come to: this entry, or this outcome where no entry is named."""

    id: str
    text: str
    entry: str
    outcome: str
    must_pass: bool
    author: str

    def holds(self, entry: str | None, outcome: str) -> bool:
        return entry == self.entry if self.entry else outcome == self.outcome


class Regressions:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def all(self) -> list[Regression]:
        return await self._db.read(all_of)

    async def add(self, account: Account, text: str, *, entry: str, outcome: str, must_pass: bool) -> Regression:
        """The same text again replaces what was expected. Raises Refused `empty`, `too_long`, `bad_outcome`."""
        shown = mask(visible(text).strip()).text
        if not shown:
            raise Refused("empty", "请写一个问题。")
        if len(shown) > LONGEST:
            raise Refused("too_long", f"问题最多 {LONGEST} 个字。")
        if outcome not in OUTCOMES:
            raise Refused("bad_outcome", f"结果只能是 {'、'.join(OUTCOMES)}。")
        made = Regression(secrets.token_hex(8), shown, entry, outcome, must_pass, account.username)

        def job(connection: Connection) -> None:
            connection.execute(regressions.delete().where(_R.text == shown))
            connection.execute(
                regressions.insert().values(
                    id=made.id, text=shown, entry=entry, outcome=outcome, must_pass=must_pass, author=made.author,
                    made_at=ms(now()),
                )
            )  # fmt: skip
            append(
                connection, actor=account.username, action="regression_added", subject=made.id, at=now(),
                detail={"entry": entry, "outcome": outcome, "must_pass": must_pass},
            )  # fmt: skip

        await self._db.write(job)
        return made

    async def remove(self, account: Account, id: str) -> None:
        """Raises NotFound."""

        def job(connection: Connection) -> None:
            if connection.execute(regressions.delete().where(_R.id == id)).rowcount != 1:
                raise NotFound(id)
            append(connection, actor=account.username, action="regression_removed", subject=id, at=now())

        await self._db.write(job)


def all_of(connection: Connection) -> list[Regression]:
    return [_regression(row) for row in connection.execute(select(regressions).order_by(_R.made_at, _R.id))]


def _regression(row: Row[Any]) -> Regression:
    return Regression(row.id, row.text, row.entry, row.outcome, row.must_pass, row.author)
