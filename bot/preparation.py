"""Before serving: tables are made, models trained and a version published where anything is missing or changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bot.assembly import bus_url, open_library
from bot.bus import open_bus
from bot.config import Settings
from bot.holidays import seed
from bot.nlu.examples import TRAINING, read_training
from bot.nlu.patterns import read_patterns
from bot.shelf import Shelf
from bot.store.database import Database, open_database
from knowledge_base.corpus import read_corpus
from knowledge_base.errors import ArtefactError
from knowledge_base.index import Index

Progress = Callable[[str, int, int], None]


def prepare(settings: Settings, progress: Progress) -> Index:
    """Raises CorpusError when an entry is wrong: the version in service stays as it is."""
    settings.home.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.store)
    try:
        database.migrate()
        seed(database)
        return publish_corpus(settings, database, progress)
    finally:
        database.close()


def publish(settings: Settings, progress: Progress) -> Index:
    """The files are live within seconds, with the models in service; then models are trained on them, and are live too.

    Raises CorpusError when an entry is wrong: the version in service stays as it is.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.store)
    try:
        database.migrate()
        library = open_library(settings)
        shelf = Shelf(database, library)
        pointer = shelf.pointer()
        if pointer is not None:
            with contextlib.suppress(ArtefactError):  # of an older make: trained anew below
                models = shelf.load(pointer.live).models
                index = library.build_with(models, read_corpus(), read_training().taught(), progress=progress)
                _make_live(settings, shelf, index)
        return publish_corpus(settings, database, progress)
    finally:
        database.close()


def publish_corpus(settings: Settings, database: Database, progress: Progress) -> Index:
    """Builds the version of the files, models included, and makes it live, unless it is."""
    library = open_library(settings)
    index = library.build(
        read_corpus(),
        read_training().taught(),
        patterns=read_patterns(TRAINING / "patterns.yml").examples(),
        encoder=settings.knowledge.encoder,
        progress=progress,
    )
    _make_live(settings, Shelf(database, library), index)
    return index


def _make_live(settings: Settings, shelf: Shelf, index: Index) -> None:
    pointer = shelf.pointer()
    if pointer is not None and pointer.live == index.version:
        return
    shelf.put(index)

    async def switch() -> None:
        async with open_bus(bus_url(settings)) as bus:
            await shelf.publish(index.version, bus)
            await asyncio.sleep(0.1)  # the ring leaves before the wire closes

    asyncio.run(switch())


def live_index(settings: Settings, progress: Progress) -> Index:
    """The version in service, for commands that need no server; built first where there is none."""
    database = open_database(settings.store)
    try:
        database.migrate()
        shelf = Shelf(database, open_library(settings))
        pointer = shelf.pointer()
        if pointer is not None:
            try:
                return shelf.load(pointer.live)
            except ArtefactError:
                pass
        return publish_corpus(settings, database, progress)
    finally:
        database.close()
