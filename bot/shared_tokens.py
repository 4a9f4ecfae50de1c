"""Access tokens that all processes share: one of them renews, the others wait for what it brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from bot.seal import Seal
from bot.store.conversations import at_ms, insert_new, ms
from bot.store.database import Database
from bot.tables_endpoints import shared_tokens

LEASE = timedelta(seconds=15)  # whoever renews has so long; then another may try
_T = shared_tokens.c


@dataclass(frozen=True, slots=True)
class SharedToken:
    """`version` counts renewals; `barred` when the account may not push for the time being."""

    value: str
    version: int
    made_at: datetime
    until: datetime
    barred: bool = False


class SharedTokens:
    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._seal = Seal(key, b"token")

    async def current(self, name: str, now: datetime) -> SharedToken | None:
        row = await self._db.read(lambda c: c.execute(select(shared_tokens).where(_T.name == name)).one_or_none())
        if row is None:
            return None
        value = self._seal.open(row.sealed, name) if row.sealed else ""
        return SharedToken(value, row.version, at_ms(row.made_at), at_ms(row.until), row.barred_until > ms(now))

    async def may_renew(self, name: str, version: int, now: datetime) -> bool:
        """True for one caller: it renews what has this version. 0: there is none yet."""
        fresh = {
            "name": name, "sealed": b"", "version": 0, "made_at": ms(now), "until": 0, "leased_until": 0,
            "barred_until": 0,
        }  # fmt: skip
        free = shared_tokens.update().where(_T.name == name, _T.version == version, _T.leased_until <= ms(now))

        def job(connection: Connection) -> bool:
            insert_new(connection, shared_tokens, fresh)
            leased = free.values(leased_until=ms(now + LEASE)).returning(_T.name)
            return connection.execute(leased).one_or_none() is not None

        return await self._db.write(job)

    async def renewed(self, name: str, version: int, value: str, now: datetime, until: datetime) -> None:
        """What the renewal of `version` brought; one that took too long and was overtaken is dropped."""
        told = {
            "sealed": self._seal.close(value, name), "version": version + 1, "made_at": ms(now), "until": ms(until),
            "leased_until": 0,
        }  # fmt: skip
        mine = shared_tokens.update().where(_T.name == name, _T.version == version)
        await self._db.write(lambda c: c.execute(mine.values(told)))

    async def not_renewed(self, name: str, version: int) -> None:
        """It failed: somebody else may try at once."""
        mine = shared_tokens.update().where(_T.name == name, _T.version == version)
        await self._db.write(lambda c: c.execute(mine.values(leased_until=0)))

    async def bar(self, name: str, until: datetime) -> None:
        """The account has no right to push: nobody tries until then."""
        barred = shared_tokens.update().where(_T.name == name).values(barred_until=ms(until))
        await self._db.write(lambda c: c.execute(barred))
