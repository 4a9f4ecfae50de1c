"""Accounts of the staff: made, changed and closed, never without somebody who can manage them."""

from __future__ import annotations

import asyncio
import json

import pytest

from bot.accounts import ENVIRONMENT, ONE_TIME, Accounts, Actor, Change
from bot.errors import BotError, NotFound, Refused
from bot.staff import Right, Role
from bot.store.database import Database
from bot.tables import accounts
from tests.bot.staffed import BOSS, HERE, OTHER, PASSWORD, Staff, staffed
from tests.scripted import Clock


@pytest.fixture
def staff(database: Database, clock: Clock) -> Staff:
    return staffed(database, clock)


async def test_an_account_is_as_it_was_made(staff: Staff) -> None:
    made = await staff.accounts.create(
        " ChenXiao ", PASSWORD, roles=[Role.AGENT, Role.EDITOR], by=BOSS, name="陈晓", number="A-7",
        skills=["pension", "medical", "pension"], capacity=5,
    )  # fmt: skip
    assert (made.username, made.name, made.number, made.capacity) == ("chenxiao", "陈晓", "A-7", 5)
    assert made.roles == {Role.AGENT, Role.EDITOR}
    assert made.skills == ("pension", "medical")
    assert made.must_change
    (listed,) = await staff.accounts.everybody()
    assert listed.account == made
    assert not listed.disabled
    assert not listed.second_factor


async def test_without_name_and_number_the_next_number_is_given_and_the_user_name_not_shown(staff: Staff) -> None:
    made = [await staff.hire(name) for name in ("li", "wang", "zhao")]
    assert [(a.number, a.name) for a in made] == [
        ("1001", "1001 号客服"),
        ("1002", "1002 号客服"),
        ("1003", "1003 号客服"),
    ]


async def test_many_who_are_made_at_once_have_numbers_of_their_own(
    staff: Staff, neighbour: Database, clock: Clock
) -> None:
    doors = (staff, staffed(neighbour, clock))
    made = await asyncio.gather(*(doors[n % 2].hire(f"agent-{n}") for n in range(12)))
    assert sorted(int(a.number) for a in made) == list(range(1001, 1013))
    assert staff.log_is_whole()


async def test_of_two_with_one_name_made_at_once_one_is_refused(
    staff: Staff, neighbour: Database, clock: Clock
) -> None:
    doors = (staff, staffed(neighbour, clock))
    told = await asyncio.gather(*(doors[n % 2].hire("li") for n in range(6)), return_exceptions=True)
    refused = [error for error in told if isinstance(error, Refused)]
    assert [error.code for error in refused] == ["username_taken"] * 5
    assert len(await staff.accounts.everybody()) == 1
    assert len(staff.log()) == 1


@pytest.mark.parametrize(
    "username", ["", " ", "a b", "-li", "l\ni", "李\x00", "x" * 33, "<script>", "(terminal)", "\ud800"]
)
async def test_a_name_that_cannot_be_one_is_refused(staff: Staff, username: str) -> None:
    with pytest.raises(Refused) as refused:
        await staff.hire(username)
    assert refused.value.code == "bad_username"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"number": "12 34"}, "bad_number"),
        ({"number": "1" * 17}, "bad_number"),
        ({"capacity": 0}, "bad_capacity"),
        ({"capacity": 101}, "bad_capacity"),
    ],
)
async def test_numbers_that_cannot_be_are_refused(staff: Staff, wrong: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        await staff.accounts.create("li", PASSWORD, roles=[Role.AGENT], by=BOSS, **wrong)  # type: ignore[arg-type]
    assert refused.value.code == code
    await staff.hire("li", [Role.ADMIN])
    with pytest.raises(Refused) as refused:
        await staff.accounts.change("li", Change(**wrong), by=BOSS)  # type: ignore[arg-type]
    assert refused.value.code == code


async def test_a_weak_password_is_refused_with_its_reason(staff: Staff) -> None:
    with pytest.raises(Refused, match="weak_password") as refused:
        await staff.accounts.create("chenxiao", "chenxiao-2026-x", roles=[Role.AGENT], by=BOSS)
    assert "用户名" in refused.value.sentence
    assert await staff.accounts.everybody() == []


async def test_roles_that_change_count_at_once_in_open_sessions(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire()
    token, _ = await staff.enter()
    await staff.accounts.change("chenxiao", Change(roles=frozenset({Role.SUPERVISOR}), skills=("refund",)), by=BOSS)
    account = await staff.sessions.account(token)
    assert account is not None
    assert account.may(Right.SUPERVISE)
    assert account.skills == ("refund",)
    last = staff.log()[-1]
    assert (last.actor, last.action, last.subject, last.address) == ("boss", "account_changed", "chenxiao", "10.0.0.9")
    assert json.loads(last.detail) == {"roles": [["agent"], ["supervisor"]], "skills": [[], ["refund"]]}


async def test_a_change_that_changes_nothing_leaves_no_row(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    before = len(staff.log())
    await staff.accounts.change("boss", Change(roles=frozenset({Role.ADMIN}), capacity=3), by=BOSS)
    await staff.accounts.change("boss", Change(), by=BOSS)
    assert len(staff.log()) == before


async def test_who_is_disabled_is_out_at_once_and_may_come_back(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire()
    token, _ = await staff.enter()
    await staff.accounts.change("chenxiao", Change(disabled=True), by=BOSS)
    assert await staff.sessions.account(token) is None
    with pytest.raises(Refused, match="wrong_credentials"):
        await staff.enter()
    await staff.accounts.change("chenxiao", Change(disabled=False), by=BOSS)
    assert await staff.sessions.account(token) is None
    assert (await staff.enter())[1].account.username == "chenxiao"


@pytest.mark.parametrize("change", [Change(disabled=True), Change(roles=frozenset({Role.AGENT}))], ids=str)
async def test_the_last_who_can_manage_accounts_stays(staff: Staff, change: Change) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire("gone", [Role.ADMIN])
    await staff.accounts.change("gone", Change(disabled=True), by=BOSS)
    with pytest.raises(Refused, match="last_admin"):
        await staff.accounts.change("boss", change, by=BOSS)
    assert (await staff.enter("boss"))[1].account.may(Right.MANAGE)


async def test_of_two_admins_who_close_each_other_at_once_one_stays(
    staff: Staff, neighbour: Database, clock: Clock
) -> None:
    await staff.hire("li", [Role.ADMIN])
    await staff.hire("wang", [Role.ADMIN])
    other = staffed(neighbour, clock)
    for _ in range(5):
        told = await asyncio.gather(
            staff.accounts.change("li", Change(disabled=True), by=Actor("wang")),
            other.accounts.change("wang", Change(disabled=True), by=Actor("li")),
            return_exceptions=True,
        )
        assert [error.code for error in told if isinstance(error, BotError)] == ["last_admin"]  # type: ignore[attr-defined]
        for name in ("li", "wang"):
            await staff.accounts.change(name, Change(disabled=False), by=BOSS)


async def test_a_number_that_somebody_has_is_refused(staff: Staff) -> None:
    await staff.hire("boss", [Role.ADMIN])
    await staff.hire("li")
    with pytest.raises(Refused, match="number_taken"):
        await staff.accounts.change("li", Change(number="1001"), by=BOSS)
    with pytest.raises(Refused, match="number_taken"):
        await staff.accounts.create("wang", PASSWORD, roles=[], by=BOSS, number="1002")
    assert (await staff.accounts.change("li", Change(number="1002"), by=BOSS)).account.number == "1002"


async def test_a_reset_gives_a_password_for_once_and_ends_sessions_second_factor_and_lock(staff: Staff) -> None:
    await staff.hire()
    token, session = await staff.enter()
    offer = await staff.credentials.offer_totp(session.account, PASSWORD, address=HERE)
    await staff.credentials.confirm_totp(session.account, staff.code(offer.secret), address="")
    for _ in range(10):
        with pytest.raises(Refused):
            await staff.enter(password="wrong")
    fresh = await staff.accounts.reset("chenxiao", by=BOSS)
    assert await staff.sessions.account(token) is None
    with pytest.raises(Refused, match="wrong_credentials"):
        await staff.enter()
    _, session = await staff.enter(password=fresh)
    assert session.account.must_change
    assert session.account.rights == frozenset()
    assert fresh not in str(staff.log())


async def test_a_lost_telephone_is_forgotten_by_who_manages(staff: Staff) -> None:
    await staff.hire()
    _, session = await staff.enter()
    offer = await staff.credentials.offer_totp(session.account, PASSWORD, address=HERE)
    await staff.credentials.confirm_totp(session.account, staff.code(offer.secret), address="")
    with pytest.raises(Refused, match="code_required"):
        await staff.enter()
    await staff.accounts.drop_second_factor("chenxiao", by=BOSS)
    await staff.enter()
    assert ("boss", "totp_dropped", "chenxiao") in staff.actions()


async def test_nobody_there_is_told(staff: Staff) -> None:
    for work in (
        staff.accounts.change("nobody", Change(capacity=1), by=BOSS),
        staff.accounts.reset("nobody", by=BOSS),
        staff.accounts.drop_second_factor("nobody", by=BOSS),
    ):
        with pytest.raises(NotFound):
            await work


# The first account


async def test_the_first_account_has_a_password_for_once(staff: Staff) -> None:
    assert await staff.accounts.first(OTHER, ONE_TIME)
    _, session = await staff.enter("admin", OTHER)
    assert session.account.roles == {Role.ADMIN}
    assert session.account.must_change
    assert await staff.accounts.with_environment_password() == []
    assert staff.log()[0].actor == "(terminal)"


async def test_the_environments_password_needs_no_change_but_is_warned_of_until_it_is_changed(staff: Staff) -> None:
    await staff.accounts.first("from-env", ENVIRONMENT)
    _, session = await staff.enter("admin", "from-env")
    assert session.account.may(Right.MANAGE)
    assert await staff.accounts.with_environment_password() == ["admin"]
    await staff.credentials.change_password(session.account, "from-env", OTHER, keeps=session.id, address="")
    assert await staff.accounts.with_environment_password() == []


async def test_where_accounts_exist_the_environment_changes_nothing(staff: Staff) -> None:
    assert not await staff.accounts.exist()
    await staff.hire("li", [Role.ADMIN])
    assert await staff.accounts.exist()
    assert not await staff.accounts.first("from-env", ENVIRONMENT)
    assert [listed.account.username for listed in await staff.accounts.everybody()] == ["li"]


async def test_of_servers_that_start_at_once_on_one_store_one_makes_the_admin(
    database: Database, neighbour: Database, clock: Clock
) -> None:
    doors = [Accounts(one, clock) for one in (database, neighbour) * 4]
    made = await asyncio.gather(*(door.first(f"{PASSWORD}-{n}", ONE_TIME) for n, door in enumerate(doors)))
    staff = staffed(database, clock)
    assert made.count(True) == 1
    assert len(await staff.accounts.everybody()) == 1
    await staff.enter("admin", f"{PASSWORD}-{made.index(True)}")


async def test_where_a_password_came_from_is_kept_beside_it(staff: Staff) -> None:
    await staff.accounts.first("from-env", ENVIRONMENT)
    row = await staff.database.read(lambda c: c.execute(accounts.select()).one())
    assert row.password_from == ENVIRONMENT
    assert "from-env" not in str(row)
