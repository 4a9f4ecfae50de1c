"""Ownership, offers, capacity and presence on both stores: every race has one winner, nobody is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, update

from bot.conversation import Conversation, Message, Party, Stage
from bot.desk import HEAD, offers
from bot.errors import NotFound, Refused
from bot.staff import Account, Role
from bot.store.conversations import Conversations, ms
from bot.store.database import Database, open_database
from bot.store.queue import Queue, write_outcome
from bot.tables import conversations, messages, moves, services
from bot.tables import offers as offers_table
from tests.scripted import Clock
from tests.spoken import NOON, heard, opened, replied, said
from tests.stories.service import FULL

AGENTS = ("amy", "bob", "cai")
FIFTY = tuple(f"agent{n}" for n in range(50))
RUNS = 200 if FULL else 3


def account(name: str, capacity: int = 2, skills: tuple[str, ...] = ()) -> Account:
    number = f"{(AGENTS + FIFTY).index(name) + 1:02}"
    return Account(name, name.title(), number, frozenset({Role.AGENT}), skills, capacity, False)


def begins(conversation: Conversation) -> Message:
    return Message(f"sys:begins:{conversation.version}", Party.SYSTEM, "开始", NOON, because="human_begins")


class Floor:
    """A queue with agents at their desks and citizens who wait, and a clock that stands."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = Conversations(database)
        self.queue = Queue(database)
        self.clock = Clock()

    async def arrive(self, name: str) -> Conversation:
        conversation = await opened(self.store, name, at=self.clock())
        return await self.store.change(conversation.wait(), reason="asked", at=self.clock())

    async def sit_down(self, name: str, capacity: int = 2, **more: Any) -> None:
        await self.queue.come(account(name, capacity, **more), self.clock())
        await self.queue.set_status(name, "online", self.clock())

    async def accept(self, conversation: str, agent: str) -> str:
        """What came of it: the owner, or the code of the refusal."""
        try:
            taken = await self.queue.take(conversation, agent, self.clock(), begins, how="accept")
        except Refused as error:
            return error.code
        return str(taken.conversation.agent_id)

    async def offer(self, *made: tuple[str, str]) -> list[tuple[str, str]]:
        return await self.queue.offer(made, self.clock(), self.clock() + timedelta(seconds=20))

    async def rows(self, query: Any) -> list[Any]:
        return await self.database.read(lambda c: [tuple(row) for row in c.execute(query)])


@pytest.fixture
def floor(database: Database) -> Floor:
    return Floor(database)


# Ownership


async def test_of_many_who_accept_at_once_exactly_one_owns_and_the_others_are_told(floor: Floor) -> None:
    for name in AGENTS:
        await floor.sit_down(name, capacity=50)
    for n in range(10):
        await floor.arrive(f"citizen-{n}")
    told = await asyncio.gather(*(floor.accept(f"citizen-{n}", a) for n in range(10) for a in AGENTS * 4))
    for n in range(10):
        mine = told[n * 12 : n * 12 + 12]
        [owner] = {t for t in mine if t != "taken"}
        assert mine.count(owner) == 4  # whoever owns it already is told so again
    assert len(await floor.rows(select(services.c.id))) == 10
    begun = select(func.count()).select_from(messages).where(messages.c.because == "human_begins")
    assert await floor.rows(begun) == [(10,)]


async def test_two_processes_that_accept_at_once_give_one_owner(floor: Floor, neighbour: Database) -> None:
    for name in AGENTS:
        await floor.sit_down(name, capacity=100)
    other = Floor(neighbour)
    for n in range(20):
        await floor.arrive(f"citizen-{n}")
    told = await asyncio.gather(
        *(side.accept(f"citizen-{n}", a) for n in range(20) for side, a in ((floor, "amy"), (other, "bob")))
    )
    assert [sorted({a, b} - {"taken"}) for a, b in zip(told[::2], told[1::2], strict=True)] == [
        [t] for t in (next(x for x in pair if x != "taken") for pair in zip(told[::2], told[1::2], strict=True))
    ]


@pytest.mark.timeout(900)
async def test_fifty_agents_of_two_processes_race_for_every_citizen(floor: Floor, neighbour: Database) -> None:
    for name in FIFTY:
        await floor.sit_down(name, capacity=RUNS)
    sides = (floor, Floor(neighbour))
    for n in range(RUNS):
        name = (await floor.arrive(f"citizen-{n}")).id
        told = await asyncio.gather(*(sides[k % 2].accept(name, agent) for k, agent in enumerate(FIFTY)))
        [owner] = [outcome for outcome in told if outcome != "taken"]
        assert await floor.rows(select(services.c.agent_id).where(services.c.conversation_id == name)) == [(owner,)]


async def test_capacity_is_never_exceeded_however_many_are_accepted_at_once(floor: Floor) -> None:
    await floor.sit_down("amy", capacity=3)
    for n in range(12):
        await floor.arrive(f"citizen-{n}")
    told = await asyncio.gather(*(floor.accept(f"citizen-{n}", "amy") for n in range(12)))
    assert sorted(told) == ["amy"] * 3 + ["full"] * 9
    assert len(await floor.queue.held("amy")) == 3


async def test_the_loser_is_told_by_name_who_was_faster(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.sit_down("bob")
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    with pytest.raises(Refused, match="taken") as refused:
        await floor.queue.take("citizen-1", "bob", NOON, begins, how="accept")
    assert refused.value.sentence == "已由Amy接入。"


async def test_who_is_not_online_or_not_known_takes_nobody(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.queue.set_status("amy", "away", NOON)
    assert await floor.accept("citizen-1", "amy") == "not_online"
    with pytest.raises(NotFound):
        await floor.accept("citizen-1", "nobody")
    with pytest.raises(NotFound):
        await floor.accept("nobody-waits", "amy")


async def test_a_citizen_who_left_is_gone_not_taken(floor: Floor) -> None:
    await floor.sit_down("amy")
    waiting = await floor.arrive("citizen-1")
    await floor.store.change(waiting.leave_queue(), reason="left_queue", at=NOON)
    assert await floor.accept("citizen-1", "amy") == "gone"


async def test_a_bots_reply_does_not_keep_an_agent_from_accepting(floor: Floor) -> None:
    """The bot goes on answering who waits: the agent wins over whatever version she saw."""
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    turn = (await heard(floor.store, said("m1"), "citizen-1")).conversation
    await floor.store.reply(turn, replied("m1"))
    assert await floor.accept("citizen-1", "amy") == "amy"


async def test_who_waits_has_a_place_also_when_the_turn_took_him_for_waiting_already(floor: Floor) -> None:
    turn = await heard(floor.store, said("m1"), (await opened(floor.store, "ann")).id)
    await floor.store.reply(replace(turn.conversation, stage=Stage.WAITING), replied("m1"), reason="asked")
    [waiting] = (await floor.queue.floor(floor.clock())).waiting
    assert waiting.key is not None


async def test_a_transfer_needs_its_owner_a_place_and_somebody_there(floor: Floor) -> None:
    for name in AGENTS:
        await floor.sit_down(name, capacity=1)
    for n in (1, 2):
        await floor.arrive(f"citizen-{n}")
    await floor.accept("citizen-1", "amy")
    await floor.accept("citizen-2", "bob")

    async def passed(owner: str, to: str) -> str:
        try:
            told = await floor.queue.take("citizen-1", to, floor.clock(), begins, how="transfer", owner=owner)
        except Refused as error:
            return error.code
        return f"{told.before} → {told.conversation.agent_id}"

    assert await passed("bob", "cai") == "not_yours"
    assert await passed("amy", "bob") == "full"
    await floor.queue.go("cai", floor.clock())
    assert await passed("amy", "cai") == "nobody_there"
    await floor.queue.beat(["cai"], floor.clock())
    assert await passed("amy", "cai") == "amy → cai"
    stretches = select(services.c.agent_id, services.c.how).where(services.c.conversation_id == "citizen-1")
    assert await floor.rows(stretches.order_by(services.c.id)) == [("amy", "transferred"), ("cai", "")]
    assert (await floor.store.find("citizen-1")).last_agent == "cai"


async def test_a_supervisor_takes_over_from_whoever_owns(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.queue.come(account("bob"), floor.clock())
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    taken = await floor.queue.take("citizen-1", "bob", floor.clock(), begins, how="take_over")
    assert (taken.before, taken.conversation.agent_id) == ("amy", "bob")
    assert await floor.queue.held("amy") == []


async def test_what_is_given_up_has_its_notices_its_outcome_and_no_owner(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    floor.clock.move(minutes=4)

    async def closed(agent: str) -> Conversation:
        taken = await floor.queue.give_up(
            "citizen-1", agent, floor.clock(), lambda c: c.close(floor.clock()), reason="closed",
            notices=lambda c: [Message("sys:ends", Party.SYSTEM, "结束", floor.clock())],
            also=lambda c, t: write_outcome(c, t.conversation.id, resolved=True, code="answered", remark="好"),
        )  # fmt: skip
        return taken.conversation

    with pytest.raises(Refused, match="not_yours"):
        await closed("bob")
    assert (await closed("amy")).stage is Stage.CLOSED
    with pytest.raises(Refused, match="not_yours"):
        await closed("amy")
    outcome = select(services.c.how, services.c.resolved, services.c.code, services.c.ended_at - services.c.began_at)
    assert await floor.rows(outcome) == [("closed", True, "answered", 240_000)]
    assert [m.id for m in await floor.store.messages("citizen-1")][-1] == "sys:ends"


async def test_a_citizen_who_ends_it_frees_the_place(floor: Floor) -> None:
    await floor.sit_down("amy", capacity=1)
    for n in (1, 2):
        await floor.arrive(f"citizen-{n}")
    await floor.accept("citizen-1", "amy")
    assert await floor.accept("citizen-2", "amy") == "full"
    held = await floor.store.find("citizen-1")
    await floor.store.change(held.close(NOON), reason="closed_by_citizen", at=NOON)
    assert await floor.accept("citizen-2", "amy") == "amy"


# Offers


async def test_two_dispatchers_make_one_offer(floor: Floor, neighbour: Database) -> None:
    await floor.sit_down("amy")
    await floor.sit_down("bob")
    await floor.arrive("citizen-1")
    other = Floor(neighbour)
    rung = await asyncio.gather(floor.offer(("citizen-1", "amy")), other.offer(("citizen-1", "bob")))
    assert sum(map(len, rung)) == 1
    await floor.arrive("citizen-2")
    [[(_, first)]] = [r for r in rung if r]
    assert await floor.offer(("citizen-2", first)) == []  # she rings already


async def test_an_offer_ends_when_it_is_taken_by_hand_or_the_citizen_leaves(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.sit_down("bob")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    assert [r.conversation for r in await floor.queue.ringing("amy")] == ["citizen-1"]
    taken = await floor.queue.take("citizen-1", "bob", NOON, begins, how="accept")
    assert taken.by_hand
    assert await floor.queue.ringing("amy") == []
    waiting = await floor.arrive("citizen-2")
    await floor.offer(("citizen-2", "amy"))
    await floor.store.change(waiting.leave_queue(), reason="left_queue", at=NOON)
    assert await floor.queue.ringing("amy") == []
    assert await floor.offer(("citizen-2", "amy")) == []


async def test_an_offer_that_is_accepted_is_no_hand_pick(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    taken = await floor.queue.take("citizen-1", "amy", NOON, begins, how="accept")
    assert not taken.by_hand
    assert await floor.rows(select(offers_table.c.state)) == [("accepted",)]


async def test_two_missed_offers_in_a_row_set_an_agent_away_and_one_accepted_between_counts_anew(floor: Floor) -> None:
    await floor.sit_down("amy")
    for n in range(4):
        await floor.arrive(f"citizen-{n}")

    async def missed(n: int) -> list[tuple[str, str, str]]:
        await floor.offer((f"citizen-{n}", "amy"))
        assert await floor.queue.expire(floor.clock.move(seconds=19)) == []
        return list(await floor.queue.expire(floor.clock.move(seconds=1)))

    assert await missed(0) == [("citizen-0", "amy", "online")]
    await floor.offer(("citizen-1", "amy"))
    await floor.accept("citizen-1", "amy")
    assert await missed(2) == [("citizen-2", "amy", "online")]
    assert await missed(3) == [("citizen-3", "amy", "away")]
    assert (await floor.queue.desk("amy", floor.clock())).status == "away"


async def test_many_dispatchers_count_a_missed_offer_once(floor: Floor, neighbour: Database) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    late = floor.clock.move(seconds=21)
    missed = await asyncio.gather(*(q.expire(late) for q in (floor.queue, Queue(neighbour)) * 4))
    assert sum(map(len, missed)) == 1
    assert (await floor.queue.desk("amy", late)).missed == 1


async def test_whoever_declines_is_not_asked_again_for_a_minute(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    assert await floor.queue.decline("citizen-1", "amy", floor.clock())
    assert not await floor.queue.decline("citizen-1", "amy", floor.clock())
    assert offers(await floor.queue.floor(floor.clock())) == []
    await floor.queue.beat(["amy"], floor.clock.move(seconds=61))
    assert offers(await floor.queue.floor(floor.clock())) == [("citizen-1", "amy")]


async def test_whoever_goes_away_rings_no_longer(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    await floor.queue.set_status("amy", "away", NOON)
    assert await floor.queue.ringing("amy") == []
    assert offers(await floor.queue.floor(NOON)) == []


async def test_what_rings_on_a_page_that_is_closed_goes_to_the_next_agent_at_once(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.offer(("citizen-1", "amy"))
    await floor.sit_down("bob")
    await floor.queue.go("amy", floor.clock())
    assert offers(await floor.queue.floor(floor.clock())) == [("citizen-1", "bob")]
    assert await floor.queue.expire(floor.clock.move(seconds=21)) == []  # she did not miss it


# Presence


async def test_an_agent_counts_as_there_while_a_page_of_hers_is_open(floor: Floor) -> None:
    await floor.sit_down("amy")
    assert (await floor.queue.desk("amy", floor.clock.move(seconds=9))).here
    assert not (await floor.queue.desk("amy", floor.clock.move(seconds=2))).here
    await floor.queue.beat(["amy"], floor.clock())
    assert (await floor.queue.desk("amy", floor.clock())).here
    await floor.queue.go("amy", floor.clock())
    assert not (await floor.queue.desk("amy", floor.clock())).here
    again = await floor.queue.come(account("amy", capacity=7), floor.clock())
    assert (again.here, again.capacity, again.status) == (True, 7, "online")


async def test_conversations_are_lost_once_their_agent_has_been_away_long_enough(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    later = floor.clock.move(seconds=30)
    assert [c.id for c in await floor.queue.lost(later - timedelta(seconds=29))] == ["citizen-1"]
    assert await floor.queue.lost(later - timedelta(seconds=31)) == []
    await floor.queue.beat(["amy"], later)
    assert await floor.queue.lost(later - timedelta(seconds=29)) == []


async def test_a_citizen_whose_page_is_gone_keeps_the_place_and_does_not_count(floor: Floor) -> None:
    for n in range(3):
        await floor.arrive(f"citizen-{n}")
        floor.clock.move(seconds=1)
    await floor.queue.touch(["citizen-0", "citizen-2"], floor.clock.move(seconds=121))
    told = (await floor.queue.floor(floor.clock())).waiting
    assert [(w.conversation, w.present) for w in told] == [
        ("citizen-0", True),
        ("citizen-1", False),
        ("citizen-2", True),
    ]
    await heard(floor.store, said("m1", at=floor.clock()), "citizen-1")
    assert all(w.present for w in (await floor.queue.floor(floor.clock())).waiting)


async def test_how_long_serving_takes_is_measured(floor: Floor) -> None:
    await floor.sit_down("amy", capacity=9)
    assert (await floor.queue.floor(NOON)).usual_ms == 300_000
    for n, minutes in enumerate((2, 4)):
        await floor.arrive(f"citizen-{n}")
        await floor.accept(f"citizen-{n}", "amy")
        held = await floor.store.find(f"citizen-{n}")
        await floor.store.change(held.close(NOON), reason="closed", at=floor.clock.move(minutes=minutes))
    assert (await floor.queue.floor(NOON)).usual_ms == 180_000


async def test_what_the_citizen_is_owed_counts_from_the_first_unanswered_word(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    cleared = update(conversations).values(owed_since=None)
    await floor.database.write(lambda c: c.execute(cleared))
    assert await floor.queue.owed(NOON + timedelta(hours=1)) == []
    for n in (1, 2):
        await heard(floor.store, said(f"m{n}", at=NOON + timedelta(minutes=n)), "citizen-1")
    assert await floor.queue.owed(NOON + timedelta(minutes=1)) == []
    assert [c.id for c in await floor.queue.owed(NOON + timedelta(minutes=1, seconds=1))] == ["citizen-1"]


# Any order of everything


class Schedule(RuleBasedStateMachine):
    """Citizens come and go, agents too, offers ring, are taken, missed and passed on, in any order."""

    database: Database

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.floor = Floor(self.database)
        self.citizens: list[str] = []
        self.capacity = {"amy": 1, "bob": 2, "cai": 3}
        Schedule.round = getattr(Schedule, "round", 0) + 1
        for name in AGENTS:
            self.run(self.floor.queue.come(account(name, self.capacity[name]), self.floor.clock()))

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        """However it went: once agents are there, everybody who waits is offered and served, in a bounded time."""
        if hasattr(self, "runner"):
            self.run(self._serve_all())
            self.run(self._end_all())
            self.runner.close()

    async def _serve_all(self) -> None:
        queue = self.floor.queue
        for agent in AGENTS:
            for conversation in await queue.held(agent):
                await self.floor.store.change(conversation.close(NOON), reason="over", at=NOON)
        for _ in range(len(self.citizens) + 2):
            now = self.floor.clock.move(seconds=61)  # whoever declined may be asked again
            await queue.expire(now)
            await queue.beat(AGENTS, now)
            waiting = (await queue.floor(now)).waiting
            await queue.touch([w.conversation for w in waiting], now)
            for agent in AGENTS:
                await queue.set_status(agent, "online", now)
            if not waiting:
                return
            rung = await self.floor.offer(*offers(await queue.floor(now)))
            assert rung
            for conversation, agent in rung:
                assert await self.floor.accept(conversation, agent) == agent
                held = await self.floor.store.find(conversation)
                await self.floor.store.change(held.close(NOON), reason="over", at=NOON)
        raise AssertionError("somebody was never offered")

    async def _end_all(self) -> None:
        for name in self.citizens:
            conversation = await self.floor.store.find(name)
            if conversation.stage is not Stage.CLOSED:
                await self.floor.store.change(conversation.close(NOON), reason="over", at=NOON)

    @rule(priority=some.integers(0, 2))
    def citizen_asks(self, priority: int) -> None:
        name = f"r{Schedule.round}-citizen-{len(self.citizens)}"
        self.floor.clock.move(milliseconds=1)
        conversation = self.run(opened(self.floor.store, name, at=self.floor.clock()))
        self.run(self.floor.store.change(conversation.wait(priority=priority), reason="asked", at=self.floor.clock()))
        self.citizens.append(name)

    @precondition(lambda self: self.citizens)
    @rule(data=some.data(), move=some.sampled_from(["leave_queue", "wait", "close"]))
    def citizen_moves(self, data: some.DataObject, move: str) -> None:
        name = data.draw(some.sampled_from(self.citizens))
        conversation = self.run(self.floor.store.find(name))
        legal = {"leave_queue": Stage.WAITING, "wait": Stage.BOT, "close": conversation.stage}[move]
        if conversation.stage is not legal or conversation.stage is Stage.CLOSED:
            return
        now = self.floor.clock()
        wanted = conversation.close(now) if move == "close" else getattr(conversation, move)()
        self.run(self.floor.store.change(wanted, reason=move, at=now))

    @rule(agent=some.sampled_from(AGENTS), status=some.sampled_from(["online", "away", "offline"]))
    def agent_says(self, agent: str, status: Any) -> None:
        self.run(self.floor.queue.beat([agent], self.floor.clock()))
        self.run(self.floor.queue.set_status(agent, status, self.floor.clock()))

    @rule(agent=some.sampled_from(AGENTS))
    def agent_vanishes(self, agent: str) -> None:
        self.run(self.floor.queue.go(agent, self.floor.clock()))

    @rule(seconds=some.sampled_from([1, 5, 21]))
    def time_passes(self, seconds: int) -> None:
        now = self.floor.clock.move(seconds=seconds)
        self.run(self.floor.queue.expire(now))

    @rule()
    def dispatcher_offers(self) -> None:
        before = self.run(self.floor.queue.floor(self.floor.clock()))
        made = offers(before)
        rung = self.run(self.floor.offer(*made))
        assert rung == made
        order = [w.conversation for w in before.present]
        assert [order.index(c) for c, _ in made] == sorted(order.index(c) for c, _ in made)

    @precondition(lambda self: self.citizens)
    @rule(data=some.data(), agents=some.lists(some.sampled_from(AGENTS), min_size=1, max_size=3, unique=True))
    def agents_accept_at_once(self, data: some.DataObject, agents: list[str]) -> None:
        name = data.draw(some.sampled_from(self.citizens))
        was = self.run(self.floor.store.find(name))

        async def all_at_once() -> list[str]:
            return await asyncio.gather(*(self.floor.accept(name, agent) for agent in agents))

        told = self.run(all_at_once())
        owners = {t for t in told if t in AGENTS}
        assert len(owners) <= 1
        if was.stage is Stage.WAITING and "full" not in told and "not_online" not in told:
            assert len(owners) == 1

    @rule(seconds=some.just(31))
    def the_lost_are_returned(self, seconds: int) -> None:
        now = self.floor.clock.move(seconds=seconds)
        for conversation in self.run(self.floor.queue.lost(now - timedelta(seconds=30))):
            self.run(
                self.floor.queue.give_up(
                    conversation.id, conversation.agent_id or "", now, lambda c: c.wait(priority=HEAD),
                    reason="agent_lost", notices=lambda c: [],
                )
            )  # fmt: skip
            place = self.run(self.floor.queue.floor(now)).waiting
            assert [w for w in place if w.priority == HEAD] == list(place[: sum(w.priority == HEAD for w in place)])

    @invariant()
    def each_has_at_most_one_owner_and_nobody_has_too_many(self) -> None:
        if not hasattr(self, "floor"):
            return
        for agent in AGENTS:
            assert len(self.run(self.floor.queue.held(agent))) <= self.capacity[agent]
        going_on = select(services.c.conversation_id, services.c.agent_id).where(services.c.ended_at.is_(None))
        held = select(conversations.c.id, conversations.c.agent_id).where(conversations.c.stage == Stage.AGENT)
        assert sorted(self.run(self.floor.rows(going_on))) == sorted(self.run(self.floor.rows(held)))

    @invariant()
    def nobody_is_lost_and_what_rings_is_waited_for(self) -> None:
        if not hasattr(self, "floor"):
            return
        floor = self.run(self.floor.queue.floor(self.floor.clock()))
        waiting = {w.conversation for w in floor.waiting}
        for name in self.citizens:
            stage = self.run(self.floor.store.find(name)).stage
            assert (stage is Stage.WAITING) == (name in waiting)
        rings = select(offers_table.c.conversation_id, offers_table.c.agent_id).where(offers_table.c.state == "ringing")
        told = self.run(self.floor.rows(rings))
        assert {c for c, _ in told} <= waiting
        assert len({a for _, a in told}) == len(told)


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[type[Schedule]]:
    database = open_database(f"sqlite:///{tmp_path}/yida.db")
    database.migrate()
    Schedule.database = database
    yield Schedule
    database.close()


def test_in_any_schedule_each_has_one_owner_within_capacity_and_nobody_is_lost(schedule: type[Schedule]) -> None:
    run_state_machine_as_test(schedule, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))


async def test_each_move_of_the_desk_is_kept(floor: Floor) -> None:
    await floor.sit_down("amy")
    await floor.arrive("citizen-1")
    await floor.accept("citizen-1", "amy")
    told = select(moves.c.stage, moves.c.agent_id, moves.c.reason).order_by(moves.c.id)
    assert await floor.rows(told) == [("waiting", None, "asked"), ("agent", "amy", "accepted")]
    waited = select(services.c.waited_ms, services.c.began_at)
    assert await floor.rows(waited) == [(0, ms(NOON))]
