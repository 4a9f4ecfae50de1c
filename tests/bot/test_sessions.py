"""Signing in: a token for the right words, nothing for wrong ones, and an end in time."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from bot.accounts import Change
from bot.errors import NotFound, Refused
from bot.sessions import LASTS
from bot.staff import Role
from bot.store.database import Database
from bot.tables import sessions
from tests.bot.staffed import BOSS, HERE, PASSWORD, Staff, staffed
from tests.scripted import Clock


@pytest.fixture
def staff(database: Database, clock: Clock) -> Staff:
    return staffed(database, clock)


async def test_who_signs_in_is_known_by_the_token(staff: Staff) -> None:
    await staff.hire()
    token, session = await staff.enter("ＣｈｅｎＸｉａｏ ")
    account = await staff.sessions.account(token)
    assert account == session.account
    assert account is not None
    assert (account.username, account.roles) == ("chenxiao", {Role.AGENT})
    assert staff.actions() == [("chenxiao", "signed_in", session.id)]


async def test_a_token_is_kept_as_a_digest_alone(staff: Staff) -> None:
    await staff.hire()
    token, _ = await staff.enter()
    row = await staff.database.read(lambda c: c.execute(select(sessions)).one())
    assert token not in str(row)
    assert token not in str(staff.log())


@pytest.mark.parametrize("token", ["", "x", "\ud800", "\x00", "a" * 10_000])
async def test_a_token_that_is_none_opens_nothing(staff: Staff, token: str) -> None:
    await staff.hire()
    await staff.enter()
    assert await staff.sessions.account(token) is None


async def test_another_worker_knows_the_token_and_its_end(staff: Staff, neighbour: Database, clock: Clock) -> None:
    await staff.hire()
    token, session = await staff.enter()
    other = staffed(neighbour, clock)
    assert await other.sessions.account(token) == session.account
    await staff.sessions.end(session, address=HERE)
    assert await other.sessions.account(token) is None


# The end of a session


async def test_who_does_nothing_for_half_an_hour_is_signed_out(staff: Staff) -> None:
    await staff.hire()
    token, _ = await staff.enter()
    staff.clock.move(minutes=29, seconds=59)
    assert await staff.sessions.account(token) is not None
    staff.clock.move(minutes=29, seconds=59)
    assert await staff.sessions.account(token) is not None
    staff.clock.move(minutes=30)
    assert await staff.sessions.account(token) is None


async def test_a_socket_that_only_looks_keeps_nobody_awake(staff: Staff) -> None:
    await staff.hire()
    token, _ = await staff.enter()
    for _ in range(29):
        staff.clock.move(minutes=1)
        assert await staff.sessions.account(token, acting=False) is not None
    staff.clock.move(minutes=1)
    assert await staff.sessions.account(token, acting=False) is None


async def test_after_twelve_hours_everybody_signs_in_anew(staff: Staff) -> None:
    await staff.hire()
    token, session = await staff.enter()
    end = staff.clock.now + LASTS
    while staff.clock.move(minutes=20) < end:
        assert await staff.sessions.account(token) is not None
    assert session.ends_at == end
    assert await staff.sessions.account(token) is None
    await staff.enter()
    assert len(await staff.database.read(lambda c: c.execute(select(sessions)).all())) == 1


async def test_signing_out_ends_this_session_alone(staff: Staff) -> None:
    await staff.hire()
    here, session = await staff.enter()
    there, _ = await staff.enter()
    await staff.sessions.end(session, address=HERE)
    assert await staff.sessions.account(here) is None
    assert await staff.sessions.account(there) is not None
    assert staff.actions()[-1] == ("chenxiao", "signed_out", session.id)


# The list of one's own


async def test_one_sees_where_one_is_signed_in_and_ends_it_there(staff: Staff) -> None:
    await staff.hire()
    here, session = await staff.enter(address="10.0.0.1")
    staff.clock.move(minutes=5)
    there, other = await staff.enter(address="10.0.0.2")
    places = await staff.sessions.places("chenxiao")
    assert [(p.id, p.address, p.device) for p in places] == [
        (other.id, "10.0.0.2", "Firefox"), (session.id, "10.0.0.1", "Firefox"),
    ]  # fmt: skip
    assert places[0].made_at == staff.clock.now
    await staff.sessions.end(session, other.id, address=HERE)
    assert await staff.sessions.account(there) is None
    assert await staff.sessions.account(here) is not None
    assert staff.actions()[-1] == ("chenxiao", "session_revoked", other.id)


async def test_sessions_of_others_are_not_there(staff: Staff) -> None:
    await staff.hire("li")
    await staff.hire("wang")
    _, mine = await staff.enter("li")
    theirs, session = await staff.enter("wang")
    assert [p.id for p in await staff.sessions.places("li")] == [mine.id]
    with pytest.raises(NotFound):
        await staff.sessions.end(mine, session.id, address=HERE)
    assert await staff.sessions.account(theirs) is not None


async def test_everywhere_but_here_is_ended_at_once(staff: Staff) -> None:
    await staff.hire()
    tokens = [(await staff.enter())[0] for _ in range(3)]
    here, session = await staff.enter()
    await staff.sessions.end_others(session, address=HERE)
    assert [await staff.sessions.account(token) for token in tokens] == [None] * 3
    assert await staff.sessions.account(here) is not None


async def test_an_account_that_was_closed_and_opened_again_has_no_session_left(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire()
    token, _ = await staff.enter()
    for disabled in (True, False):
        await staff.accounts.change("chenxiao", Change(disabled=disabled), by=BOSS)
    assert await staff.sessions.account(token) is None


# Everything at once


async def test_signing_in_failing_changing_and_resetting_at_once_hinder_each_other_nowhere(
    staff: Staff, neighbour: Database, clock: Clock
) -> None:
    """Rows are taken in one order everywhere, the log last: nobody waits for somebody who waits for them."""
    names = ["li", "wang", "zhao"]
    await staff.hire("boss", [Role.ADMIN])
    for name in names:
        await staff.hire(name)
        await staff.enter(name)
    staff.clock.move(hours=13)  # all of these are over, and everybody who signs in sweeps them
    doors = (staff, staffed(neighbour, clock))
    work = [
        call
        for n in range(8)
        for name in names
        for call in (
            doors[n % 2].enter(name),
            doors[n % 2].enter(name, "wrong", address=f"10.0.2.{n}"),
            doors[n % 2].accounts.change(name, Change(capacity=n + 1), by=BOSS),
        )
    ]
    work += [doors[n % 2].accounts.reset(name, by=BOSS) for n, name in enumerate(names)]
    told = await asyncio.gather(*work, return_exceptions=True)
    strange = [error for error in told if isinstance(error, BaseException) and not isinstance(error, Refused)]
    assert strange == []
    assert staff.log_is_whole()


# What is refused


async def refusal(staff: Staff, username: str, password: str) -> Refused:
    with pytest.raises(Refused) as refused:
        await staff.enter(username, password)
    return refused.value


async def test_unknown_closed_and_wrong_are_one_answer(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire("gone")
    await staff.hire("li")
    await staff.accounts.change("gone", Change(disabled=True), by=BOSS)
    told = [
        await refusal(staff, "nobody", PASSWORD),
        await refusal(staff, "gone", PASSWORD),
        await refusal(staff, "li", "x"),
    ]
    assert {(error.code, error.sentence) for error in told} == {(told[0].code, told[0].sentence)}
    assert "再错 9 次" in told[0].sentence


@pytest.mark.parametrize("username", ["", "\x00", "\ud800", "x" * 5_000, "' OR 1=1 --", "(terminal)"])
async def test_what_cannot_be_a_name_is_wrong_like_any_other(staff: Staff, username: str) -> None:
    assert (await refusal(staff, username, PASSWORD)).code == "wrong_credentials"


async def test_what_was_typed_as_an_unknown_name_is_kept_nowhere(staff: Staff) -> None:
    """People type their password into the wrong field."""
    await refusal(staff, PASSWORD, "")
    assert staff.log() == []
    kept = await staff.database.read(lambda c: str([c.exec_driver_sql("SELECT * FROM sign_in_failures").all()]))
    assert PASSWORD not in kept


async def test_a_wrong_password_is_in_the_log_with_account_and_address(staff: Staff) -> None:
    await staff.hire()
    await refusal(staff, "chenxiao", "wrong-password-17")
    row = staff.log()[-1]
    assert (row.actor, row.action, row.subject, row.address) == ("", "sign_in_failed", "chenxiao", HERE)
    assert "wrong-password-17" not in str(staff.log())
    assert staff.log_is_whole()
