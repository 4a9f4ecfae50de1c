"""Keeps one Rasa sidecar answering: starts it, watches its health, changes models without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from bot.children import FIRST_PAUSE, LONGEST_PAUSE, STEADY, end, end_with_parent
from bot.errors import NeighbourError
from bot.nlu import rasa_model
from bot.nlu.rasa import RasaClient

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds between looks at health and at the wanted model
START_WITHIN = 120.0
ANSWER_WITHIN = 5.0
FAILURES = 3  # missed health questions in a row, then the sidecar is started anew


class RasaKeeper:
    """`wanted` names the model that should answer: its id and file, or None while there is none."""

    def __init__(
        self,
        socket: Path,
        wanted: Callable[[], tuple[str, Path] | None],
        *,
        command: Callable[..., list[str]] = rasa_model.command,
    ) -> None:
        self._socket = socket
        self._wanted = wanted
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._earlier: asyncio.subprocess.Process | None = None
        self._serving = ""
        self._since = 0.0
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Until cancelled."""
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    await self._look()
                    rest = LOOK
                except (NeighbourError, OSError) as error:
                    log.warning("%s; next try in %.1f s", error, pause)
                    rest = pause
                ended = await self._ended_within(rest)
                if ended:
                    await asyncio.sleep(pause)
                if ended or self.pid is None:
                    pause = min(pause * 2, LONGEST_PAUSE)
                elif monotonic() - self._since > STEADY:
                    pause = FIRST_PAUSE
        finally:
            self._socket.unlink(missing_ok=True)
            await asyncio.gather(end(self._earlier, "rasa"), end(self._process, "rasa"))

    async def _look(self) -> None:
        """Raises NeighbourError when a model does not start; an older one answers on."""
        wanted = self._wanted()
        if wanted and (wanted[0] != self._serving or not await self._is_healthy(wanted[0])):
            await self._start(*wanted)

    async def _ended_within(self, seconds: float) -> bool:
        """Waits; when the sidecar ends its socket is removed, so that nobody knocks in vain."""
        process = self._process
        if process is None:
            await asyncio.sleep(seconds)
            return False
        try:
            async with asyncio.timeout(seconds):
                code = await process.wait()
        except TimeoutError:
            return False
        log.warning("rasa ended with %s", code)
        self._socket.unlink(missing_ok=True)
        self._process, self._serving = None, ""
        return True

    async def _start(self, name: str, model: Path) -> None:
        """The new process takes the socket's place when it is ready; only then the old one ends."""
        process = await asyncio.create_subprocess_exec(
            *self._command("serve", model=model, socket=self._socket, model_id=name),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, preexec_fn=end_with_parent,
            start_new_session=True, env=rasa_model.environment() | {"TMPDIR": str(self._socket.parent)},
        )  # fmt: skip
        self.starts += 1
        try:
            told = await _announced(process)
        except BaseException:
            await end(process, "rasa")
            raise
        if "ready" not in told:
            await end(process, "rasa")
            if "refused" in told:  # put aside: it will be trained anew, and an older one may serve
                _put_aside(model)
            raise NeighbourError(f"rasa did not start with model {name}: {told}")
        self._earlier, self._process, self._serving, self._since = self._process, process, name, monotonic()
        await end(self._earlier, "rasa")
        log.info("rasa answers with model %s", name)

    async def _is_healthy(self, name: str) -> bool:
        """Alive, and answering with the model that was asked for."""
        for _ in range(FAILURES):
            if self.pid is None:
                return False
            client = RasaClient(self._socket, deadline=ANSWER_WITHIN)
            try:
                if (await client.ask({"text": ""})).get("model_id") == name:
                    return True
            except NeighbourError as error:
                log.warning("rasa is not well: %s", error)
            finally:
                client.close()
            await asyncio.sleep(FIRST_PAUSE)
        return False


def _put_aside(model: Path) -> None:
    with contextlib.suppress(OSError):
        model.rename(model.with_name(f"{model.name}.refused"))


async def _announced(process: asyncio.subprocess.Process) -> dict[str, str]:
    """What the sidecar says of its start: ready, refused, failed; `silent` when it says nothing in time."""
    stdout = process.stdout
    try:
        async with asyncio.timeout(START_WITHIN):
            while stdout is not None and (line := await stdout.readline()):
                with contextlib.suppress(ValueError):
                    told = json.loads(line)
                    if isinstance(told, dict):
                        return told
    except TimeoutError:
        pass
    return {"silent": f"after {START_WITHIN:.0f} s" if process.returncode is None else "it ended"}
