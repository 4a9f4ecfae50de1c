"""Versions of knowledge in the store: every process loads the next one, then all switch to it at once."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import secrets
import socket
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Select, select

from bot.bus import Bus
from bot.errors import NotFound
from bot.store.conversations import insert_new, upsert
from bot.store.database import Database, now_ms
from bot.tables import artefacts, pointers, versions, workers
from knowledge_base.artefact import verify
from knowledge_base.errors import ArtefactError, KnowledgeError
from knowledge_base.index import Index
from knowledge_base.library import Library

log = logging.getLogger(__name__)
TOPIC = "knowledge"
ALIVE_MS = 15_000  # a worker not seen for so long is not waited for
BEAT = 3.0  # seconds between a worker's reports, and between looks when no bell rings
LOADING = 5.0  # seconds that a switch waits for workers to load


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which version every worker must have at hand, and which one answers."""

    upcoming: str
    live: str


class Part(NamedTuple):
    """Half of a version: its name in the store, its folder on disk."""

    name: str
    folder: Path
    kind: str


class Shelf:
    def __init__(self, database: Database, library: Library) -> None:
        self._db = database
        self._library = library

    def put(self, index: Index) -> None:
        """Keeps a built version in the store, so that other machines need not build it."""
        parts = self._parts(index.version, index.models.version)
        query = partial(_names, select(artefacts.c.id).where(artefacts.c.id.in_([p.name for p in parts])))
        known = self._db.read_now(query)
        packed = [{"id": p.name, "content": _packed(p.folder)} for p in parts if p.name not in known]
        told = {
            "id": index.version, "models": index.models.version, "status": "ready", "entries": len(index.entries),
            "made_at": now_ms(), "live_at": None, "report": {"bands": index.join.as_json()["bands"]},
        }  # fmt: skip

        def job(connection: Connection) -> None:
            for part in packed:
                insert_new(connection, artefacts, part)
            insert_new(connection, versions, told)

        self._db.write_now(job)

    def load(self, version: str) -> Index:
        """From disk, else from the store; what is damaged on disk is fetched anew. Raises NotFound or ArtefactError."""
        if self._library.has(version):
            try:
                return self._library.load(version)
            except ArtefactError as error:
                log.warning("%s; fetching it anew", error)
        self._fetch(version)
        return self._library.load(version)

    def _fetch(self, version: str) -> None:
        models = self._db.read_now(lambda c: c.scalar(select(versions.c.models).where(versions.c.id == version)))
        if models is None:
            raise NotFound(f"version {version}")
        for part in self._parts(version, models):
            if _is_whole(part):
                continue
            packed = self._db.read_now(partial(_content, part.name))
            if packed is None:
                raise NotFound(part.name)
            _unpack(packed, part)

    def _parts(self, version: str, models: str) -> tuple[Part, Part]:
        return (
            Part(f"models-{models}", self._library.models_folder(models), "models"),
            Part(f"index-{version}", self._library.folder(version), "index"),
        )

    def pointer(self) -> Pointer | None:
        """None before anything was published."""
        rows = self._db.read_now(lambda c: {r.name: r.value for r in c.execute(select(pointers))})
        return Pointer(rows["upcoming"], rows["live"]) if "live" in rows else None

    async def publish(self, version: str, bus: Bus) -> None:
        """Makes a version answer on all workers. Raises NotFound or ArtefactError, and nothing changes."""
        await asyncio.to_thread(self.load, version)
        await self._db.write(lambda c: _point(c, "upcoming", version))
        bus.ring(TOPIC)
        await self._all_loaded(version)

        def flip(connection: Connection) -> None:
            _point(connection, "live", version)
            connection.execute(versions.update().where(versions.c.status == "live").values(status="retired"))
            connection.execute(
                versions.update().where(versions.c.id == version).values(status="live", live_at=now_ms())
            )

        await self._db.write(flip)
        bus.ring(TOPIC)

    async def _all_loaded(self, version: str) -> None:
        deadline = asyncio.get_running_loop().time() + LOADING
        while asyncio.get_running_loop().time() < deadline:
            alive = workers.c.seen_at > now_ms() - ALIVE_MS
            query = select(workers.c.id).where(alive, workers.c.loaded != version)
            behind = await self._db.read(partial(_names, query))
            if not behind:
                return
            await asyncio.sleep(0.05)
        log.warning("%d workers have not loaded %s", len(behind), version)


class Follower:
    """A worker's side: loads what comes next, switches when told, and says which version it has."""

    def __init__(self, database: Database, shelf: Shelf, library: Library) -> None:
        self._db = database
        self._shelf = shelf
        self._library = library
        self._id = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._loaded: dict[str, Index] = {}
        self.ready = False

    async def start(self) -> None:
        """Loads the live version. Raises when there is none."""
        pointer = await asyncio.to_thread(self._shelf.pointer)
        if pointer is None:
            raise NotFound("no version is published yet")
        await self._follow(pointer)
        if not self.ready:
            raise NotFound(f"version {pointer.live} cannot be loaded")

    async def run(self, bus: Bus) -> None:
        """Until cancelled; a damaged version is refused and the older one serves on."""
        async with bus.subscribe(TOPIC) as bell:
            while True:
                try:
                    pointer = await asyncio.to_thread(self._shelf.pointer)
                    if pointer is not None:
                        await self._follow(pointer)
                except Exception:
                    log.exception("knowledge could not be followed")
                await bell.wait(BEAT)

    async def leave(self) -> None:
        await self._db.write(lambda c: c.execute(workers.delete().where(workers.c.id == self._id)))

    async def _follow(self, pointer: Pointer) -> None:
        for version in {pointer.upcoming, pointer.live} - set(self._loaded):
            try:
                self._loaded[version] = await asyncio.to_thread(self._shelf.load, version)
            except (KnowledgeError, NotFound) as error:
                log.error("version refused: %s", error)
        if pointer.live in self._loaded:
            self._library.serve(self._loaded[pointer.live])
        self.ready = pointer.live in self._loaded
        self._loaded = {v: i for v, i in self._loaded.items() if v in (pointer.upcoming, pointer.live)}
        await self._report(pointer.upcoming if pointer.upcoming in self._loaded else pointer.live)

    async def _report(self, version: str) -> None:
        told = {"id": self._id, "loaded": version if version in self._loaded else "", "seen_at": now_ms()}

        def job(connection: Connection) -> None:
            fresh = upsert(connection, workers).values(told)
            connection.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=told))

        await self._db.write(job)


def _point(connection: Connection, name: str, version: str) -> None:
    fresh = upsert(connection, pointers).values(name=name, value=version)
    connection.execute(fresh.on_conflict_do_update(index_elements=["name"], set_={"value": version}))


def _names(query: Select[tuple[str]], connection: Connection) -> list[str]:
    return list(connection.scalars(query))


def _content(name: str, connection: Connection) -> bytes | None:
    return connection.scalar(select(artefacts.c.content).where(artefacts.c.id == name))


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=3) as tar:
        tar.add(folder, arcname=".")
    return buffer.getvalue()


def _is_whole(part: Part) -> bool:
    try:
        verify(part.folder, kind=part.kind)
    except ArtefactError:
        return False
    return True


def _unpack(packed: bytes, part: Part) -> None:
    """A folder appears whole or not at all. Raises ArtefactError when the store's copy is damaged."""
    shelf = part.folder.parent
    shelf.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf, prefix=".making-") as made:
        fresh = part._replace(folder=Path(made) / part.folder.name)
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                tar.extractall(fresh.folder, filter="data")
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise ArtefactError(f"{part.name} is damaged in the store: {error}") from error
        verify(fresh.folder, kind=part.kind)
        with contextlib.suppress(OSError):  # another process of this machine was faster
            if part.folder.exists() and not _is_whole(part):
                part.folder.rename(Path(made) / "damaged")
            fresh.folder.rename(part.folder)
