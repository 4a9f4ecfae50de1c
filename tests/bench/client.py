"""The load client, a process of its own: N sockets that each ask the next question when the last is answered.

Reads one order as JSON from stdin and writes one result. It speaks the websocket protocol by hand: what it costs
itself is shown beside every result, and with a library it would cost as much as the servers it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import httpx
import orjson
import uvloop

from tests.bench.machine import Meter
from tests.bench.wire import Frames, close_frame, greeting, pong_frame, text_frame

OPENING = 16  # conversations opened at once
READY_WITHIN = 60.0
WOKEN_WITHIN = 15.0
AFTER_ERROR = 0.1  # seconds before a refused citizen asks again
HOST = "127.0.0.1"


@dataclass(slots=True)
class Run:
    """One order: what is asked, and what came of it."""

    order: dict[str, Any]
    questions: list[bytes]
    asked: int = 0
    open: bool = False  # inside the window that counts
    stopped: bool = False
    taken: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def next(self) -> tuple[int, bytes] | None:
        """None when the time is over; without `again` no question is asked twice, and running out of them is a fault."""
        if self.stopped:
            return None
        number = self.asked
        if number >= len(self.questions) and not self.order["again"]:
            self.stopped = True
            self.faults["no questions left"] += 1
            return None
        self.asked += 1
        return number, self.questions[number % len(self.questions)]

    def answered(self, began: float, outcome: str) -> None:
        if self.open:
            self.taken.append(perf_counter() - began)
            self.told[outcome] += 1


class Citizen(asyncio.Protocol):
    """One socket. `token` is None with the bare app, which asks for none and echoes."""

    def __init__(self, run: Run, path: str, token: str | None, *, ready: asyncio.Future[None]) -> None:
        self._run = run
        self._path = path
        self._token = token
        self._ready = ready
        self._frames = Frames()
        self._wanted = b""
        self._began = 0.0
        self._first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(greeting(self._path, HOST, self._run.order["port"]))

    def data_received(self, data: bytes) -> None:
        was_open = self._frames.upgraded
        for kind, payload in self._frames.feed(data):
            if kind == 1:
                self._hear(payload)
            elif kind == 9:
                self.transport.write(pong_frame(payload))
            elif kind == 8:
                self.transport.close()
        if self._frames.upgraded and not was_open:
            if self._token is None:
                self._is_ready()
            else:
                self.transport.write(text_frame(orjson.dumps({"type": "auth", "token": self._token})))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._ready.done():
            self._ready.set_exception(error or ConnectionError("closed before it was ready"))
        elif not self._run.stopped:
            self._run.faults["closed by the server"] += 1

    @property
    def waits(self) -> bool:
        return bool(self._wanted)

    def ask(self) -> None:
        following = self._run.next()
        if following is None:
            return
        number, text = following
        self._wanted = b'"re:q%d"' % number
        self._began = perf_counter()
        self.transport.write(text_frame(b'{"type":"say","id":"q%d","text":%s}' % (number, text)))

    def _hear(self, payload: bytes) -> None:
        if self._wanted and self._wanted in payload:
            self._wanted = b""
            self._run.answered(self._began, orjson.loads(payload).get("outcome", "echo"))
            self.ask()
        elif b'"type":"error"' in payload:
            self._run.faults[orjson.loads(payload)["code"]] += 1
            asyncio.get_running_loop().call_later(AFTER_ERROR, self.ask)
        elif self._first and b'"type":"state"' in payload:
            self._is_ready()

    def _is_ready(self) -> None:
        self._first = False
        if not self._ready.done():
            self._ready.set_result(None)

    def leave(self) -> None:
        self.transport.write(close_frame())
        self.transport.close()


async def opened(order: dict[str, Any], number: int) -> list[tuple[str, str | None]]:
    """The paths of `number` sockets with their tokens; for ours, each is a fresh conversation."""
    if order["kind"] == "bare":
        return [("/socket", None)] * number
    gate = asyncio.Semaphore(OPENING)
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{order['port']}", trust_env=False, timeout=30) as client:

        async def one() -> tuple[str, str | None]:
            async with gate:
                answer = await client.post("/api/v1/conversations", json={"channel": "web"})
            told = answer.raise_for_status().json()
            return f"/api/v1/conversations/{told['id']}/socket?after=0", told["token"]

        return await asyncio.gather(*(one() for _ in range(number)))


async def connected(run: Run, number: int) -> list[Citizen]:
    loop = asyncio.get_running_loop()
    citizens = []
    waits: list[asyncio.Future[None]] = []
    for path, token in await opened(run.order, number):
        ready: asyncio.Future[None] = loop.create_future()
        _, citizen = await loop.create_connection(
            partial(Citizen, run, path, token, ready=ready), HOST, run.order["port"]
        )
        citizens.append(citizen)
        waits.append(ready)
        if len(waits) % OPENING == 0:
            await ready
    async with asyncio.timeout(READY_WITHIN):
        await asyncio.gather(*waits)
    return citizens


async def main(order: dict[str, Any]) -> dict[str, Any]:
    questions = [orjson.dumps(text) for text in orjson.loads(Path(order["questions"]).read_bytes())]
    run = Run(order, questions)
    quiet = await connected(run, order["idle"])
    if quiet:
        print(json.dumps({"idle": len(quiet)}), flush=True)
        sys.stdin.readline()  # whoever gave the order looks at the memory now
    asking = await connected(run, order["sockets"])
    for citizen in asking:
        citizen.ask()
    await asyncio.sleep(order["warm"])
    meter, own = Meter(order["pids"]), process_time()
    run.open = True
    await asyncio.sleep(order["seconds"])
    run.open = False
    used, mine = meter.read(), process_time() - own
    run.stopped = True
    asked, taken, told = run.asked, sorted(run.taken), dict(run.told)
    woken = await _wake(run, quiet, order["woken"])
    for citizen in (*asking, *quiet):
        citizen.leave()
    await asyncio.sleep(0.2)
    return {
        "seconds": used.seconds, "asked": asked, "answered": len(taken), "told": told, "faults": dict(run.faults),
        "p50": share(taken, 0.5), "p95": share(taken, 0.95), "p99": share(taken, 0.99),
        "cpu": used.groups | {"client": mine}, "everyone_cpu": used.everyone, "woken": woken,
    }  # fmt: skip


def share(ordered: list[float], part: float) -> float:
    """In milliseconds, the time that this part of the answers needed at most."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else float("nan")


async def _wake(run: Run, quiet: list[Citizen], number: int) -> int:
    """How many of `number` idle sockets still answer."""
    run.stopped = False
    for citizen in quiet[:number]:
        citizen.ask()
    run.stopped = True  # each asks once
    asked = [citizen for citizen in quiet[:number] if citizen.waits]
    deadline = perf_counter() + WOKEN_WITHIN
    while any(citizen.waits for citizen in asked) and perf_counter() < deadline:
        await asyncio.sleep(0.05)
    return sum(not citizen.waits for citizen in asked)


if __name__ == "__main__":
    told = uvloop.run(main(json.loads(sys.stdin.readline())))
    sys.stdout.write(json.dumps(told) + "\n")
