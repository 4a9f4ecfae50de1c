"""Bells between machines: one Redis channel, one connection a process each way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis
from redis.exceptions import RedisError

from bot.bus.memory import MemoryBus

log = logging.getLogger(__name__)
CHANNEL = "yida:bells"
BACK_OFF = 0.5
PATIENCE = 5.0  # seconds for a connection or an answer before Redis counts as gone


@asynccontextmanager
async def join_redis(url: str) -> AsyncIterator[MemoryBus]:
    """While Redis is away rings stay in this process, and listeners look into the store each second."""
    me = secrets.token_hex(4)
    client = redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=None, health_check_interval=10)
    outgoing: dict[str, None] = {}
    due = asyncio.Event()

    def wire(topic: str) -> None:
        outgoing[topic] = None
        due.set()

    bus = MemoryBus(wire)

    async def send() -> None:
        while True:
            await due.wait()
            due.clear()
            topics, lines = list(outgoing), f"{me}\n" + "\n".join(outgoing)
            outgoing.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await client.publish(CHANNEL, lines)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("%d rings not sent: %s", len(topics), type(error).__name__)
                await asyncio.sleep(BACK_OFF)

    async def listen() -> None:
        while True:
            try:
                async with client.pubsub() as hearing:
                    await hearing.subscribe(CHANNEL)
                    if not bus.connected:
                        bus.connected = True
                    bus.strike_all()
                    async for message in hearing.listen():
                        if message["type"] == "message":
                            sender, *topics = message["data"].decode().split("\n")
                            for topic in topics if sender != me else ():
                                bus.strike(topic, elsewhere=True)
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
