"""`python -m bot audit …` and `… staff reset`: for whoever sits at the machine itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from bot import __main__ as module
from bot.store.database import Database, open_database
from bot.tables import audit
from tests.bot.staffed import Staff, staffed
from tests.scripted import Clock

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def staff(store_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Staff]:
    """The store that the commands use, with somebody in it."""
    monkeypatch.setenv("YIDA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("YIDA_STORE", store_url)
    database: Database = open_database(store_url)
    database.migrate()
    made = staffed(database, Clock())
    asyncio.run(made.hire())
    yield made
    database.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Status, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bot", *words])
        with pytest.raises(SystemExit) as ended:
            module.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def test_the_log_is_listed_as_json_lines(staff: Staff, run: Run) -> None:
    asyncio.run(staff.enter())
    status, told, _ = run("audit")
    rows = [json.loads(line) for line in told.splitlines()]
    assert status == 0
    assert [(row["seq"], row["actor"], row["action"]) for row in rows] == [
        (1, "boss", "account_created"), (2, "chenxiao", "signed_in"),
    ]  # fmt: skip
    assert [json.loads(line)["seq"] for line in run("audit", "--after", "1")[1].splitlines()] == [2]


def test_a_whole_log_verifies_with_a_hash_to_note(staff: Staff, run: Run) -> None:
    asyncio.run(staff.enter())
    status, told, _ = run("audit", "verify")
    assert (status, told) == (0, f"2 rows, the last has {staff.log()[-1].hash}\n")
    assert run("audit", "verify", "--noted", staff.log()[0].hash)[0] == 0


@pytest.mark.parametrize(
    ("harm", "row"),
    [
        (update(audit).where(audit.c.seq == 2).values(actor="nobody"), "row 2 changed"),
        (delete(audit).where(audit.c.seq == 1), "row 1 missing"),
        (delete(audit).where(audit.c.seq == 2), "row 2 missing"),
    ],
    ids=["changed", "first", "last"],
)
def test_a_broken_log_is_status_1_and_its_first_broken_row(staff: Staff, run: Run, harm: object, row: str) -> None:
    asyncio.run(staff.enter())
    staff.database.write_now(lambda c: c.execute(harm))  # type: ignore[call-overload]
    status, told, _ = run("audit", "verify")
    assert (status, told) == (1, f"{row}\n")


def test_a_noted_row_that_is_gone_is_status_1(staff: Staff, run: Run) -> None:
    status, told, _ = run("audit", "verify", "--noted", "f" * 64)
    assert (status, "is gone" in told) == (1, True)


def test_somebody_who_cannot_sign_in_gets_a_password_for_once(staff: Staff, run: Run) -> None:
    status, told, _ = run("staff", "reset", "ChenXiao")
    _, session = asyncio.run(staff.enter(password=told.strip()))
    assert status == 0
    assert session.account.must_change
    assert ("(terminal)", "password_reset", "chenxiao") in staff.actions()


def test_nobody_of_that_name_is_told_without_a_traceback(staff: Staff, run: Run) -> None:
    status, told, fault = run("staff", "reset", "nobody")
    assert (status, told) == (1, "")
    assert "nobody" in fault
    assert "Traceback" not in fault
