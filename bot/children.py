"""Child processes that are kept running: started, watched, started again with back-off, ended with the parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from time import monotonic

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY = 10.0  # seconds of life after which a child counts as well
GRACE = 12.0  # seconds to finish open requests before a child is killed
PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Linux sends SIGTERM to this process when its parent dies, even of kill -9."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One process kept alive by `run`; `stop` ends it and lets it finish."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.starts = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Until stopped."""
        pause = FIRST_PAUSE
        while not self._stopping:
            began = monotonic()
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, preexec_fn=end_with_parent, start_new_session=True
            )
            self.starts += 1
            code = await self._process.wait()
            if self._stopping:
                return
            pause = FIRST_PAUSE if monotonic() - began > STEADY else min(pause * 2, LONGEST_PAUSE)
            log.warning("%s ended with %s; next start in %.1f s", self.name, code, pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(GRACE):
                await process.wait()
        except TimeoutError:
            log.warning("%s did not finish in %.0f s and is killed", self.name, GRACE)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
