"""Counting and gathering, each in a process of its own at low priority, started again and again by the chores."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from bot.config import Settings
from bot.store.database import open_database
from bot.tallies import Tallies

log = logging.getLogger(__name__)
EVERY = {"tally": 60.0, "gather": 1_800.0}  # seconds between two rounds …
FIRST = 15.0  # seconds: what starts with the server would make citizens wait
SHARE = 10  # … and at least ten times as long as the last one took
PRIORITY = 15


def work(settings: Settings, kind: str) -> None:
    """One round, in this process."""
    os.nice(PRIORITY)
    database = open_database(settings.store)
    try:
        now = datetime.now(UTC)
        if kind == "tally":
            Tallies(database, settings.site.zone).bring_up(now)
            return
        from bot.assembly import open_library  # with all engines: a round of `tally` each minute needs none of them
        from bot.learning import gather
        from bot.shelf import Shelf

        shelf = Shelf(database, open_library(settings))
        pointer = shelf.pointer()
        if pointer is not None:
            gather(database, shelf.load(pointer.live).models, now)
    finally:
        database.close()


async def keep_working(kind: str) -> None:
    """Until cancelled; a round that fails is logged, and the next one tries again."""
    await asyncio.sleep(FIRST)
    while True:
        began = monotonic()
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "insight", kind)
        try:
            if await child.wait():
                log.warning("%s failed with %s", kind, child.returncode)
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                child.terminate()
            await child.wait()
            raise
        await asyncio.sleep(max(EVERY[kind], SHARE * (monotonic() - began)))
