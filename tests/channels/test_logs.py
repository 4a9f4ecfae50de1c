"""A worker as `serve` starts it: whatever happens, its log holds no word, number or token of a citizen."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import pytest
import yaml

from bot.config import ROOT
from bot.measure import JsonLines
from tests.channels.citizen import Device, dial, opened
from tests.channels.conftest import Furnish
from tests.channels.serving import Server

PHONE = "13800138000"
WORDS = ("我老伴住院押金的事", "罗织的名字", PHONE, "330102198001011239")


@dataclass
class Worker:
    """Enough of a `Server` for a device to speak to."""

    port: int
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@pytest.fixture(scope="module")
def home(furnished: Furnish) -> Path:
    return furnished().home


@pytest.fixture
async def worker(home: Path, tmp_path: Path) -> AsyncIterator[Worker]:
    config = tmp_path / "config.yml"
    config.write_text(yaml.safe_dump({"nlu": {"engine": "local"}}))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bot", "child", "web", "--port", str(port)]
    environment = os.environ | {"YIDA_HOME": str(home), "YIDA_CONFIG": str(config)}
    running = Worker(port, tmp_path / "log")
    with running.log.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
            while True:
                assert process.poll() is None, running.log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{running.url}/readyz")).status_code == 200:
                        break
                await asyncio.sleep(0.1)
        yield running
    finally:
        process.terminate()
        process.wait(20)


async def test_a_conversation_leaves_no_trace_in_the_log(worker: Worker) -> None:
    server = cast(Server, worker)
    device = await opened(server, scene="罗织的名字", client={"name": "罗织的名字"})
    async with device.line() as line:
        for words in WORDS:
            await line.ask(words)
        await line.send("message_form", id="f", topic=WORDS[1], text=WORDS[0], phone=PHONE, consent=True)
        await line.told("f")
        await line.send("message_form", id="g", topic=WORDS[1], text=WORDS[0], phone=f"9{PHONE}", consent=True)
        assert (await line.told("g"))["code"] == "bad_phone"
        await line.send("rate", id="r", stars=1, text=WORDS[0], reasons=[WORDS[1]])
        await line.told("r")
        await line.send_raw('{"type":"say","text":"罗织的名字')
        await line.send("say", id="罗织 的名字", text="x")
        await line.send("resume", id="s", code="罗织的名字")
        await line.quiet()
        line.connection.transport.abort()
    assert (await device.say("长" * 501)).status_code == 413
    assert (await device.post("choose", id="c", choice=WORDS[1])).status_code == 400
    assert (await Device(server, device.id, f"{device.token}x").read()).status_code == 401
    assert await device.refusal(auth=f"{device.token}y") == 4401
    async with httpx.AsyncClient(base_url=worker.url, trust_env=False) as client:
        await client.get(f"{device.path}/messages?token={device.token}&q={PHONE}")
        await client.get(f"/s/{PHONE}")
        await client.post("/api/v1/conversations", json={"id": PHONE, "locale": WORDS[1]})
    log = worker.log.read_text()
    for line_of_log in log.splitlines():
        assert json.loads(line_of_log)["level"] != "error", line_of_log
    for secret in (*WORDS, device.token, "罗织", "老伴", "押金"):
        assert secret not in log


async def test_a_fault_is_logged_with_its_place_and_without_its_values(
    own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception's text may hold what a citizen wrote."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    handler.setFormatter(JsonLines())

    async def broken(*told: object, **more: object) -> None:
        raise ValueError(WORDS[0])

    device = await opened(own_server)
    logging.getLogger().addHandler(handler)
    try:
        for part, method in (("opinions", "mark"), ("switchboard", "answer"), ("switchboard", "hear")):
            monkeypatch.setattr(getattr(own_server.parts, part), method, broken)
            frame = {"seq": 1, "helpful": True} if part == "opinions" else {"text": WORDS[0]}
            kind = "feedback" if part == "opinions" else "say"
            await device.post(kind, id=f"rest-{method}", **frame)
            async with device.line() as line:
                await line.send(kind, id=method, **frame)
                await line.told(method)
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(told) for told in kept.getvalue().splitlines()]
    errors = [told for told in lines if told["level"] == "error"]
    assert len(errors) == 6
    assert all(told["exception"][0] == "ValueError" and "test_logs.py" in told["exception"][-1] for told in errors)
    for secret in (WORDS[0], device.token):
        assert secret not in kept.getvalue()


async def test_neither_an_address_nor_a_query_is_logged(worker: Worker) -> None:
    """A token in the address does not count; written down, it would be found by whoever reads logs."""
    server = cast(Server, worker)
    device = await opened(server)
    async with dial(server, f"{device.path}/socket?token={device.token}&q={PHONE}", "127.0.0.77") as line:
        await line.send("auth", token=device.token)
        await line.next("state")
    log = worker.log.read_text()
    for secret in (device.token, PHONE, "127.0.0.77"):
        assert secret not in log
