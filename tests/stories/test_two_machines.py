"""Two groups of processes on one PostgreSQL and one Redis: what is said at one is heard at the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.servers import RedisServer, new_database
from tests.stories.service import FULL, Citizen, Service, check_story, crowd

AWAY = 30.0 if FULL else 4.0  # seconds without Redis: longer than listeners wait between two looks into the store
TEXTS = ("养老保险最低要交多少年", "我什么时候可以退休", "社保断了可以补吗", "缴费基数怎么定")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Of these stories' own: it will be hurt."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def machines(
    tree: Path, new_home: Callable[[], Path], postgres: str, redis: RedisServer
) -> Iterator[tuple[Service, Service]]:
    with ExitStack() as stack:
        services, store = [], new_database(postgres)
        for _ in range(2):
            home = new_home()
            (home / "yida.db").unlink()
            services.append(Service(tree, home, YIDA_STORE=store, YIDA_BUS=redis.url).start())
            stack.push(services[-1])
        for service in services:
            service.wait_ready()
        yield services[0], services[1]


async def heard_at(listener: Citizen, name: str, after: int) -> float:
    """Seconds until a long poll at the other machine has the answer."""
    began = time.monotonic()
    async with asyncio.timeout(30):
        while True:
            for message in await listener.read(after, wait=25):
                after = message["seq"]
                if message["id"] == f"re:{name}":
                    return time.monotonic() - began


@pytest.mark.timeout(300)
async def test_what_is_said_at_one_is_heard_at_the_other_also_while_redis_is_away(
    machines: tuple[Service, Service], redis: RedisServer
) -> None:
    one, two = machines
    async with crowd() as client:
        here = await Citizen.at(one.url, client)
        there = here.elsewhere(two.url)

        async def told_across(text: str) -> float:
            """The listener waits first, so that only a ring or a look of its own can wake it."""
            after = (await there.story())[-1]["seq"]
            waiting = asyncio.create_task(heard_at(there, "across-" + str(after), after))
            await asyncio.sleep(0.3)
            await here.say(text, name="across-" + str(after))
            return await waiting

        assert await told_across(TEXTS[0]) < 3  # a ring: a poll would have lasted 25 s
        assert one.readiness()[1]["bus"] == two.readiness()[1]["bus"] == "ok"

        redis.kill()
        assert await told_across(TEXTS[1]) < 6  # by looking into the store each second
        told = two.readiness()
        assert told[0] == 200
        assert told[1]["bus"] != "ok"
        began = time.monotonic()
        while time.monotonic() - began < AWAY:
            await told_across(TEXTS[2])

        redis.start()
        async with asyncio.timeout(30):
            while one.readiness()[1]["bus"] != "ok" or two.readiness()[1]["bus"] != "ok":
                await asyncio.sleep(0.2)
        assert await told_across(TEXTS[3]) < 3
        check_story(await there.story(), here.acked)


@pytest.mark.timeout(300)
async def test_under_load_at_both_nothing_is_lost_when_redis_goes_and_comes(
    machines: tuple[Service, Service], redis: RedisServer
) -> None:
    async with crowd() as client:
        citizens = await asyncio.gather(*(Citizen.at(machines[n % 2].url, client) for n in range(20)))
        over = asyncio.Event()

        async def speak(n: int, citizen: Citizen) -> None:
            """Each message at the other machine than the one before."""
            turn = n
            while not over.is_set():
                turn += 1
                await citizen.elsewhere(machines[turn % 2].url).say(TEXTS[turn % len(TEXTS)])
                await asyncio.sleep(0.05)

        speaking = [asyncio.create_task(speak(n, citizen)) for n, citizen in enumerate(citizens)]
        await asyncio.sleep(1.5)
        redis.kill()
        await asyncio.sleep(AWAY)
        redis.start()
        await asyncio.sleep(1.5)
        over.set()
        await asyncio.gather(*speaking)
        assert sum(len(c.acked) for c in citizens) > 40
        for citizen in citizens:
            for name in citizen.acked:
                await citizen.answer(name)
            for machine in machines:
                check_story(await citizen.elsewhere(machine.url).story(), citizen.acked)


async def test_a_machine_that_dies_leaves_the_other_serving(machines: tuple[Service, Service]) -> None:
    one, two = machines
    async with crowd() as client:
        citizen = await Citizen.at(one.url, client)
        await citizen.ask(TEXTS[0])
        assert one.process
        one.process.kill()
        for worker in one.children("web"):
            worker.kill()
        survivor = citizen.elsewhere(two.url)
        assert (await survivor.ask(TEXTS[1]))["text"]
        check_story(await survivor.story(), citizen.acked)
        with pytest.raises(httpx.HTTPError):
            await citizen.say(TEXTS[2], retry=False)
