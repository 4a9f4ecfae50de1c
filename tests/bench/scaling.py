"""`python -m tests.bench.scaling`: what a desk of 100, 300 or 1,000 agents needs, by simulation; keeps docs/scaling.md.

A paper plan: agents, citizens and their patience are drawn, what each event costs was measured (docs/bench.md), and what
the dispatcher's own part costs is measured here, at these sizes.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import heappop, heappush
from math import ceil
from pathlib import Path
from time import process_time

from bot.config import ROOT
from bot.desk import Agent, Floor, Waiting, offers, standings
from tests.bench.client import share
from tests.bench.machine import cores, processor
from tests.bench.report import table

HOUR = 3600.0
SKILLS = ("pension", "medical", "injury", "unemployment", "card")


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU milliseconds of a web worker. Together they come to what a desk of 100 took (docs/bench.md, Human agents)."""

    answer: float = 4.5  # a question answered by the bot, stored and sent
    word: float = 4.0  # a word between citizen and agent, stored, sent to both and looked up for suggestions
    queue_frame: float = 0.3  # the queue as one agent's page is told it
    position: float = 0.2  # place and wait as one citizen is told them


@dataclass(frozen=True, slots=True)
class People:
    """One hour of a desk. Seconds throughout."""

    agents: int
    load: float  # of what the agents could serve
    capacity: int = 3
    serving: float = 420.0  # mean time with an agent
    patience: float = 600.0  # mean time in the queue until somebody leaves
    word_every: float = 12.0  # from each side, while they talk
    questions: int = 4  # to the bot, before one in five asks for a human
    handoff: float = 0.2

    @property
    def arrivals(self) -> float:
        """Wishes for a human a second."""
        return self.load * self.agents * self.capacity / self.serving


@dataclass(slots=True)
class Hour:
    """What happened: waits in seconds, and each second's chats, queue and offers."""

    waits: list[float]
    left: int
    chats: list[int]
    queue: list[int]
    offers: list[int]


def simulate(people: People, seed: int = 1) -> Hour:
    """Poisson arrivals, log-normal serving, exponential patience; the hour after half an hour of warming."""
    chance = random.Random(seed)
    warm, end = HOUR / 2, HOUR * 1.5
    hour = Hour([], 0, [], [], [])
    free, waiting, busy = people.agents * people.capacity, deque[tuple[float, float]](), 0
    ends: list[float] = []
    given, looked, now = 0, 0.0, 0.0
    while now < end:
        arrival = now + chance.expovariate(people.arrivals)
        while (ends and ends[0] <= arrival) or looked <= arrival:
            if ends and ends[0] <= looked:
                now = heappop(ends)
                free, busy = free + 1, busy - 1
                while waiting and free:
                    since, until = waiting.popleft()
                    if until < now:
                        hour.left += now > warm
                        continue
                    hour.waits.extend([now - since] if now > warm else [])
                    heappush(ends, now + _serving(chance, people.serving))
                    free, busy, given = free - 1, busy + 1, given + 1
            else:
                if looked > warm:
                    hour.chats.append(busy)
                    hour.queue.append(sum(until >= looked for _, until in waiting))
                    hour.offers.append(given)
                given, looked = 0, looked + 1
        now = arrival
        if free:
            hour.waits.extend([0.0] if now > warm else [])
            heappush(ends, now + _serving(chance, people.serving))
            free, busy, given = free - 1, busy + 1, given + 1
        else:
            waiting.append((now, now + chance.expovariate(1 / people.patience)))
    return hour


def _serving(chance: random.Random, mean: float) -> float:
    return chance.lognormvariate(0, 0.8) * mean / 1.377  # the mean of a log-normal with this spread is 1.377


def dispatching(agents: int, waiting: int) -> float:
    """CPU milliseconds of one round's decisions, every agent free: the worst that can be."""
    chance = random.Random(1)
    desks = tuple(
        Agent(f"agent{n}", 3, skills=frozenset(chance.sample(SKILLS, 2)) if n % 2 else frozenset())
        for n in range(agents)
    )
    floor = Floor(tuple(Waiting(f"c{n}", n, n, topic=f"{chance.choice(SKILLS)}.x") for n in range(waiting)), desks)
    return _took(lambda: offers(floor)) + _took(lambda: standings(floor))


def _took(work: Callable[[], object], times: int = 5) -> float:
    best = float("inf")
    for _ in range(times):
        began = process_time()
        work()
        best = min(best, process_time() - began)
    return best * 1000


def row(people: People, costs: Costs) -> tuple[str, ...]:
    hour = simulate(people)
    waits = sorted(hour.waits)
    chats, queue = (
        share(sorted(map(float, hour.chats)), 0.95) / 1000,
        share(sorted(map(float, hour.queue)), 0.95) / 1000,
    )
    words = 2 * chats / people.word_every
    asked = people.arrivals / people.handoff * people.questions
    web = asked * costs.answer + words * costs.word + 2 * people.agents * costs.queue_frame + queue / 3 * costs.position
    served = len(waits) + hour.left
    return (
        f"{people.agents:,}", f"{people.load:.0%}", f"{people.arrivals:.1f}", f"{asked:,.0f}", f"{chats:,.0f}",
        f"{queue:,.0f}", f"{share(waits, 0.5) / 1000:.0f}", f"{share(waits, 0.95) / 1000:.0f}", f"{hour.left / served:.1%}",
        f"{words:,.0f}", f"{max(hour.offers)}", f"{asked + words:,.0f}", f"{web / 1000:.1f}", f"{ceil(web / 1000 / 0.6)}",
        f"{dispatching(people.agents, max(1, round(queue))):.0f}",
    )  # fmt: skip


HEAD = """# How large a desk can grow

A paper plan, made by `python -m tests.bench.scaling` on {at:%Y-%m-%d}: {cores} × {processor}. Nothing of it ran on many
machines; the two-group story (`tests/stories/test_people_at_two_machines.py`) runs on two groups of processes that share
only PostgreSQL and Redis.

An hour is simulated: citizens arrive by chance, an agent serves three at a time for seven minutes on average, a citizen
who waits leaves after ten minutes on average, each side writes every twelve seconds, and one in five of those who ask the
bot (four questions) wants a human. *Load* is of what the agents could serve. What an event costs a web worker: a question
{answer} ms, a word between people {word} ms, the queue told to one agent {queue_frame} ms (twice a second), a place told to
one citizen {position} ms (every three seconds): together what the service took in the loads of docs/bench.md. *Cores* are what that comes to at the 95th
percentile of the hour, *workers* keeps each at 60 %. *Round* is one decision of the dispatcher with every agent free.
"""
TAIL = """What it means:

- Web workers share nothing but the store and the bus, so they grow by adding them; the desk of a city (100 agents) fits
  the two cores it was developed on, a province needs a few machines.
- A dispatcher decides for a thousand agents in well under a tenth of a second. Each group of processes runs one; offers
  are decided in the store, so several of them never make one offer twice.
- The store takes one transaction a question or word. SQLite does for a city; from some hundred a second on use PostgreSQL
  (one writer process per worker, group commit).
- Waits grow with the load of the agents, not of the machines: past 100 % those who leave are the valve, before them the
  message form and the limits of the queue (`desk.longest_queue`, `desk.longest_wait_minutes`).
"""


def page(costs: Costs) -> Iterator[str]:
    yield HEAD.format(
        at=datetime.now(UTC), cores=cores(), processor=processor(), answer=costs.answer, word=costs.word,
        queue_frame=costs.queue_frame, position=costs.position,
    )  # fmt: skip
    head = (
        "agents", "load", "wishes/s", "questions/s", "chats p95", "queue p95", "wait p50 s", "wait p95 s", "leave",
        "words/s", "most offers/s", "transactions/s", "cores", "workers", "round ms",
    )  # fmt: skip
    loads = (0.8, 0.95, 1.1)
    yield from table(head, [row(People(agents, load), costs) for agents in (100, 300, 1000) for load in loads])
    yield TAIL.rstrip()


def main(target: Path = ROOT / "docs" / "scaling.md") -> None:
    target.write_text("\n".join(page(Costs())) + "\n", "utf-8")


if __name__ == "__main__":
    main()
