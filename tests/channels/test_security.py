"""Headers on every kind of response, origins, and addresses behind proxies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from channels.security import BodyLimit, client_address, is_origin_allowed
from tests.channels.citizen import Device, dial, fresh_address, fresh_id, http
from tests.channels.conftest import ALLOWED, PROXY
from tests.channels.serving import Server

OPEN = "/api/v1/conversations"
JSON = {"Content-Type": "application/json"}


def policy(response: httpx.Response) -> dict[str, list[str]]:
    """The content security policy, by directive."""
    directives = response.headers["content-security-policy"].split(";")
    return {name: values for name, *values in (d.split() for d in directives)}


def assert_guarded(response: httpx.Response) -> None:
    told = policy(response)
    assert told["default-src"] == ["'none'"]
    assert told["script-src"] == ["'self'"]
    assert told["style-src"] == ["'self'"]
    assert told["base-uri"] == told["form-action"] == ["'none'"]
    assert "'unsafe-inline'" not in response.headers["content-security-policy"]
    assert "'unsafe-eval'" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", None, 200),
        ("GET", "/s/hall-3", None, 200),
        ("GET", "/widget/demo", None, 200),
        ("GET", "/widget.js", None, 200),
        ("GET", "/static/chat.js", None, 200),
        ("GET", "/static/nothing.js", None, 404),
        ("GET", "/assets/docs.js", None, 200),
        ("GET", "/docs", None, 200),
        ("GET", "/openapi.json", None, 200),
        ("GET", "/healthz", None, 200),
        ("GET", "/readyz", None, 200),
        ("GET", "/metrics", None, 200),
        ("GET", "/api/v1/station", None, 200),
        ("GET", "/nothing", None, 404),
        ("DELETE", OPEN, None, 405),
        ("OPTIONS", OPEN, None, 405),
        ("HEAD", "/", None, 405),
        ("POST", OPEN, "{}", 201),
        ("POST", OPEN, "{", 400),
        ("POST", OPEN, '{"client":{"x":"' + "x" * 70_000 + '"}}', 413),
        ("POST", f"{OPEN}/some-conversation/messages", "{}", 401),
        ("GET", f"{OPEN}/some-conversation/messages", None, 401),
        ("GET", f"{OPEN}/some-conversation/socket", None, 404),
    ],
)
async def test_every_response_is_guarded(server: Server, method: str, path: str, body: str | None, status: int) -> None:
    async with http(server) as client:
        response = await client.request(method, path, content=body, headers=JSON)
    assert response.status_code == status
    assert_guarded(response)


async def test_a_part_that_is_the_same_is_not_sent_again_and_guarded_too(server: Server) -> None:
    async with http(server) as client:
        etag = (await client.get("/static/chat.js")).headers["etag"]
        response = await client.get("/static/chat.js", headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")
    assert_guarded(response)


async def test_a_fault_of_ours_is_guarded_too_and_tells_nothing(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*told: object, **more: object) -> None:
        raise ValueError("secret value")

    monkeypatch.setattr(own_server.parts.switchboard, "open", broken)
    async with http(own_server) as client:
        response = await client.post(OPEN, json={})
    assert response.status_code == 500
    assert_guarded(response)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "internal"
    assert "secret" not in response.text


async def test_a_page_may_talk_to_its_own_host_only(server: Server) -> None:
    async with http(server) as client:
        told = policy(await client.get("/"))
    assert told["connect-src"] == ["'self'", f"ws://{server.host}", f"wss://{server.host}"]
    assert told["frame-ancestors"] == ["'self'"]


async def test_allowed_sites_may_frame_us(embedded: Server) -> None:
    async with http(embedded) as client:
        assert policy(await client.get("/"))["frame-ancestors"] == ["'self'", ALLOWED]


@pytest.mark.parametrize(
    "host", ["x; script-src *", "x *", "x;frame-ancestors *", "evil.example, y", "x'y", "x\ty", "*", '"', ""]
)
async def test_a_forged_host_cannot_widen_the_policy(server: Server, host: str) -> None:
    async with http(server) as client:
        response = await client.get("/", headers={"Host": host})
    if response.status_code == 200:
        assert_guarded(response)
        assert policy(response)["connect-src"] == ["'self'"]
        assert policy(response)["frame-ancestors"] == ["'self'"]


class TestCors:
    @pytest.fixture
    async def client(self, embedded: Server) -> AsyncIterator[httpx.AsyncClient]:
        async with http(embedded, fresh_address()) as one:
            yield one

    async def test_a_configured_site_may_call(self, client: httpx.AsyncClient) -> None:
        response = await client.post(OPEN, json={}, headers={"Origin": ALLOWED})
        assert response.status_code == 201
        assert response.headers["access-control-allow-origin"] == ALLOWED
        assert "access-control-allow-credentials" not in response.headers
        assert "Origin" in response.headers["vary"]

    async def test_its_preflight_is_answered(self, client: httpx.AsyncClient) -> None:
        told = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST"}
        response = await client.options(f"{OPEN}/x/messages", headers=told)
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == ALLOWED
        assert "POST" in response.headers["access-control-allow-methods"]
        assert {"Authorization", "Content-Type"} <= set(response.headers["access-control-allow-headers"].split(", "))
        assert_guarded(response)

    async def test_it_can_read_errors_and_when_to_come_back(self, client: httpx.AsyncClient) -> None:
        response = await client.post(OPEN, content="{", headers=JSON | {"Origin": ALLOWED})
        assert response.status_code == 400
        assert response.headers["access-control-allow-origin"] == ALLOWED
        assert response.headers["access-control-expose-headers"] == "Retry-After"

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", f"{ALLOWED}.evil.example", ALLOWED.upper(), "null", "*"]
    )
    async def test_no_other_site_may(self, client: httpx.AsyncClient, origin: str) -> None:
        told = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for response in (
            await client.options(OPEN, headers=told),
            await client.post(OPEN, json={}, headers={"Origin": origin}),
            await client.get("/api/v1/station", headers={"Origin": origin}),
        ):
            assert "access-control-allow-origin" not in response.headers

    async def test_a_cache_keeps_answers_for_different_sites_apart(self, client: httpx.AsyncClient) -> None:
        assert "Origin" in (await client.get("/api/v1/station")).headers["vary"]

    @pytest.mark.parametrize("path", ["/widget.js", "/static/chat.js", "/static/widget.css"])
    async def test_the_widget_can_be_loaded_from_anywhere(self, client: httpx.AsyncClient, path: str) -> None:
        response = await client.get(path, headers={"Origin": "https://anyone.example"})
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["etag"]

    @pytest.mark.parametrize("path", ["/", "/assets/docs.js", "/api/v1/station"])
    async def test_nothing_else_can(self, client: httpx.AsyncClient, path: str) -> None:
        assert "cross-origin-resource-policy" not in (await client.get(path)).headers


def connection(peer: str | None, *forwarded: str, **headers: str) -> HTTPConnection:
    told = [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded]
    told += [(k.encode(), v.encode("latin-1")) for k, v in headers.items()]
    return HTTPConnection({"type": "http", "headers": told, "client": (peer, 1) if peer else None})


NETWORKS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("127.0.0.1/32")]


class TestClientAddress:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "address"),
        [
            ("203.0.113.5", (), "203.0.113.5"),
            ("203.0.113.5", ("198.51.100.1",), "203.0.113.5"),
            ("10.0.0.1", (), "10.0.0.1"),
            ("10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
            ("10.0.0.1", ("1.2.3.4, 203.0.113.5",), "203.0.113.5"),
            ("10.0.0.1", ("1.2.3.4, 203.0.113.5, 10.0.0.2",), "203.0.113.5"),
            ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
            ("10.0.0.1", (" , ,203.0.113.5 , ",), "203.0.113.5"),
            ("10.0.0.1", ("garbage",), "garbage"),
            ("10.0.0.1", ("1.2.3.4", "203.0.113.5"), "203.0.113.5"),
            ("10.0.0.1", ("203.0.113.5", "10.0.0.2"), "203.0.113.5"),
            ("fd00::1", ("2001:db8::7",), "2001:db8::7"),
            ("::ffff:10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
            ("2001:db8::7", ("1.2.3.4",), "2001:db8::7"),
            (None, ("1.2.3.4",), "unknown"),
        ],
    )
    def test_is_the_nearest_that_is_no_proxy_of_ours(
        self, peer: str | None, forwarded: tuple[str, ...], address: str
    ) -> None:
        assert client_address(connection(peer, *forwarded), NETWORKS) == address

    @given(st.text(st.characters(max_codepoint=255)))
    def test_a_stranger_can_write_what_it_likes(self, forged: str) -> None:
        assert client_address(connection("203.0.113.5", forged), NETWORKS) == "203.0.113.5"

    @given(st.text(st.characters(max_codepoint=255)))
    def test_what_a_stranger_wrote_before_our_proxy_counts_nothing(self, forged: str) -> None:
        for lines in ((f"{forged}, 203.0.113.5",), (forged, "203.0.113.5")):
            assert client_address(connection("10.0.0.1", *lines), NETWORKS) == "203.0.113.5"


class TestForwardedOverTheWire:
    """A conversation's id may be opened again from the same address only."""

    async def _opens(self, server: Server, peer: str, name: str, **headers: str) -> int:
        async with http(server, peer) as client:
            return (await client.post(OPEN, json={"id": name}, headers=headers)).status_code

    async def test_a_trusted_proxy_tells_who_asks(self, embedded: Server) -> None:
        name = fresh_id()
        assert await self._opens(embedded, PROXY, name, **{"X-Forwarded-For": "198.51.100.1"}) == 201
        assert await self._opens(embedded, PROXY, name, **{"X-Forwarded-For": "198.51.100.2"}) == 409
        assert await self._opens(embedded, PROXY, name, **{"X-Forwarded-For": "9.9.9.9, 198.51.100.1"}) == 201

    @pytest.mark.parametrize(
        "header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP"]
    )
    async def test_nobody_else_is_believed(self, embedded: Server, header: str) -> None:
        name, victim = fresh_id(), fresh_address()
        value = f"for={victim}" if header == "Forwarded" else victim
        assert await self._opens(embedded, victim, name) == 201
        assert await self._opens(embedded, fresh_address(), name, **{header: value}) == 409

    async def test_limits_cannot_be_passed_by_forging(self, embedded: Server) -> None:
        stranger = fresh_address()
        codes = [
            await self._opens(embedded, stranger, fresh_id(), **{"X-Forwarded-For": f"198.51.100.{n}"})
            for n in range(5)
        ]
        assert codes == [201, 201, 201, 429, 429]

    async def test_a_socket_counts_for_the_forwarded_address(self, embedded: Server) -> None:
        citizen = "198.51.100.77"
        async with http(embedded, PROXY) as client:
            told = (await client.post(OPEN, json={}, headers={"X-Forwarded-For": citizen})).json()
        device = Device(embedded, told["id"], told["token"])
        async with dial(
            embedded, f"{device.path}/socket", PROXY, additional_headers={"X-Forwarded-For": citizen}
        ) as line:
            await line.send("auth", token=device.token)
            for _ in range(10):
                assert (await line.say("你好"))["type"] == "ack"
            assert (await line.say("你好"))["code"] == "too_often"


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("http://chat.example:8000", "chat.example:8000", True),
        ("http://chat.example", "chat.example:8000", False),
        ("https://[2001:db8::1]:8000", "[2001:db8::1]:8000", True),
        (ALLOWED, "chat.example", True),
        (f"{ALLOWED}:443", "chat.example", False),
        ("null", "null", False),
        ("null", "", False),
        ("", "", False),
        ("https://", "", False),
        ("https://chat.example/path", "chat.example", False),
        ("https://user@chat.example", "chat.example", False),
        ("file://", "chat.example", False),
        ("http://[", "chat.example", False),
    ],
)
def test_origins(origin: str | None, host: str, allowed: bool) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert is_origin_allowed(connection("203.0.113.5", **headers), (ALLOWED,)) is allowed


class TestBodyLimit:
    """What no real server would pass on, told to the middleware directly."""

    @pytest.fixture
    def reached(self) -> list[str]:
        return []

    @pytest.fixture
    def client(self, reached: list[str]) -> httpx.AsyncClient:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive()).get("more_body"):
                assert message["type"] == "http.request"
            reached.append("end")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        transport = httpx.ASGITransport(app=BodyLimit(app, 10))
        return httpx.AsyncClient(transport=transport, base_url="http://x")

    @pytest.mark.parametrize(("size", "status"), [(0, 200), (10, 200), (11, 413)])
    async def test_counts_what_is_declared(self, client: httpx.AsyncClient, size: int, status: int) -> None:
        assert (await client.post("/", content=b"x" * size)).status_code == status

    @pytest.mark.parametrize("length", ["-1", "x", "1e1", "²", "", "１", "99999999999999999999"])
    async def test_a_length_that_is_no_number_is_refused(
        self, client: httpx.AsyncClient, reached: list[str], length: str
    ) -> None:
        headers = [(b"content-length", length.encode("latin-1", "replace"))]
        assert (await client.post("/", content=b"x", headers=headers)).status_code == 413
        assert not reached

    async def test_counts_what_comes(self, client: httpx.AsyncClient) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(11):
                yield b"x"

        response = await client.post("/", content=pieces())
        assert (response.status_code, json.loads(response.content)["code"]) == (413, "too_large")
