"""Wrong passwords lock, second factors count once, passwords change; decided in the database for all workers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import lockout
from bot.audit import verify
from bot.credentials import Credentials
from bot.errors import Refused
from bot.store.database import Database, open_database
from bot.tables import accounts, sign_in_failures
from tests.bot.staffed import BOSS, HERE, OTHER, PASSWORD, Staff, staffed
from tests.scripted import Clock

ELSEWHERE = "10.0.0.2"


@pytest.fixture
def staff(database: Database, clock: Clock) -> Staff:
    return staffed(database, clock)


async def told(staff: Staff, password: str = "wrong", username: str = "chenxiao", address: str = HERE) -> str:
    """The code of the refusal, or empty."""
    try:
        await staff.enter(username, password, address=address)
    except Refused as error:
        return error.code
    return ""


async def fail(staff: Staff, times: int, username: str = "chenxiao", address: str = HERE) -> list[str]:
    return [await told(staff, username=username, address=address) for _ in range(times)]


# The lock


@pytest.mark.parametrize("username", ["chenxiao", "nobody"])
async def test_ten_wrong_passwords_lock_for_that_address_whether_the_name_exists_or_not(
    staff: Staff, username: str
) -> None:
    await staff.hire()
    assert await fail(staff, 10, username) == ["wrong_credentials"] * 10
    with pytest.raises(Refused) as refused:
        await staff.enter(username, "wrong")
    assert (refused.value.code, refused.value.retry_after) == ("locked", 900)
    assert "15 分钟" in refused.value.sentence


async def test_the_right_password_is_refused_too_while_it_is_locked_and_open_sessions_go_on(staff: Staff) -> None:
    await staff.hire()
    token, _ = await staff.enter()
    await fail(staff, 10)
    assert await told(staff, PASSWORD) == "locked"
    assert await staff.sessions.account(token) is not None
    staff.clock.move(minutes=14, seconds=59)
    assert await told(staff, PASSWORD) == "locked"
    staff.clock.move(seconds=1)
    assert await told(staff, PASSWORD) == ""


async def test_another_address_and_another_account_are_not_locked(staff: Staff) -> None:
    await staff.hire()
    await staff.hire("li")
    await fail(staff, 10)
    assert await told(staff, PASSWORD, address=ELSEWHERE) == ""
    assert await told(staff, PASSWORD, username="li") == ""


async def test_fifty_from_anywhere_lock_the_account_for_all(staff: Staff) -> None:
    await staff.hire()
    for n in range(5):
        assert await fail(staff, 10, address=f"10.0.1.{n}") == ["wrong_credentials"] * 10
    assert await told(staff, PASSWORD, address="10.9.9.9") == "locked"
    staff.clock.move(minutes=15)
    assert await told(staff, PASSWORD, address="10.9.9.9") == ""


async def test_the_right_password_forgives_what_this_address_tried_and_nothing_else(staff: Staff) -> None:
    await staff.hire()
    await fail(staff, 9)
    await fail(staff, 9, address=ELSEWHERE)
    assert await told(staff, PASSWORD) == ""
    assert await fail(staff, 9) == ["wrong_credentials"] * 9
    assert await fail(staff, 2, address=ELSEWHERE) == ["wrong_credentials", "locked"]


async def test_slips_of_the_finger_do_not_add_up_for_ever(staff: Staff) -> None:
    await staff.hire()
    for _ in range(3):
        await fail(staff, 9)
        staff.clock.move(days=1)
    assert await told(staff, PASSWORD) == ""
    await fail(staff, 1)
    assert len(await staff.database.read(lambda c: c.execute(sign_in_failures.select()).all())) == 2


async def test_the_lock_is_in_the_log_once(staff: Staff) -> None:
    await staff.hire()
    await fail(staff, 15)
    assert [action for _, action, _ in staff.actions()] == ["sign_in_failed"] * 9 + ["locked"]


async def test_however_many_guess_at_once_no_more_than_ten_are_told_anything(
    staff: Staff, neighbour: Database, clock: Clock
) -> None:
    """All have passed the first look at the lock before any is counted; the right one is among the last."""
    await staff.hire()
    credentials = [staff.credentials, Credentials(neighbour, b"k" * 32, clock=clock)]
    guesses = [await credentials[n % 2].compare("chenxiao", "wrong", HERE) for n in range(16)]
    guesses.append(await credentials[0].compare("chenxiao", PASSWORD, HERE))

    async def count(n: int) -> str:
        found = await (staff.database, neighbour)[n % 2].write(lambda c: credentials[n % 2].row(c, guesses[n]))
        return found.code if isinstance(found, Refused) else "in"

    codes = await asyncio.gather(*(count(n) for n in range(16)))
    assert sorted(codes) == ["locked"] * 6 + ["wrong_credentials"] * 10
    assert await count(16) == "locked"
    assert staff.log_is_whole()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(["wrong", "right", "pause"]), st.integers(0, 2)), max_size=80))
def test_counts_agree_with_a_plain_account_of_them(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    """The statements against the rule in so many words."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('counts')}/yida.db")
    database.migrate()
    now, tried, until = 1_000_000, [0, 0, 0], [0, 0, 0]
    for step, address in steps:
        name = f"10.0.0.{address}"
        locked = database.read_now(lambda c, name=name, now=now: lockout.locked_until(c, "li", name, now))
        assert (locked > 0) == (until[address] > now)
        if step == "pause":
            now += 5 * 60_000
        elif not locked and step == "right":
            database.write_now(lambda c, name=name: lockout.forgive(c, "li", name))
            tried[address], until[address] = 0, 0
        elif not locked:
            left = database.write_now(lambda c, name=name, now=now: lockout.count_failure(c, "li", name, now))
            tried[address] = 1 if until[address] else tried[address] + 1
            until[address] = now + 15 * 60_000 if tried[address] == 10 else 0
            assert left == 10 - tried[address] or sum(tried) > 40
    database.close()


# The second factor


async def enrolled(staff: Staff) -> str:
    await staff.hire()
    _, session = await staff.enter()
    offer = await staff.credentials.offer_totp(session.account, PASSWORD, address=HERE)
    await staff.credentials.confirm_totp(session.account, staff.code(offer.secret), address=HERE)
    staff.clock.move(seconds=30)
    return offer.secret


async def test_with_a_second_factor_the_password_alone_is_not_enough(staff: Staff) -> None:
    secret = await enrolled(staff)
    assert await told(staff, PASSWORD) == "code_required"
    _, session = await staff.enter(code=staff.code(secret))
    assert session.second_factor


async def test_a_code_counts_once_also_for_two_workers_at_once(staff: Staff, neighbour: Database, clock: Clock) -> None:
    secret = await enrolled(staff)
    doors = (staff, staffed(neighbour, clock))
    code = staff.code(secret)
    found = await asyncio.gather(*(doors[n % 2].enter(code=code) for n in range(4)), return_exceptions=True)
    assert sorted(getattr(error, "code", "in") for error in found) == ["in", "wrong_code", "wrong_code", "wrong_code"]


async def test_wrong_codes_lock_like_wrong_passwords(staff: Staff) -> None:
    secret = await enrolled(staff)
    for _ in range(10):
        with pytest.raises(Refused, match="wrong_code"):
            await staff.enter(code="000000")
    with pytest.raises(Refused, match="locked"):
        await staff.enter(code=staff.code(secret))


async def test_the_secret_is_sealed_and_appears_in_no_log(staff: Staff) -> None:
    secret = await enrolled(staff)
    row = await staff.database.read(lambda c: c.execute(accounts.select()).one())
    assert secret.encode() not in row.totp
    assert secret not in str(row)
    assert secret not in str(staff.log())


async def test_an_offer_that_is_not_confirmed_asks_for_nothing(staff: Staff) -> None:
    await staff.hire()
    _, session = await staff.enter()
    with pytest.raises(Refused, match="totp_not_offered"):
        await staff.credentials.confirm_totp(session.account, "123456", address=HERE)
    await staff.credentials.offer_totp(session.account, PASSWORD, address=HERE)
    with pytest.raises(Refused, match="wrong_code"):
        await staff.credentials.confirm_totp(session.account, "000000", address=HERE)
    assert await told(staff, PASSWORD) == ""


async def test_a_second_factor_in_use_is_not_replaced_and_goes_only_with_the_password(staff: Staff) -> None:
    secret = await enrolled(staff)
    _, session = await staff.enter(code=staff.code(secret))
    with pytest.raises(Refused, match="totp_active"):
        await staff.credentials.offer_totp(session.account, PASSWORD, address=HERE)
    with pytest.raises(Refused, match="wrong_credentials"):
        await staff.credentials.drop_totp(session.account, "wrong", address=HERE)
    with pytest.raises(Refused, match="wrong_code"):
        await staff.credentials.drop_totp(session.account, PASSWORD, "000000", address=HERE)
    await staff.credentials.drop_totp(session.account, PASSWORD, address=HERE)
    assert await told(staff, PASSWORD) == ""
    actions = [action for _, action, _ in staff.actions()]
    assert actions[-4:] == ["sign_in_failed", "sign_in_failed", "totp_off", "signed_in"]


async def test_a_page_that_was_left_open_is_not_enough_to_lock_its_owner_out(staff: Staff) -> None:
    await staff.hire()
    _, session = await staff.enter()
    with pytest.raises(Refused, match="wrong_credentials"):
        await staff.credentials.offer_totp(session.account, "wrong", address=HERE)


async def test_under_another_key_no_code_is_right(staff: Staff, clock: Clock) -> None:
    secret = await enrolled(staff)
    staff.sessions._credentials = Credentials(staff.database, b"x" * 32, clock=clock)
    with pytest.raises(Refused, match="wrong_code"):
        await staff.enter(code=staff.code(secret))


# A new password


async def test_a_new_password_ends_other_sessions_and_the_old_one_opens_nothing(staff: Staff) -> None:
    await staff.hire(must_change=True)
    other, _ = await staff.enter()
    token, session = await staff.enter()
    assert session.account.must_change
    await staff.credentials.change_password(session.account, PASSWORD, OTHER, keeps=session.id, address=HERE)
    assert await staff.sessions.account(other) is None
    account = await staff.sessions.account(token)
    assert account is not None
    assert not account.must_change
    assert await told(staff, PASSWORD) == "wrong_credentials"
    assert await told(staff, OTHER) == ""
    assert OTHER not in str(staff.log())


@pytest.mark.parametrize(("new", "why"), [("short", "太短"), ("chenxiao-41-tree", "用户名"), (PASSWORD, "不一样")])
async def test_a_weak_or_the_same_password_is_refused_with_the_reason(staff: Staff, new: str, why: str) -> None:
    await staff.hire()
    _, session = await staff.enter()
    with pytest.raises(Refused, match="weak_password") as refused:
        await staff.credentials.change_password(session.account, PASSWORD, new, keeps=session.id, address=HERE)
    assert why in refused.value.sentence
    assert await told(staff, PASSWORD) == ""


async def test_guessing_the_old_password_in_an_open_session_locks_too(staff: Staff) -> None:
    await staff.hire()
    token, session = await staff.enter()
    codes = []
    for _ in range(11):
        with pytest.raises(Refused) as refused:
            await staff.credentials.change_password(session.account, "wrong", OTHER, keeps=session.id, address=HERE)
        codes.append(refused.value.code)
    assert codes == ["wrong_credentials"] * 10 + ["locked"]
    assert await staff.sessions.account(token) is not None
    assert await told(staff, PASSWORD) == "locked"


async def test_a_password_that_was_changed_between_look_and_count_counts_as_wrong(staff: Staff) -> None:
    await staff.hire()
    attempt = await staff.credentials.compare("chenxiao", PASSWORD, HERE)
    await staff.accounts.reset("chenxiao", by=BOSS)
    found = await staff.database.write(lambda c: staff.credentials.row(c, attempt))
    assert isinstance(found, Refused)
    assert found.code == "wrong_credentials"


async def test_everything_above_leaves_a_whole_log(staff: Staff) -> None:
    secret = await enrolled(staff)
    await fail(staff, 3)
    await staff.enter(code=staff.code(secret))
    found = staff.database.read_now(lambda c: verify(c))
    assert found.broken is None
    assert found.count == len(staff.log()) > 5
