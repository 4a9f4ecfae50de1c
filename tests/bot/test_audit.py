"""The audit log: rows in one order, each sealed with the one before; whatever was changed afterwards is found."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from bot.audit import START, AuditLog, Broken, Row, append, first_broken, rows, verify
from bot.store.database import Database
from bot.tables import audit, audit_head
from tests.spoken import NOON

WORDS = st.text(max_size=12)
DETAILS = st.dictionaries(WORDS, st.none() | st.booleans() | st.integers() | WORDS | st.lists(WORDS, max_size=2))


def write(connection: Connection, n: int = 1, actor: str = "li") -> None:
    for number in range(n):
        append(connection, actor=actor, action="tried", subject=f"s{number}", detail={"次": number}, at=NOON)


async def written(database: Database, n: int) -> list[Row]:
    await database.write(lambda c: write(c, n))
    return database.read_now(lambda c: list(rows(c)))


# The chain


def chain(entries: list[tuple[str, str, str, str]]) -> list[Row]:
    """Rows as `append` makes them."""
    made: list[Row] = []
    for actor, action, subject, detail in entries:
        previous = made[-1].hash if made else START
        row = Row(len(made) + 1, 1_790_000_000_000, actor, action, subject, detail, "10.0.0.1", previous, "")
        made.append(replace(row, hash=row.seal()))
    return made


CHAINS = st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=12).map(chain)


@given(CHAINS)
def test_a_log_as_it_was_written_is_whole(log: list[Row]) -> None:
    assert first_broken(log, len(log), log[-1].hash) is None


@given(CHAINS, st.data())
def test_any_field_of_any_row_that_is_changed_is_found_in_that_row(log: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log) - 1))
    field = data.draw(st.sampled_from(["at", "actor", "action", "subject", "detail", "address", "previous", "hash"]))
    old = getattr(log[at], field)
    new = data.draw((st.integers() if field == "at" else WORDS).filter(lambda v: v != old))
    changed = [*log[:at], replace(log[at], **{field: new}), *log[at + 1 :]]
    broken = first_broken(changed, len(log), log[-1].hash)
    assert broken is not None
    assert broken.seq == at + 1


@given(CHAINS, st.data())
def test_a_row_that_was_taken_out_and_all_after_it_sealed_anew_does_not_end_where_the_log_did(
    log: list[Row], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(log) - 1))
    left = [(r.actor, r.action, r.subject, r.detail) for n, r in enumerate(log) if n != at]
    assert first_broken(chain(left), len(log), log[-1].hash) is not None


@given(CHAINS, st.data())
def test_rows_that_are_missing_moved_or_doubled_are_found(log: list[Row], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(log) - 1))
    missing = [*log[:at], *log[at + 1 :]]
    doubled = [*log[: at + 1], *log[at:]]
    assert first_broken(missing, len(log), log[-1].hash) == Broken(at + 1, "missing")
    assert first_broken(doubled, len(log), log[-1].hash) == Broken(at + 2, "missing")
    if at:
        moved = [*log[: at - 1], log[at], log[at - 1], *log[at + 1 :]]
        assert first_broken(moved, len(log), log[-1].hash) == Broken(at, "missing")


def test_fields_cannot_lend_each_other_their_letters() -> None:
    one, other = chain([("ab", "c", "", "{}")]), chain([("a", "bc", "", "{}")])
    assert one[0].hash != other[0].hash


# The log in the store


async def test_a_row_says_who_did_what_to_whom_when_and_from_where(database: Database) -> None:
    def job(connection: Connection) -> None:
        detail = {"roles": ["agent"], "why": "换岗"}
        append(connection, actor="li", action="account_changed", subject="wang", detail=detail, address="::1", at=NOON)

    await database.write(job)
    (row,) = database.read_now(lambda c: list(rows(c)))
    told = row.told()
    assert told["at"] == "2026-11-24T12:00:00.000+00:00"
    assert told["detail"] == {"roles": ["agent"], "why": "换岗"}
    assert (told["seq"], told["actor"], told["action"], told["subject"], told["address"]) == (
        1, "li", "account_changed", "wang", "::1",
    )  # fmt: skip
    assert verify_now(database) is None


def verify_now(database: Database, noted: str = "") -> Broken | None:
    return database.read_now(lambda c: verify(c, noted)).broken


async def test_what_did_not_happen_leaves_no_row(database: Database) -> None:
    def job(connection: Connection) -> None:
        write(connection)
        raise RuntimeError("the thing itself failed")

    with pytest.raises(RuntimeError):
        await database.write(job)
    await database.write(write)
    found = database.read_now(lambda c: verify(c))
    assert (found.count, found.broken) == (1, None)


async def test_many_who_write_at_once_from_several_processes_write_one_chain(
    database: Database, neighbour: Database
) -> None:
    stores = (database, neighbour)
    await asyncio.gather(*(stores[n % 2].write(lambda c, n=n: write(c, 2, f"w{n}")) for n in range(40)))
    log = database.read_now(lambda c: list(rows(c)))
    assert [row.seq for row in log] == list(range(1, 81))
    assert sorted(row.actor for row in log) == sorted(2 * [f"w{n}" for n in range(40)])
    assert verify_now(database) is None


async def test_an_empty_log_is_whole(database: Database) -> None:
    found = database.read_now(lambda c: verify(c))
    assert (found.count, found.head, found.broken) == (0, START, None)


@pytest.mark.parametrize(
    ("harm", "seq"),
    [
        (audit.update().where(audit.c.seq == 3).values(actor="somebody"), 3),
        (audit.update().where(audit.c.seq == 3).values(detail="{}"), 3),
        (audit.delete().where(audit.c.seq == 2), 2),
        (audit.delete().where(audit.c.seq >= 4), 4),
        (audit.delete(), 1),
        (audit_head.delete(), 1),
        (audit_head.update().values(seq=4), 5),
        (audit_head.update().values(hash=START), 5),
    ],
    ids=["actor", "detail", "a row", "the end", "everything", "the head", "the head's number", "the head's hash"],
)
async def test_harm_done_in_the_database_is_found_and_its_first_row_named(
    database: Database, harm: object, seq: int
) -> None:
    await written(database, 5)
    await database.write(lambda c: c.execute(harm))  # type: ignore[call-overload]
    broken = verify_now(database)
    assert broken is not None
    assert broken.seq == seq


async def test_a_log_that_was_cut_and_its_head_moved_is_found_by_a_hash_noted_elsewhere(database: Database) -> None:
    log = await written(database, 5)
    assert verify_now(database, log[4].hash) is None
    await database.write(lambda c: c.execute(audit.delete().where(audit.c.seq == 5)))
    await database.write(lambda c: c.execute(audit_head.update().values(seq=4, hash=log[3].hash)))
    assert verify_now(database) is None
    broken = verify_now(database, log[4].hash)
    assert broken is not None
    assert log[4].hash in broken.why


async def test_a_log_of_several_pages_is_read_to_its_end(sqlite: Database) -> None:
    assert len(await written(sqlite, 2_001)) == 2_001
    found = sqlite.read_now(lambda c: verify(c))
    assert (found.count, found.broken) == (2_001, None)
    await sqlite.write(lambda c: c.execute(audit.update().where(audit.c.seq == 2_001).values(at=0)))
    assert verify_now(sqlite) == Broken(2_001, "changed")


async def test_readers_see_the_newest_first_and_page_back(database: Database) -> None:
    await written(database, 5)
    log = AuditLog(database)
    newest = await log.latest(before=None, limit=2)
    assert [row.seq for row in newest] == [5, 4]
    assert [row.seq for row in await log.latest(before=4, limit=9)] == [3, 2, 1]


async def test_the_store_keeps_no_more_than_one_head(database: Database) -> None:
    await written(database, 3)
    assert len(await database.read(lambda c: c.execute(select(audit_head)).all())) == 1
