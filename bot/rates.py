"""How much one address may ask, counted in the database so that all workers count together."""

from __future__ import annotations

from sqlalchemy import Connection, case, select

from bot.errors import Refused
from bot.store.conversations import seconds_until, upsert
from bot.store.database import Database, now_ms
from bot.tables import rates

MINUTE = 60_000


class Rates:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def count(self, name: str, *, per_minute: int, window_ms: int = MINUTE) -> None:
        """One more for `name`. Raises Refused `too_often` beyond the limit; 0 is no limit."""
        if not per_minute:
            return
        now = now_ms()

        def job(connection: Connection) -> tuple[int, int]:
            fresh = upsert(connection, rates).values(name=name, window_from=now, count=1)
            over = rates.c.window_from <= now - window_ms
            again = fresh.on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "window_from": case((over, now), else_=rates.c.window_from),
                    "count": case((over, 1), else_=rates.c.count + 1),
                },
            )
            connection.execute(again)
            row = connection.execute(select(rates).where(rates.c.name == name)).one()
            return int(row._mapping["count"]), int(row.window_from)

        count, since = await self._db.write(job)
        if count > per_minute:
            wait = seconds_until(since + window_ms, now)
            raise Refused("too_often", "请求太频繁，请稍后再试。", retry_after=wait)

    async def check(self, name: str, *, at_most: int, window_ms: int) -> None:
        """Counts nothing. Raises Refused `too_often` when `at_most` were counted in the window."""
        now = now_ms()
        query = select(rates).where(rates.c.name == name, rates.c.window_from > now - window_ms)
        row = await self._db.read(lambda c: c.execute(query).first())
        if row is not None and row._mapping["count"] >= at_most:
            wait = seconds_until(row.window_from + window_ms, now)
            raise Refused("too_often", "请求太频繁，请稍后再试。", retry_after=wait)

    async def forget_old(self) -> None:
        """Windows that ended an hour ago tell nothing any more."""
        cut = now_ms() - 60 * MINUTE
        await self._db.write(lambda c: c.execute(rates.delete().where(rates.c.window_from < cut)))
