"""create_app: the one place where channels and parts are joined."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from bot.assembly import Parts, open_parts
from bot.config import Settings, read_settings
from channels.console import knowledge_described, knowledge_files, knowledge_routes, knowledge_versions
from channels.console.call_audio import call_audio_routes
from channels.console.desk_routes import DeskApi, desk_routes
from channels.console.door import Door
from channels.console.figure_routes import figure_routes
from channels.console.holiday_routes import holiday_routes
from channels.console.learning_routes import learning_routes
from channels.console.notice_routes import notice_routes
from channels.console.pages import page_routes
from channels.console.session import session_routes
from channels.console.staff import staff_routes
from channels.health import health_routes
from channels.problems import add_problem_handlers
from channels.security import BodyLimit, SecurityHeaders
from channels.voice.routes import voice_routes
from channels.web import described
from channels.web.channel import web_routes
from channels.web.pages import STATIC
from channels.web.speech import speech_routes
from channels.wechat.accounts import read_accounts
from channels.wechat.channel import wechat_routes
from channels.wechat.pictures import picture_routes
from knowledge_base.entry import Circumstances

log = logging.getLogger(__name__)
DOCS = Path(__file__).parent / "static"
BODY_BYTES = 65_536
LARGER = {"/api/v1/knowledge/imports": 20_500_000, "/api/v1/knowledge/": 1_000_000}
FIRST = "养老保险 yanglao"  # characters and letters have dictionaries of their own


def create_app(settings: Settings | None = None) -> FastAPI:
    """The web process's application; its parts live as long as it serves."""
    told = settings or read_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(told) as parts:
            await parts.follower.start()
            await asyncio.to_thread(_asked_once, parts)
            _join(app, parts)
            working = [
                asyncio.create_task(parts.follower.run(parts.bus), name="follower"),
                asyncio.create_task(parts.seats.beat(), name="beat"),
            ]
            try:
                yield
            finally:
                for work in working:
                    work.cancel()
                await asyncio.gather(*working, return_exceptions=True)
                await parts.follower.leave()

    app = FastAPI(title="社保易答", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.openapi = _documented(app)  # type: ignore[method-assign]  # FastAPI's own way to extend its document
    add_problem_handlers(app)
    app.add_middleware(BodyLimit, limit=BODY_BYTES, larger=LARGER)
    app.add_middleware(SecurityHeaders, origins=told.channels.web.origins)
    return app


def _asked_once(parts: Parts) -> None:
    """The first question of a process reads dictionaries for a second and more; no citizen should wait for that."""
    parts.library.search(FIRST, Circumstances(now=datetime.now(UTC)))


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = knowledge_described.complete(described.complete(plain()))
        return app.openapi_schema

    return openapi


def _join(app: FastAPI, parts: Parts) -> None:
    app.state.parts = parts
    app.include_router(web_routes(parts))
    app.include_router(health_routes(parts))
    app.include_router(page_routes())
    door = Door(parts)
    app.include_router(session_routes(parts, door))
    app.include_router(staff_routes(parts, door))
    app.include_router(desk_routes(parts, door))
    app.include_router(call_audio_routes(parts, door))
    app.include_router(speech_routes(parts))
    app.include_router(voice_routes(parts))
    accounts = read_accounts(parts.settings.channels.wechat, os.environ)
    app.include_router(wechat_routes(parts, accounts))
    app.include_router(picture_routes(parts, accounts, DeskApi(parts, door).reader))
    for area in (knowledge_routes, knowledge_files, knowledge_versions):
        app.include_router(area.routes_of(parts, door))
    app.include_router(notice_routes(parts, door))
    app.include_router(holiday_routes(parts, door))
    app.include_router(figure_routes(parts, door))
    app.include_router(learning_routes(parts, door))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.mount("/assets", StaticFiles(directory=DOCS), name="assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(DOCS / "docs.html", headers={"Cache-Control": "no-cache"})
