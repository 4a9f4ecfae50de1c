"""Health of the real parts, and the figures for Prometheus."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import select

from bot.assembly import Parts
from bot.errors import NeighbourError
from bot.nlu.rasa import RasaNLU
from bot.tables import pointers

PATIENCE = 2.0


def health_routes(parts: Parts) -> APIRouter:
    routes = APIRouter()
    at_start = _file(parts)

    @routes.get("/healthz", include_in_schema=False)
    async def alive() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/readyz", include_in_schema=False)
    async def ready() -> JSONResponse:
        """503 when this worker should get no traffic; what is degraded but answers is named and stays 200."""
        found = {"store": await _store(parts, at_start), "knowledge": _knowledge(parts)}
        failed = [name for name, state in found.items() if state != "ok"]
        degraded = {"bus": _bus(parts), "nlu": _nlu(parts), "accounts": await _accounts(parts)}
        degraded["voice"] = await _voice(parts)
        body = {**found, **degraded, "version": parts.library.current.version if parts.follower.ready else None}
        return JSONResponse({"status": "unready" if failed else "ready", **body}, 503 if failed else 200)

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        registry = REGISTRY
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _store(parts: Parts, at_start: tuple[int, int] | None) -> str:
    """Takes the writer's turn and reads a table: that is what every message needs."""
    if _file(parts) != at_start:
        return "not the file that was opened"
    try:
        async with asyncio.timeout(PATIENCE):
            await parts.database.write(lambda c: c.execute(select(pointers)).all())
    except Exception as error:
        return type(error).__name__
    return "ok"


def _file(parts: Parts) -> tuple[int, int] | None:
    """Which file SQLite's path names now; a deleted one goes on taking writes that nobody will find."""
    if not parts.database.is_sqlite:
        return None
    try:
        found = Path(parts.database.engine.url.database or "").stat()
    except OSError:
        return (0, 0)
    return found.st_dev, found.st_ino


def _knowledge(parts: Parts) -> str:
    return "ok" if parts.follower.ready else "not loaded"


def _bus(parts: Parts) -> str:
    return "ok" if getattr(parts.bus, "connected", True) else "away: listeners poll"


async def _accounts(parts: Parts) -> str:
    """A password that stands in a service's environment is known to more people than its owner."""
    try:
        async with asyncio.timeout(PATIENCE):
            named = await parts.accounts.with_environment_password()
    except Exception as error:
        return type(error).__name__
    return f"warning: {', '.join(named)} uses YIDA_ADMIN_PASSWORD, change it" if named else "ok"


async def _voice(parts: Parts) -> str:
    if not parts.voice.here:
        return "off"
    try:
        told = await parts.voice.status()
    except NeighbourError:
        return "away: no calls, no microphone"
    needed = (("speaks", "no synthesizer"), ("hears", "no recogniser: keys only"))
    lacks = [text for name, text in needed if not told[name]]
    return "; ".join(lacks) or "ok"


def _nlu(parts: Parts) -> str:
    if isinstance(parts.nlu, RasaNLU):
        return "rasa" if parts.nlu.healthy else "local (Rasa does not answer)"
    return "local"
