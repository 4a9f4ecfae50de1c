"""A citizen at one group of processes, agents at the other; only PostgreSQL and Redis are shared."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.servers import RedisServer, new_database
from tests.stories.service import FULL, Citizen, Service, crowd
from tests.stories.staff import ADMIN, asks_human, at_desk, hired, signed_in
from tests.stories.tree import configure, copied

TURNS = 200 if FULL else 12
GRACE = 180  # seconds: here machines start again, and the gate's may be slow


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Of these stories' own: it will be hurt."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def machines(
    tree: Path,
    new_home: Callable[[], Path],
    postgres: str,
    redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, Service]]:
    patient = copied(tree, tmp_path_factory.mktemp("patient") / "project")
    configure(patient, desk={"grace_seconds": GRACE})
    with ExitStack() as stack:
        services, store = [], new_database(postgres)
        for _ in range(2):
            home = new_home()
            (home / "yida.db").unlink()
            more = {"YIDA_STORE": store, "YIDA_BUS": redis.url, "YIDA_ADMIN_PASSWORD": ADMIN}
            services.append(Service(patient, home, **more).start())
            stack.push(services[-1])
        for service in services:
            service.wait_ready()
        yield services[0], services[1]


@pytest.mark.timeout(300)
async def test_an_agent_at_one_serves_a_citizen_at_the_other_through_a_redis_that_goes_and_a_kill(
    machines: tuple[Service, Service], redis: RedisServer
) -> None:
    here, there = machines
    async with crowd() as client:
        name = await hired(there.url, client)
        token = await signed_in(there.url, client, name)
        citizen = await Citizen.at(here.url, client)
        async with at_desk(there.url, token) as desk:
            began = time.monotonic()
            await asks_human(citizen)
            offer = await desk.next("offer", conversation=citizen.id)
            assert time.monotonic() - began < 3  # a ring: a look of its own would have come a second later
            assert offer["context"]["channel"] == "web"
            await desk.send("accept", conversation=citizen.id)
            await desk.next("assigned", conversation=citizen.id)

            said: list[str] = []
            for n in range(TURNS):
                if n == TURNS // 3:
                    redis.kill()
                if n == 2 * TURNS // 3:
                    redis.start()
                await desk.say(citizen.id, f"坐席{n}")
                await citizen.say(f"市民{n}")
                heard = await desk.next("message", party="citizen", text=f"市民{n}")
                assert heard["conversation"] == citizen.id
                said += [f"坐席{n}", f"市民{n}"]

        # Her machine is killed outright and comes back; her page finds its way within the grace time.
        everyone = there.alive()
        for process in everyone:
            process.kill()
        psutil.wait_procs(everyone, timeout=10)
        await citizen.say("还在吗")
        there.start().wait_ready()
        async with at_desk(there.url, token) as desk:
            await desk.send("open", conversation=citizen.id, after=0)
            await desk.next("message", party="citizen", text="还在吗")
            last = await desk.say(citizen.id, "在的")
            said += ["还在吗", "在的"]
            story = await citizen.story()
            assert [m["text"] for m in story if m["party"] in ("citizen", "agent")][1:] == said
            assert [m["seq"] for m in story] == list(range(1, last + 1))
            await desk.send("close", conversation=citizen.id, resolved=True, code="answered", remark="")
            await desk.next("unassigned", conversation=citizen.id)
        assert (await citizen.story())[-1]["card"] == {"kind": "rate"}


@pytest.mark.timeout(300)
async def test_many_ask_at_both_and_each_is_served_once_by_one_agent(machines: tuple[Service, Service]) -> None:
    async with crowd() as client:
        names = [await hired(machines[n % 2].url, client, capacity=3) for n in range(3)]
        tokens = [await signed_in(machines[n % 2].url, client, name) for n, name in enumerate(names)]
        citizens = await asyncio.gather(*(Citizen.at(machines[n % 2].url, client) for n in range(24)))
        served: dict[str, str] = {}

        async def work(n: int) -> None:
            """At the other machine than half of the citizens."""
            async with at_desk(machines[(n + 1) % 2].url, tokens[n]) as desk:
                while len(served) < len(citizens):
                    try:
                        offer = await desk.next("offer", within=1)
                    except TimeoutError:
                        continue
                    name = offer["conversation"]
                    await desk.send("accept", conversation=name)
                    told = await desk.next("assigned", "error", conversation=name)
                    if told["type"] == "error":
                        continue
                    assert name not in served
                    served[name] = names[n]
                    await desk.say(name, f"我是{names[n]}")
                    await desk.send("close", conversation=name, resolved=True, code="answered", remark="")

        working = [asyncio.create_task(work(n)) for n in range(3)]
        await asyncio.gather(*(asks_human(citizen) for citizen in citizens))
        async with asyncio.timeout(120):
            await asyncio.gather(*working)
        for citizen in citizens:
            story = await citizen.story()
            assert [m["text"] for m in story if m["party"] == "agent"] == [f"我是{served[citizen.id]}"]
            assert sum(m["because"] == "human_begins" for m in story) == 1
