"""A citizen's device as tests drive it: REST by httpx and frames by websockets, both over real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.channels.serving import Server
from tests.channels.truth import Truth

Frame = dict[str, Any]
PATIENCE = 10.0
_LAST_OCTETS = itertools.count(20)


def fresh_id() -> str:
    return uuid4().hex


def fresh_address() -> str:
    """Another address of the loopback network, so that tests don't use up each other's limits."""
    number = next(_LAST_OCTETS)
    return f"127.0.{number // 250 + 1}.{number % 250 + 1}"


class Line:
    """An open socket. Frames that nobody asked for yet wait in `unread`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.unread: list[Frame] = []

    async def send(self, type: str, **frame: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **frame}))

    async def send_raw(self, raw: str | bytes) -> None:
        await self.connection.send(raw)

    async def say(self, text: Any, id: str | None = None) -> Frame:
        """Sends and waits for the ack, or the error."""
        name = id or fresh_id()
        await self.send("say", id=name, text=text)
        return await self.told(name)

    async def told(self, id: str) -> Frame:
        return await self.next("ack", "error", id=id)

    async def next(self, *types: str, within: float = PATIENCE, **like: Any) -> Frame:
        """The next frame of one of these types that has these values."""

        def fits(frame: Frame) -> bool:
            return frame["type"] in types and all(frame.get(k) == v for k, v in like.items())

        for at, known in enumerate(self.unread):
            if fits(known):
                return self.unread.pop(at)
        async with asyncio.timeout(within):
            while True:
                frame: Frame = json.loads(await self.connection.recv())
                if fits(frame):
                    return frame
                self.unread.append(frame)

    async def messages(self, upto: int) -> list[Frame]:
        """Messages as they come, until one is numbered `upto`."""
        found: list[Frame] = []
        while not found or found[-1]["seq"] < upto:
            found.append(await self.next("message"))
        return found

    async def answer(self, to: str) -> Frame:
        """What the bot says to the message of this id."""
        return await self.next("message", id=f"re:{to}")

    async def ask(self, text: str) -> Frame:
        name = fresh_id()
        told = await self.say(text, name)
        assert told["type"] == "ack", told
        return await self.answer(name)

    async def quiet(self, seconds: float = 0.3) -> list[Frame]:
        """All frames unread so far, and those of the next moment."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self.unread.append(json.loads(await self.connection.recv()))
        except (TimeoutError, websockets.ConnectionClosed):
            pass
        found, self.unread = self.unread, []
        return found

    async def closed(self, within: float = PATIENCE) -> int:
        """Reads to the end and gives the close code."""
        async with asyncio.timeout(within):
            try:
                while True:
                    self.unread.append(json.loads(await self.connection.recv()))
            except websockets.ConnectionClosed:
                return self.connection.close_code or 1006


@dataclass(slots=True)
class Device:
    """Holds a conversation's id and token, and speaks from one address."""

    server: Server
    id: str
    token: str
    opened: Frame = field(default_factory=dict)
    address: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return f"/api/v1/conversations/{self.id}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def post(self, type: str, **frame: Any) -> httpx.Response:
        return await self.post_raw(json.dumps({"type": type, **frame}).encode())

    async def post_raw(self, raw: bytes, **headers: str) -> httpx.Response:
        async with http(self.server, self.address) as client:
            told = self.bearer | {"Content-Type": "application/json"} | headers
            return await client.post(f"{self.path}/messages", content=raw, headers=told)

    async def say(self, text: Any, id: str | None = None) -> httpx.Response:
        return await self.post("say", id=id or fresh_id(), text=text)

    async def ask(self, text: str) -> Frame:
        name = fresh_id()
        response = await self.say(text, name)
        assert response.status_code == 200, response.text
        return next(m for m in await self.messages() if m["id"] == f"re:{name}")

    async def read(self, after: int = 0, wait: float = 0) -> httpx.Response:
        async with http(self.server, self.address) as client:
            return await client.get(f"{self.path}/messages?after={after}&wait={wait}", headers=self.bearer)

    async def messages(self, after: int = 0) -> list[Frame]:
        found: list[Frame] = (await self.read(after)).json()["messages"]
        return found

    async def story(self, count: int) -> list[Frame]:
        """All messages, once there are so many: over a socket the ack comes before the answer."""
        async with asyncio.timeout(PATIENCE):
            while len(found := await self.messages()) < count:
                await asyncio.sleep(0.02)
        return found

    async def state(self) -> Frame:
        state: Frame = (await self.read(10**6)).json()["state"]
        return state

    @asynccontextmanager
    async def line(self, after: int = 0, *, auth: Any = True, **more: Any) -> AsyncIterator[Line]:
        """A socket; `auth` is True for this device's token, another token, or False for silence."""
        async with dial(self.server, f"{self.path}/socket?after={after}", self.address, **more) as line:
            if auth is not False:
                with suppress(websockets.ConnectionClosed):  # a foreign origin is not listened to
                    await line.send("auth", token=self.token if auth is True else auth)
            yield line

    async def refusal(self, *, auth: Any = True, **more: Any) -> int:
        """The code with which the socket is closed before anything is said."""
        async with self.line(auth=auth, **more) as line:
            code = await line.closed()
            assert not line.unread
            return code


@asynccontextmanager
async def dial(server: Server, path: str, address: str = "127.0.0.1", **more: Any) -> AsyncIterator[Line]:
    url = f"ws://{server.host}{path}"
    async with connect(
        url, proxy=None, local_addr=(address, 0), max_size=None, max_queue=None, close_timeout=2, **more
    ) as socket:  # fmt: skip
        yield Line(socket)


def http(server: Server, address: str = "127.0.0.1", **more: Any) -> httpx.AsyncClient:
    """What comes back is held against the OpenAPI document."""
    transport = httpx.AsyncHTTPTransport(local_address=address, verify=False)  # no TLS here, and its set-up is slow
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [Truth(server)]}
    return httpx.AsyncClient(
        base_url=server.url, transport=transport, trust_env=False, timeout=40, event_hooks=hooks, **more
    )


async def opened(server: Server, address: str = "127.0.0.1", **body: Any) -> Device:
    async with http(server, address) as client:
        response = await client.post("/api/v1/conversations", json=body)
    assert response.status_code == 201, response.text
    told = response.json()
    return Device(server, told["id"], told["token"], told, address)


def problem(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an RFC 9457 problem."""
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == response.status_code
    assert told["detail"]
    assert set(told) >= {"type", "title", "status", "code", "detail"}
    return response.status_code, told["code"]


async def eventually(check: Callable[[], bool], within: float = PATIENCE) -> None:
    async with asyncio.timeout(within):
        while not check():
            await asyncio.sleep(0.01)
