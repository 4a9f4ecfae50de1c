"""One job in a process of its own, at low priority: `python -m bot work JOB`, started by the foreman."""

from __future__ import annotations

import resource
from pathlib import Path

from bot import building, imports
from bot.assembly import open_library
from bot.config import Settings
from bot.jobs import Job, Jobs
from bot.shelf import Shelf
from bot.store.database import Database, open_database
from knowledge_base.index import Index

SPARE = 300  # of a processor's seconds; training takes a quarter of an hour on a slow one
PRIORITY = 10


def work(settings: Settings, id: str) -> None:
    """Does the job; whatever it raises ends the process, and the foreman tries again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    database = open_database(settings.store)
    try:
        job = Jobs(database).look(id)
        do(settings, database, job)
    finally:
        database.close()


def do(settings: Settings, database: Database, job: Job) -> None:
    """By its kind; what is done already is not done twice."""
    if job.state in ("done", "failed"):
        return
    if job.kind == "import":
        documents = Path(str(job.told["file"])).suffix.lower() in (".docx", ".pdf")
        index = _live(settings, database) if documents else None
        imports.take(settings, database, job, (lambda text: _topic(index, text)) if index else None)
    elif job.kind == "build":
        building.build(settings, database, job)
    else:
        building.train(settings, database, job)


def _live(settings: Settings, database: Database) -> Index | None:
    shelf = Shelf(database, open_library(settings))
    pointer = shelf.pointer()
    return shelf.load(pointer.live) if pointer else None


def _topic(index: Index, text: str) -> str:
    """The likeliest topic that has entries."""
    shares = index.models.sense(text).topics
    return max(index.topics, key=lambda topic: shares.get(topic, 0.0))
