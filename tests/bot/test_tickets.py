"""Messages left for the staff: kept once, masked, with a way to answer only by consent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import func, select

from bot.contacts import Contacts
from bot.errors import NotFound, Refused
from bot.opinions import Opinions
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.tables import contacts, tickets
from bot.tickets import LONGEST, PAGE, Form, Tickets
from bot.working_days import Day
from tests.parts import KEY
from tests.spoken import NAME, NOON, opened

DUE = Day(date(2026, 11, 27), provisional=False)
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
    number = await left.leave(NAME, "f1", FORM, NOON, DUE)
    row = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (row.id, row.topic, row.text, row.status) == (number, "refund", FORM.text, "open")
    assert await Contacts(database, KEY).reveal(row.contact_id) == "13800138000"


async def test_a_form_sent_again_or_many_times_at_once_is_kept_once(
    left: Tickets, database: Database, neighbour: Database
) -> None:
    other = Tickets(neighbour, Contacts(neighbour, KEY))
    told = await asyncio.gather(*(by.leave(NAME, "f1", FORM, NOON, DUE) for _ in range(4) for by in (left, other)))
    again = await left.leave(NAME, "f1", replace(FORM, text="别的"), NOON, DUE)
    assert {*told, again} == {told[0]}
    assert await count(database) == (1, 1)
    assert await left.leave(NAME, "f2", FORM, NOON, DUE) != again


async def test_numbers_in_the_text_are_masked_and_what_nobody_sees_is_left_out(
    left: Tickets, database: Database
) -> None:
    form = replace(FORM, topic="身份证330106199001011237", text="我是330106199001011237\x00\ud800，请回电")
    await left.leave(NAME, "f1", form, NOON, DUE)
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
        await left.leave(NAME, "f1", form, NOON, DUE)
    assert refused.value.sentence
    assert await count(database) == (0, 0)


async def test_a_long_topic_is_cut_and_a_long_text_is_taken_whole(left: Tickets, database: Database) -> None:
    await left.leave(NAME, "f1", replace(FORM, topic="题" * 200, text="字" * LONGEST), NOON, DUE)
    row = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (len(row.topic), len(row.text)) == (64, LONGEST)


# Working them off


async def test_a_ticket_has_its_last_working_day_and_the_first_due_come_first(
    left: Tickets, database: Database
) -> None:
    for n, day in enumerate((27, 25, 26)):
        await left.leave(NAME, f"f{n}", FORM, NOON, Day(date(2026, 11, day), provisional=n == 0))
    told, following = await left.page()
    assert [t.due for t in told] == [date(2026, 11, day) for day in (25, 26, 27)]
    assert [t.provisional for t in told] == [False, False, True]
    assert following is None
    assert await left.count(date(2026, 11, 26)) == (3, 1)


async def test_many_tickets_come_in_pages_without_a_gap(left: Tickets) -> None:
    for n in range(PAGE + 3):
        await left.leave(NAME, f"f{n}", FORM, NOON, DUE)
    first, following = await left.page()
    second, end = await left.page(after=following)
    assert (len(first), len(second), end) == (PAGE, 3, None)
    assert len({t.id for t in (*first, *second)}) == PAGE + 3


async def test_a_ticket_is_taken_and_closed_with_a_result_once(left: Tickets) -> None:
    number = await left.leave(NAME, "f1", FORM, NOON, DUE)
    assert (await left.take(number, "amy")).owner == "amy"
    with pytest.raises(Refused, match="bad_result"):
        await left.close(number, "amy", result="", remark="", at=NOON)
    closed = await left.close(number, "amy", result="answered", remark="打 13800138000", at=NOON)
    again = await left.close(number, "bob", result="invalid", remark="", at=NOON)
    assert (closed.status, closed.result, closed.remark) == ("closed", "answered", "打 ［手机号已隐去］")
    assert again == closed
    assert [t.id for t in (await left.page(status="closed"))[0]] == [number]
    with pytest.raises(NotFound):
        await left.close("nothing", "amy", result="answered", remark="", at=NOON)


async def test_a_bad_rating_becomes_a_ticket_once_and_closes_only_with_the_result_of_a_call(
    left: Tickets, database: Database
) -> None:
    opinions = Opinions(database)
    for _ in range(2):
        await opinions.rate(NAME, 2, ["等太久"], "没解决", NOON, due=DUE)
    [ticket], _ = await left.page(kind="rectification")
    assert (ticket.stars, ticket.text, ticket.due) == (2, "等太久；没解决", DUE.day)
    with pytest.raises(Refused, match="call_first"):
        await left.close(ticket.id, "amy", result="answered", remark="好", at=NOON)
    with pytest.raises(Refused, match="remark_missing"):
        await left.close(ticket.id, "amy", result="called_back", remark=" ", at=NOON)
    assert (await left.close(ticket.id, "amy", result="called_back", remark="已道歉", at=NOON)).status == "closed"


async def test_a_good_rating_becomes_no_ticket(left: Tickets, database: Database) -> None:
    await Opinions(database).rate(NAME, 3, [], "一般", NOON, due=DUE)
    assert await left.page() == ([], None)


async def test_a_telephone_number_is_shown_only_with_what_is_written_beside_it(left: Tickets) -> None:
    number = await left.leave(NAME, "f1", FORM, NOON, DUE)
    written: list[object] = []
    assert await left.reveal(number, written.append) == "13800138000"
    assert len(written) == 1

    def fails(connection: object) -> None:
        raise NotFound("audit")

    with pytest.raises(NotFound):
        await left.reveal(number, fails)
