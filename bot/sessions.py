"""Signing in and staying so: sessions of the staff, of whose tokens only digests are kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from bot import lockout
from bot.accounts import account_of
from bot.audit import append
from bot.credentials import Credentials
from bot.errors import NotFound, Refused
from bot.staff import Account
from bot.store.conversations import at_ms, ms
from bot.store.database import Database
from bot.tables import accounts, sessions

LASTS = timedelta(hours=12)  # a working day, however busy
SEEN_EVERY_MS = 60_000  # written once a minute at most


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and by which session."""

    id: str
    account: Account
    second_factor: bool
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """One place where somebody is signed in."""

    id: str
    address: str
    device: str
    made_at: datetime
    seen_at: datetime


class Sessions:
    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        *,
        idle: timedelta = timedelta(minutes=30),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db = database
        self._credentials = credentials
        self._idle_ms = int(idle.total_seconds() * 1000)
        self._clock = clock

    async def account(self, token: str, *, acting: bool = True) -> Account | None:
        """Who holds this token of a cookie or a bearer, or None where nobody does (any more).

        `acting=False` looks without keeping the session awake: for a socket that is open while nobody does anything.
        An account whose `must_change` is set has no rights.
        """
        found = await self.find(token, acting=acting)
        return None if found is None else found.account

    async def find(self, token: str, *, acting: bool = True) -> Session | None:
        """As `account`, with the session itself."""
        now, name = ms(self._clock()), _digest(token)
        row = await self._db.read(lambda c: c.execute(self._awake(now).where(sessions.c.digest == name)).first())
        if row is None:
            return None
        if acting and row.seen_at <= now - SEEN_EVERY_MS:
            seen = sessions.update().where(sessions.c.digest == name).values(seen_at=now)
            await self._db.write(lambda c: c.execute(seen))
        return Session(row.id, account_of(row), row.totp is not None, at_ms(row.ends_at))

    async def sign_in(
        self, username: str, password: str, code: str | None = None, *, address: str, device: str = ""
    ) -> tuple[str, Session]:
        """A token for a new session. Unknown, closed and wrong are one answer, in the same time.

        Raises Refused `locked`, `wrong_credentials`, `code_required` and `wrong_code`.
        """
        attempt = await self._credentials.compare(username, password, address)
        token = secrets.token_urlsafe(32)

        def job(connection: Connection) -> Session | Refused:
            row = self._credentials.row(connection, attempt)
            if isinstance(row, Refused):
                return row
            if row.totp is not None:
                if not code:
                    return Refused("code_required", "请输入动态验证码。")
                if wrong := self._credentials.wrong_code(connection, row, row.totp, code, address):
                    return wrong
            return self._begin(connection, row, token, address, device)

        return token, await self._credentials.decided(job)

    async def end(self, session: Session, which: str | None = None, *, address: str) -> None:
        """Signs out: this session, or another of the same person by its id. Raises NotFound."""
        username, gone = session.account.username, which or session.id

        def job(connection: Connection) -> None:
            of = and_(sessions.c.username == username, sessions.c.id == gone)
            if not connection.execute(sessions.delete().where(of).returning(sessions.c.id)).first():
                raise NotFound(gone)
            self._note(connection, username, "signed_out" if gone == session.id else "session_revoked", gone, address)

        await self._db.write(job)

    async def end_others(self, session: Session, *, address: str) -> None:
        """Everywhere but here."""
        username = session.account.username

        def job(connection: Connection) -> None:
            others = and_(sessions.c.username == username, sessions.c.id != session.id)
            connection.execute(sessions.delete().where(others))
            self._note(connection, username, "other_sessions_revoked", session.id, address)

        await self._db.write(job)

    async def places(self, username: str) -> list[Place]:
        """Where this person is signed in, the latest first."""
        query = self._awake(ms(self._clock())).where(sessions.c.username == username)
        rows = await self._db.read(lambda c: c.execute(query.order_by(sessions.c.seen_at.desc())).all())
        return [Place(r.id, r.address, r.device, at_ms(r.begun_at), at_ms(r.seen_at)) for r in rows]

    def _awake(self, now: int) -> Select[Any]:
        """Sessions that are neither over nor idle for too long, with their accounts."""
        begun = sessions.c.made_at.label("begun_at")
        mine = (sessions.c.id, sessions.c.address, sessions.c.device, begun, sessions.c.seen_at, sessions.c.ends_at)
        return select(*mine, accounts).where(
            sessions.c.username == accounts.c.username,
            sessions.c.ends_at > now,
            sessions.c.seen_at > now - self._idle_ms,
            accounts.c.disabled.is_(False),
        )

    def _begin(self, connection: Connection, row: Row[Any], token: str, address: str, device: str) -> Session:
        now, name = self._clock(), secrets.token_hex(12)
        lockout.forgive(connection, row.username, address)
        over = select(sessions.c.digest).where(sessions.c.ends_at <= ms(now))
        without_waiting = over.with_for_update(skip_locked=True)
        connection.execute(sessions.delete().where(sessions.c.digest.in_(without_waiting)))
        made = {
            "digest": _digest(token), "id": name, "username": row.username, "address": address[:64],
            "device": device[:200], "made_at": ms(now), "seen_at": ms(now), "ends_at": ms(now + LASTS),
        }  # fmt: skip
        connection.execute(sessions.insert().values(made))
        self._note(connection, row.username, "signed_in", name, address)
        return Session(name, account_of(row), row.totp is not None, at_ms(ms(now + LASTS)))

    def _note(self, connection: Connection, username: str, action: str, subject: str, address: str) -> None:
        append(connection, actor=username, action=action, subject=subject, address=address, at=self._clock())


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
