"""Bells between machines: one Redis channel, one connection a process each way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.bus.memory import MemoryBus, Outbox

log = logging.getLogger(__name__)
CHANNEL = "yida:bells"
BACK_OFF = 0.5
PATIENCE = 5.0  # seconds for a connection or an answer before Redis counts as gone


@asynccontextmanager
async def join_redis(url: str) -> AsyncIterator[MemoryBus]:  # noqa: C901 (two loops that share one bus)
    """While Redis is away rings wait in this process, and listeners look into the store each second."""
    me = secrets.token_hex(4)
    client = redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=None, retry=Retry(NoBackoff(), 0))
    outbox = Outbox()
    due = asyncio.Event()

    def wire(topic: str) -> None:
        outbox.put(topic)
        due.set()

    bus = MemoryBus(wire)

    async def send() -> None:
        while True:
            await due.wait()
            due.clear()
            topics = outbox.take()
            try:
                async with asyncio.timeout(PATIENCE):
                    await client.publish(CHANNEL, "\n".join([me, *topics]))
            except (RedisError, OSError):
                outbox.put(*topics)
                due.set()
                await asyncio.sleep(BACK_OFF)

    async def hear(hearing: PubSub) -> None:
        await hearing.subscribe(CHANNEL)
        async for kind, data in _messages(hearing):
            if kind == "subscribe":
                bus.connected = True
                bus.strike_all()
            elif kind == "message":
                sender, *topics = data.decode().split("\n")
                for topic in topics if sender != me else ():
                    bus.strike(topic, elsewhere=True)

    async def listen() -> None:
        while True:
            try:
                async with client.pubsub() as hearing:
                    await hear(hearing)
            except (RedisError, OSError) as error:
                if bus.connected:
                    log.warning("Redis is gone (%s); listeners poll until it is back", type(error).__name__)
                bus.connected = False
                bus.strike_all()
                await asyncio.sleep(BACK_OFF)

    tasks = [asyncio.create_task(send(), name="bus-send"), asyncio.create_task(listen(), name="bus-listen")]
    try:
        yield bus
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await client.aclose()


async def _messages(hearing: PubSub) -> AsyncIterator[tuple[str, bytes]]:
    """What comes, without end. A connection that is up and silent is asked; raises TimeoutError without an answer."""
    asked = False
    while True:
        message = await hearing.get_message(timeout=PATIENCE / 2)
        if message is not None:
            asked = False
            yield message["type"], message["data"]
        elif asked:
            raise TimeoutError
        else:
            await hearing.ping()
            asked = True
