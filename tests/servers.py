"""Real servers of the tests' own: started in a temporary folder, ended by their pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bot.children import end_with_parent


def program(name: str, *folders: Path) -> Path:
    """Where a server's program is. Absent, the test is skipped on a user's machine and fails in CI."""
    found = shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))
    if found is None:
        absent(f"{name} is not installed: apt-get install postgresql redis-server")
    return Path(found)


def absent(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


class RedisServer:
    """One redis-server that a test may kill, stop for a while and start again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._program = program("redis-server")
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        command = [self._program, "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1) as probe:
                probe.sendall(b"PING\r\n")
                if probe.recv(16) == b"+PONG\r\n":
                    return
            time.sleep(0.01)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """It still holds its connections, and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL of our own on a unix socket; gives the folder of the socket."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    initdb = program("initdb", *folders)
    home = Path(tempfile.mkdtemp(prefix="yida-pg-"))
    run: list[str] = []
    if os.getuid() == 0:  # PostgreSQL refuses to be root
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            absent("PostgreSQL does not run as root, and there is no user postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
        run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=TERM", "--"]
    data = str(home / "data")
    told = subprocess.run(
        [*run, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        capture_output=True, text=True, cwd="/", check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    quick = [f"-c{setting}" for setting in ("fsync=off", "full_page_writes=off", "listen_addresses=")]
    server = subprocess.Popen(
        [*run, initdb.with_name("postgres"), "-D", data, "-k", str(home), *quick, "-cmax_connections=200"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    try:
        _await_postgres(home)
        yield str(home)
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(home, ignore_errors=True)


def new_database(host: str) -> str:
    """The address of a database without tables."""
    name = f"e{uuid4().hex[:12]}"
    with psycopg.connect(host=host, user="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"postgresql://postgres@/{name}?host={host}"


def _await_postgres(home: Path) -> None:
    for _ in range(500):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(host=str(home), user="postgres"):
            return
        time.sleep(0.02)
    raise AssertionError("PostgreSQL did not start")
