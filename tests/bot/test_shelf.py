"""Versions of knowledge in the store: all workers switch at once, and what is damaged is refused."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import tarfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import shelf as module
from bot.bus.memory import MemoryBus
from bot.errors import NotFound
from bot.shelf import Follower, Pointer, Shelf
from bot.store.database import Database
from bot.tables import artefacts, versions, workers
from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.entry import Answer
from knowledge_base.errors import ArtefactError, NoVersion
from knowledge_base.index import Index
from knowledge_base.library import Library
from tests.knowledge_base.tiny import ANYONE, ENTRIES, FIGURES, INTENTS

os.environ.setdefault("OMP_NUM_THREADS", "1")  # training such a small model on several threads is slower


@dataclass(frozen=True)
class Built:
    """A home where two versions of the tiny knowledge lie, which differ in one answer."""

    home: Path
    first: Index
    second: Index


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("knowledge")
    tiny = tmp_path_factory.mktemp("corpora")
    (tiny / "tiny.yml").write_text(ENTRIES.read_text("utf-8"), "utf-8")
    corpus = read_corpus(tiny, FIGURES)
    changed = replace(corpus.entries[0], answer=Answer(text="改过的答复。"))
    edited = Corpus((changed, *corpus.entries[1:]), corpus.figures)
    library = Library(home)
    return Built(home, library.build(corpus, INTENTS), library.build(edited, INTENTS))


@pytest.fixture
def maker(database: Database, built: Built) -> Shelf:
    """The machine that built both versions and put them into the store."""
    shelf = Shelf(database, Library(built.home))
    for index in (built.first, built.second):
        shelf.put(index)
    return shelf


@pytest.fixture
def elsewhere(tmp_path: Path) -> Library:
    """Another machine's library: empty."""
    return Library(tmp_path / "elsewhere")


def answer(library: Library) -> str:
    question = library.current.corpus.entries[0].question
    return library.search(question, ANYONE).hits[0].entry.answer.text


async def spoil(database: Database, name: str, content: bytes | None = None) -> None:
    """Changes what the store holds of a version."""
    if content is None:
        await database.write(lambda c: c.execute(artefacts.delete().where(artefacts.c.id == name)))
    else:
        change = artefacts.update().where(artefacts.c.id == name).values(content=content)
        await database.write(lambda c: c.execute(change))


async def content(database: Database, name: str) -> bytes:
    found = await database.read(lambda c: c.scalar(select(artefacts.c.content).where(artefacts.c.id == name)))
    assert found
    return bytes(found)


# Putting and loading


def test_another_machine_answers_the_same_without_building(
    maker: Shelf, database: Database, built: Built, elsewhere: Library
) -> None:
    index = Shelf(database, elsewhere).load(built.first.version)
    assert (index.version, index.models.version) == (built.first.version, built.first.models.version)
    for entry in index.corpus.entries:
        there, here = (i.search(entry.question, ANYONE) for i in (index, built.first))
        assert [(h.entry.id, pytest.approx(h.score)) for h in here.hits] == [(h.entry.id, h.score) for h in there.hits]
    assert not [p for p in elsewhere.folder("x").parent.iterdir() if p.name.startswith(".")]


async def test_what_is_put_twice_is_kept_once(maker: Shelf, database: Database, built: Built) -> None:
    maker.put(built.first)
    assert len(await database.read(lambda c: c.execute(select(versions)).all())) == 2
    assert len(await database.read(lambda c: c.execute(select(artefacts.c.id)).all())) == 3


async def test_a_version_that_nobody_made_or_that_lost_a_half_is_not_found(
    maker: Shelf, database: Database, built: Built, elsewhere: Library
) -> None:
    shelf = Shelf(database, elsewhere)
    with pytest.raises(NotFound, match="nothing"):
        shelf.load("nothing")
    await spoil(database, f"index-{built.first.version}")
    with pytest.raises(NotFound, match="index-"):
        shelf.load(built.first.version)


def _packed_alone(name: str, told: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(told)
        tar.addfile(info, io.BytesIO(told))
    return buffer.getvalue()


DAMAGE = {
    "cut in half": lambda c: c[: len(c) // 2],
    "cut near the end": lambda c: c[: len(c) * 9 // 10],
    "empty": lambda c: b"",
    "not packed": lambda c: b"<html>",
    "a bit turned": lambda c: c[: len(c) // 2] + bytes([c[len(c) // 2] ^ 0xFF]) + c[len(c) // 2 + 1 :],
    "another folder": lambda c: _packed_alone("a", b"b"),
    "a file that climbs out": lambda c: _packed_alone("../../climbed", b"b"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("half", ["index", "models"])
async def test_a_damaged_version_is_refused_and_leaves_nothing_on_disk(
    maker: Shelf, database: Database, built: Built, elsewhere: Library, tmp_path: Path, damage: str, half: str
) -> None:
    name = f"index-{built.first.version}" if half == "index" else f"models-{built.first.models.version}"
    whole = await content(database, name)
    await spoil(database, name, DAMAGE[damage](whole))
    shelf = Shelf(database, elsewhere)
    with pytest.raises(ArtefactError):
        shelf.load(built.first.version)
    assert not elsewhere.has(built.first.version)
    assert not list(tmp_path.rglob("climbed"))
    assert not list(tmp_path.rglob(".making-*"))
    await spoil(database, name, whole)
    assert shelf.load(built.first.version).version == built.first.version


async def test_a_version_that_was_damaged_on_disk_is_fetched_anew(
    maker: Shelf, database: Database, built: Built, elsewhere: Library, tmp_path: Path
) -> None:
    Shelf(database, elsewhere).load(built.first.version)
    for folder in (elsewhere.folder(built.first.version), elsewhere.models_folder(built.first.models.version)):
        (folder / "manifest.json").write_text("{")
        again = Library(tmp_path / "elsewhere")
        assert Shelf(database, again).load(built.first.version).version == built.first.version
    await spoil(database, f"index-{built.first.version}")
    (elsewhere.folder(built.first.version) / "corpus.json").unlink()
    with pytest.raises(NotFound):
        Shelf(database, Library(tmp_path / "elsewhere")).load(built.first.version)


def test_processes_of_one_machine_fetch_at_once_and_all_have_it(
    maker: Shelf, database: Database, built: Built, tmp_path: Path
) -> None:
    def fetch(_: int) -> str:
        return Shelf(database, Library(tmp_path / "shared")).load(built.second.version).version

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(fetch, range(6))) == {built.second.version}
    assert not list((tmp_path / "shared").rglob(".making-*"))


# Publishing


async def told(database: Database) -> dict[str, str]:
    return await database.read(lambda c: {r.id: r.status for r in c.execute(select(versions))})


async def test_publishing_points_to_a_version_and_retires_the_one_before(
    maker: Shelf, database: Database, built: Built
) -> None:
    first, second = built.first.version, built.second.version
    assert maker.pointer() is None
    await maker.publish(first, MemoryBus())
    assert maker.pointer() == Pointer(first, first)
    await maker.publish(second, MemoryBus())
    assert maker.pointer() == Pointer(second, second)
    assert await told(database) == {first: "retired", second: "live"}
    await maker.publish(first, MemoryBus())
    assert await told(database) == {first: "live", second: "retired"}


@pytest.mark.parametrize("fault", ["unknown", "damaged"])
async def test_what_cannot_be_loaded_is_not_published(
    maker: Shelf, database: Database, built: Built, elsewhere: Library, fault: str
) -> None:
    await maker.publish(built.first.version, MemoryBus())
    version = "unknown" if fault == "unknown" else built.second.version
    await spoil(database, f"index-{built.second.version}", b"cut")
    with pytest.raises((NotFound, ArtefactError)):
        await Shelf(database, elsewhere).publish(version, MemoryBus())
    assert maker.pointer() == Pointer(built.first.version, built.first.version)
    assert (await told(database))[built.first.version] == "live"


async def test_publishing_waits_for_living_workers_and_not_for_dead_ones(
    maker: Shelf, database: Database, built: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOADING", 0.4)

    async def seen(ago_ms: int) -> None:
        row = {"id": "w1", "loaded": "old", "seen_at": module.now_ms() - ago_ms}
        await database.write(lambda c: c.execute(workers.delete()))
        await database.write(lambda c: c.execute(workers.insert().values(row)))

    await seen(ago_ms=module.ALIVE_MS + 1000)
    await maker.publish(built.first.version, MemoryBus())
    assert "have not loaded" not in caplog.text
    await seen(ago_ms=0)
    await maker.publish(built.second.version, MemoryBus())
    assert "1 workers have not loaded" in caplog.text
    assert maker.pointer() == Pointer(built.second.version, built.second.version)


# Following


@asynccontextmanager
async def following(database: Database, home: Path, bus: MemoryBus) -> AsyncIterator[tuple[Follower, Library]]:
    """A worker that serves what is live, until the test is over."""
    library = Library(home)
    follower = Follower(database, Shelf(database, library), library)
    await follower.start()
    task = asyncio.create_task(follower.run(bus))
    try:
        yield follower, library
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await follower.leave()


async def loaded(database: Database) -> list[str]:
    return await database.read(lambda c: list(c.scalars(select(workers.c.loaded))))


async def until(holds: Any, within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.01)


async def test_publishing_switches_all_workers_and_each_has_it_at_hand_before(
    maker: Shelf, database: Database, neighbour: Database, built: Built, tmp_path: Path
) -> None:
    bus = MemoryBus()
    await maker.publish(built.first.version, bus)
    async with (
        following(database, tmp_path / "w1", bus) as (one, first),
        following(neighbour, tmp_path / "w2", bus) as (two, second),
    ):
        before = answer(first)
        assert [one.ready, two.ready] == [True, True]
        assert await loaded(database) == [built.first.version] * 2
        await maker.publish(built.second.version, bus)
        assert await loaded(database) == [built.second.version] * 2
        await until(lambda: answer(first) == answer(second) == "改过的答复。")
        await maker.publish(built.first.version, bus)
        await until(lambda: answer(first) == answer(second) == before)
    assert await loaded(database) == []


async def test_a_worker_that_misses_the_bell_switches_all_the_same(
    maker: Shelf, database: Database, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.1)
    await maker.publish(built.first.version, MemoryBus())
    async with following(database, tmp_path / "w1", MemoryBus()) as (_, library):
        await maker.publish(built.second.version, MemoryBus())
        await until(lambda: answer(library) == "改过的答复。")


async def test_searches_under_way_finish_on_the_version_they_began_with(
    maker: Shelf, database: Database, built: Built, tmp_path: Path
) -> None:
    bus = MemoryBus()
    await maker.publish(built.first.version, bus)
    async with following(database, tmp_path / "w1", bus) as (_, library):
        held = library.current
        await maker.publish(built.second.version, bus)
        await until(lambda: library.current.version == built.second.version)
        assert held.search(held.corpus.entries[0].question, ANYONE).version == built.first.version


async def test_a_damaged_version_is_refused_and_the_older_one_serves_on(
    maker: Shelf, database: Database, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The publishing machine holds it whole; what another machine gets from the store is cut short."""
    monkeypatch.setattr(module, "LOADING", 0.5)
    monkeypatch.setattr(module, "BEAT", 0.1)
    bus = MemoryBus()
    await maker.publish(built.first.version, bus)
    name = f"index-{built.second.version}"
    whole = await content(database, name)
    async with following(database, tmp_path / "w1", bus) as (follower, library):
        await spoil(database, name, whole[: len(whole) // 2])
        await maker.publish(built.second.version, bus)
        await until(lambda: not follower.ready)
        assert library.current.version == built.first.version
        assert "version refused" in caplog.text
        assert [r.levelno for r in caplog.records if "could not be followed" in r.message] == []
        await spoil(database, name, whole)
        await until(lambda: follower.ready and library.current.version == built.second.version)


async def test_a_worker_does_not_start_without_a_version_it_can_load(
    maker: Shelf, database: Database, built: Built, elsewhere: Library
) -> None:
    follower = Follower(database, Shelf(database, elsewhere), elsewhere)
    with pytest.raises(NotFound, match="no version is published"):
        await follower.start()
    await maker.publish(built.first.version, MemoryBus())
    await spoil(database, f"index-{built.first.version}", b"cut")
    with pytest.raises(NotFound, match="cannot be loaded"):
        await follower.start()
    with pytest.raises(NoVersion):
        assert elsewhere.current


async def test_following_goes_on_after_a_fault_of_the_store(
    maker: Shelf, database: Database, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "BEAT", 0.05)
    bus = MemoryBus()
    await maker.publish(built.first.version, bus)
    library = Library(tmp_path / "w1")
    shelf = Shelf(database, library)
    follower = Follower(database, shelf, library)
    await follower.start()
    looks, faults = shelf.pointer, [OSError("away"), OSError("away")]

    def away() -> Pointer | None:
        if faults:
            raise faults.pop()
        return looks()

    shelf.pointer = away  # type: ignore[method-assign]
    task = asyncio.create_task(follower.run(bus))
    await maker.publish(built.second.version, bus)
    await until(lambda: library.current.version == built.second.version)
    task.cancel()
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 2


async def test_a_hostname_of_any_length_fits(
    maker: Shelf, database: Database, built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.shelf.socket.gethostname", lambda: "h" * 64)
    await maker.publish(built.first.version, MemoryBus())
    library = Library(built.home)
    await Follower(database, Shelf(database, library), library).start()
    assert await loaded(database) == [built.first.version]
