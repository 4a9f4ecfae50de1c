"""A hall with agents at their desks, over real sockets, and the dispatcher that a server's chores would run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from bot.staff import Role
from tests.channels.citizen import Device, Frame, Line, dial, fresh_id, opened
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.serving import Server

SOCKET = "/api/v1/desk/socket"


@contextmanager
def dispatching(server: Server) -> Iterator[None]:
    """The dispatcher's rounds beside the web process."""

    async def start() -> asyncio.Task[None]:
        return asyncio.create_task(server.parts.dispatcher.run())

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    task = server.call(start())
    try:
        yield
    finally:
        server.call(stop(task))


@asynccontextmanager
async def desk_of(colleague: Colleague, *, online: bool = True, origin: str | None = None) -> AsyncIterator[Line]:
    """Her page's socket, by the cookie of her session; it has told the queue."""
    cookies = "; ".join(f"{name}={value}" for name, value in colleague.cookies.items())
    async with dial(colleague.server, SOCKET, additional_headers={"Cookie": cookies}, origin=origin) as line:
        await line.next("queue")
        if online:
            await line.send("status", value="online")
            await line.next("status", value="online")
        yield line


@asynccontextmanager
async def seated(server: Server, *roles: Role, **more: Any) -> AsyncIterator[tuple[Colleague, Line]]:
    """A new agent, signed in and online."""
    colleague = await at_work(server, *(roles or (Role.AGENT,)), **more)
    async with desk_of(colleague) as line:
        yield colleague, line


async def asking(server: Server, text: str = "") -> Device:
    """A citizen who waits for a human."""
    device = await opened(server)
    if text:
        await device.ask(text)
    assert (await device.post("human", id=fresh_id())).status_code == 200
    return device


async def accepted(line: Line, device: Device) -> Frame:
    """The offer of this citizen is taken; gives the offer."""
    offer = await line.next("offer", conversation=device.id)
    await line.send("accept", conversation=device.id)
    await line.next("assigned", conversation=device.id)
    return offer


async def said(line: Line, device: Device, text: str, **more: Any) -> Frame:
    """The agent's words, as acked."""
    name = fresh_id()
    await line.send("say", conversation=device.id, id=name, text=text, **more)
    return await line.next("ack", "error", id=name)
