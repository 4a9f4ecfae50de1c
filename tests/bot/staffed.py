"""Accounts, credentials and sessions joined over one store, with a clock that stands, and what tests ask of the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pyotp

from bot.accounts import Accounts, Actor
from bot.audit import Row, rows, verify
from bot.credentials import Credentials
from bot.sessions import Session, Sessions
from bot.staff import Account, Role
from bot.store.database import Database
from tests.parts import KEY
from tests.scripted import Clock

PASSWORD = "梧桐-Fahrrad-41"
OTHER = "桂花-Regenschirm-52"
HERE = "10.0.0.1"
BOSS = Actor("boss", "10.0.0.9")


@dataclass
class Staff:
    database: Database
    clock: Clock
    accounts: Accounts
    credentials: Credentials
    sessions: Sessions

    async def hire(
        self, username: str = "chenxiao", roles: Iterable[Role] = (Role.AGENT,), *, must_change: bool = False
    ) -> Account:
        return await self.accounts.create(username, PASSWORD, roles=list(roles), by=BOSS, must_change=must_change)

    async def enter(
        self, username: str = "chenxiao", password: str = PASSWORD, code: str | None = None, *, address: str = HERE
    ) -> tuple[str, Session]:
        return await self.sessions.sign_in(username, password, code, address=address, device="Firefox")

    def code(self, secret: str) -> str:
        return pyotp.TOTP(secret).at(self.clock.now)

    def log(self) -> list[Row]:
        return self.database.read_now(lambda c: list(rows(c)))

    def actions(self) -> list[tuple[str, str, str]]:
        """Who did what to whom, but for accounts that were made ready."""
        return [(r.actor, r.action, r.subject) for r in self.log() if r.action != "account_created"]

    def log_is_whole(self) -> bool:
        return self.database.read_now(lambda c: verify(c)).broken is None


def staffed(database: Database, clock: Clock) -> Staff:
    credentials = Credentials(database, KEY, clock=clock)
    sessions = Sessions(database, credentials, idle=timedelta(minutes=30), clock=clock)
    return Staff(database, clock, Accounts(database, clock), credentials, sessions)
