"""Jobs that make a version: of what is approved, with the models in service; or with models trained on what is live."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from bot import jobs
from bot.assembly import assistant_over, bus_url, open_library
from bot.bus import open_bus
from bot.config import Settings
from bot.drafts import now, publishable
from bot.errors import NotFound
from bot.gate import Side, judge
from bot.jobs import Job, Jobs
from bot.nlu.examples import TRAINING, read_training
from bot.nlu.patterns import read_patterns
from bot.regressions import all_of
from bot.shelf import Shelf
from bot.store.conversations import ms
from bot.store.database import Database
from bot.tables import messages, versions
from bot.versions import BUILDING, FAILED, READY
from knowledge_base.corpus import Corpus, assembled
from knowledge_base.errors import CorpusError
from knowledge_base.index import Index, version_named

REPLAYED = timedelta(days=7)
MOST_REPLAYED = 1_000  # distinct questions
_V = versions.c


def build(settings: Settings, database: Database, job: Job) -> None:
    """Makes and judges the version; one that cannot even be made failed with its reasons."""
    shelf, library, rounds = Shelf(database, open_library(settings)), open_library(settings), Jobs(database)
    pointer = shelf.pointer()
    if pointer is None:
        raise NotFound("live version")
    live = shelf.load(pointer.live)
    base = live.corpus
    rounds.progress(job.id, 0.1)
    entries = tuple(database.read_now(publishable))
    asked = str(job.told["version"])
    if version_named(Corpus(entries, base.figures, base.procedures), live.models.version) != asked:
        _end(database, job, asked, {"reasons": ["生成期间又有条目获得批准或上线，请重新生成"]}, failed=True)
        return
    try:
        corpus = assembled(entries, base)
    except CorpusError as error:
        _end(database, job, asked, {"reasons": [fault.reason for fault in error.faults[:200]]}, failed=True)
        return
    index = library.build_with(live.models, corpus, read_training().taught())
    rounds.progress(job.id, 0.6)
    report = _judged(settings, database, live, index)
    shelf.put(index)
    _end(
        database, job, index.version, report | {"bands": index.join.as_json()["bands"]}, failed=bool(report["reasons"])
    )


def train(settings: Settings, database: Database, job: Job) -> None:
    """Trains on what is live and makes that live, if it passes the gate and nothing else was published meanwhile."""
    library = open_library(settings)
    shelf, rounds = Shelf(database, library), Jobs(database)
    pointer = shelf.pointer()
    if pointer is None:
        raise NotFound("live version")
    live = shelf.load(pointer.live)
    index = library.build(
        live.corpus, read_training().taught(), patterns=read_patterns(TRAINING / "patterns.yml").examples(),
        encoder=settings.knowledge.encoder,
    )  # fmt: skip
    if index.version == pointer.live:
        rounds.end(job.id, {"version": index.version})
        return
    report = _judged(settings, database, live, index) | {"by": job.by, "trained": True}
    shelf.put(index)
    failed = bool(report["reasons"])
    _end(database, job, index.version, report, failed=failed, ready=True)
    still = shelf.pointer()
    if not failed and still is not None and still.live == pointer.live:
        asyncio.run(_switch(settings, shelf, index.version))


async def _switch(settings: Settings, shelf: Shelf, version: str) -> None:
    async with open_bus(bus_url(settings)) as bus:
        await shelf.publish(version, bus)
        await asyncio.sleep(0.1)  # the ring leaves before the wire closes


def _judged(settings: Settings, database: Database, live: Index, index: Index) -> dict[str, Any]:
    at = now()
    questions = database.read_now(all_of)
    said = database.read_now(_lately_asked)
    sides = [Side(one.corpus, assistant_over(settings, one)) for one in (live, index)]
    local = at.astimezone(settings.site.zone).replace(tzinfo=None)
    return asyncio.run(judge(sides[0], sides[1], questions, said, at, local))


def _lately_asked(connection: Connection) -> list[str]:
    """What citizens asked in the last week, masked as it is kept, each once, the latest first."""
    since = ms(now() - REPLAYED)
    query = select(messages.c.text).where(messages.c.party == "citizen", messages.c.at >= since)
    rows = connection.scalars(query.order_by(messages.c.at.desc()).limit(20 * MOST_REPLAYED))
    return list(dict.fromkeys(rows))[:MOST_REPLAYED]


def _end(
    database: Database, job: Job, version: str, report: dict[str, Any], *, failed: bool, ready: bool = False
) -> None:
    """The version's row and the job's end in one transaction; a version that is live meanwhile stays so."""

    def note(connection: Connection) -> None:
        kept = connection.scalar(select(_V.report).where(_V.id == version)) or {}
        mine = versions.update().where(
            _V.id == version, _V.status.in_([BUILDING, FAILED, READY] if ready else [BUILDING])
        )
        status = FAILED if failed else READY
        connection.execute(mine.values(status=status, report=kept | report))
        jobs.ended(connection, job.id, {"version": version, "status": status})

    database.write_now(note)
