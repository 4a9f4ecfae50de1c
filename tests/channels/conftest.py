"""One tiny but real library a session, and the real application served on real sockets over copies of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bot.bus.memory import MemoryBus
from bot.config import Settings
from bot.nlu.examples import read_training
from bot.shelf import Shelf
from bot.store.database import open_database
from knowledge_base.corpus import read_corpus
from knowledge_base.library import Library
from tests.channels.citizen import Device, Line, opened
from tests.channels.serving import Server, furnish

CORPORA = Path(__file__).parent / "corpora"
INTENTS = ("greet", "thanks", "human", "out_of_scope_weather", "out_of_scope_chitchat")
EXAMPLES = 12  # an intent: enough to tell them apart, few enough to train in seconds
ALLOWED = "https://www.example.gov.cn"
PROXY = "127.0.0.9"

os.environ.setdefault("OMP_NUM_THREADS", "1")  # training such a small model on several threads is slower


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tables, models and a published version."""
    home = tmp_path_factory.mktemp("template")
    library = Library(home / "knowledge")
    intents = {name: texts[:EXAMPLES] for name, texts in read_training().by_intent().items() if name in INTENTS}
    index = library.build(read_corpus(CORPORA, CORPORA / "figures.yml"), intents)
    database = open_database(f"sqlite:///{home}/yida.db")
    try:
        database.migrate()
        shelf = Shelf(database, library)
        shelf.put(index)
        asyncio.run(shelf.publish(index.version, MemoryBus()))
    finally:
        database.close()
    return home


Furnish = Callable[..., Settings]


@pytest.fixture(scope="session")
def furnished(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Furnish:
    """Settings over a fresh copy of the template; sections as in config.yml."""
    return lambda **sections: furnish(template, tmp_path_factory.mktemp("home") / "var", **sections)


@pytest.fixture(scope="session")
def serving(furnished: Furnish) -> Iterator[Callable[..., Server]]:
    """Starts servers that live until the session ends."""
    with ExitStack() as stack:
        yield lambda **sections: stack.enter_context(Server(furnished(**sections)))


@pytest.fixture(scope="session")
def server(serving: Callable[..., Server]) -> Server:
    """Without limits."""
    return serving()


@pytest.fixture(scope="session")
def limited(serving: Callable[..., Server]) -> Server:
    """With the limits that config.yml ships."""
    return serving(limits={})


@pytest.fixture(scope="session")
def embedded(serving: Callable[..., Server]) -> Server:
    """Allowed into one foreign site, and behind a proxy; ten messages a minute for one address."""
    limits = {
        "per_address": {"conversations_per_minute": 3, "messages_per_minute": 10},
        "per_conversation": {"messages_per_minute": 0},
    }
    return serving(
        limits=limits, channels={"web": {"origins": [ALLOWED]}}, server={"trusted_proxies": [f"{PROXY}/32"]}
    )  # fmt: skip


@pytest.fixture
def own_server(furnished: Furnish) -> Iterator[Server]:
    """For a test that breaks it."""
    with Server(furnished()) as running:
        yield running


@pytest.fixture
async def device(server: Server) -> Device:
    return await opened(server)


@pytest.fixture
async def line(device: Device) -> AsyncIterator[Line]:
    """A socket of `device` that has told greeting and state."""
    async with device.line() as open_line:
        await open_line.next("state")
        yield open_line


Send = Callable[..., Awaitable[tuple[bool, dict[str, Any]]]]


@pytest.fixture(params=["socket", "rest"])
async def send(request: pytest.FixtureRequest, device: Device) -> AsyncIterator[Send]:
    """Sends one frame as text and gives whether it was taken, and the ack, error or problem."""
    if request.param == "rest":

        async def post(raw: str | bytes) -> tuple[bool, dict[str, Any]]:
            response = await device.post_raw(raw.encode() if isinstance(raw, str) else raw)
            return response.status_code == 200, response.json()

        yield post
        return
    async with device.line() as open_line:
        await open_line.next("state")

        async def frame(raw: str | bytes) -> tuple[bool, dict[str, Any]]:
            await open_line.send_raw(raw)
            told = await open_line.next("ack", "error", "pong")
            return told["type"] != "error", told

        yield frame
