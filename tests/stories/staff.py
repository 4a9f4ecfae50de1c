"""Agents of the stories: signed in over HTTP, at the desk over a websocket of another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.stories.service import Citizen

ADMIN = "银杏-Leuchtturm-77"  # YIDA_ADMIN_PASSWORD of the stories' servers
PASSWORD = "梧桐-Fahrrad-41"
Frame = dict[str, Any]


@dataclass
class AtDesk:
    """An open socket of an agent; frames that nobody asked for yet wait."""

    connection: ClientConnection
    unread: list[Frame] = field(default_factory=list)

    async def send(self, type: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **more}))

    async def next(self, *types: str, within: float = 20, **like: Any) -> Frame:
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

    async def say(self, conversation: str, text: str, id: str = "") -> int:
        """The number under which it was acked."""
        name = id or uuid4().hex
        await self.send("say", conversation=conversation, id=name, text=text)
        told = await self.next("ack", "error", id=name)
        assert told["type"] == "ack", told
        return int(told["seq"])


async def hired(url: str, client: httpx.AsyncClient, *roles: str, capacity: int = 3) -> str:
    """A new account's name."""
    told = await client.post(f"{url}/api/v1/session", json={"username": "admin", "password": ADMIN, "bearer": True})
    assert told.status_code == 200, told.text
    name = f"agent{uuid4().hex[:8]}"
    body = {
        "username": name,
        "password": PASSWORD,
        "roles": list(roles or ("agent",)),
        "skills": [],
        "capacity": capacity,
        "must_change": False,
    }
    made = await client.post(
        f"{url}/api/v1/staff", json=body, headers={"Authorization": f"Bearer {told.json()['token']}"}
    )
    assert made.status_code == 201, made.text
    return name


async def signed_in(url: str, client: httpx.AsyncClient, username: str) -> str:
    """A bearer token."""
    told = await client.post(f"{url}/api/v1/session", json={"username": username, "password": PASSWORD, "bearer": True})
    assert told.status_code == 200, told.text
    client.cookies.clear()
    return str(told.json()["token"])


@asynccontextmanager
async def at_desk(url: str, token: str) -> AsyncIterator[AtDesk]:
    address = f"{url.replace('http', 'ws', 1)}/api/v1/desk/socket"
    async with connect(address, proxy=None, max_size=None, max_queue=None, close_timeout=2) as connection:
        desk = AtDesk(connection)
        await desk.send("auth", token=token)
        await desk.next("queue")
        await desk.send("status", value="online")
        await desk.next("status", value="online")
        yield desk


async def asks_human(citizen: Citizen) -> None:
    path = f"/api/v1/conversations/{citizen.id}/messages"
    await citizen._patiently("POST", path, {"type": "human", "id": uuid4().hex})
