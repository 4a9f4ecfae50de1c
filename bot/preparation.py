"""Before serving: tables are made, models trained and a version published where anything is missing or changed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial

from bot import drafts
from bot.assembly import bus_url, open_library
from bot.bus import open_bus
from bot.config import Settings
from bot.holidays import seed
from bot.nlu.examples import TRAINING, read_training
from bot.nlu.patterns import read_patterns
from bot.shelf import Shelf
from bot.store.database import Database, open_database
from knowledge_base.corpus import Corpus, assembled, read_corpus
from knowledge_base.errors import ArtefactError
from knowledge_base.index import Index

log = logging.getLogger(__name__)
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
    """The knowledge is live within seconds, with the models in service; then models are trained on it, and live too.

    Raises CorpusError when an entry is wrong: the version in service stays as it is.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    database = open_database(settings.store)
    try:
        database.migrate()
        corpus = _brought(database, read_corpus(), approved=True)
        with contextlib.suppress(ArtefactError):  # of an older make: trained anew below
            _with_models_in_service(settings, database, corpus, progress)
        return _trained(settings, database, corpus, progress)
    finally:
        database.close()


def publish_corpus(settings: Settings, database: Database, progress: Progress) -> Index:
    """What must answer now: the files, models included, until the staff have written; then what they published.

    A start never publishes what is only approved, and trains only where models are missing or of an older make.
    """
    files = read_corpus()
    corpus = _brought(database, files, approved=False)
    if database.read_now(drafts.in_use):
        with contextlib.suppress(ArtefactError):
            if (index := _with_models_in_service(settings, database, corpus, progress)) is not None:
                return index
    return _trained(settings, database, corpus, progress)


def _brought(database: Database, files: Corpus, *, approved: bool) -> Corpus:
    """The corpus to serve once the release's entries lie in the store, as the knowledge or as drafts for review."""
    waiting = database.write_now(partial(drafts.take_release, entries=files.entries))
    if waiting:
        log.warning("%d entries of this release wait for review in the workshop", waiting)
    if not database.read_now(drafts.in_use):
        return files
    entries = database.read_now(drafts.publishable if approved else drafts.answering)
    return assembled(entries, files)


def _with_models_in_service(settings: Settings, database: Database, corpus: Corpus, progress: Progress) -> Index | None:
    """None before the first version. Raises ArtefactError when the live one is of an older make."""
    library = open_library(settings)
    shelf = Shelf(database, library)
    pointer = shelf.pointer()
    if pointer is None:
        return None
    models = shelf.load(pointer.live).models
    index = library.build_with(models, corpus, read_training().taught(), progress=progress)
    _make_live(settings, database, shelf, index)
    return index


def _trained(settings: Settings, database: Database, corpus: Corpus, progress: Progress) -> Index:
    library = open_library(settings)
    index = library.build(
        corpus,
        read_training().taught(),
        patterns=read_patterns(TRAINING / "patterns.yml").examples(),
        encoder=settings.knowledge.encoder,
        progress=progress,
    )
    _make_live(settings, database, Shelf(database, library), index)
    return index


def _make_live(settings: Settings, database: Database, shelf: Shelf, index: Index) -> None:
    pointer = shelf.pointer()
    if pointer is None or pointer.live != index.version:
        shelf.put(index)
        asyncio.run(_switch(settings, shelf, index.version))
    database.write_now(partial(drafts.settle, entries=index.corpus.entries))


async def _switch(settings: Settings, shelf: Shelf, version: str) -> None:
    async with open_bus(bus_url(settings)) as bus:
        await shelf.publish(version, bus)
        await asyncio.sleep(0.1)  # the ring leaves before the wire closes


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
