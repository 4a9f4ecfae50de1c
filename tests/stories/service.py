"""`python -m bot …` as real processes, and citizens who talk to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from bot.children import end_with_parent
from tests.servers import free_port

FULL = os.environ.get("CHAOS") == "full"  # `make chaos`: longer and with more people
READY_WITHIN = 90.0
END_WITHIN = 15.0  # promised after SIGINT
Message = dict[str, Any]


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without what would lead elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YIDA_", "COV_", "PYTHONPATH")) and k != "PORT"}
    quick = {"OMP_NUM_THREADS": "1", "YIDA_VOICE_AUDIOSOCKET": "off"}  # no telephone, unless a story wants one
    return kept | {"YIDA_HOME": str(home)} | quick | dict(more or {})


def run(
    tree: Path, home: Path, *words: str, stdin: str = "", within: float = 120, **more: str
) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *words], cwd=tree, env=environment(home, more), input=stdin,
        capture_output=True, text=True, timeout=within, check=False,
    )  # fmt: skip


class Service:
    """`python -m bot serve`; use it as a context manager."""

    def __init__(self, tree: Path, home: Path, *words: str, host: str = "127.0.0.1", **more: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._command = [sys.executable, "-m", "bot", "serve", "--host", host, "--port", str(self.port), *words]
        self._tree = tree
        self._more = more
        self.log = home.with_name(f"{home.name}-{self.port}.log")
        self.process: subprocess.Popen[bytes] | None = None
        self._seen: dict[int, psutil.Process] = {}

    def start(self) -> Service:
        if self.process is not None:
            self.process.wait(5)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._tree, env=environment(self.home, self._more), stdout=log, stderr=log,
                start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip
        return self

    def __enter__(self) -> Service:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """SIGINT, and whatever is left is killed, for the tests that follow."""
        everyone = [p for p in self.everyone() if p.is_running()]
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(END_WITHIN + 5)
        for left in everyone:
            with contextlib.suppress(psutil.Error):
                left.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)

    def readiness(self) -> tuple[int, dict[str, Any]]:
        try:
            told = httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False)
            return told.status_code, told.json()
        except (httpx.HTTPError, ValueError):
            return 0, {}

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        self.wait_until(lambda: self.readiness()[0] == 200, within)

    def wait_until(self, true: Any, within: float) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert self.process
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the service did not get there:\n{self.log.read_text('utf-8')[-3000:]}")
            time.sleep(0.05)

    def everyone(self) -> list[psutil.Process]:
        """The parent and all it started, also what has lost its parent since."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(self.process.pid)
                for found in (parent, *parent.children(recursive=True)):
                    self._seen.setdefault(found.pid, found)
        return list(self._seen.values())

    def alive(self) -> list[psutil.Process]:
        return [p for p in self.everyone() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def children(self, word: str) -> list[psutil.Process]:
        """Those whose command has this word, such as web, chores, rasa_sidecar."""
        found = []
        for process in self.alive():
            with contextlib.suppress(psutil.Error):
                if any(part == word or part.endswith(f"/{word}.py") for part in process.cmdline()):
                    found.append(process)
        return found

    def counter(self, name: str) -> float:
        text = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False).text
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))
        )


@dataclass
class Citizen:
    """One conversation over REST; what is not acked is said again with the same id, as the widget does."""

    url: str
    client: httpx.AsyncClient
    id: str = ""
    token: str = ""
    acked: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def at(cls, url: str, client: httpx.AsyncClient) -> Citizen:
        citizen = cls(url, client)
        told = await citizen._patiently(
            "POST", "/api/v1/conversations", {"id": uuid4().hex, "channel": "web", "locale": "zh-CN", "client": {}}
        )
        citizen.id, citizen.token = told["id"], told["token"]
        return citizen

    async def say(self, text: str, *, retry: bool = True, name: str = "") -> str:
        """The id under which it was acked. Raises httpx.HTTPError when it was not and nobody tries again."""
        name = name or uuid4().hex
        frame = {"type": "say", "id": name, "text": text}
        path = f"/api/v1/conversations/{self.id}/messages"
        told = await (self._patiently if retry else self._once)("POST", path, frame)
        assert told["type"] == "ack", told
        self.acked[name] = told["seq"]
        return name

    async def read(self, after: int = 0, wait: int = 0, *, retry: bool = True) -> list[Message]:
        path = f"/api/v1/conversations/{self.id}/messages?after={after}&wait={wait}"
        found: list[Message] = (await (self._patiently if retry else self._once)("GET", path))["messages"]
        return found

    async def story(self) -> list[Message]:
        """From the greeting to now, page by page."""
        told: list[Message] = []
        while page := await self.read(after=len(told)):
            told.extend(page)
        return told

    async def answer(self, name: str, within: float = 20) -> Message:
        """The reply to the message of this id."""
        async with asyncio.timeout(within):
            after = self.acked[name]
            while True:
                for message in await self.read(after, wait=5):
                    if message["id"] == f"re:{name}":
                        return message
                    after = message["seq"]

    async def ask(self, text: str) -> Message:
        return await self.answer(await self.say(text))

    def elsewhere(self, url: str) -> Citizen:
        """The same conversation at another server."""
        return Citizen(url, self.client, self.id, self.token, self.acked)

    async def _once(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = await self.client.request(method, self.url + path, json=body, headers=headers, timeout=40)
        if answer.status_code >= 500:
            raise httpx.ReadError(f"{answer.status_code}")
        assert answer.status_code in (200, 201), answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def _patiently(self, method: str, path: str, body: object = None, within: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + within
        while True:
            try:
                return await self._once(method, path, body)
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)


def crowd() -> httpx.AsyncClient:
    """A client with room for hundreds, which lets go of an idle connection before the server does (5 s)."""
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=2)
    return httpx.AsyncClient(trust_env=False, limits=limits)


def check_story(messages: list[Message], acked: Mapping[str, int]) -> None:
    """Numbers without a gap, every acked message at its number, and exactly one answer to each."""
    assert [m["seq"] for m in messages] == list(range(1, len(messages) + 1))
    ids = [m["id"] for m in messages]
    assert len(ids) == len(set(ids))
    by_id = {m["id"]: m for m in messages}
    assert [name for name in acked if f"re:{name}" not in by_id] == []
    for name, seq in acked.items():
        assert by_id[name]["seq"] == seq
        answer = by_id[f"re:{name}"]
        assert answer["party"] in ("bot", "system")
        assert answer["seq"] > seq
