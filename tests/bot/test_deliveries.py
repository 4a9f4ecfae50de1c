"""Endpoints, deliveries, shared tokens and links, on both kinds of store: each thing once, whoever races for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from bot.contacts import Contacts
from bot.conversation import Conversation, Message, Party
from bot.deliveries import Deliveries, Packed, Waiting
from bot.endpoints import Arrival, Call, Endpoints, Grant
from bot.errors import NotFound, Refused
from bot.links import Links
from bot.shared_tokens import SharedTokens
from bot.store.conversations import Conversations
from bot.store.database import Database
from tests.parts import KEY
from tests.spoken import NOON


def call(name: str = "k1", stamp: str = "", sender: str = "o-1", at: datetime = NOON) -> Call:
    words = Grant("words", 5, at + timedelta(hours=48))
    return Call(name, stamp or name, "wechat", "default", sender, at, at + timedelta(seconds=5), words)


def whole(waiting: Sequence[Waiting]) -> Packed | None:
    return Packed("|".join(w.message.text for w in waiting), tuple(w.message.seq for w in waiting)) if waiting else None


class Line:
    """One store seen by one process."""

    def __init__(self, database: Database) -> None:
        self.endpoints = Endpoints(database, Contacts(database, KEY))
        self.deliveries = Deliveries(database)
        self.store = Conversations(database)

    async def greeted(self, told: Call) -> Arrival:
        arrival = await self.endpoints.arrive(told)
        fresh = Conversation(arrival.endpoint.conversation_id, "wechat", NOON)
        greeting = Message("greeting", Party.BOT, "您好", NOON, because="greeting")
        await self.store.open(fresh, greeting, address="a", digest="d", same_within_ms=1000)
        return arrival

    async def say(self, arrival: Arrival, text: str) -> None:
        said = Message(f"sys:{text}", Party.SYSTEM, text, NOON, because="notice")
        await self.store.say(arrival.endpoint.conversation_id, said)


@pytest.fixture
def line(database: Database) -> Line:
    return Line(database)


async def test_a_call_is_fresh_once_in_all_processes(database: Database, neighbour: Database) -> None:
    lines = [Line(database), Line(neighbour)] * 5
    told = await asyncio.gather(*(one.endpoints.arrive(call()) for one in lines))
    assert sum(arrival.fresh for arrival in told) == 1
    assert len({arrival.endpoint.conversation_id for arrival in told}) == 1


async def test_a_stamp_serves_one_call(line: Line) -> None:
    await line.endpoints.arrive(call("k1", "s"))
    with pytest.raises(Refused, match="replayed"):
        await line.endpoints.arrive(call("k2", "s"))


async def test_a_reply_is_decided_once_and_takes_what_waits(database: Database, neighbour: Database) -> None:
    lines = [Line(database), Line(neighbour)] * 4
    await lines[0].greeted(call())
    told = await asyncio.gather(*(one.deliveries.settle("k1", NOON, whole) for one in lines))
    assert set(told) == {"您好"}
    assert (await lines[0].endpoints.arrive(call())).reply == "您好"
    assert await lines[0].deliveries.claim((await lines[0].endpoints.arrive(call())).endpoint.id, NOON, whole) is None


async def test_the_courier_keeps_still_while_a_call_is_open(line: Line) -> None:
    arrival = await line.greeted(call())
    assert await line.deliveries.due("wechat", NOON, everywhere=True) == []
    later = NOON + timedelta(seconds=6)
    assert await line.deliveries.due("wechat", later, everywhere=True) == [arrival.endpoint.id]


async def test_one_of_many_couriers_has_the_claim(database: Database, neighbour: Database) -> None:
    lines, later = [Line(database), Line(neighbour)] * 4, NOON + timedelta(seconds=6)
    arrival = await lines[0].greeted(call())
    claims = await asyncio.gather(*(one.deliveries.claim(arrival.endpoint.id, later, whole) for one in lines))
    (claim,) = [claim for claim in claims if claim is not None]
    begun = await asyncio.gather(*(one.deliveries.begin(claim, later) for one in lines))
    assert sum(begun) == 1
    await lines[0].deliveries.sent(claim, later)
    reach = await lines[0].deliveries.reach(arrival.endpoint.conversation_id, later)
    assert reach is not None
    assert (reach.left, reach.waiting, reach.error) == (4, 0, "")
    assert await lines[0].deliveries.due("wechat", later, everywhere=True) == []


async def test_what_was_refused_waits_and_costs_nothing(line: Line) -> None:
    later = NOON + timedelta(seconds=6)
    arrival = await line.greeted(call())
    claim = await line.deliveries.claim(arrival.endpoint.id, later, whole)
    assert claim is not None
    await line.deliveries.failed(claim, "45009", later, later + timedelta(seconds=10))
    assert await line.deliveries.claim(arrival.endpoint.id, later, whole) is None
    again = await line.deliveries.claim(arrival.endpoint.id, later + timedelta(seconds=11), whole)
    assert again is not None
    assert again.packed.text == "您好"
    reach = await line.deliveries.reach(arrival.endpoint.conversation_id, later)
    assert reach is not None
    assert reach.left == 4


async def test_after_a_lease_the_claim_is_free_and_a_begun_call_is_not(line: Line) -> None:
    later, late = NOON + timedelta(seconds=6), NOON + timedelta(seconds=70)
    arrival = await line.greeted(call())
    lost = await line.deliveries.claim(arrival.endpoint.id, later, whole)
    again = await line.deliveries.claim(arrival.endpoint.id, late, whole)
    assert lost is not None
    assert again is not None
    assert not await line.deliveries.begin(lost, late)
    assert await line.deliveries.begin(again, late)
    assert await line.deliveries.claim(arrival.endpoint.id, late + timedelta(seconds=70), whole) is None
    await line.endpoints.arrive(call("k2", at=late + timedelta(seconds=80)))
    assert await line.deliveries.settle("k2", late + timedelta(seconds=80), whole) == "您好"


async def test_an_address_is_sealed_and_erased_a_month_after(line: Line) -> None:
    arrival = await line.endpoints.arrive(call())
    assert await line.endpoints.address(arrival.endpoint.id) == "o-1"
    assert await line.endpoints.erase_ended(NOON + timedelta(days=29)) == 0
    assert await line.endpoints.erase_ended(NOON + timedelta(days=31)) == 1
    with pytest.raises(NotFound):
        await line.endpoints.address(arrival.endpoint.id)


async def test_one_process_renews_a_token(database: Database, neighbour: Database) -> None:
    tokens = [SharedTokens(database, KEY), SharedTokens(neighbour, KEY)] * 5
    may = await asyncio.gather(*(one.may_renew("a", 0, NOON) for one in tokens))
    assert sum(may) == 1
    await tokens[0].renewed("a", 0, "secret", NOON, NOON + timedelta(hours=2))
    known = await tokens[1].current("a", NOON)
    assert known is not None
    assert (known.value, known.version) == ("secret", 1)
    assert not await tokens[1].may_renew("a", 0, NOON)
    assert await tokens[1].may_renew("a", 1, NOON + timedelta(seconds=20)), "a renewal that hangs is overtaken"


async def test_a_link_opens_once_whoever_races(database: Database, neighbour: Database) -> None:
    line = Line(database)
    arrival = await line.greeted(call())
    links = [Links(database, KEY), Links(neighbour, KEY)] * 4
    link = links[0].sign(arrival.endpoint.conversation_id, NOON)
    told = await asyncio.gather(*(one.follow(link, NOON) for one in links), return_exceptions=True)
    assert sum(not isinstance(one, Refused) for one in told) == 1
    for odd in (link[:-1], f"x{link}", Links(database, b"o" * 32).sign("c", NOON)):
        with pytest.raises(Refused, match="bad_link"):
            await links[0].follow(odd, NOON)
