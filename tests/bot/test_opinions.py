"""What citizens say about answers and about the service."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from bot.conversation import Message, Party
from bot.errors import Refused
from bot.opinions import LONGEST, Opinions
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.tables import feedback, ratings, services, tickets
from tests.bot.test_tickets import DUE
from tests.spoken import NAME, NOON, heard, opened, replied, said


@pytest.fixture
async def opinions(database: Database) -> Opinions:
    store = Conversations(database)
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    await store.reply(turn, replied("m1"))
    await store.say(NAME, Message("sys:1", Party.SYSTEM, "通知", NOON))
    await store.say(NAME, Message("a1", Party.AGENT, "您好", NOON))
    return Opinions(database)


async def test_an_answer_is_marked_and_a_changed_mind_counts(opinions: Opinions, database: Database) -> None:
    for seq, helpful in ((3, True), (5, True), (3, False)):
        await opinions.mark(NAME, seq, helpful=helpful, at=NOON)
    query = select(feedback.c.seq, feedback.c.helpful).order_by(feedback.c.seq)
    assert await database.read(lambda c: [tuple(r) for r in c.execute(query)]) == [(3, False), (5, True)]


@pytest.mark.parametrize("seq", [0, -1, 2, 4, 6, 2**31, 2**63, 2**80], ids=str)
async def test_only_what_the_bot_or_an_agent_said_can_be_marked(
    opinions: Opinions, database: Database, seq: int
) -> None:
    with pytest.raises(Refused, match="unknown_message"):
        await opinions.mark(NAME, seq, helpful=True, at=NOON)
    assert await database.read(lambda c: c.execute(select(feedback)).all()) == []


async def test_an_answer_of_another_conversation_cannot_be_marked(opinions: Opinions) -> None:
    with pytest.raises(Refused, match="unknown_message"):
        await opinions.mark("nobody", 3, helpful=True, at=NOON)


async def test_a_conversation_is_rated_once(opinions: Opinions, database: Database) -> None:
    await asyncio.gather(*(opinions.rate(NAME, stars, ["态度好"], "谢谢", NOON, due=DUE) for stars in (5, 1, 1)))
    rows = await database.read(lambda c: c.execute(select(ratings)).all())
    assert len(rows) == 1
    assert (rows[0].reasons, rows[0].text) == (["态度好"], "谢谢")


async def test_each_service_of_a_conversation_is_rated_for_itself(opinions: Opinions, database: Database) -> None:
    await opinions.rate(NAME, 5, [], "", NOON, due=DUE)
    for stars in (1, 2):
        served = {"conversation_id": NAME, "agent_id": "li", "waited_ms": 0, "began_at": 1, "ended_at": 2}
        told = served | {"how": "closed", "code": "", "remark": ""}
        await database.write(lambda c, told=told: c.execute(services.insert().values(told)))
        for _ in range(2):
            await opinions.rate(NAME, stars, [], "慢", NOON, due=DUE)
    found = await database.read(lambda c: list(c.scalars(select(ratings.c.stars).order_by(ratings.c.service_id))))
    assert found == [5, 1, 2]
    assert len(await database.read(lambda c: c.execute(select(tickets)).all())) == 2


async def test_numbers_in_a_rating_are_masked_and_what_nobody_sees_is_left_out(
    opinions: Opinions, database: Database
) -> None:
    await opinions.rate(NAME, 1, ["打13800138000\x00"], "我是330106199001011237\x00\ud800" + "长" * 600, NOON, due=DUE)
    row = await database.read(lambda c: c.execute(select(ratings)).one())
    assert row.reasons == ["打［手机号已隐去］"]
    assert row.text.startswith("我是［身份证号已隐去］长")
    assert len(row.text) <= LONGEST
