"""`serve`: the parent that prepares, then keeps web workers, chores and Rasa running until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import httpx
from prometheus_client.multiprocess import mark_process_dead

from bot.accounts import Accounts
from bot.assembly import EXCHANGE, RASA_SOCKET, VOICE_SOCKET
from bot.bus.exchange import run_exchange
from bot.children import Child, end, end_with_parent
from bot.config import Settings
from bot.errors import SettingsError
from bot.first_account import first_account
from bot.nlu import rasa_model
from bot.nlu.examples import read_training
from bot.nlu.rasa_keeper import RasaKeeper
from bot.store.database import open_database
from knowledge_base.corpus import read_corpus

log = logging.getLogger(__name__)
READY_WITHIN = 60.0
METRICS = "PROMETHEUS_MULTIPROC_DIR"
Say = Callable[[str], None]


@contextlib.contextmanager
def only_server(home: Path) -> Iterator[None]:
    """Holds YIDA_HOME for one server or one restore. Raises SettingsError when another has it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "serve.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(f"a server is running on {home}; stop it first, or set YIDA_HOME") from error
        yield


def reserve(host: str, port: int) -> socket.socket:
    """Binds without listening: the workers share the port, and nobody else takes it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} is not free ({error.strerror}); choose another with PORT=… or --port"
        ) from error
    finally:
        probe.close()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held


async def serve(settings: Settings, say: Say, *, terminal: bool = False) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit status. `terminal`: a person alone reads what is said."""
    stopping = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    host, port = settings.server.host, settings.server.port
    private = _private_folder(settings.home)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, private, ignore_errors=True)
        held = reserve(host, port)
        stack.callback(held.close)
        if await _prepared(settings, stopping):
            return 1
        if stopping.is_set():
            return 0
        if told := await _first_account(settings, terminal):
            say(told)
        environment = _environment(settings, private)
        await stack.enter_async_context(run_exchange(private / "bells"))
        tasks = [asyncio.create_task(child.run(), name=child.name) for child in _children(settings, environment)]
        stack.push_async_callback(_stop, tasks)
        with_rasa = _has_rasa(settings, say)
        ready = await _ready(host, port, stopping)
        if with_rasa and not stopping.is_set():
            tasks.extend(_rasa(settings, private, say))  # takes a processor for ten seconds: nobody waits for it
        if ready:
            base = _address(host, port)
            pages = {"服务窗口": "/", "挂件演示": "/widget/demo", "工作台": "/console", "接口文档": "/docs"}
            say("\n".join(f"{name:　<4}  {base}{path}" for name, path in pages.items()))
        elif not stopping.is_set():
            say("the workers are not ready yet; see the log above")
        await stopping.wait()
    return 0


def _private_folder(home: Path) -> Path:
    """For sockets and counters, readable by us alone; what a killed server left is removed first."""
    note, temporary = home / "serve.private", Path(tempfile.gettempdir())
    with contextlib.suppress(OSError):
        left = Path(note.read_text("utf-8"))
        if left.parent == temporary and left.name.startswith("yida-"):
            shutil.rmtree(left, ignore_errors=True)
    private = Path(tempfile.mkdtemp(prefix="yida-", dir=temporary))  # short: a unix socket's path has 108 bytes
    note.write_text(str(private), "utf-8")
    return private


async def _prepared(settings: Settings, stopping: asyncio.Event) -> int:
    """Trains and builds in a process of its own, which ends at a signal too."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "prepare", env=os.environ | {"YIDA_HOME": str(settings.home)},
        preexec_fn=end_with_parent, start_new_session=True,
    )  # fmt: skip
    finished, stopped = asyncio.create_task(process.wait()), asyncio.create_task(stopping.wait())
    await asyncio.wait({finished, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    await end(process, "prepare")
    return 0 if stopping.is_set() else await finished


async def _first_account(settings: Settings, terminal: bool) -> str | None:
    database = open_database(settings.store)
    try:
        return await first_account(Accounts(database), os.environ, settings.home, terminal=terminal)
    finally:
        database.close()  # its threads end before children are forked


def _environment(settings: Settings, private: Path) -> dict[str, str]:
    metrics = private / "metrics"
    metrics.mkdir()
    told = os.environ | {
        "YIDA_HOME": str(settings.home),
        EXCHANGE: str(private / "bells"),
        RASA_SOCKET: str(private / "rasa"),
        METRICS: str(metrics),
        "OMP_NUM_THREADS": "1",
    }
    return told | {VOICE_SOCKET: str(private / "voice")} if settings.channels.voice.on else told


def _children(settings: Settings, environment: dict[str, str]) -> list[Child]:
    command = [sys.executable, "-m", "bot", "child"]
    place = ["--host", settings.server.host, "--port", str(settings.server.port)]
    forget = partial(mark_process_dead, path=environment[METRICS])  # its gauges count only while it lives
    web = [
        Child(f"web-{n}", [*command, "web", *place], environment, on_end=forget) for n in range(settings.server.workers)
    ]
    voice = [Child("voice", [*command, "voice"], environment, on_end=forget)] if settings.channels.voice.on else []
    return [*web, Child("chores", [*command, "chores"], environment, on_end=forget), *voice]


def _has_rasa(settings: Settings, say: Say) -> bool:
    if settings.nlu.engine != "rasa":
        return False
    if not rasa_model.is_installed():
        say("Rasa is not installed (make rasa-setup); the local engine answers alone")
        return False
    return True


def _rasa(settings: Settings, private: Path, say: Say) -> list[asyncio.Task[None]]:
    """Trains in the background, so that the local engine answers meanwhile."""
    home = settings.home
    (home / "rasa").mkdir(parents=True, exist_ok=True)
    (home / "rasa" / "socket").write_text(str(private / "rasa"))
    keeper = RasaKeeper(private / "rasa", lambda: rasa_model.newest(home))
    return [
        asyncio.create_task(_train(settings, say), name="rasa-train"),
        asyncio.create_task(keeper.run(), name="rasa"),
    ]


async def _train(settings: Settings, say: Say) -> None:
    process = await asyncio.create_subprocess_exec(
        "nice", "-n", "10", sys.executable, "-m", "bot", "train-rasa", stdout=subprocess.DEVNULL,
        env=os.environ | {"YIDA_HOME": str(settings.home)}, preexec_fn=end_with_parent, start_new_session=True,
    )  # fmt: skip
    try:
        if await process.wait():
            say("Rasa could not be trained; the local engine answers alone")
    finally:
        await end(process, "rasa-train")


def _address(host: str, port: int) -> str:
    """Where this machine reaches us."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


async def _ready(host: str, port: int, stopping: asyncio.Event) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        deadline = asyncio.get_running_loop().time() + READY_WITHIN
        while asyncio.get_running_loop().time() < deadline and not stopping.is_set():
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"{_address(host, port)}/readyz", timeout=2)).status_code == 200:
                    return True
            await asyncio.sleep(0.2)
    return False


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    """Together, so that the slowest decides how long it takes."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def train_rasa(settings: Settings) -> Path:
    """For `python -m bot train-rasa`; the server takes the newest model over by itself."""
    return rasa_model.train(settings.nlu.rasa, read_training(), read_corpus(), settings.home)
