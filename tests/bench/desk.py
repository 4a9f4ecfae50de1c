"""Human agents under load: how soon an offer rings, a word arrives, a suggestion comes; and a rush at few agents."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx

from tests.bench import server
from tests.bench.client import share
from tests.bench.machine import Meter, rss_mb
from tests.bench.questions import wordings
from tests.bench.talk import Say
from tests.servers import RedisServer, new_database, postgres_server
from tests.stories.lines import Line
from tests.stories.service import Citizen
from tests.stories.staff import ADMIN, hired, signed_in

CAPACITY = 5
OPENING = 8  # accounts and conversations made at once
SETTLED_WITHIN = 180.0
HUMAN = "human-1"  # the id of a citizen's wish; each has one


@dataclass(frozen=True, slots=True)
class Plan:
    """How many, and how they behave. Seconds throughout; `think` lies between two words of one side, on average."""

    workers: int = 2
    agents: int = 100
    chats: int = 500
    arrivals: float = 8.0  # citizens a second: six times what 500 chats of seven minutes need
    think: float = 10.0
    seconds: float = 40.0
    rush: int = 300  # citizens within a second …
    rush_agents: int = 5  # … and the agents who are there then


@dataclass(frozen=True, slots=True)
class Wait:
    """Milliseconds, over `count` times."""

    what: str
    count: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """One load. CPU in processors kept busy by group, memory in MB over all processes of the service."""

    name: str
    waits: tuple[Wait, ...]
    cpu: dict[str, float]
    memory: float
    faults: int

    def p95(self, what: str) -> float | None:
        return next((wait.p95 for wait in self.waits if wait.what == what), None)


OFFER, TO_CITIZEN, TO_AGENT, SUGGESTION, PLACE = (
    "wish for a human → offer at an agent", "agent's word → citizen's page", "citizen's word → agent's page",
    "citizen's word → suggestions", "wish for a human → place in the queue told",
)  # fmt: skip


@dataclass(slots=True)
class Stopwatch:
    """Begun and ended by name; what is not ended counts as a fault."""

    begun: dict[tuple[str, str], float] = field(default_factory=dict)
    taken: dict[str, list[float]] = field(default_factory=dict)

    def begin(self, what: str, name: str) -> None:
        self.begun[what, name] = perf_counter()

    def end(self, what: str, name: str) -> None:
        began = self.begun.pop((what, name), None)
        if began is not None:
            self.taken.setdefault(what, []).append(perf_counter() - began)

    def waits(self) -> tuple[Wait, ...]:
        sorts = {what: sorted(taken) for what, taken in self.taken.items()}
        return tuple(Wait(w, len(t), share(t, 0.5), share(t, 0.95), share(t, 0.99)) for w, t in sorts.items())


class Chat:
    """A citizen's page."""

    def __init__(self, citizen: Citizen, watch: Stopwatch) -> None:
        self.id = citizen.id
        self.after = 0
        self._watch = watch
        base = f"{citizen.url.replace('http', 'ws', 1)}/api/v1/conversations/{citizen.id}/socket"
        self.line = Line(
            lambda: f"{base}?after={self.after}", lambda: [{"type": "auth", "token": citizen.token}], self._hear
        )

    async def ask_human(self, what: str) -> None:
        self._watch.begin(what, self.id)
        await self.line.send("human", id=HUMAN)

    def _hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "message":
            self.after = frame["seq"]
            self._watch.end(TO_CITIZEN, frame["id"])
        elif frame["type"] == "state" and frame["stage"] == "waiting":
            self._watch.end(PLACE, self.id)


class Agent:
    """A desk that takes whoever is offered."""

    def __init__(self, url: str, token: str, watch: Stopwatch) -> None:
        self.mine: set[str] = set()
        self._watch = watch
        self._soon: set[asyncio.Task[None]] = set()
        self.line = Line(
            lambda: f"{url.replace('http', 'ws', 1)}/api/v1/desk/socket",
            lambda: [{"type": "auth", "token": token}, {"type": "status", "value": "online"}],
            self._hear,
        )

    def _hear(self, frame: dict[str, Any]) -> None:
        name = frame.get("conversation", "")
        match frame["type"]:
            case "offer":
                self._watch.end(OFFER, name)
                self._send("accept", conversation=name)
            case "assigned":
                self.mine.add(name)
                self._send("open", conversation=name, after=0)
            case "message" if frame["party"] == "citizen":
                self._watch.end(TO_AGENT, frame["id"])
            case "suggestions":
                self._watch.end(SUGGESTION, f"{name} {frame['seq']}")

    def _send(self, type: str, **more: Any) -> None:
        task = asyncio.create_task(self.line.send(type, **more))
        self._soon.add(task)
        task.add_done_callback(self._soon.discard)


Load = Callable[[str, server.Server, server.Server, Plan, Say], Coroutine[Any, Any, Crowd]]
Groups = Callable[[Path, Path, int], AbstractContextManager[tuple[server.Server, server.Server]]]


def measure(prepared: Path, home: Path, plan: Plan, say: Say) -> list[Crowd]:
    """Many agents in their chats; a rush at few; then chats over two groups, each on a fresh service."""
    few = replace(plan, workers=1, agents=max(1, plan.agents // 5), chats=max(1, plan.chats // 5))
    loads: tuple[tuple[str, Plan, Load, Groups], ...] = (
        (f"{plan.chats} chats, {plan.agents} agents", plan, _chats, _one_group),
        (f"{plan.rush} in a second", plan, _rush, _one_group),
        (f"{few.chats} chats, {few.agents} agents at another group", few, _chats, _two_groups),
    )
    found = []
    for number, (name, its, load, groups) in enumerate(loads):
        say(f"starting: {name}")
        with groups(prepared, home / str(number), its.workers) as (here, there):
            found.append(asyncio.run(load(name, here, there, its, say)))
        for wait in found[-1].waits:
            say(f"{wait.what}: {wait.count} times, p50 {wait.p50:.1f}, p95 {wait.p95:.1f} ms")
    return found


@contextmanager
def _one_group(prepared: Path, home: Path, workers: int) -> Iterator[tuple[server.Server, server.Server]]:
    with server.running(prepared, home, workers, engine="local", YIDA_ADMIN_PASSWORD=ADMIN) as place:
        yield place, place


@contextmanager
def _two_groups(prepared: Path, home: Path, workers: int) -> Iterator[tuple[server.Server, server.Server]]:
    """They share PostgreSQL and Redis, nothing else."""
    home.mkdir()
    redis = RedisServer(home)
    redis.start()
    try:
        with ExitStack() as stack:
            store = new_database(stack.enter_context(postgres_server()))
            more = {"YIDA_ADMIN_PASSWORD": ADMIN, "YIDA_STORE": store, "YIDA_BUS": redis.url}
            here, there = (
                stack.enter_context(server.running(prepared, home / side, workers, engine="local", **more))
                for side in ("here", "there")
            )
            yield here, there
    finally:
        redis.kill()


async def _chats(name: str, here: server.Server, there: server.Server, plan: Plan, say: Say) -> Crowd:
    watch = Stopwatch()
    async with asyncio.TaskGroup() as group, _client() as client:
        agents, chats = await _people(here, there, client, watch, plan.agents, plan.chats, say)
        running = [group.create_task(side.line.run()) for side in (*agents, *chats)]
        await _until(lambda: all(side.line.opened for side in (*agents, *chats)))
        for chat in chats:
            await chat.ask_human(OFFER)
            await asyncio.sleep(1 / plan.arrivals)
        await _until(lambda: sum(len(agent.mine) for agent in agents) == len(chats))
        say("everybody talks with somebody")
        owners = {conversation: agent for agent in agents for conversation in agent.mine}
        texts = wordings()
        meter = Meter(_groups(here, there))
        over = perf_counter() + plan.seconds
        await asyncio.gather(*(_talk(chat, owners[chat.id], watch, plan.think, over, texts) for chat in chats))
        crowd = _measured(name, _groups(here, there), meter, watch, (*agents, *chats))
        for task in running:
            task.cancel()
    return crowd


async def _talk(chat: Chat, agent: Agent, watch: Stopwatch, think: float, over: float, texts: Sequence[str]) -> None:
    """In turns, as people do: she writes, then he."""
    asked = random.Random(chat.id)
    await asyncio.sleep(asked.uniform(0, 2 * think))
    while perf_counter() < over:
        name = f"{chat.id}-{perf_counter()}"[-60:]
        watch.begin(TO_CITIZEN, name)
        await agent.line.say("您好，我帮您看一下。", name=name, conversation=chat.id)
        await asyncio.sleep(asked.uniform(0, 2 * think))
        name += "c"
        watch.begin(TO_AGENT, name)
        began = perf_counter()
        seq = await chat.line.say(asked.choice(texts), name=name)
        watch.begun[SUGGESTION, f"{chat.id} {seq}"] = began
        await asyncio.sleep(asked.uniform(0, 2 * think))


async def _rush(name: str, here: server.Server, there: server.Server, plan: Plan, say: Say) -> Crowd:
    watch = Stopwatch()
    async with asyncio.TaskGroup() as group, _client() as client:
        agents, chats = await _people(here, there, client, watch, plan.rush_agents, plan.rush, say)
        running = [group.create_task(side.line.run()) for side in (*agents, *chats)]
        await _until(lambda: all(side.line.opened for side in (*agents, *chats)))
        meter = Meter(_groups(here, there))
        await asyncio.gather(*(_after(n / plan.rush, chat.ask_human(PLACE)) for n, chat in enumerate(chats)))
        seats = min(plan.rush, plan.rush_agents * CAPACITY)
        await _until(lambda: sum(len(agent.mine) for agent in agents) == seats)
        await _until(lambda: len(watch.taken.get(PLACE, ())) == plan.rush)
        crowd = _measured(name, _groups(here, there), meter, watch, (*agents, *chats))
        for task in running:
            task.cancel()
    return crowd


async def _after(seconds: float, work: Any) -> None:
    await asyncio.sleep(seconds)
    await work


def _groups(here: server.Server, there: server.Server) -> dict[str, list[int]]:
    return {kind: list({*here.groups[kind], *there.groups[kind]}) for kind in here.groups}


def _measured(
    name: str, groups: dict[str, list[int]], meter: Meter, watch: Stopwatch, sides: Sequence[Chat | Agent]
) -> Crowd:
    used = meter.read()
    cpu = {group: seconds / used.seconds for group, seconds in used.groups.items()}
    everyone = [pid for pids in groups.values() for pid in pids]
    return Crowd(name, watch.waits(), cpu, rss_mb(everyone), sum(side.line.opened - 1 for side in sides))


async def _people(
    here: server.Server, there: server.Server, client: httpx.AsyncClient, watch: Stopwatch, agents: int, chats: int,
    say: Say,
) -> tuple[list[Agent], list[Chat]]:  # fmt: skip
    """Citizens here, agents there."""
    (citizens, staffed), gate = (f"http://{server.HOST}:{p.port}" for p in (here, there)), asyncio.Semaphore(OPENING)

    async def agent() -> Agent:
        async with gate:
            name = await hired(staffed, client, capacity=CAPACITY)
            return Agent(staffed, await signed_in(staffed, client, name), watch)

    async def chat() -> Chat:
        async with gate:
            return Chat(await Citizen.at(citizens, client), watch)

    staff = [await agent() for _ in range(agents)]  # signing in one after the other: the client keeps one session
    say(f"{agents} agents are signed in")
    return staff, await asyncio.gather(*(chat() for _ in range(chats)))


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=60)


async def _until(true: Any) -> None:
    async with asyncio.timeout(SETTLED_WITHIN):
        while not true():
            await asyncio.sleep(0.02)
