"""One database: writes in few transactions, reads beside them, migrations under a lock.

SQLite takes one writer at a time, so one thread writes for the process and commits many jobs together
(group commit): the disk is waited for once, not once a message. PostgreSQL does the same inside itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from bot.errors import BotError, SettingsError, StoreBusy
from bot.tables import migrate

Result = TypeVar("Result")
Job = Callable[[Connection], Result]

BUSY_MS = 5_000
BATCH = 256
WRITERS = 4  # threads for PostgreSQL, each job in a transaction of its own
READERS = 4


@dataclass(slots=True)
class Waiting:
    """A job in the queue and who waits for it."""

    job: Job[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    started: bool = False
    result: Any = None
    error: BaseException | None = None


def alone(connection: Connection, what: str) -> None:
    """Nobody else does `what` until this transaction ends. SQLite lets one write at a time anyway.

    For what replaces or seeds a whole table, which two machines may begin at the same moment.
    """
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(sha256(what.encode()).digest()[:8], "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})


class Database:
    """Open with `open_database`. Jobs are plain functions of a connection; they may run more than once."""

    def __init__(self, engine: Engine, reading: Engine, lock: Path | None) -> None:
        self.engine = engine
        self._reading = reading
        self._lock = lock
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._closed = False
        self._readers = ThreadPoolExecutor(READERS, "reader")
        count = 1 if self.is_sqlite else WRITERS
        work = self._write_together if self.is_sqlite else self._write_singly
        self._writers = [threading.Thread(target=work, name=f"writer-{n}", daemon=True) for n in range(count)]
        for thread in self._writers:
            thread.start()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    async def write(self, job: Job[Result]) -> Result:
        """Runs the job in a transaction and returns after it is on disk. Raises StoreBusy if it can't be."""
        self._check_open()
        loop = asyncio.get_running_loop()
        waiting = Waiting(job, loop, loop.create_future())
        self._queue.put(waiting)
        result: Result = await waiting.future
        return result

    async def read(self, job: Job[Result]) -> Result:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, job)

    def read_now(self, job: Job[Result]) -> Result:
        with _as_busy(), self._reading.connect() as connection:
            return job(connection)

    def write_now(self, job: Job[Result]) -> Result:
        """For start-up and commands, where no loop runs."""
        with _as_busy(), self._locked(), self.engine.connect() as connection:
            return _in_transaction(connection, job)

    def migrate(self) -> list[str]:
        """Brings the tables up to date; only one process does, the others wait."""

        def change(connection: Connection) -> list[str]:
            alone(connection, "migrate")
            return migrate(connection)

        return self.write_now(change)

    def close(self) -> None:
        """Finishes what is queued; whoever comes later gets StoreBusy."""
        self._closed = True
        for _ in self._writers:
            self._queue.put(None)
        for thread in self._writers:
            thread.join(timeout=10)
        self._readers.shutdown()
        self.engine.dispose()
        self._reading.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreBusy("the store is closed")

    def _write_together(self) -> None:
        while batch := self._next_batch():
            try:
                self._in_one_transaction(batch)
            except Exception as error:
                self._each_alone(batch, error)
            _deliver(batch)

    def _in_one_transaction(self, batch: list[Waiting]) -> None:
        with _as_busy(), self._locked(), self.engine.connect() as connection, connection.begin():
            for waiting in batch:
                waiting.started = True
                waiting.result = waiting.job(connection)

    def _each_alone(self, batch: list[Waiting], error: Exception) -> None:
        """One job failed and took the others' work with it: run each again in its own transaction.

        Where the store gave no turn at all, nobody waits for it a second time.
        """
        had_turn = batch[0].started
        for waiting in batch:
            if len(batch) == 1 or not had_turn:
                waiting.error = error
                continue
            waiting.started = False
            try:
                self._in_one_transaction([waiting])
            except Exception as own:
                waiting.error = error = own
                had_turn = waiting.started

    def _write_singly(self) -> None:
        while (waiting := self._queue.get()) is not None:
            try:
                with _as_busy(), self.engine.begin() as connection:
                    waiting.result = waiting.job(connection)
            except Exception as error:
                waiting.error = error
            _deliver([waiting])

    def _next_batch(self) -> list[Waiting]:
        """Blocks for the first job, then takes what else is there; empty at the end."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        with contextlib.suppress(queue.Empty):
            while len(batch) < BATCH:
                following = self._queue.get_nowait()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
        return batch

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """The machine's writers queue at a file lock: the kernel wakes the next at once, SQLite would sleep."""
        if self._lock is None:
            yield
            return
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _in_transaction(connection: Connection, job: Job[Result]) -> Result:
    with connection.begin():
        return job(connection)


def _deliver(batch: list[Waiting]) -> None:
    loops = {id(w.loop): w.loop for w in batch}
    for key, loop in loops.items():
        mine = [w for w in batch if id(w.loop) == key]
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_settle, mine)


def _settle(batch: list[Waiting]) -> None:
    for waiting in batch:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


@contextlib.contextmanager
def _as_busy() -> Iterator[None]:
    """A locked, full or absent database is one sentence to us, whatever the driver calls it."""
    try:
        yield
    except BotError:
        raise
    except (DBAPIError, SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error
        raise StoreBusy(f"{type(reason).__name__}: {str(reason).splitlines()[0]}") from error


def open_database(url: str) -> Database:
    """`sqlite:///path` or `postgresql://…`. Raises SettingsError for anything else."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise SettingsError("store: write sqlite:///path or postgresql://user@host/name") from error
    json = {"json_serializer": lambda v: orjson.dumps(v).decode(), "json_deserializer": orjson.loads}
    if parsed.drivername == "sqlite":
        path = Path(parsed.database or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        patience = {"check_same_thread": False, "timeout": BUSY_MS / 1000}
        engine, reading = (create_engine(parsed, connect_args=patience, **json) for _ in "wr")
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(reading, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return Database(engine, reading, path.with_suffix(".lock"))
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        soon = {"connect_timeout": max(1, BUSY_MS // 1000)}
        engine = create_engine(parsed, pool_size=WRITERS + READERS, pool_pre_ping=True, connect_args=soon, **json)
        return Database(engine, engine, None)
    raise SettingsError(f"store: {parsed.drivername} is not known; write sqlite:///path or postgresql://…")


def _prepare_sqlite(connection: Any, record: object) -> None:
    del record
    connection.isolation_level = None  # transactions are begun by us
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000
