"""The foreman: gives jobs to child processes one after the other, and takes up what a killed process left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import select

from bot.bus import Bus
from bot.children import end, end_with_parent
from bot.jobs import RING, Job, Jobs
from bot.store.database import Database
from bot.tables import versions

log = logging.getLogger(__name__)
BEAT = 2.0  # seconds between looks when no bell rings
RENEW = 4.0
LONGEST = 1_800.0  # seconds of one attempt
Run = Callable[[Job], Awaitable[bool]]


class Foreman:
    def __init__(self, database: Database, bus: Bus, run: Run) -> None:
        self._db = database
        self._bus = bus
        self._jobs = Jobs(database)
        self._run = run
        self._id = secrets.token_hex(8)

    async def run(self) -> None:
        """Until cancelled; a job under way then is taken up by whoever comes next."""
        async with self._bus.subscribe(RING) as bell:
            while True:
                try:
                    while await self.once():
                        pass
                except Exception:
                    log.exception("jobs could not be looked at")
                await bell.wait(BEAT)

    async def once(self) -> bool:
        """One job from beginning to end, where there is one."""
        job = await self._jobs.claim(self._id)
        if job is None:
            return False
        renewing = asyncio.create_task(self._renew(job))
        try:
            good = await self._run(job)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        if not good and await self._jobs.give_up(job.id, self._id):
            log.error("job %s (%s) failed for good", job.id, job.kind)
            await self._abandoned(job)
        elif not good:
            log.warning("job %s (%s) ended early; it is tried again", job.id, job.kind)
        return True

    async def _renew(self, job: Job) -> None:
        while True:
            await asyncio.sleep(RENEW)
            with contextlib.suppress(Exception):
                await self._jobs.renew(job.id, self._id)

    async def _abandoned(self, job: Job) -> None:
        version = job.told.get("version")
        if version:
            failed = versions.update().where(versions.c.id == version, versions.c.status == "building")
            report = await self._db.read(lambda c: c.scalar(select(versions.c.report).where(versions.c.id == version)))
            told = (report or {}) | {"reasons": ["生成版本的程序中途出错，请重试；再不行请找管理员"]}
            await self._db.write(lambda c: c.execute(failed.values(status="failed", report=told)))


def in_child(home: Path, store: str) -> Run:
    """Runs a job as `python -m bot work`, niced; tells whether it came to its end."""
    environment = os.environ | {"YIDA_HOME": str(home), "YIDA_STORE": store, "OMP_NUM_THREADS": "1"}

    async def run(job: Job) -> bool:
        process = await asyncio.create_subprocess_exec(
            "nice", "-n", "10", sys.executable, "-m", "bot", "work", job.id, env=environment,
            preexec_fn=end_with_parent, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST):
                return await process.wait() == 0
        except TimeoutError:
            return False
        finally:
            await end(process, f"job {job.id}")

    return run
