"""A process of its own that uses a store: it writes, holds or migrates, and tells on stdout what is done."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

from bot.errors import Stale
from bot.store.conversations import Conversations
from bot.store.database import Database, open_database
from tests.spoken import heard, opened, replied, said


def tell(line: object) -> None:
    print(line, flush=True)


async def write(database: Database, name: str) -> None:
    """Twenty at once, without end; a number is told after its ack."""
    store = Conversations(database)
    await opened(store, name)

    async def one(n: int) -> None:
        told = await heard(store, said(f"m{n}"), name)
        tell(f"{name} {told.message.seq} m{n}")
        try:
            await store.reply(told.conversation, replied(f"m{n}"))
        except Stale:
            pass

    for first in range(0, 10**9, 20):
        await asyncio.gather(*(one(first + n) for n in range(20)))


def hold(path: str, seconds: float) -> None:
    """Locks a SQLite file for all others."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    tell("held")
    time.sleep(seconds)
    connection.execute("COMMIT")


def first_start(url: str, at: float) -> None:
    """What every process of a server does first, all at the same moment."""
    time.sleep(max(0.0, at - time.time()))
    database = open_database(url)
    tell(",".join(database.migrate()) or "-")
    asyncio.run(opened_by(database))
    database.close()


async def opened_by(database: Database) -> None:
    await opened(Conversations(database), f"process-{time.time_ns()}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", url, name]:
            asyncio.run(write(open_database(url), name))
        case ["hold", path, seconds]:
            hold(path, float(seconds))
        case ["start", url, at]:
            first_start(url, float(at))
        case _:
            sys.exit(f"unknown: {Path(sys.argv[0]).name} {sys.argv[1:]}")
