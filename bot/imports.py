"""The job that takes in an uploaded file: row by row into drafts for review, going on where a killed process ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from bot import jobs
from bot.accounts import account_named
from bot.audit import append
from bot.config import Settings
from bot.drafts import Change, Clash, Draft, every, keep, now
from bot.errors import NotFound, Refused
from bot.jobs import Job, Jobs
from bot.staff import Account
from bot.store.database import Database
from bot.tables_knowledge import upload_rows, uploads
from knowledge_base.entry import Entry
from knowledge_base.text import question_key
from knowledge_base.written import Record, Unwritable, read_entry, told

CHUNK = 200  # rows of one transaction
READING = 600  # seconds that a file may take to be read; of a processor it gets fewer
Topic = Any


def take(settings: Settings, database: Database, job: Job, topic_of: Topic = None) -> None:
    """`topic_of` guesses the topic of a proposal's text; without it proposals are faulty until somebody picks one."""
    content = database.read_now(lambda c: c.scalar(select(uploads.c.content).where(uploads.c.job == job.id)))
    if content is None:
        raise NotFound(job.id)
    account = database.read_now(lambda c: account_named(c, job.by))
    today = datetime.now(settings.site.zone).date().isoformat()
    try:
        rows = list(_rows(str(job.told["kind"]), str(job.told["file"]), today, content))
    except Unread as refused:
        Jobs(database).end(job.id, {"reason": str(refused)}, failed=True)
        return
    done = database.read_now(lambda c: c.scalar(select(func.count()).where(upload_rows.c.job == job.id))) or 0
    sorting = Sorting(
        account, {d.id: d for d in database.read_now(every)}, dry=bool(job.told["dry_run"]), topic_of=topic_of
    )
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        if start + len(chunk) <= done:
            sorting.pass_over(chunk)  # an earlier process kept these
            continue
        database.write_now(_keeping(job, sorting, chunk, start, share=(start + len(chunk)) / len(rows)))
    database.write_now(lambda c: _finish(c, job))


class Unread(Exception):
    """The file as a whole is refused."""


def _rows(kind: str, name: str, today: str, content: bytes) -> Iterator[Record]:
    """From a process of its own, for the file is a stranger's. Raises Unread."""
    command = [sys.executable, "-m", "knowledge_base.uploads", kind, name, today]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONUTF8": "1"}
    try:
        read = subprocess.run(  # noqa: S603 (our own module)
            command, input=content, capture_output=True, timeout=READING, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unread("文件太复杂，读不下来") from error
    for line in read.stdout.splitlines():
        row = json.loads(line)
        if "refused" in row:
            raise Unread(row["refused"])
        yield row
    if read.returncode:
        raise Unread("文件太复杂，读不下来")


class Sorting:
    """What becomes of each row, against the drafts and the rows before it."""

    def __init__(self, account: Account, known: dict[str, Draft], *, dry: bool, topic_of: Topic) -> None:
        self._account = account
        self._known = known
        self._dry = dry
        self._topic_of = topic_of
        self._seen: dict[str, int] = {}
        self._asks: dict[str, list[Entry]] = defaultdict(list)
        for draft in known.values():
            if not draft.removed:
                self._learn(read_entry(draft.content))

    def pass_over(self, rows: list[Record]) -> None:
        for row in rows:
            if name := row["record"].get("id"):
                self._seen.setdefault(str(name), row["row"])

    def one(self, connection: Connection, row: Record) -> dict[str, Any]:
        """The row's report; kept as a draft unless this is a dry run."""
        record = dict(row["record"])
        report = {
            "row": row["row"],
            "entry": str(record.get("id", ""))[:64],
            "status": "error",
            "message": "",
            "cells": {},
        }
        try:
            status, name = self._kept(connection, row, record)
        except (Refused, Unwritable, Clash) as error:
            reason = error.sentence if isinstance(error, Refused) else str(error)
            return report | {"message": reason, "cells": row.get("cells", {})}
        return report | {"status": status, "entry": name}

    def _kept(self, connection: Connection, row: Record, record: Record) -> tuple[str, str]:
        if row.get("fault"):
            raise Refused("bad_row", row["fault"])
        pointer = row.get("pointer")
        if pointer and "topic" not in record and self._topic_of:
            record["topic"] = self._topic_of(f"{record.get('question', '')} {record['answer']['text'][:200]}")
        record.setdefault("id", _name(record))
        entry = read_entry(record)
        first = self._seen.setdefault(entry.id, row["row"])
        if first != row["row"]:
            raise Refused("twice", f"编号 {entry.id} 在第 {first} 行已经有了")
        self._check(entry)
        before = self._known.get(entry.id)
        if not self._account.writes(entry.topic) or (before and not self._account.writes(before.topic)):
            raise Refused("not_your_topic", "这个主题由别的科室负责")
        status = (
            "new" if before is None else "same" if before.content == told(entry) and not before.removed else "changed"
        )
        if not self._dry and status != "same":
            change = Change(entry, submit=True, pointer=pointer)
            keep(connection, self._account, change, "import", upsert=True)
        self._learn(entry)
        return status, entry.id

    def _check(self, entry: Entry) -> None:
        """Nobody else may ask the same at the same time. Raises Refused."""
        for wording in entry.wordings:
            for other in self._asks.get(question_key(wording), ()):
                if other.id != entry.id and other.valid.meets(entry.valid):
                    raise Refused("also_asked", f"相似问法：“{wording}”和条目 {other.id} 重复")

    def _learn(self, entry: Entry) -> None:
        for wording in entry.wordings:
            self._asks[question_key(wording)].append(entry)


def _name(record: Record) -> str:
    """A stable name for a row without one, so that the same file twice makes no second entry."""
    from hashlib import sha256

    words = question_key(str(record.get("question", "")))
    return f"up_{sha256(words.encode()).hexdigest()[:12]}" if words else ""


def _keeping(job: Job, sorting: Sorting, chunk: list[Record], start: int, *, share: float) -> Any:
    def write(connection: Connection) -> None:
        reports = [sorting.one(connection, row) for row in chunk]
        connection.execute(
            upload_rows.insert(),
            [report | {"job": job.id, "number": start + n} for n, report in enumerate(reports)],
        )
        jobs.moved(connection, job.id, min(0.99, share))
        kept = [r["entry"] for r in reports if r["status"] in ("new", "changed")]
        if kept and not job.told["dry_run"]:
            append(
                connection, actor=job.by, action="drafts_imported", subject=job.id, at=now(), detail={"entries": kept},
            )  # fmt: skip

    return write


def _finish(connection: Connection, job: Job) -> None:
    u = upload_rows.c
    counts = connection.execute(select(u.status, func.count()).where(u.job == job.id).group_by(u.status)).all()
    jobs.ended(connection, job.id, {"counts": dict(map(tuple, counts))})
    connection.execute(uploads.delete().where(uploads.c.job == job.id))
