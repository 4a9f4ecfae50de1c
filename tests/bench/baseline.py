"""What a bare FastAPI app does on this machine: two rows a message, one transaction a message, and an echo.

`python -m tests.bench.baseline PORT DATABASE` is one worker; workers share the port as ours do.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from tests.bench.server import free_port, started, wait_for_listeners


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare app, listening."""

    port: int
    web: list[int]

    @property
    def groups(self) -> dict[str, list[int]]:
        return {"web": self.web}


def create_app(database: sqlite3.Connection) -> FastAPI:
    """The same durability as ours: WAL, synchronous=FULL, committed before the echo."""
    app = FastAPI()

    @app.websocket("/socket")
    async def socket(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect, KeyError):
            while True:
                told = orjson.loads(await socket.receive_text())
                name, text, now = told["id"], told["text"], time.time_ns() // 1_000_000
                database.execute("BEGIN IMMEDIATE")
                database.execute(
                    "INSERT INTO messages (name, party, text, at) VALUES (?, 'citizen', ?, ?)", (name, text, now)
                )
                database.execute(
                    "INSERT INTO messages (name, party, text, at) VALUES (?, 'bot', ?, ?)", (f"re:{name}", text, now)
                )
                database.execute("COMMIT")
                echo = {"type": "message", "id": f"re:{name}", "party": "bot", "text": text, "at": now}
                await socket.send_text(orjson.dumps(echo).decode())

    return app


def connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, timeout=5)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {pragma}")
    return database


@contextlib.contextmanager
def running(home: Path, workers: int) -> Iterator[Bare]:
    """Starts the workers, and ends them."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    path = home / "bare.db"
    with contextlib.closing(connect(path)) as database:
        database.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, name TEXT, party TEXT, text TEXT, at INTEGER)")
    command = [sys.executable, "-m", "tests.bench.baseline", str(port), str(path)]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(started(command, home / f"log-{n}", os.environ)) for n in range(workers)]
        pids = [process.pid for process in processes]
        wait_for_listeners(port, lambda: pids, workers, alive=processes[0])
        yield Bare(port, pids)


def main(port: int, path: Path) -> None:
    import uvicorn

    config = uvicorn.Config(
        create_app(connect(path)), loop="uvloop", http="httptools", ws="websockets-sansio", log_config=None,
        access_log=False, server_header=False, ws_max_size=65_536, ws_ping_interval=30, ws_ping_timeout=30,
    )  # fmt: skip
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind(("127.0.0.1", port))
    listening.set_inheritable(True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
