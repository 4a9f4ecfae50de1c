"""What proves who somebody is: the password and the second factor, checked against the lockout, and changed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, and_, select

from bot import lockout, passwords
from bot.accounts import OWN, USERNAME, known_as, locked_row, refuse_weak
from bot.audit import append
from bot.errors import NotFound, Refused
from bot.seal import Seal
from bot.second_factor import enrolment, new_secret, step_of
from bot.staff import Account
from bot.store.conversations import ms, seconds_until
from bot.store.database import Database, Job
from bot.tables import accounts, sessions

log = logging.getLogger(__name__)
Result = TypeVar("Result")
PURPOSE = b"totp"
SENTENCES = {
    "wrong_credentials": "用户名或密码不对。",
    "wrong_code": "动态验证码不对，或者已经用过了。请等下一个再输入。",
}
FORGOT = "忘记密码请找管理员重设。"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that is offered: `uri` as a picture, `secret` to type."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password compared with the one that is kept, ahead of the transaction that decides."""

    counted: str  # the name under which failures count, also where no account has it
    address: str
    kept: str | None
    right: bool


class Credentials:
    """`issuer` is the service's name in an authenticator."""

    def __init__(
        self,
        database: Database,
        key: bytes,
        *,
        issuer: str = "社保易答",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db = database
        self._seal = Seal(key, PURPOSE)
        self._issuer = issuer
        self._clock = clock

    async def compare(self, username: str, password: str, address: str) -> Attempt:
        """Takes as long for names that do not exist. Raises Refused `locked` before anything is computed."""
        known = known_as(username)
        possible = USERNAME.fullmatch(known) is not None  # the store need not be asked for what cannot be a name
        counted = known if possible else username
        usable = and_(accounts.c.username == known, accounts.c.disabled.is_(False))

        def job(connection: Connection) -> tuple[Refused | None, str | None]:
            kept = connection.scalar(select(accounts.c.password).where(usable)) if possible else None
            return self._locked(connection, counted, address), kept

        refusal, kept = await self._db.read(job)
        if refusal:
            raise refusal
        return Attempt(counted, address, kept, await passwords.matches(password, kept))

    def row(self, connection: Connection, attempt: Attempt) -> Row[Any] | Refused:
        """The account, if the attempt was right and still counts; else why not, and the failure is counted.

        Returned, not raised: the count has to be kept.
        """
        named = None if attempt.kept is None else attempt.counted
        query = select(accounts).where(accounts.c.username == named, accounts.c.disabled.is_(False)).with_for_update()
        row = connection.execute(query).first() if named else None
        if refusal := self._locked(connection, attempt.counted, attempt.address):
            return refusal
        if row is None or not attempt.right or row.password != attempt.kept:
            return self._failed(connection, attempt.counted, attempt.address, row, "wrong_credentials")
        return row

    def wrong_code(
        self, connection: Connection, row: Row[Any], sealed: bytes, code: str, address: str
    ) -> Refused | None:
        """Uses the code up. Why it is not accepted, as in `row`, or None."""
        try:
            secret = self._seal.open(sealed, row.username)
        except NotFound:
            log.error("a second factor was sealed with another key; reset it")
            return Refused("wrong_code", SENTENCES["wrong_code"])
        step = step_of(secret, code, self._clock(), used=row.totp_step)
        if step is None:
            return self._failed(connection, row.username, address, row, "wrong_code")
        connection.execute(accounts.update().where(accounts.c.username == row.username).values(totp_step=step))
        return None

    async def change_password(self, account: Account, old: str, new: str, *, keeps: str, address: str) -> None:
        """Ends all sessions of this person but `keeps`. A wrong old password counts like one when signing in.

        Raises Refused `locked`, `wrong_credentials` and `weak_password`.
        """
        attempt = await self.compare(account.username, old, address)
        if attempt.right:
            refuse_weak(new, account.username, account.name)
            if await passwords.matches(new, attempt.kept):
                raise Refused("weak_password", "新密码要和原来的不一样。")
        fresh = await passwords.digest(new) if attempt.right else ""

        def job(connection: Connection) -> Refused | None:
            row = self.row(connection, attempt)
            if isinstance(row, Refused):
                return row
            values = {"password": fresh, "password_from": OWN, "must_change": False}
            connection.execute(accounts.update().where(accounts.c.username == row.username).values(values))
            others = and_(sessions.c.username == row.username, sessions.c.id != keeps)
            connection.execute(sessions.delete().where(others))
            lockout.forgive(connection, row.username, address)
            self._note(connection, row.username, "password_changed", row.username, address)
            return None

        await self.decided(job)

    async def offer_totp(self, account: Account, password: str, *, address: str) -> Enrolment:
        """A secret to be confirmed with its first code. Raises Refused `totp_active`, and as `compare` and `row` do.

        Only with the password: a page left open must not be enough to lock its owner out.
        """
        username, secret = account.username, new_secret()
        attempt = await self.compare(username, password, address)

        def job(connection: Connection) -> Refused | None:
            row = self.row(connection, attempt)
            if isinstance(row, Refused):
                return row
            if row.totp is not None:
                return Refused("totp_active", "动态验证码已经开启。要换手机，请先关闭再开启。")
            offered = accounts.update().where(accounts.c.username == username)
            connection.execute(offered.values(totp_offered=self._seal.close(secret, username)))
            return None

        await self.decided(job)
        return Enrolment(secret, enrolment(secret, username, self._issuer))

    async def confirm_totp(self, account: Account, code: str, *, address: str) -> None:
        """From now on a code is asked for. Raises Refused `totp_not_offered`, `locked` and `wrong_code`."""
        username = account.username

        def job(connection: Connection) -> Refused | None:
            row = locked_row(connection, username)
            if row.totp_offered is None:
                return Refused("totp_not_offered", "请先领取动态验证码的密钥。")
            refusal = self._locked(connection, username, address)
            refusal = refusal or self.wrong_code(connection, row, row.totp_offered, code, address)
            if refusal:
                return refusal
            on = accounts.update().where(accounts.c.username == username)
            connection.execute(on.values(totp=row.totp_offered, totp_offered=None))
            self._note(connection, username, "totp_on", username, address)
            return None

        await self.decided(job)

    async def drop_totp(self, account: Account, password: str, code: str | None = None, *, address: str) -> None:
        """Only with the password, and the code where it is given. Raises as `compare` and `row` do."""
        attempt = await self.compare(account.username, password, address)

        def job(connection: Connection) -> Refused | None:
            row = self.row(connection, attempt)
            if isinstance(row, Refused):
                return row
            if code and row.totp is not None and (wrong := self.wrong_code(connection, row, row.totp, code, address)):
                return wrong
            off = accounts.update().where(accounts.c.username == row.username)
            connection.execute(off.values(totp=None, totp_offered=None))
            self._note(connection, row.username, "totp_off", row.username, address)
            return None

        await self.decided(job)

    async def decided(self, job: Job[Result | Refused]) -> Result:
        """Raises the refusal that a transaction came to, after it is on disk what it counted."""
        told = await self._db.write(job)
        if isinstance(told, Refused):
            raise told
        return told

    def _locked(self, connection: Connection, counted: str, address: str) -> Refused | None:
        now = ms(self._clock())
        until = lockout.locked_until(connection, counted, address, now)
        if not until:
            return None
        wait = seconds_until(until, now)
        return Refused("locked", f"输错的次数太多，请 {-(-wait // 60)} 分钟后再试。{FORGOT}", retry_after=wait)

    def _failed(self, connection: Connection, counted: str, address: str, row: Row[Any] | None, code: str) -> Refused:
        """Counts it. Of names that do not exist no row is kept: people type passwords into the wrong field."""
        left = lockout.count_failure(connection, counted, address, ms(self._clock()))
        locked = self._locked(connection, counted, address) if left < 0 else None
        if locked:
            return locked  # others were faster; what this one would have been told stays untold
        if row is not None:
            self._note(connection, "", "sign_in_failed" if left else "locked", row.username, address, because=code)
        warning = f"再错 {left} 次，账号会锁定一段时间。" if left else "账号锁定 15 分钟。"
        return Refused(code, SENTENCES[code] + warning + FORGOT)

    def _note(
        self, connection: Connection, actor: str, action: str, subject: str, address: str, **detail: object
    ) -> None:
        append(
            connection, actor=actor, action=action, subject=subject, detail=detail, address=address, at=self._clock()
        )  # fmt: skip
