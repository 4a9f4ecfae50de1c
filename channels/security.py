"""What guards every request: client addresses behind trusted proxies, origins, size of bodies, security headers."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.problems import problem

Networks = Iterable[IPv4Network | IPv6Network]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'{sockets}; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)


def client_address(connection: HTTPConnection, trusted: Networks) -> str:
    """The nearest address that is no proxy of ours; what a stranger writes into X-Forwarded-For is ignored."""
    peer = connection.client.host if connection.client else "unknown"
    chain = [part.strip() for part in connection.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    while chain and _is_in(peer, trusted):
        peer = chain.pop()
    return peer


def _is_in(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def is_origin_allowed(connection: HTTPConnection, allowed: Iterable[str]) -> bool:
    """Our own pages and the sites of the settings; no Origin at all is an app."""
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    return origin in allowed or urlsplit(origin).netloc == connection.headers.get("host")


class BodyLimit:
    """Refuses bodies beyond `limit` bytes, also those that do not say their length."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > self._limit:
            await problem(413, "too_large", f"请求不能超过 {self._limit} 字节。")(scope, receive, send)
            return
        taken = 0
        over = False

        async def counted() -> Message:
            nonlocal taken, over
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                over = True
                return {"type": "http.disconnect"}
            return message

        async def sent(message: Message) -> None:
            if not over:
                await send(message)

        await self._app(scope, counted, sent)
        if over:
            await problem(413, "too_large", f"请求不能超过 {self._limit} 字节。")(scope, receive, send)


class SecurityHeaders:
    """A strict policy for every page: nothing inline, nothing from elsewhere; modules may be embedded by allowed sites."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        self._app = app
        self._origins = origins
        self._ancestors = " ".join(("'self'", *origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        host = asked.get("host", "")
        origin = asked.get("origin")
        is_module = scope["path"].startswith("/static/") or scope["path"] == "/widget.js"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._told(host).items():
                    headers.setdefault(name, value)
                if is_module:
                    headers["Access-Control-Allow-Origin"] = "*"
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                    headers.setdefault("Cache-Control", "no-cache")
                elif origin in self._origins:
                    headers.update(_cors(origin))
            await send(message)

        if scope["method"] == "OPTIONS" and origin in self._origins:
            await sent({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, sent)

    def _told(self, host: str) -> dict[str, str]:
        sockets = f" ws://{host} wss://{host}" if host else ""  # Safari before 15.4 does not count them as 'self'
        return {
            "Content-Security-Policy": CSP.format(sockets=sockets, ancestors=self._ancestors),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
            "Cross-Origin-Opener-Policy": "same-origin",
        }


def _cors(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Expose-Headers": "Retry-After",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }
