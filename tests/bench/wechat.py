"""WeChat under load: followers' messages at a steady rate, each answered in the reply while WeChat waits."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import httpx
import numpy as np

from tests.bench import server
from tests.bench.questions import varied, wordings

TOKEN = "bench"
SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Plan:
    rate: int = 50  # messages a second
    seconds: float = 60.0
    warm: float = 5.0
    followers: int = 2_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What came of one run; times in milliseconds, from the call to the reply."""

    workers: int
    rate: float
    count: int
    p50: float
    p95: float
    p99: float
    longest: float
    late: int
    faults: int


def measure(prepared: Path, home: Path, plan: Plan, say: Callable[[str], None]) -> list[Rate]:
    """One worker and two, without Rasa: the times are the channel's own."""
    found = []
    for workers in (1, 2):
        say(f"wechat: {plan.rate} messages/s on {workers} worker(s)")
        with server.running(
            prepared, home / str(workers), workers, engine="local", YIDA_WECHAT_TOKEN=TOKEN
        ) as running:  # fmt: skip
            found.append(asyncio.run(_load(f"http://127.0.0.1:{running.port}/wechat", plan, workers)))
    return found


async def _load(url: str, plan: Plan, workers: int) -> Rate:
    """Messages leave by the clock, however long the earlier ones take: a slow service is not spared."""
    asked = varied(wordings())
    took: list[float] = []
    told: list[str] = []
    limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
    async with httpx.AsyncClient(trust_env=False, timeout=10, limits=limits) as client:
        tasks = []
        start = time.perf_counter()
        for number in range(int(plan.rate * (plan.warm + plan.seconds))):
            await asyncio.sleep(max(0.0, start + number / plan.rate - time.perf_counter()))
            counted = number >= plan.rate * plan.warm
            sender = f"o{number % plan.followers:027d}"
            tasks.append(asyncio.create_task(_one(client, url, sender, next(asked), took if counted else [], told)))
        await asyncio.gather(*tasks)
        spent = time.perf_counter() - start
    p50, p95, p99 = np.percentile(took, (50, 95, 99)) if took else (0.0, 0.0, 0.0)
    faults = sum(text not in ("answer", SUCCESS) for text in told)
    return Rate(
        workers, len(tasks) / spent, len(took), float(p50), float(p95), float(p99), max(took, default=0.0),
        told.count(SUCCESS), faults,
    )  # fmt: skip


async def _one(client: httpx.AsyncClient, url: str, sender: str, text: str, took: list[float], told: list[str]) -> None:
    began = time.perf_counter()
    try:
        response = await client.post(url, params=_signed(), content=_xml(sender, text))
        took.append((time.perf_counter() - began) * 1000)
        ok = response.status_code == 200
        told.append(SUCCESS if ok and response.text == SUCCESS else "answer" if ok else str(response.status_code))
    except httpx.HTTPError as error:
        told.append(type(error).__name__)


def _signed() -> dict[str, str]:
    at, nonce = str(int(time.time())), token_hex(8)
    parts = "".join(sorted((TOKEN, at, nonce)))
    return {"timestamp": at, "nonce": nonce, "signature": hashlib.sha1(parts.encode()).hexdigest()}


_NUMBERS = itertools.count(1)


def _xml(sender: str, text: str) -> bytes:
    return (
        f"<xml><ToUserName>gh</ToUserName><FromUserName>{sender}</FromUserName><CreateTime>{int(time.time())}</CreateTime>"
        f"<MsgType>text</MsgType><Content><![CDATA[{text}]]></Content><MsgId>{next(_NUMBERS)}</MsgId></xml>"
    ).encode()
