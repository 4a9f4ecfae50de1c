"""Sockets that are cut and come back: what is not acked is said again, what was heard is not asked for twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.stories.service import Citizen

AGAIN_AFTER = 0.05
Frame = dict[str, Any]


class Line:
    """One side's socket, made anew whenever it breaks; `hello` is sent first, then what was never acked, in order."""

    def __init__(
        self, address: Callable[[], str], hello: Callable[[], list[Frame]], hear: Callable[[Frame], None]
    ) -> None:
        self._address = address
        self._hello = hello
        self._hear = hear
        self._socket: ClientConnection | None = None
        self._unacked: dict[str, Frame] = {}
        self._acks: dict[str, asyncio.Future[int]] = {}
        self.opened = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError, EOFError):
                async with connect(
                    self._address(), proxy=None, max_size=None, max_queue=None, open_timeout=5, close_timeout=1
                ) as socket:
                    self._socket = socket
                    self.opened += 1
                    for frame in [*self._hello(), *self._unacked.values()]:
                        await socket.send(json.dumps(frame))
                    async for raw in socket:
                        self._heard(json.loads(raw))
            self._socket = None
            await asyncio.sleep(AGAIN_AFTER)

    def _heard(self, frame: Frame) -> None:
        if frame["type"] in ("ack", "error") and frame.get("id") in self._acks:
            name = frame["id"]
            self._unacked.pop(name)
            acked = self._acks.pop(name)
            if frame["type"] == "ack":
                acked.set_result(frame["seq"])
            else:
                acked.set_exception(AssertionError(frame))
        self._hear(frame)

    def cut(self) -> None:
        """As a cable that is pulled: nobody says goodbye."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def send(self, type: str, **more: Any) -> None:
        """Lost when there is no socket just now."""
        with suppress(WebSocketException):
            if self._socket is not None:
                await self._socket.send(json.dumps({"type": type, **more}))

    async def say(self, text: str, name: str = "", **more: Any) -> int:
        """The number under which it was acked, however often it had to be said."""
        name = name or uuid4().hex
        self._unacked[name] = {"type": "say", "id": name, "text": text, **more}
        acked = self._acks[name] = asyncio.get_running_loop().create_future()
        with suppress(WebSocketException):
            if self._socket is not None:
                await self._socket.send(json.dumps(self._unacked[name]))
        return await acked


class OnLine:
    """A citizen at a socket; `heard` is what the page would show."""

    def __init__(self, citizen: Citizen) -> None:
        self.citizen = citizen
        self.heard: list[Frame] = []
        url = citizen.url.replace("http", "ws", 1)
        self.line = Line(
            lambda: f"{url}/api/v1/conversations/{citizen.id}/socket?after={len(self.heard)}",
            lambda: [{"type": "auth", "token": citizen.token}],
            self._hear,
        )

    @property
    def id(self) -> str:
        return self.citizen.id

    def _hear(self, frame: Frame) -> None:
        if frame["type"] == "message":
            self.heard.append(frame)


class OnDuty:
    """An agent who takes whoever is offered to her; `heard` is what her page would show of each conversation."""

    def __init__(self, url: str, token: str) -> None:
        self.heard: dict[str, list[Frame]] = {}
        self.took = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.line = Line(
            lambda: f"{url.replace('http', 'ws', 1)}/api/v1/desk/socket", lambda: self._greeting(token), self._hear
        )

    def _greeting(self, token: str) -> list[Frame]:
        opened = [{"type": "open", "conversation": name, "after": self._last(name)} for name in self.heard]
        return [{"type": "auth", "token": token}, {"type": "status", "value": "online"}, *opened]

    def _last(self, conversation: str) -> int:
        return self.heard[conversation][-1]["seq"] if self.heard[conversation] else 0

    def _hear(self, frame: Frame) -> None:
        match frame["type"]:
            case "offer":
                self._soon("accept", conversation=frame["conversation"])
            case "assigned" if frame["conversation"] not in self.heard:
                self.heard[frame["conversation"]] = []
                self._soon("open", conversation=frame["conversation"], after=0)
                self.took.set()
            case "message" if frame["conversation"] in self.heard:
                self.heard[frame["conversation"]].append(frame)

    def _soon(self, type: str, **more: Any) -> None:
        task = asyncio.create_task(self.line.send(type, **more))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
