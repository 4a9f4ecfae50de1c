"""Messages left for the staff: kept once, masked, with a way to answer only by consent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from bot.contacts import Contacts
from bot.errors import Refused
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.tables import contacts, tickets
from bot.tickets import LONGEST, Form, Tickets
from tests.parts import KEY
from tests.spoken import NAME, NOON, opened

FORM = Form("refund", "多缴了三个月，请回电", "138 0013 8000", consent=True)


@pytest.fixture
async def left(database: Database) -> Tickets:
    await opened(Conversations(database))
    return Tickets(database, Contacts(database, KEY))


async def count(database: Database) -> tuple[int, int]:
    both = [select(func.count()).select_from(table) for table in (tickets, contacts)]
    first, second = [await database.read(lambda c, q=query: int(c.scalar(q) or 0)) for query in both]
    return first, second


async def test_a_form_is_kept_with_a_number_and_a_sealed_phone(left: Tickets, database: Database) -> None:
    number = await left.leave(NAME, "f1", FORM, NOON)
    row = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (row.id, row.topic, row.text, row.status) == (number, "refund", FORM.text, "open")
    assert await Contacts(database, KEY).reveal(row.contact_id) == "13800138000"


async def test_a_form_sent_again_or_many_times_at_once_is_kept_once(
    left: Tickets, database: Database, neighbour: Database
) -> None:
    other = Tickets(neighbour, Contacts(neighbour, KEY))
    told = await asyncio.gather(*(by.leave(NAME, "f1", FORM, NOON) for _ in range(4) for by in (left, other)))
    again = await left.leave(NAME, "f1", replace(FORM, text="别的"), NOON)
    assert {*told, again} == {told[0]}
    assert await count(database) == (1, 1)
    assert await left.leave(NAME, "f2", FORM, NOON) != again


async def test_numbers_in_the_text_are_masked_and_what_nobody_sees_is_left_out(
    left: Tickets, database: Database
) -> None:
    form = replace(FORM, topic="身份证330106199001011237", text="我是330106199001011237\x00\ud800，请回电")
    await left.leave(NAME, "f1", form, NOON)
    row = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (row.topic, row.text) == ("身份证［身份证号已隐去］", "我是［身份证号已隐去］，请回电")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (replace(FORM, text="  \n"), "empty"),
        (replace(FORM, text="字" * (LONGEST + 1)), "too_long"),
        (replace(FORM, consent=False), "no_consent"),
        (replace(FORM, phone="12333"), "bad_phone"),
        (replace(FORM, phone=""), "bad_phone"),
    ],
)
async def test_what_cannot_be_kept_is_refused_with_what_to_mend(
    left: Tickets, database: Database, form: Form, code: str
) -> None:
    with pytest.raises(Refused, match=code) as refused:
        await left.leave(NAME, "f1", form, NOON)
    assert refused.value.sentence
    assert await count(database) == (0, 0)


async def test_a_long_topic_is_cut_and_a_long_text_is_taken_whole(left: Tickets, database: Database) -> None:
    await left.leave(NAME, "f1", replace(FORM, topic="题" * 200, text="字" * LONGEST), NOON)
    row = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (len(row.topic), len(row.text)) == (64, LONGEST)
