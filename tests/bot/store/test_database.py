"""What is acked is on disk; what cannot be is told, and harms nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, func, select, text

from bot.audit import append, verify
from bot.errors import NotFound, SettingsError, StoreBusy
from bot.metadata import metadata
from bot.store import database as module
from bot.store.conversations import Conversations
from bot.store.database import Database, open_database
from bot.tables import CHANGES, applied, conversations, messages, rates
from tests.spoken import NAME, NOON, heard, opened, said

HOLDER = "held"


@contextlib.contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """One of tests/bot/store/writer.py, killed at the end."""
    command = [sys.executable, "-m", "tests.bot.store.writer", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as running:
        try:
            yield running
        finally:
            running.kill()


def line(running: subprocess.Popen[str]) -> str:
    assert running.stdout
    return running.stdout.readline().strip()


def put(name: str) -> Any:
    return lambda c: c.execute(rates.insert().values(name=name, window_from=0, count=1))


async def kept(database: Database) -> set[str]:
    return set(await database.read(lambda c: list(c.scalars(select(rates.c.name)))))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_MS", 150)


# One writer, many jobs


async def test_a_failing_job_does_not_take_the_others_work_with_it(database: Database) -> None:
    """The writer is held up, so that all that follows is one batch."""
    held = threading.Event()
    first = [asyncio.ensure_future(database.write(lambda c: held.wait(10))) for _ in range(module.WRITERS)]
    await asyncio.sleep(0.05)

    def fails(connection: Connection) -> None:
        put("of the failing one")(connection)
        raise NotFound("nothing")

    jobs = [fails if n == 7 else put(f"job-{n}") for n in range(20)]
    following = [asyncio.ensure_future(database.write(job)) for job in jobs]
    await asyncio.sleep(0.05)
    held.set()
    told = await asyncio.gather(*first, *following, return_exceptions=True)
    assert [type(t) for t in told if isinstance(t, Exception)] == [NotFound]
    assert await kept(database) == {f"job-{n}" for n in range(20) if n != 7}


async def test_a_broken_constraint_is_told_to_the_one_who_broke_it(database: Database) -> None:
    await database.write(put("once"))
    told = await asyncio.gather(*(database.write(put(n)) for n in ("a", "once", "b")), return_exceptions=True)
    assert [type(t) for t in told if isinstance(t, Exception)] == [StoreBusy]
    assert await kept(database) == {"once", "a", "b"}


async def test_a_listener_that_gave_up_does_not_stop_the_writer(database: Database) -> None:
    waiting = asyncio.ensure_future(database.write(put("given up")))
    await asyncio.sleep(0)
    waiting.cancel()
    await database.write(put("next"))
    assert "next" in await kept(database)


async def test_a_loop_that_ended_does_not_stop_the_writer(database: Database) -> None:
    held = threading.Event()

    async def leave() -> None:
        asyncio.get_running_loop().call_later(0.05, asyncio.get_running_loop().stop)
        await database.write(lambda c: held.wait(10))

    def other_loop() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(leave())
        loop.run_forever()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    await asyncio.to_thread(other_loop)
    held.set()
    await database.write(put("next"))
    assert await kept(database) == {"next"}


def test_closing_finishes_what_is_queued(store_url: str) -> None:
    database = open_database(store_url)
    database.migrate()

    async def write() -> None:
        following = [asyncio.ensure_future(database.write(put(f"job-{n}"))) for n in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(database.close)
        await asyncio.gather(*following)

    asyncio.run(write())
    again = open_database(store_url)
    assert len(again.read_now(lambda c: list(c.scalars(select(rates.c.name))))) == 50
    again.close()


async def test_a_write_or_read_after_closing_is_refused_and_does_not_wait_for_ever(store_url: str) -> None:
    database = open_database(store_url)
    database.migrate()
    database.close()
    for asking in (database.write(put("late")), database.read(lambda c: c.scalar(text("SELECT 1")))):
        with pytest.raises(StoreBusy):
            await asyncio.wait_for(asking, 5)


# Faults of the disk and of other processes


async def test_a_full_disk_acks_nothing_and_works_again_when_there_is_room(sqlite: Database) -> None:
    store = Conversations(sqlite)
    await opened(store)

    async def room(pages: int) -> None:
        used = await sqlite.write(lambda c: int(c.exec_driver_sql("PRAGMA page_count").scalar_one()))
        await sqlite.write(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={used + pages}").scalar_one())

    await room(20)
    told = await asyncio.gather(*(heard(store, said(f"m{n}", "字" * 500)) for n in range(120)), return_exceptions=True)
    acked = {h.message.id: h.message.seq for h in told if not isinstance(h, BaseException)}
    refused = [t for t in told if isinstance(t, BaseException)]
    assert refused
    assert {type(t) for t in refused} == {StoreBusy}
    assert {m.id: m.seq for m in await store.messages(NAME, after=1)} == acked
    await room(10_000)
    assert (await heard(store, said("again"))).message.seq == len(acked) + 2
    assert [m.seq for m in await store.messages(NAME)] == list(range(1, len(acked) + 3))


@pytest.mark.usefixtures("impatient")
async def test_a_locked_database_is_told_to_all_who_wait_at_once_and_works_again_later(
    tmp_path: Path, sqlite: Database
) -> None:
    sqlite.close()
    database = open_database(f"sqlite:///{tmp_path}/yida.db")  # opened again, to be impatient
    store = Conversations(database)
    await opened(store)
    with process("hold", tmp_path / "yida.db", 3) as holder:
        assert line(holder) == HOLDER
        began = time.monotonic()
        told = await asyncio.gather(*(heard(store, said(f"m{n}")) for n in range(40)), return_exceptions=True)
        assert {type(t) for t in told} == {StoreBusy}
        assert time.monotonic() - began < 2  # not 40 times the patience for one
        assert holder.wait(10) == 0
    assert (await heard(store, said("m1"))).message.seq == 2
    database.close()


@pytest.mark.usefixtures("impatient")
async def test_a_database_that_is_locked_when_it_is_opened_works_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "yida.db"
    with process("hold", path, 2) as holder:
        assert line(holder) == HOLDER
        database = open_database(f"sqlite:///{path}")
        with pytest.raises(StoreBusy, match="locked"):
            await asyncio.wait_for(database.write(lambda c: None), 1.5)
        holder.wait(10)
    database.migrate()
    await asyncio.wait_for(database.write(put("free")), 5)
    assert await kept(database) == {"free"}
    database.close()


async def test_writers_of_one_machine_queue_at_the_lock_file(tmp_path: Path, sqlite: Database) -> None:
    with (tmp_path / "yida.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = asyncio.ensure_future(sqlite.write(put("queued")))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    await waiting


async def test_connections_that_the_server_dropped_are_made_anew(postgres_url: str) -> None:
    database = open_database(postgres_url)
    await asyncio.gather(*(database.write(put(f"job-{n}")) for n in range(8)))
    host, name = postgres_url.partition("host=")[2], postgres_url.split("@/")[1].partition("?")[0]
    with psycopg.connect(host=host, user="postgres", autocommit=True) as admin:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        assert len(admin.execute(ending, (name,)).fetchall()) >= 1
    await asyncio.gather(*(database.write(put(f"later-{n}")) for n in range(8)))
    assert len(await kept(database)) == 16
    database.close()


async def test_a_server_that_is_away_is_told_as_a_busy_store(tmp_path: Path) -> None:
    database = open_database(f"postgresql://postgres@/nothing?host={tmp_path}")
    for asking in (database.write(put("lost")), database.read(lambda c: c.scalar(text("SELECT 1")))):
        with pytest.raises(StoreBusy, match="OperationalError"):
            await asyncio.wait_for(asking, 10)
    database.close()


# Kill -9


@pytest.mark.parametrize("signals", range(2))
async def test_every_acked_message_is_there_after_kill_9(database: Database, store_url: str, signals: int) -> None:
    acked: list[tuple[str, int, str]] = []
    with process("write", store_url, "one") as one, process("write", store_url, "two") as two:
        for _ in range(100 + 57 * signals):
            for running in (one, two):
                name, seq, id = line(running).split()
                acked.append((name, int(seq), id))
        one.kill()
        two.kill()
        for running in (one, two):
            assert running.stdout
            rest = [told.split() for told in running.stdout.read().splitlines()]
            acked.extend((told[0], int(told[1]), told[2]) for told in rest if len(told) == 3)
    store = Conversations(database)
    for name in ("one", "two"):
        conversation, story = await store.find(name), []
        while len(story) < conversation.last_seq:
            page = await store.messages(name, after=len(story))
            assert page
            story.extend(page)
        assert [m.seq for m in story] == list(range(1, conversation.last_seq + 1))
        mine = {(seq, id) for of, seq, id in acked if of == name}
        assert mine <= {(m.seq, m.id) for m in story}
        assert len(mine) >= 100
        assert (await heard(store, said("afterwards"), name)).message.seq == conversation.last_seq + 1


# Migrations


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_at_once_on_an_empty_store_make_the_tables_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/new/yida.db" if kind == "sqlite" else request.getfixturevalue("empty_postgres_url")
    with contextlib.ExitStack() as stack:
        at = time.time() + 1.5
        running = [stack.enter_context(process("start", url, at)) for _ in range(4)]
        told = sorted(line(one) for one in running)
        assert [one.wait(20) for one in running] == [0] * 4
    names = [change.__name__ for change in CHANGES]
    assert told == ["-", "-", "-", ",".join(names)]
    database = open_database(url)
    assert database.read_now(lambda c: list(c.scalars(select(applied.c.name)))) == names
    assert database.read_now(lambda c: c.scalar(select(func.count()).select_from(conversations))) == 4
    assert database.migrate() == []
    database.close()


def test_a_store_of_the_release_before_gets_the_tables_of_the_staff(store_url: str) -> None:
    database = open_database(store_url)
    database.migrate()
    later = [metadata.tables[name] for name in ("sessions", "accounts", "sign_in_failures", "audit", "audit_head")]

    def go_back(connection: Connection) -> None:
        for table in later:
            table.drop(connection)
        connection.execute(applied.delete().where(applied.c.name == "m002_staff"))

    database.write_now(go_back)
    assert database.migrate() == ["m002_staff"]
    assert [database.read_now(lambda c, t=t: c.execute(select(t)).all()) for t in later] == [[]] * 5
    database.write_now(lambda c: append(c, actor="li", action="signed_in", at=NOON))
    assert database.read_now(lambda c: verify(c)).count == 1
    database.close()


def test_ratings_of_the_release_before_belong_to_the_latest_service(store_url: str) -> None:
    database = open_database(store_url)
    database.migrate()

    def go_back(connection: Connection) -> None:
        connection.execute(applied.delete().where(applied.c.name == "m009_each_service"))
        metadata.tables["reads"].drop(connection)
        metadata.tables["ratings"].drop(connection)
        connection.execute(text("CREATE TABLE ratings (conversation_id VARCHAR(64) PRIMARY KEY, stars INTEGER NOT NULL,"
                                " reasons JSON NOT NULL, text TEXT NOT NULL, at BIGINT NOT NULL)"))  # fmt: skip
        connection.execute(text("CREATE INDEX ratings_by_time ON ratings (at)"))

    asyncio.run(_two_conversations(database))
    database.write_now(go_back)
    served = "INSERT INTO services (conversation_id, agent_id, waited_ms, began_at, ended_at, how, code, remark)"
    database.write_now(lambda c: c.execute(text(f"{served} VALUES ('one', 'li', 0, 1, 2, 'closed', '', '')")))
    for name in ("one", "two"):
        rated = text(f"INSERT INTO ratings VALUES ('{name}', 4, '[\"快\"]', '谢谢', 7)")
        database.write_now(lambda c, rated=rated: c.execute(rated))
    assert database.migrate() == ["m009_each_service"]
    kept = select(metadata.tables["ratings"]).order_by(metadata.tables["ratings"].c.conversation_id)
    rows = database.read_now(lambda c: [(r.conversation_id, r.service_id, r.reasons) for r in c.execute(kept)])
    service = database.read_now(lambda c: c.scalar(text("SELECT id FROM services")))
    assert rows == [("one", service, ["快"]), ("two", 0, ["快"])]
    database.close()


async def _two_conversations(database: Database) -> None:
    for name in ("one", "two"):
        await opened(Conversations(database), name)


def test_a_change_that_fails_leaves_the_tables_as_they_were(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = open_database(store_url)
    database.migrate()

    def m999_breaks(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half_done (id INTEGER)"))
        connection.execute(text("SELECT * FROM nowhere"))

    monkeypatch.setattr("bot.tables.CHANGES", (*CHANGES, m999_breaks))
    with pytest.raises(StoreBusy, match="nowhere"):
        database.migrate()
    with pytest.raises(StoreBusy, match="half_done"):
        database.read_now(lambda c: c.execute(text("SELECT * FROM half_done")).all())
    assert database.read_now(lambda c: c.scalar(select(func.count()).select_from(messages))) == 0
    database.close()


# Addresses


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://root@localhost/yida", "mysql is not known"),
        ("yida.db", "write sqlite:///path"),
        ("", "write sqlite:///path"),
        ("postgresql+asyncpg://x/y", "is not known"),
    ],
)
def test_a_store_that_is_not_known_is_refused_with_what_to_write(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        open_database(url)


async def test_postgres_is_another_word_for_postgresql(postgres_url: str) -> None:
    database = open_database(postgres_url.replace("postgresql://", "postgres://"))
    await database.write(put("here"))
    assert await kept(database) == {"here"}
    database.close()


async def test_a_committed_transaction_survives_losing_power(sqlite: Database) -> None:
    """The settings that make an ack true: every commit is synchronised, and readers don't wait."""
    said_by = await sqlite.write(
        lambda c: [
            c.exec_driver_sql(f"PRAGMA {p}").scalar_one() for p in ("synchronous", "journal_mode", "foreign_keys")
        ]
    )
    assert said_by == [2, "wal", 1]
