"""The pages that citizens see, the widget's one script, and what the service station lists."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from bot.assembly import Parts
from channels.web import described
from channels.web.announcements import announced
from channels.web.station import station_facts
from knowledge_base.calculators.catalogue import CALCULATORS

STATIC = Path(__file__).parent / "static"
FRESH = {"Cache-Control": "no-cache"}  # asked for again each time, and answered with 304 while it is the same


def page_routes(parts: Parts) -> APIRouter:
    routes = APIRouter()

    @routes.get(
        "/api/v1/station", tags=["citizens"], response_model=described.StationFacts, responses=described.problems()
    )  # fmt: skip
    async def station() -> dict[str, object]:
        """What the service station shows: notices, topics with common questions, hours, phones."""
        facts = station_facts(parts.site, parts.settings.site.zone, parts.library.current)
        return announced(facts, parts.notices.bulletin, datetime.now(UTC))

    @routes.get("/", include_in_schema=False)
    @routes.get("/s/{code}", include_in_schema=False)
    async def station_page(code: str = "") -> Response:
        del code  # the page reads it from its own address
        return FileResponse(STATIC / "station.html", headers=FRESH)

    @routes.get("/procedures", include_in_schema=False)
    @routes.get("/calculators", include_in_schema=False)
    async def lists() -> Response:
        return _task_page()

    @routes.get("/procedures/{procedure_id}", include_in_schema=False)
    async def procedure(procedure_id: str) -> Response:
        return _task_page(procedure_id in parts.library.current.corpus.procedures)

    @routes.get("/calculators/{name}", include_in_schema=False)
    async def calculator(name: str) -> Response:
        return _task_page(name in CALCULATORS)

    @routes.get("/widget.js", include_in_schema=False)
    async def widget() -> Response:
        return FileResponse(STATIC / "widget.js", media_type="text/javascript")

    @routes.get("/widget/demo", include_in_schema=False)
    async def demo() -> Response:
        return FileResponse(STATIC / "demo.html", headers=FRESH)

    return routes


def _task_page(found: bool = True) -> Response:
    """One page for lists, procedures and calculators: it reads from its own address what to show."""
    return FileResponse(STATIC / "tasks.html", 200 if found else 404, headers=FRESH)
