"""Keeps one Rasa sidecar answering: trains what is missing, watches its health, changes models without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from bot.children import FIRST_PAUSE, GRACE, LONGEST_PAUSE, end_with_parent
from bot.errors import NeighbourError
from bot.nlu.rasa import RasaClient
from bot.nlu.rasa_model import PYTHON, SIDECAR

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between looks at health and at the wanted model
START_WITHIN = 120.0
ANSWER_WITHIN = 5.0
FAILURES = 3  # missed health questions in a row, then the sidecar is started anew


class RasaKeeper:
    """`wanted` names the model that should answer: its id and file, or None while there is none."""

    def __init__(self, socket: Path, wanted: Callable[[], tuple[str, Path] | None]) -> None:
        self._socket = socket
        self._wanted = wanted
        self._process: asyncio.subprocess.Process | None = None
        self._serving: str | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        try:
            while True:
                wanted = self._wanted()
                if wanted and (wanted[0] != self._serving or not await self._is_healthy(wanted[0])):
                    try:
                        await self._start(*wanted)
                        pause = FIRST_PAUSE
                    except NeighbourError as error:
                        log.warning("%s; next try in %.1f s", error, pause)
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, LONGEST_PAUSE)
                await asyncio.sleep(LOOK)
        finally:
            await self._end(self._process)

    async def _start(self, name: str, model: Path) -> None:
        """The new process takes the socket's place when it is ready; only then the old one ends."""
        command = [
            str(PYTHON),
            str(SIDECAR),
            "serve",
            "--model",
            str(model),
            "--socket",
            str(self._socket),
            "--model-id",
            name,
        ]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            preexec_fn=end_with_parent, start_new_session=True, env=_environment(),
        )  # fmt: skip
        self.starts += 1
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_WITHIN):
                while (line := await process.stdout.readline()) and b'"ready"' not in line:
                    pass
        except TimeoutError:
            line = b""
        if not line:
            await self._end(process)
            raise NeighbourError(f"rasa did not start with model {name}")
        earlier, self._process, self._serving = self._process, process, name
        await self._end(earlier)
        log.info("rasa answers with model %s", name)

    async def _is_healthy(self, name: str) -> bool:
        """Alive, and answering with the model that was asked for."""
        for _ in range(FAILURES):
            if self.pid is None:
                return False
            client = RasaClient(self._socket, deadline=ANSWER_WITHIN)
            with contextlib.suppress(NeighbourError):
                if (await client.ask({"text": ""})).get("model_id") == name:
                    client.close()
                    return True
            client.close()
            await asyncio.sleep(FIRST_PAUSE)
        return False

    async def _end(self, process: asyncio.subprocess.Process | None) -> None:
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YIDA_", "PYTHON"))}
    return kept | {"OMP_NUM_THREADS": "1"}
