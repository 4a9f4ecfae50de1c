"""The real application with a tiny library, and a real Chromium that citizens use in these stories."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from bot.bus.memory import MemoryBus
from bot.nlu.examples import read_training
from bot.shelf import Shelf
from bot.store.database import open_database
from knowledge_base.corpus import read_corpus
from knowledge_base.library import Library
from tests.browser.citizen import PHONE, Citizen, Complaints
from tests.browser.sites import Site, foreign_site
from tests.channels.serving import Server, furnish

try:
    from playwright.sync_api import Browser, BrowserContext, sync_playwright
except ImportError:
    sync_playwright = None

CORPORA = Path(__file__).parent / "corpora"
INTENTS = ("greet", "thanks", "human", "out_of_scope_weather", "out_of_scope_chitchat")
EXAMPLES = 12  # an intent: enough to tell them apart, few enough to train in seconds
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-quic",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--no-default-browser-check",
)  # fmt: skip

os.environ.setdefault("OMP_NUM_THREADS", "1")  # training such a small model on several threads is slower


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))  # the first of them trains the library


def missing(reason: str) -> None:
    """A gate may not pass for want of a browser; a laptop may."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")  # while it is open, playwright keeps an event loop running that async tests would meet
def chromium() -> Iterator[Browser]:
    program = os.environ.get("YIDA_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if sync_playwright is None:
        missing("playwright is not installed: pip install -e '.[dev]'")
    if program is None:
        missing("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tables, models and a published version."""
    home = tmp_path_factory.mktemp("browser-template")
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


@pytest.fixture(scope="session")
def allowed_site() -> Iterator[Site]:
    """A bureau's own site, allowed in the settings of `server`."""
    with foreign_site() as site:
        yield site


@pytest.fixture(scope="session")
def other_site() -> Iterator[Site]:
    """A site that nobody allowed."""
    with foreign_site() as site:
        yield site


@pytest.fixture(scope="session")
def server(home: Path, allowed_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = furnish(
        home, tmp_path_factory.mktemp("browser-home") / "var", channels={"web": {"origins": [allowed_site.origin]}}
    )  # fmt: skip
    with Server(settings) as running:
        yield running


Device = Callable[..., "BrowserContext"]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Whatever the browser complains about: a test that expects it takes it out; the rest fails the test."""
    heard = Complaints()
    yield heard
    assert not heard.rows, "\n".join(heard.rows)


@pytest.fixture
def device(chromium: Browser, server: Server, complaints: Complaints) -> Iterator[Device]:
    """Another device with an empty memory."""
    with ExitStack() as stack:

        def fresh(*, size: tuple[int, int] = PHONE, **more: object) -> BrowserContext:
            context = chromium.new_context(
                base_url=server.url, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce",
                locale="zh-CN", **more,
            )  # fmt: skip
            context.set_default_timeout(20_000)
            context.on("page", complaints.listen)
            stack.callback(context.close)
            return context

        yield fresh


@pytest.fixture(scope="session")
def vague(server: Server) -> str:
    """A question that this library wants explained."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        for question in ("从外地转过来", "转到杭州", "关系转移", "转移要什么材料"):
            opened = client.post("/api/v1/conversations", json={}).json()
            path = f"/api/v1/conversations/{opened['id']}/messages"
            bearer = {"Authorization": f"Bearer {opened['token']}"}
            client.post(path, json={"type": "say", "id": "a-question", "text": question}, headers=bearer)
            answer = client.get(f"{path}?after=2", headers=bearer).json()["messages"][-1]
            if answer["outcome"] == "clarify" and len(answer["choices"]) == 3:
                return question
    raise AssertionError("the tiny library answers everything at once")


@pytest.fixture
def citizen(device: Device) -> Citizen:
    """Somebody with a phone who has opened the window on the demo page."""
    return Citizen(device().new_page()).visits("/widget/demo").opens()
