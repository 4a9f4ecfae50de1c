"""The whole state in one file: every table as JSON lines, and the contact key; the same for both stores."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, func, select, text

from bot.config import Settings
from bot.errors import SettingsError
from bot.metadata import metadata
from bot.parent import only_server
from bot.shelf import ALIVE_MS
from bot.store.database import Database, now_ms, open_database
from bot.tables import applied, workers

KIND = "yida-backup"
BATCH = 500
MADE_ANEW = {"tallies", "tallied", "clusters"}
PASSING = MADE_ANEW | {"workers", "rates", "sessions", "sign_in_failures", "callbacks", "shared_tokens"}


def backup(settings: Settings, target: Path) -> dict[str, int]:
    """One consistent moment, while serving. Returns rows by table; the file appears whole, mode 0600.

    Raises SettingsError when it cannot be written there.
    """
    database = open_database(settings.store)
    counts: dict[str, int] = {}
    making = target.with_name(f".{target.name}.making")
    try:
        with (
            os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz", compresslevel=5) as tar,
        ):
            _add(tar, "kind.json", json.dumps({"kind": KIND, "changes": _changes(database)}).encode())
            key = settings.home / "contact.key"
            if key.exists():
                _add(tar, "contact.key", key.read_bytes())

            def job(connection: Connection) -> None:
                if not database.is_sqlite:
                    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
                else:
                    connection.exec_driver_sql("BEGIN")
                for table in metadata.sorted_tables:
                    if table.name not in PASSING and table is not applied:
                        counts[table.name] = _dump(connection, table, tar)

            database.read_now(job)
        making.replace(target)
    except OSError as error:
        raise SettingsError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            making.unlink()
        database.close()
    return counts


def restore(settings: Settings, source: Path) -> dict[str, int]:
    """Replaces the state. Raises SettingsError while a server runs, or when the file is no backup of ours."""
    with only_server(settings.home):
        database = open_database(settings.store)
        try:
            database.migrate()
            alive = select(func.count()).select_from(workers).where(workers.c.seen_at > now_ms() - ALIVE_MS)
            if database.read_now(lambda c: c.scalar(alive)):
                raise SettingsError(
                    "a server was using this store a moment ago; stop all of them and try again in 15 s"
                )
            with _opened(source) as tar:
                told = json.loads(_member(tar, "kind.json"))
                if told.get("kind") != KIND or not set(told["changes"]) <= set(_changes(database)):
                    raise SettingsError(f"{source} is no backup that this release can read")
                older = set() < set(told["changes"]) < set(_changes(database))
                held = set(tar.getnames()) if older else None
                counts = database.write_now(lambda c: _load_all(c, tar, held))
                if "contact.key" in tar.getnames():
                    _write_key(settings.home / "contact.key", _member(tar, "contact.key"))
        finally:
            database.close()
    return counts


def _changes(database: Database) -> list[str]:
    return database.read_now(lambda c: list(c.scalars(select(applied.c.name))))


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    """Raises SettingsError when the file or a part of it is not as we wrote it."""
    try:
        with tarfile.open(source) as tar:
            yield tar
    except (OSError, tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{source} cannot be read as a backup: {error}") from error


def _dump(connection: Connection, table: Any, tar: tarfile.TarFile) -> int:
    count = 0
    with tempfile.TemporaryFile() as lines:
        for row in connection.execution_options(stream_results=True).execute(select(table)).yield_per(BATCH):
            lines.write(json.dumps(_told(dict(row._mapping)), ensure_ascii=False).encode() + b"\n")
            count += 1
        info = tarfile.TarInfo(f"tables/{table.name}.jsonl")
        info.size = lines.tell()
        lines.seek(0)
        tar.addfile(info, lines)
    return count


def _load_all(connection: Connection, tar: tarfile.TarFile, held: set[str] | None) -> dict[str, int]:
    """`held` is what an older release's backup has: tables that came later begin empty."""
    counts: dict[str, int] = {}
    tables = [t for t in metadata.sorted_tables if t.name not in PASSING and t is not applied]
    for table in reversed(metadata.sorted_tables):
        if table is not applied:
            connection.execute(table.delete())  # what passes too: nobody stays signed in
    for table in tables:
        binary = {c.name for c in table.c if isinstance(c.type, LargeBinary)}
        rows: list[dict[str, Any]] = []
        counts[table.name] = 0
        if held is not None and f"tables/{table.name}.jsonl" not in held:
            continue
        for line in _lines(tar, f"tables/{table.name}.jsonl"):
            row = json.loads(line)
            rows.append({k: b64decode(v) if k in binary and v is not None else v for k, v in row.items()})
            if len(rows) == BATCH:
                connection.execute(table.insert(), rows)
                counts[table.name] += len(rows)
                rows = []
        if rows:
            connection.execute(table.insert(), rows)
            counts[table.name] += len(rows)
        if connection.dialect.name == "postgresql" and "id" in table.c and table.c.id.autoincrement is True:
            connection.execute(
                select(
                    func.setval(func.pg_get_serial_sequence(table.name, "id"), func.coalesce(func.max(table.c.id), 1))
                )
            )
    return counts


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {k: b64encode(v).decode() if isinstance(v, bytes | memoryview) else v for k, v in row.items()}


def _lines(tar: tarfile.TarFile, name: str) -> Iterator[bytes]:
    try:
        file = tar.extractfile(name)
        assert file is not None
        yield from file
    except KeyError as error:
        raise SettingsError(f"the backup lacks {name}") from error
    except OSError as error:
        raise SettingsError(f"the backup is damaged at {name}: {error}") from error


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    return b"".join(_lines(tar, name))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(content))


def _write_key(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
