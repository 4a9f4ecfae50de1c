"""The real application under a real uvicorn, on a port and in a thread of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import uvicorn
import uvloop

from bot.assembly import Parts
from bot.config import Settings
from channels.app import create_app

Result = TypeVar("Result")
START_WITHIN = 30.0
NO_LIMITS = {
    "per_address": {"conversations_per_minute": 0, "messages_per_minute": 0},
    "per_conversation": {"messages_per_minute": 0},
}


def furnish(template: Path, home: Path, **sections: Any) -> Settings:
    """Settings over a copy of a home in which the tiny knowledge is published."""
    shutil.copytree(template, home)
    told = {"nlu": {"engine": "local"}, "limits": NO_LIMITS} | sections
    return Settings.model_validate({"home": home, "store": f"sqlite:///{home}/yida.db", **told})


class Server:
    """Use it as a context manager; `call` runs a coroutine in the server's own loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = create_app(settings)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"server-{self.port}", daemon=True)
        self._failed: BaseException | None = None
        # As bot/__main__.py starts it.
        config = uvicorn.Config(
            self.app, loop="none", http="httptools", ws="websockets-sansio", lifespan="on", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, ws_max_size=65_536, ws_ping_interval=30,
            ws_ping_timeout=30, timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._uvicorn = uvicorn.Server(config)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.state.parts
        return parts

    @property
    def connections(self) -> int:
        """Requests and sockets that the application is busy with."""
        return len(self._uvicorn.server_state.tasks)

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def change(self, statement: Any) -> None:
        """Changes rows behind the server's back, such as the time at which something ended."""
        self.call(self.parts.database.write(lambda c: c.execute(statement)))

    def rows(self, query: Any) -> list[Any]:
        return self.parts.database.read_now(lambda c: list(c.execute(query)))

    def __enter__(self) -> Server:
        self._thread.start()
        deadline = time.monotonic() + START_WITHIN
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the server did not start") from self._failed
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(15)
        self._listening.close()
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            self._loop = runner.get_loop()
            try:
                runner.run(self._uvicorn.serve(sockets=[self._listening]))
            except BaseException as error:  # told to whoever waits for the start
                self._failed = error
