"""Who is at the door: the session behind a cookie or a bearer token, and whether it may come in."""

from __future__ import annotations

from starlette.requests import HTTPConnection, Request

from bot.accounts import Actor
from bot.assembly import Parts
from bot.errors import Refused
from bot.sessions import Session
from bot.staff import Right
from channels.security import client_address, is_origin_allowed

COOKIE = "yida_session"
READING = ("GET", "HEAD")


class Door:
    def __init__(self, parts: Parts) -> None:
        self._sessions = parts.sessions
        self._trusted = parts.settings.server.trusted_proxies

    def address(self, connection: HTTPConnection) -> str:
        return client_address(connection, self._trusted)

    def check_origin(self, connection: HTTPConnection) -> None:
        """Only our own pages, not those that embed the widget; no Origin is no browser. Raises Refused."""
        if not is_origin_allowed(connection, ()):
            raise Refused("foreign_origin", "请在本系统的页面里操作。")

    async def signed_in(self, connection: HTTPConnection, *, acting: bool = True) -> Session:
        """Also before the password was changed. Raises Refused `unauthorized` and `foreign_origin`."""
        token = token_of(connection)
        session = await self._sessions.find(token, acting=acting) if token else None
        if session is None:
            raise Refused("unauthorized", "您还没有登录，或者登录已经过期，请重新登录。")
        if connection.scope.get("method") not in READING:
            self.check_origin(connection)
        return session

    async def session(self, request: Request) -> Session:
        """For what everybody may. Raises Refused `password_change_required` besides."""
        session = await self.signed_in(request)
        if session.account.must_change:
            raise Refused("password_change_required", "请先修改密码。")
        return session

    async def may(self, request: Request, right: Right) -> Session:
        """For what needs this right. Raises Refused `forbidden` besides."""
        session = await self.session(request)
        if not session.account.may(right):
            raise Refused("forbidden", "您的岗位没有这个权限。")
        return session

    def actor(self, request: Request, session: Session) -> Actor:
        return Actor(session.account.username, self.address(request))


def token_of(connection: HTTPConnection) -> str:
    """A bearer goes before a cookie; one in the address does not count. Empty where there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else connection.cookies.get(COOKIE, "")
