"""Accounts of the staff: made, changed and closed by whoever manages them; every change is audited."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from bot import lockout, passwords
from bot.audit import TERMINAL, append
from bot.errors import NotFound, Refused
from bot.staff import Account, Role
from bot.store.conversations import insert_new, ms
from bot.store.database import Database
from bot.tables import accounts, sessions

ADMIN = "admin"
FIRST_NUMBER = 1001
MOST = 100  # conversations at once
USERNAME = re.compile(r"\w[\w.@-]{0,31}")
NUMBER = re.compile(r"[0-9A-Za-z-]{1,16}")
OWN, ONE_TIME, GIVEN, ENVIRONMENT = "own", "one_time", "given", "environment"  # where a password came from


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it and from where, for the audit log."""

    username: str = TERMINAL
    address: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as those see it who manage it."""

    account: Account
    disabled: bool
    second_factor: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What is None stays as it is."""

    name: str | None = None
    number: str | None = None
    roles: frozenset[Role] | None = None
    skills: tuple[str, ...] | None = None
    capacity: int | None = None
    disabled: bool | None = None
    topics: tuple[str, ...] | None = None

    def columns(self) -> dict[str, Any]:
        told = {
            "name": self.name, "number": self.number, "capacity": self.capacity, "disabled": self.disabled,
            "roles": None if self.roles is None else sorted(self.roles),
            "skills": None if self.skills is None else list(self.skills),
            "topics": None if self.topics is None else list(self.topics),
        }  # fmt: skip
        return {key: value for key, value in told.items() if value is not None}


def known_as(username: str) -> str:
    """The one way a name is written: case and width do not matter when one signs in."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def account_of(row: Row[Any]) -> Account:
    roles = frozenset(Role(role) for role in row.roles)
    return Account(
        row.username, row.name, row.number, roles, tuple(row.skills), row.capacity, row.must_change,
        tuple(row.topics or ()),
    )  # fmt: skip


def account_named(connection: Connection, username: str) -> Account:
    """Raises NotFound, also for an account that is closed."""
    row = connection.execute(select(accounts).where(accounts.c.username == username)).one_or_none()
    if row is None or row.disabled:
        raise NotFound(username)
    return account_of(row)


def _listed(row: Row[Any]) -> Listed:
    return Listed(account_of(row), row.disabled, row.totp is not None)


class Accounts:
    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._db = database
        self._clock = clock

    async def create(
        self,
        username: str,
        password: str,
        *,
        roles: Collection[Role],
        by: Actor,
        name: str = "",
        number: str = "",
        skills: Collection[str] = (),
        topics: Collection[str] = (),
        capacity: int = 3,
        must_change: bool = True,
    ) -> Account:
        """The number is the next free one where none is given.

        Raises Refused `bad_username`, `bad_number`, `bad_capacity`,
        `weak_password`, `username_taken`, `number_taken`.
        """
        known = known_as(username)
        if not USERNAME.fullmatch(known):
            raise Refused("bad_username", "用户名最多 32 个字，可以用字母、数字、汉字和 . _ - @，不能有空格。")
        _check(number, capacity)
        refuse_weak(password, known, name)
        kept = await passwords.digest(password)
        row = {
            "username": known, "roles": sorted(set(roles)), "skills": list(dict.fromkeys(skills)), "capacity": capacity,
            "password": kept, "password_from": GIVEN, "must_change": must_change, "topics": list(dict.fromkeys(topics)),
        }  # fmt: skip
        return await self._db.write(lambda c: self._insert(c, row, name, number, by))

    async def first(self, password: str, source: str) -> bool:
        """Makes `admin` while no account exists; tells whether it did. Of processes that start at once, one does.

        `source` is ENVIRONMENT, or ONE_TIME for a password that must be changed. It is not judged.
        """
        row = {
            "username": ADMIN, "roles": [Role.ADMIN], "skills": [], "capacity": 1, "password_from": source,
            "password": await passwords.digest(password), "must_change": source == ONE_TIME,
        }  # fmt: skip

        def job(connection: Connection) -> bool:
            if connection.scalar(select(func.count()).select_from(accounts)):
                return False
            try:
                self._insert(connection, row, "管理员", "", Actor())
            except Refused:
                return False  # another process was faster
            return True

        return await self._db.write(job)

    async def exist(self) -> bool:
        return bool(await self._db.read(lambda c: c.scalar(select(func.count()).select_from(accounts))))

    async def everybody(self) -> list[Listed]:
        """In the order of their numbers."""
        query = select(accounts).order_by(func.length(accounts.c.number), accounts.c.number)
        found = await self._db.read(lambda c: c.execute(query).all())
        return [_listed(row) for row in found]

    async def change(self, username: str, change: Change, *, by: Actor) -> Listed:
        """Raises NotFound, and Refused `last_admin`, `number_taken`, `bad_number`, `bad_capacity`.

        Roles count from the next request on; who is disabled is signed out at once.
        """
        _check(change.number or "", 1 if change.capacity is None else change.capacity)
        told = change.columns()

        def job(connection: Connection) -> Listed:
            _lock_all(connection)
            before = locked_row(connection, username)
            if change.number is not None and _is_taken(connection, change.number, but=username):
                raise Refused("number_taken", "这个工号已经有人用了。")
            if told:
                connection.execute(accounts.update().where(accounts.c.username == username).values(told))
            _keep_an_admin(connection)
            if change.disabled:
                connection.execute(sessions.delete().where(sessions.c.username == username))
            changed = {k: [before._mapping[k], v] for k, v in told.items() if before._mapping[k] != v}
            if changed:
                self._note(connection, by, "account_changed", username, changed)
            return _listed(locked_row(connection, username))

        return await self._db.write(job)

    async def reset(self, username: str, *, by: Actor, password: str | None = None) -> str:
        """A new password that must be changed, without second factor; unlocks, and ends all sessions.

        Returns the password: the given one, else a one-time one. Raises NotFound and Refused `weak_password`.
        """
        told = password or passwords.one_time()
        if password:
            refuse_weak(password, username)
        kept = await passwords.digest(told)

        def job(connection: Connection) -> str:
            locked_row(connection, username)
            values = {
                "password": kept, "password_from": GIVEN if password else ONE_TIME, "must_change": True, "totp": None,
                "totp_offered": None,
            }  # fmt: skip
            connection.execute(accounts.update().where(accounts.c.username == username).values(values))
            connection.execute(sessions.delete().where(sessions.c.username == username))
            lockout.unlock(connection, username)
            self._note(connection, by, "password_reset", username)
            return told

        return await self._db.write(job)

    async def drop_second_factor(self, username: str, *, by: Actor) -> None:
        """For somebody whose telephone is lost. Raises NotFound."""

        def job(connection: Connection) -> None:
            locked_row(connection, username)
            off = accounts.update().where(accounts.c.username == username).values(totp=None, totp_offered=None)
            connection.execute(off)
            self._note(connection, by, "totp_dropped", username)

        await self._db.write(job)

    async def with_environment_password(self) -> list[str]:
        """Accounts that still use the password of the environment."""
        of = (accounts.c.password_from == ENVIRONMENT) & accounts.c.disabled.is_(False)
        return await self._db.read(lambda c: list(c.scalars(select(accounts.c.username).where(of))))

    def _insert(self, connection: Connection, row: dict[str, Any], name: str, number: str, by: Actor) -> Account:
        made = {**row, "totp_step": 0, "disabled": False, "made_at": ms(self._clock())}
        tried = [number] if number else _free_numbers(connection)
        for one in tried:
            made |= {"number": one, "name": name or f"{one} 号客服"}
            if insert_new(connection, accounts, made):
                break
            if connection.scalar(select(accounts.c.username).where(accounts.c.username == row["username"])):
                raise Refused("username_taken", "这个用户名已经有人用了。")
        else:
            raise Refused("number_taken", "这个工号已经有人用了。")
        detail = {"roles": row["roles"], "skills": row["skills"], "capacity": row["capacity"]}
        self._note(connection, by, "account_created", row["username"], detail)
        return account_of(locked_row(connection, row["username"]))

    def _note(
        self, connection: Connection, by: Actor, action: str, username: str, detail: dict[str, Any] | None = None
    ) -> None:
        append(
            connection, actor=by.username, action=action, subject=username, detail=detail, address=by.address,
            at=self._clock(),
        )  # fmt: skip


def refuse_weak(password: str, *names: str) -> None:
    """Raises Refused `weak_password` with the reason."""
    if why := passwords.why_weak(password, *names):
        raise Refused("weak_password", why)


def locked_row(connection: Connection, username: str) -> Row[Any]:
    """The account, which nobody else changes until this transaction ends. Raises NotFound."""
    row = connection.execute(select(accounts).where(accounts.c.username == username).with_for_update()).first()
    if row is None:
        raise NotFound(username)
    return row


def _check(number: str, capacity: int) -> None:
    if number and not NUMBER.fullmatch(number):
        raise Refused("bad_number", "工号最多 16 位，只能用数字、字母和 -。")
    if not 1 <= capacity <= MOST:
        raise Refused("bad_capacity", f"同时接待的人数在 1 到 {MOST} 之间。")


def _is_taken(connection: Connection, number: str, *, but: str) -> bool:
    mine = select(accounts.c.username).where(accounts.c.number == number, accounts.c.username != but)
    return connection.scalar(mine) is not None


def _free_numbers(connection: Connection) -> Collection[str]:
    """Numbers that follow those given; a few, since others may take one at the same moment."""
    taken = {int(n) for n in connection.scalars(select(accounts.c.number)) if n.isascii() and n.isdecimal()}
    start = max(taken | {FIRST_NUMBER - 1}) + 1
    return [str(number) for number in range(start, start + 100)]


def _lock_all(connection: Connection) -> None:
    """In one order: of two admins who take each other's role away the second finds what the first did."""
    connection.execute(select(accounts.c.username).order_by(accounts.c.username).with_for_update())


def _keep_an_admin(connection: Connection) -> None:
    """Raises Refused `last_admin` when nobody could manage accounts any more."""
    working = connection.execute(select(accounts.c.roles).where(accounts.c.disabled.is_(False)))
    if not any(Role.ADMIN in row.roles for row in working):
        raise Refused("last_admin", "至少要留一位能登录的管理员。")
