"""Somebody of the staff as tests drive them: a browser with its cookie, or a program with a bearer token."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.accounts import Actor
from bot.staff import Role
from tests.channels.citizen import http
from tests.channels.serving import Server

PASSWORD = "梧桐-Fahrrad-41"
OTHER = "桂花-Regenschirm-52"
SESSION = "/api/v1/session"
STAFF = "/api/v1/staff"
_NUMBERS = itertools.count(1)


def fresh_name() -> str:
    return f"colleague{next(_NUMBERS)}"


@dataclass(slots=True)
class Colleague:
    """Keeps cookies like a browser; `origin` is what its pages say they are of."""

    server: Server
    username: str
    address: str = "127.0.0.1"
    password: str = PASSWORD
    origin: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    me: dict[str, Any] = field(default_factory=dict)

    async def call(self, method: str, path: str, told: Any = None, **headers: str) -> httpx.Response:
        said = self.headers | headers
        if self.origin is not None:
            said["Origin"] = self.origin
        if self.cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with http(self.server, self.address) as client:
            return await client.request(method, path, json=told, headers=said)

    async def sign_in(self, **more: Any) -> httpx.Response:
        body = {"username": self.username, "password": self.password} | more
        response = await self.call("POST", SESSION, body)
        if response.status_code == 200:
            self.me = response.json()
            self.cookies = dict(response.cookies)
        return response

    async def code(self, method: str, path: str, told: Any = None, **headers: str) -> tuple[int, str]:
        """The status, and the problem's code if it is one."""
        response = await self.call(method, path, told, **headers)
        is_problem = response.headers.get("content-type") == "application/problem+json"
        return response.status_code, response.json()["code"] if is_problem else ""


def hired(server: Server, *roles: Role, must_change: bool = False, **more: Any) -> Colleague:
    """An account as an admin would have made it."""
    name = fresh_name()
    work = server.parts.accounts.create(
        name, PASSWORD, roles=list(roles), by=Actor("boss"), must_change=must_change, **more
    )
    server.call(work)
    return Colleague(server, name)


async def at_work(server: Server, *roles: Role, **more: Any) -> Colleague:
    """… and signed in."""
    colleague = hired(server, *roles, **more)
    assert (await colleague.sign_in()).status_code == 200
    return colleague
