"""The knowledge workshop's parts over one store."""

from __future__ import annotations

from dataclasses import dataclass

from bot.bus import Bus
from bot.documents import Documents
from bot.drafts import Drafts
from bot.jobs import Jobs
from bot.regressions import Regressions
from bot.shelf import Shelf
from bot.store.database import Database
from bot.uploading import Uploading
from bot.versions import Versions
from knowledge_base.library import Library


@dataclass(frozen=True, slots=True)
class Workshop:
    drafts: Drafts
    jobs: Jobs
    uploading: Uploading
    regressions: Regressions
    documents: Documents
    versions: Versions


def open_workshop(database: Database, shelf: Shelf, library: Library, bus: Bus) -> Workshop:
    drafts = Drafts(database)
    return Workshop(
        drafts, Jobs(database), Uploading(database, bus), Regressions(database), Documents(database, drafts),
        Versions(database, shelf, library, drafts, bus),
    )  # fmt: skip
