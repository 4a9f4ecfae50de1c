"""Uploaded files on their way: kept whole, taken in by a job, told row by row."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Row, func, select

from bot import jobs
from bot.audit import append
from bot.bus import Bus
from bot.drafts import now
from bot.errors import Refused
from bot.staff import Account
from bot.store.database import Database
from bot.tables_knowledge import jobs as jobs_table
from bot.tables_knowledge import upload_rows, uploads

KINDS = {".csv": "csv", ".xlsx": "xlsx", ".docx": "docx", ".pdf": "pdf", ".yml": "yaml", ".yaml": "yaml"}
MOST_BYTES = 20_000_000
_R = upload_rows.c


class Uploading:
    def __init__(self, database: Database, bus: Bus) -> None:
        self._db = database
        self._bus = bus

    async def add(self, account: Account, file: str, content: bytes, *, dry_run: bool) -> str:
        """The job that takes it in. Raises Refused `bad_kind`, `too_large`, `empty`."""
        shown = "".join(c for c in PurePath(file.replace("\\", "/")).name if c.isprintable())[:120]
        kind = KINDS.get(PurePath(shown).suffix.lower())
        if kind is None:
            raise Refused("bad_kind", "只收 csv、xlsx、docx、pdf 和 yaml 文件。")
        if len(content) > MOST_BYTES:
            raise Refused("too_large", f"文件最大 {MOST_BYTES // 1_000_000} MB，请分成几个文件。")
        if not content:
            raise Refused("empty", "文件是空的。")

        def job(connection: Connection) -> str:
            told = {"file": shown, "kind": kind, "dry_run": dry_run}
            name = jobs.add(connection, "import", account.username, told)
            connection.execute(uploads.insert().values(job=name, content=content))
            append(connection, actor=account.username, action="import_asked", subject=name, at=now(), detail=told)
            return name

        made = await self._db.write(job)
        self._bus.ring(jobs.RING)
        return made

    async def rows(self, id: str, *, status: str = "", after: int = -1, limit: int = 20_000) -> list[Row[Any]]:
        """What became of each row, in the order of the file."""
        query = select(upload_rows).where(_R.job == id, _R.number > after).order_by(_R.number).limit(limit)
        query = query.where(_R.status == status) if status else query
        return await self._db.read(lambda c: list(c.execute(query).all()))

    async def counts(self, id: str) -> dict[str, int]:
        query = select(_R.status, func.count()).where(_R.job == id).group_by(_R.status)
        return await self._db.read(lambda c: dict(map(tuple, c.execute(query).all())))

    async def lately(self, limit: int = 20) -> list[Row[Any]]:
        """The latest imports."""
        mine = select(jobs_table).where(jobs_table.c.kind == "import").order_by(jobs_table.c.made_at.desc())
        return await self._db.read(lambda c: list(c.execute(mine.limit(limit)).all()))
