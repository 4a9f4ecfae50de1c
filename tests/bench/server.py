"""Starts the whole service as an operator would, on a home of its own and without limits, and ends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import yaml

from bot.children import end_with_parent
from bot.config import ROOT, read_settings
from bot.nlu import rasa_model

HOST = "127.0.0.1"
START_WITHIN = 180.0
STOP_WITHIN = 30.0
QUIET = {"OMP_NUM_THREADS": "1", "YIDA_VOICE_AUDIOSOCKET": "off"}  # one thread a process; no telephone but in its part
NO_LIMITS = {
    "per_address": {"conversations_per_minute": 0, "messages_per_minute": 0},
    "per_conversation": {"messages_per_minute": 0},
}


@dataclass(frozen=True, slots=True)
class Server:
    """A service that answers: its web workers, its Rasa if any, and all its other processes."""

    home: Path
    port: int
    web: list[int]
    rasa: list[int]
    others: list[int]

    @property
    def groups(self) -> dict[str, list[int]]:
        return {"web": self.web, "rasa": self.rasa, "others": self.others}

    def counted(self, name: str) -> float:
        """A counter of /metrics, over all workers."""
        text = httpx.get(f"http://{HOST}:{self.port}/metrics", trust_env=False, timeout=30).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def environment(home: Path) -> dict[str, str]:
    """Ours without what would lead elsewhere; one thread a process, as in a worker."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("YIDA_") and k != "PORT"}
    return kept | {"YIDA_HOME": str(home), "YIDA_CONFIG": str(home / "config.yml"), **QUIET}


def prepare(home: Path) -> None:
    """A home with tables, models and a published version of the files; what is trained already is taken over."""
    known = read_settings().home
    for name in ("knowledge", "rasa"):
        if (known / name).exists():
            shutil.copytree(known / name, home / name, ignore=shutil.ignore_patterns("socket", ".making-*"))
    configure(home, "local")
    for verb in ("prepare", "train-rasa") if rasa_model.is_installed() else ("prepare",):
        subprocess.run([sys.executable, "-m", "bot", verb], cwd=ROOT, env=environment(home), check=True)


def configure(home: Path, engine: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    told = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
    told["limits"] |= NO_LIMITS
    told["nlu"]["engine"] = engine
    (home / "config.yml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")


@contextlib.contextmanager
def running(prepared: Path, home: Path, workers: int, *, engine: str, **more: str) -> Iterator[Server]:
    """`python -m bot serve` on a copy of a prepared home; with `rasa`, from when Rasa answers. `more`: environment."""
    shutil.copytree(prepared, home, ignore=shutil.ignore_patterns("*.lock"))
    configure(home, engine)
    port = free_port()
    command = [sys.executable, "-m", "bot", "serve", "--workers", str(workers), "--port", str(port)]
    with started(command, home / "log", environment(home) | more) as parent:
        wait_for_listeners(port, lambda: _children(parent.pid, "web"), workers, alive=parent)
        if engine == "rasa":
            _until(lambda: rasa_socket(home) is not None and not _children(parent.pid, "train-rasa"))
        yield _looked_at(parent.pid, home, port)


@contextlib.contextmanager
def started(command: list[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours with its output in a file; asked to end, and only killed when it does not."""
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(environment), stdout=out, stderr=out, preexec_fn=end_with_parent
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def rasa_socket(home: Path) -> Path | None:
    """Where the sidecar answers; the socket appears when its first parse is done."""
    with contextlib.suppress(OSError):
        path = Path((home / "rasa" / "socket").read_text("utf-8"))
        return path if path.exists() else None
    return None


def _children(parent: int, word: str) -> list[int]:
    """The processes of a server whose command has this word."""
    try:
        return [p.pid for p in psutil.Process(parent).children(recursive=True) if word in p.cmdline()]
    except psutil.Error:
        return []


def _looked_at(parent: int, home: Path, port: int) -> Server:
    web, rasa = _children(parent, "web"), _children(parent, str(rasa_model.SIDECAR))
    everyone = [parent, *(p.pid for p in psutil.Process(parent).children(recursive=True))]
    return Server(home, port, web, rasa, [p for p in everyone if p not in (*web, *rasa)])


def wait_for_listeners(
    port: int, pids: Callable[[], list[int]], number: int, *, alive: subprocess.Popen[bytes]
) -> None:
    """Until `number` processes listen. Raises TimeoutError, or RuntimeError when this one ended."""

    def listen() -> bool:
        if alive.poll() is not None:
            raise RuntimeError(f"the server ended with {alive.returncode}; see its log")
        return sum(_listens(pid, port) for pid in pids()) >= number

    _until(listen)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_WITHIN
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"a server was not ready within {START_WITHIN:.0f} s")
        time.sleep(0.2)


def _listens(pid: int, port: int) -> bool:
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in found)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
