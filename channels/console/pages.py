"""The pages of the staff: one shell, whose modules show what the roles allow."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
FRESH = {"Cache-Control": "no-cache"}  # modules of two releases must not meet; the same file is answered with 304


def page_routes() -> APIRouter:
    """`/console`, the pages below it, and their files."""
    routes = APIRouter(include_in_schema=False)
    files = StaticFiles(directory=STATIC)

    @routes.get("/console/static/{path:path}")
    async def static(path: str, request: Request) -> Response:
        response = await files.get_response(path, request.scope)
        response.headers.update(FRESH)
        return response

    @routes.get("/console")
    @routes.get("/console/{page}")
    async def console(page: str = "") -> Response:
        del page  # the page reads it from its own address
        return FileResponse(STATIC / "console.html", headers=FRESH)

    return routes
