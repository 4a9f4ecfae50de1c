"""The order of the queue, who is offered whom, and what a waiting citizen is told."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import mean

from hypothesis import given
from hypothesis import strategies as st

from bot.desk import (
    HEAD,
    HEAD_START_MS,
    Agent,
    Floor,
    Waiting,
    after_miss,
    can_take,
    cause,
    expected_wait,
    offers,
    queue_key,
    standings,
    urgency,
)

NAMES = ("amy", "bob", "cai", "dan")
SKILLS = ("pension", "medical", "injury")


def waits(name: str, since: int = 0, priority: int = 0, **more: object) -> Waiting:
    return Waiting(name, queue_key(since, priority), since, priority, **more)  # type: ignore[arg-type]


waiting_lists = st.lists(
    st.builds(
        lambda since, priority, topic, present, last, missed: (since, priority, topic, present, last, missed),
        st.integers(0, 3_600_000), st.integers(0, 3), st.sampled_from([None, *(f"{s}.x" for s in SKILLS)]),
        st.booleans(), st.sampled_from([None, *NAMES]), st.frozensets(st.sampled_from(NAMES)),
    ),
    max_size=12,
).map(
    lambda rows: tuple(
        waits(f"c{n}", since, priority, topic=topic, present=present, last_agent=last, missed_by=missed)
        for n, (since, priority, topic, present, last, missed) in enumerate(rows)
    )
)  # fmt: skip
floors = st.builds(
    lambda waiting, agents: Floor(waiting, tuple({a.id: a for a in agents}.values())),
    waiting_lists,
    st.lists(
        st.builds(
            Agent, st.sampled_from(NAMES), st.integers(1, 3), st.integers(0, 3), st.booleans(),
            st.frozensets(st.sampled_from(SKILLS), max_size=2), st.booleans(), st.integers(0, 10**6),
        )
    ),
)  # fmt: skip


def with_offer(floor: Floor, made: list[tuple[str, str]]) -> Floor:
    """The floor once these offers ring."""
    to = dict(made)
    waiting = (replace(w, offered_to=to.get(w.conversation, w.offered_to)) for w in floor.waiting)
    agents = (replace(a, ringing=a.ringing or a.id in to.values()) for a in floor.agents)
    return replace(floor, waiting=tuple(waiting), agents=tuple(agents))


# Order


@given(waiting_lists)
def test_nobody_is_overtaken_by_somebody_of_the_same_priority_who_came_later(waiting: tuple[Waiting, ...]) -> None:
    places = {name: s.position for name, s in standings(Floor(waiting)).items()}
    for one in waiting:
        for other in waiting:
            if one.priority == other.priority and one.since < other.since and one.present:
                assert places[one.conversation] < places[other.conversation]


@given(st.integers(0, 10**9), st.integers(0, 5), st.integers(0, 5))
def test_whoever_has_waited_long_enough_passes_every_priority(since: int, low: int, high: int) -> None:
    later = since + (high - low) * HEAD_START_MS + 1
    assert queue_key(since, low) < queue_key(later, high)


def test_who_lost_the_agent_stands_before_everybody_who_waits() -> None:
    lost, urgent, long = waits("lost", 9_000_000, HEAD), waits("urgent", 0, 5), waits("long", -3 * 86_400_000 // 4)
    assert [w.conversation for w in sorted((long, urgent, lost), key=lambda w: w.place)] == ["lost", "long", "urgent"]


def test_the_old_the_returning_callers_and_high_stakes_come_earlier_and_despair_first() -> None:
    calm = {"channel": "web", "scene": "", "returning": False, "high_stake": False, "crisis": False}
    raised = [{"channel": "voice"}, {"scene": "elder"}, {"returning": True}, {"high_stake": True}]
    assert urgency(**calm) == 0  # type: ignore[arg-type]
    assert [urgency(**calm | more) for more in raised] == [1, 1, 1, 1]  # type: ignore[arg-type]
    assert urgency(**calm | {"crisis": True}) > 2  # type: ignore[arg-type]


# Offers


@given(floors)
def test_offers_go_to_free_agents_at_their_desks_each_once(floor: Floor) -> None:
    made = offers(floor)
    agents = {agent.id: agent for agent in floor.agents}
    assert len({c for c, _ in made}) == len({a for _, a in made}) == len(made)
    for conversation, name in made:
        waiting = next(w for w in floor.waiting if w.conversation == conversation)
        assert waiting.present
        assert agents[name].here
        assert agents[name].load < agents[name].capacity
        assert not agents[name].ringing


@given(floors)
def test_an_offer_passes_nobody_whom_the_same_agent_could_serve(floor: Floor) -> None:
    """Whoever stands before an offered citizen rings already, or was offered, or that agent lacks his skill."""
    made = offers(floor)
    order = sorted(floor.present, key=lambda w: w.place)
    here = [a for a in floor.agents if a.here]
    for conversation, name in made:
        agent = next(a for a in floor.agents if a.id == name)
        before = order[: [w.conversation for w in order].index(conversation)]
        for passed in before:
            if passed.conversation not in dict(made):
                assert not agent.has(passed.needs)
                assert any(a.has(passed.needs) for a in here)


@given(floors)
def test_while_somebody_waits_and_an_agent_is_free_somebody_is_offered(floor: Floor) -> None:
    idle = [a for a in floor.agents if a.free and not a.ringing]
    served = any(w for w in floor.present if any(a.has(w.needs) for a in idle))
    assert bool(offers(floor)) >= served


@given(floors)
def test_what_rings_is_not_offered_again(floor: Floor) -> None:
    made = offers(floor)
    again = offers(with_offer(floor, made))
    assert not {c for c, _ in made} & {c for c, _ in again}


def test_the_last_agent_of_a_returning_citizen_is_asked_first_if_she_is_free() -> None:
    amy, bob = Agent("amy", 2, load=1), Agent("bob", 2)
    back = Floor((waits("c", last_agent="amy"),), (amy, bob))
    assert offers(back) == [("c", "amy")]
    assert offers(replace(back, agents=(replace(amy, load=2), bob))) == [("c", "bob")]
    assert offers(replace(back, agents=(replace(amy, here=False), bob))) == [("c", "bob")]


def test_who_missed_it_is_asked_again_only_when_nobody_else_is_free() -> None:
    floor = Floor((waits("c", missed_by=frozenset({"amy"}), last_agent="amy"),), (Agent("amy", 2), Agent("bob", 2)))
    assert offers(floor) == [("c", "bob")]
    assert offers(replace(floor, agents=floor.agents[:1])) == [("c", "amy")]


def test_who_declined_is_left_alone_for_a_while() -> None:
    assert offers(Floor((waits("c", declined_by=frozenset({"amy"})),), (Agent("amy", 2),))) == []


def test_a_skill_decides_while_anybody_at_her_desk_has_it() -> None:
    expert, other = Agent("amy", 1, skills=frozenset({"medical"})), Agent("bob", 1, skills=frozenset({"pension"}))
    asked = (waits("c", topic="medical.reimbursement"),)
    assert offers(Floor(asked, (other, expert))) == [("c", "amy")]
    assert offers(Floor(asked, (other, replace(expert, load=1)))) == []
    assert offers(Floor(asked, (other, replace(expert, here=False)))) == [("c", "bob")]
    assert can_take((other, expert), "medical")
    assert not can_take((other, replace(expert, here=False)), "medical")


def test_room_then_patience_decides_among_equals() -> None:
    half, empty = Agent("amy", 4, load=2), Agent("bob", 2, served_at=9)
    assert offers(Floor((waits("c"),), (half, empty))) == [("c", "bob")]
    assert offers(Floor((waits("c"),), (replace(empty, id="amy", served_at=5), empty))) == [("c", "amy")]


def test_two_misses_in_a_row_set_away() -> None:
    assert after_miss(0, "online") == (1, "online")
    assert after_miss(1, "online") == (0, "away")
    assert after_miss(1, "offline") == (2, "offline")


# What the citizen is told


def test_a_place_counts_only_those_who_are_there() -> None:
    floor = Floor((waits("a", 1), waits("gone", 2, present=False), waits("b", 3)))
    assert {name: s.position for name, s in standings(floor).items()} == {"a": 1, "gone": 2, "b": 2}


def test_no_wait_is_promised_while_nobody_serves_and_none_is_needed_while_places_are_free() -> None:
    assert expected_wait(Floor((), (Agent("amy", 3, here=False),)), 1) is None
    told = expected_wait(Floor((), (Agent("amy", 3, load=1),)), 2)
    assert told is not None
    assert told.seconds == 0


@given(st.integers(1, 200), st.integers(1, 50))
def test_the_expected_wait_lies_in_its_range_and_grows_with_the_place(position: int, capacity: int) -> None:
    floor = Floor((), (Agent("amy", capacity, load=capacity),))
    here, behind = expected_wait(floor, position), expected_wait(floor, position + 1)
    assert here
    assert behind
    assert here.low <= here.seconds <= here.high
    assert here.seconds <= behind.seconds


def test_the_expected_wait_is_right_in_a_simulation() -> None:
    """Eight places, service times as they are measured in call centres (exponential): mean within 15 %, range 80 %."""
    chance, usual, places = random.Random(7), 240.0, 8
    floor = Floor((), (Agent("amy", places, load=places),), usual_ms=int(usual * 1000))
    waits_by_position: dict[int, list[float]] = {k: [] for k in (1, 5, 20)}
    for _ in range(2000):
        ends = sorted(chance.expovariate(1 / usual) for _ in range(places))
        for place in range(1, 21):
            served = ends.pop(0)
            if place in waits_by_position:
                waits_by_position[place].append(served)
            ends = sorted([*ends, served + chance.expovariate(1 / usual)])
    for place, seen in waits_by_position.items():
        told = expected_wait(floor, place)
        assert told
        assert abs(told.seconds - mean(seen)) <= 0.15 * mean(seen)
        assert 0.75 <= mean(told.low <= s <= told.high for s in seen) <= 0.86


def test_why_nobody_comes_is_told_apart() -> None:
    staffed, empty = (Agent("amy", 1, load=1),), ()
    assert cause(Floor(agents=staffed), open_now=False, longest=5) == "queued"
    assert cause(Floor(agents=empty), open_now=True, longest=5) == "nobody"
    assert cause(Floor(agents=empty), open_now=False, longest=5) == "off_hours"
    assert cause(Floor((waits("a"), waits("b", 1)), staffed), open_now=True, longest=2) == "full"
    assert cause(Floor((waits("a"), waits("b", 1, present=False)), staffed), open_now=True, longest=2) == "queued"
