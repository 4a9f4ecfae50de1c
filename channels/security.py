"""What guards every request: client addresses behind trusted proxies, origins, size of bodies, security headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.problems import problem

Networks = Iterable[IPv4Network | IPv6Network]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'{sockets}; "
    "font-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+")


def client_address(connection: HTTPConnection, trusted: Networks) -> str:
    """The nearest address that is no proxy of ours; what a stranger writes into X-Forwarded-For is ignored."""
    peer = connection.client.host if connection.client else "unknown"
    told = ",".join(connection.headers.getlist("x-forwarded-for"))  # some proxies add a line, others to the line
    chain = [part.strip() for part in told.split(",") if part.strip()]
    while chain and _is_in(peer, trusted):
        peer = chain.pop()
    return peer


def _is_in(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


def is_secure(connection: HTTPConnection, trusted: Networks) -> bool:
    """Whether the browser came by TLS, to us or to the nearest proxy of ours."""
    peer = connection.client.host if connection.client else "unknown"
    told = connection.headers.get("x-forwarded-proto", "") if _is_in(peer, trusted) else ""
    return connection.url.scheme in ("https", "wss") or told.rpartition(",")[2].strip().lower() in ("https", "wss")


def is_origin_allowed(connection: HTTPConnection, allowed: Iterable[str]) -> bool:
    """Our own pages and the sites of the settings; no Origin at all is an app."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    if origin is None or origin in allowed:
        return True
    return bool(host) and origin in (f"https://{host}", f"http://{host}")


class BodyLimit:
    """Refuses bodies beyond `limit` bytes, also those that do not say their length; more below some paths."""

    def __init__(self, app: ASGIApp, limit: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._usual = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((n for path, n in self._larger.items() if scope["path"].startswith(path)), self._usual)
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            await problem(413, "too_large", f"请求不能超过 {limit} 字节。")(scope, receive, send)
            return
        taken = 0
        over = False

        async def counted() -> Message:
            nonlocal taken, over
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                over = True
                return {"type": "http.disconnect"}
            return message

        async def sent(message: Message) -> None:
            if not over:
                await send(message)

        await self._app(scope, counted, sent)
        if over:
            await problem(413, "too_large", f"请求不能超过 {limit} 字节。")(scope, receive, send)


class SecurityHeaders:
    """A strict policy for every page: nothing inline, nothing from elsewhere; the widget's modules load anywhere."""

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
                else:
                    headers.add_vary_header("Origin")
                    if origin in self._origins:
                        headers.update(_cors(origin))
            await send(message)

        if scope["method"] == "OPTIONS" and origin in self._origins:
            await sent({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, sent)

    def _told(self, host: str) -> dict[str, str]:
        # Safari before 15.4 does not count sockets as 'self'. A forged Host must not add directives.
        sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
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
    }
