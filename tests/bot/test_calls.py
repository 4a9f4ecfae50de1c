"""Calls as the store keeps them, on both kinds of database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.calls import LOST, OFTEN, Calls
from bot.contacts import Contacts
from bot.errors import NotFound, Refused
from bot.store.database import Database
from tests.parts import KEY
from tests.spoken import NOON


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database, Contacts(database, KEY))


async def test_a_call_is_begun_by_one_line_only_until_it_has_ended(calls: Calls) -> None:
    await calls.begin("c1", "m|a", NOON)
    with pytest.raises(Refused, match="in_use"):
        await calls.begin("c1", "m|b", NOON)
    await calls.end("c1", NOON, outcome="hangup", transcript=[{"at_ms": 1}])
    begun = await calls.begin("c1", "m|b", NOON + timedelta(seconds=30))
    assert begun.again
    await calls.end("c1", NOON, outcome="answered", transcript=[{"at_ms": 2}])
    assert (await calls.find("c1")).transcript == [{"at_ms": 1}, {"at_ms": 2}]
    assert not (await calls.begin("c1", "m|b", NOON + timedelta(minutes=3))).again


async def test_a_call_that_begins_for_ever_is_refused(calls: Calls) -> None:
    for _ in range(OFTEN):
        await calls.begin("c1", "m|a", NOON)
        await calls.end("c1", NOON, outcome="hangup")
    with pytest.raises(Refused, match="too_often"):
        await calls.begin("c1", "m|a", NOON)


async def test_a_number_is_kept_sealed_and_the_first_one_stays(calls: Calls) -> None:
    await calls.announce("c1", "13800138000", "咨询 13900139000", NOON)
    await calls.announce("c1", "13700137000", "", NOON)
    row = await calls.find("c1")
    assert await calls.number(row) == "13800138000"
    with pytest.raises(Refused, match="bad_number"):
        await calls.announce("c2", "not a number", "", NOON)
    with pytest.raises(NotFound):
        await calls.find("c2")


async def test_what_a_killed_process_left_is_lost_and_that_of_others_is_not(calls: Calls) -> None:
    await calls.begin("mine", "m|a", NOON)
    await calls.begin("other", "n|a", NOON)
    assert await calls.lost("m", NOON) == 1
    assert (await calls.find("mine")).outcome == LOST
    assert (await calls.find("other")).outcome == "live"


async def test_old_calls_are_forgotten(calls: Calls) -> None:
    await calls.announce("never-came", "", "", NOON)
    await calls.begin("old", "m|a", NOON)
    await calls.end("old", NOON, outcome="answered")
    await calls.begin("new", "m|a", NOON)
    assert await calls.forget_old(NOON + timedelta(days=91)) == 2
    assert (await calls.find("new")).outcome == "live"
