"""The account that makes all others: once, told to a person or kept for its owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.first_account import FILE, first_account
from bot.store.database import Database
from tests.bot.staffed import Staff, staffed
from tests.scripted import Clock


@pytest.fixture
def staff(sqlite: Database, clock: Clock) -> Staff:
    return staffed(sqlite, clock)


async def test_on_a_terminal_the_password_is_told_and_kept_nowhere(staff: Staff, tmp_path: Path) -> None:
    told = await first_account(staff.accounts, {}, tmp_path / "home", terminal=True)
    assert told is not None
    password = told.partition("一次性密码  ")[2].partition("，")[0]
    _, session = await staff.enter("admin", password)
    assert session.account.must_change
    assert not (tmp_path / "home").exists()


async def test_without_a_terminal_it_lies_in_a_file_for_its_owner_and_is_not_told(staff: Staff, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("of a start that failed")
    told = await first_account(staff.accounts, {}, tmp_path, terminal=False)
    name, password = (tmp_path / FILE).read_text().split()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert told is not None
    assert str(tmp_path / FILE) in told
    assert password not in told
    _, session = await staff.enter(name, password)
    assert session.account.must_change


@pytest.mark.parametrize("terminal", [True, False])
async def test_the_environments_password_is_taken_as_it_is_and_not_told(
    staff: Staff, tmp_path: Path, terminal: bool
) -> None:
    told = await first_account(staff.accounts, {"YIDA_ADMIN_PASSWORD": "geheim"}, tmp_path, terminal=terminal)
    assert told is not None
    assert "geheim" not in told
    assert not (tmp_path / FILE).exists()
    _, session = await staff.enter("admin", "geheim")
    assert not session.account.must_change


@pytest.mark.parametrize("environment", [{}, {"YIDA_ADMIN_PASSWORD": "geheim"}], ids=["none", "told"])
async def test_at_later_starts_there_is_nothing_to_tell(
    staff: Staff, tmp_path: Path, environment: dict[str, str]
) -> None:
    await first_account(staff.accounts, {}, tmp_path, terminal=False)
    (tmp_path / FILE).unlink()
    assert await first_account(staff.accounts, environment, tmp_path, terminal=False) is None
    assert list(tmp_path.glob(FILE)) == []
    assert len(await staff.accounts.everybody()) == 1


async def test_an_empty_variable_is_no_password(staff: Staff, tmp_path: Path) -> None:
    told = await first_account(staff.accounts, {"YIDA_ADMIN_PASSWORD": ""}, tmp_path, terminal=True)
    assert told is not None
    assert "一次性密码" in told


async def test_who_was_slower_than_another_server_leaves_no_file(
    staff: Staff, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await staff.hire("li")

    async def not_yet() -> bool:
        return False

    monkeypatch.setattr(staff.accounts, "exist", not_yet)
    assert await first_account(staff.accounts, {}, tmp_path, terminal=False) is None
    assert list(tmp_path.glob(FILE)) == []
