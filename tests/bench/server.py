"""Starts the whole service as an operator would, on a home of its own and without limits, and ends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from bot.config import ROOT, read_settings
from bot.nlu import rasa_model
from bot.nlu.examples import read_training
from knowledge_base.corpus import read_corpus

START_WITHIN = 300.0  # training included, when the corpus is newer than what var/ holds
STOP_WITHIN = 30.0
NO_LIMITS = {
    "per_address": {"conversations_per_minute": 0, "messages_per_minute": 0},
    "per_conversation": {"messages_per_minute": 0},
}


@dataclass(frozen=True, slots=True)
class Server:
    """A service that answers: its web workers, its Rasa if any, and all its processes."""

    port: int
    web: list[int]
    rasa: list[int]
    others: list[int]

    @property
    def groups(self) -> dict[str, list[int]]:
        return {"web": self.web, "rasa": self.rasa, "others": self.others}

    def counted(self, name: str) -> float:
        """A counter of /metrics, over all workers."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False, timeout=30).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def rasa_file() -> Path | None:
    """The trained model of the present data, None when `make rasa-setup train` has not made it."""
    if not rasa_model.is_installed():
        return None
    settings = read_settings()
    path = rasa_model.model_path(settings.home, rasa_model.model_id(settings.nlu.rasa, read_training(), read_corpus()))
    return path if path.exists() else None


@contextlib.contextmanager
def running(home: Path, workers: int, *, rasa: Path | None = None) -> Iterator[Server]:
    """`python -m bot serve`; Rasa only with a model that is trained already."""
    _furnish(home, rasa)
    port = free_port()
    command = [sys.executable, "-m", "bot", "serve", "--workers", str(workers), "--port", str(port)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith("YIDA_")}
    environment = kept | {"YIDA_HOME": str(home), "YIDA_CONFIG": str(home / "config.yml")}
    with (home / "log").open("w") as log:
        parent = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            wait_for_listeners(port, lambda: _children(parent.pid, "web"), workers, alive=parent)
            if rasa:
                _wait_for_rasa(home)
            yield _looked_at(parent.pid, port)
        finally:
            ended(parent)


def _furnish(home: Path, rasa: Path | None) -> None:
    """Models that are trained are copied; the database is fresh."""
    home.mkdir(parents=True, exist_ok=True)
    settings = read_settings()
    if (settings.home / "knowledge").exists():
        shutil.copytree(settings.home / "knowledge", home / "knowledge")
    told = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
    told["limits"] |= NO_LIMITS
    told["nlu"]["engine"] = "rasa" if rasa else "local"
    (home / "config.yml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    if rasa:
        (home / "rasa").mkdir()
        shutil.copy(rasa, home / "rasa")


def _children(parent: int, kind: str) -> list[int]:
    """The processes of a server whose command has this word."""
    try:
        return [p.pid for p in psutil.Process(parent).children(recursive=True) if kind in p.cmdline()]
    except psutil.Error:
        return []


def _looked_at(parent: int, port: int) -> Server:
    web = _children(parent, "web")
    rasa = [p.pid for p in psutil.Process(parent).children() if any("rasa_sidecar" in word for word in p.cmdline())]
    everyone = [parent, *(p.pid for p in psutil.Process(parent).children(recursive=True))]
    return Server(port, web, rasa, [p for p in everyone if p not in (*web, *rasa)])


def _wait_for_rasa(home: Path) -> None:
    """Its socket appears when its first parse is done."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if Path((home / "rasa" / "socket").read_text()).exists():
                return
        time.sleep(0.5)
    raise TimeoutError("Rasa does not answer")


def wait_for_listeners(
    port: int, pids: Callable[[], list[int]], number: int, *, alive: subprocess.Popen[bytes] | None = None
) -> None:
    """Until `number` processes listen. Raises TimeoutError, or RuntimeError when the parent ended."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if alive is not None and alive.poll() is not None:
            raise RuntimeError(f"the server ended with {alive.returncode}; see its log")
        if sum(_listens(pid, port) for pid in pids()) >= number:
            return
        time.sleep(0.2)
    raise TimeoutError(f"nobody listens on {port}")


def _listens(pid: int, port: int) -> bool:
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ended(process: subprocess.Popen[bytes]) -> None:
    """Asks, waits, and only then kills what we started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
