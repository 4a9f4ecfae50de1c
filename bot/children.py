"""Child processes that are kept running: started, watched, started again with back-off, ended with the parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY = 10.0  # seconds of life after which a child counts as well
GRACE = 12.0  # seconds to finish open requests before a child is killed
PR_SET_PDEATHSIG = 1
_prctl: Any = None
with contextlib.suppress(OSError, AttributeError):
    _prctl = ctypes.CDLL(None).prctl  # found here: between fork and exec no library can be opened safely


def end_with_parent() -> None:
    """Linux sends SIGTERM to this process when its parent dies, even of kill -9."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def end(process: asyncio.subprocess.Process | None, name: str) -> None:
    """Asks it to finish, and kills it and what it started when it takes too long."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GRACE):
            await _over(process)
    except TimeoutError:
        log.warning("%s did not finish in %.0f s and is killed", name, GRACE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await _over(process)


async def _over(process: asyncio.subprocess.Process) -> None:
    """Ended, and its output too: a pipe still open would outlive the loop."""
    if process.stdout is not None:
        await process.stdout.read()
    await process.wait()


class Child:
    """One process kept alive by `run`, until that is cancelled: then it is asked to finish."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_end: Callable[[int], None] = lambda pid: None,
    ) -> None:
        self.name = name
        self._on_end = on_end
        self._command = list(command)
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        pause = FIRST_PAUSE
        try:
            while True:
                began = monotonic()
                ended = await self._live()
                pause = FIRST_PAUSE if monotonic() - began > STEADY else min(pause * 2, LONGEST_PAUSE)
                log.warning("%s ended with %s; next start in %.1f s", self.name, ended, pause)
                await asyncio.sleep(pause)
        finally:
            await end(self._process, self.name)

    async def _live(self) -> int | str:
        """From its start to its end; the reason when it cannot be started."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, preexec_fn=end_with_parent, start_new_session=True
            )
        except OSError as error:  # no memory or no process left: later there may be
            return str(error)
        self.starts += 1
        code = await self._process.wait()
        self._on_end(self._process.pid)
        return code
