"""Files of knowledge (PROTOCOL 4): uploads with their reports, the template, and the export of what is there."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from bot.assembly import Parts
from bot.audit import append
from bot.drafts import now
from bot.errors import Refused
from bot.staff import Account, Right
from bot.uploading import MOST_BYTES
from channels.console import bodies
from channels.console import knowledge_described as shown
from channels.console import knowledge_told as told
from channels.console.door import Door
from channels.console.knowledge_routes import KNOWLEDGE
from channels.console.session import private
from knowledge_base.uploads.columns import cells_of
from knowledge_base.uploads.records import write_yaml
from knowledge_base.uploads.sheets import write_xlsx

YAML = "application/yaml; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXAMPLE = {
    "topic": "pension.min_years", "question": "例：养老保险最低要交多少年？",
    "variants": ["养老要交几年", "社保最少交多久"],
    "answer": {"text": "写给网页的完整答案", "short": "写给微信的短答案", "spoken": "电话里念的话"},
    "basis": [{"document": "社会保险法", "article": "第十六条", "effective": "2011-07-01"}],
    "jurisdiction": "全国", "checked": "2026-01-31", "valid": {"from": "2026-01-01 00:00"},
}  # fmt: skip


def routes_of(parts: Parts, door: Door) -> APIRouter:
    api = FilesApi(parts, door)
    routes = APIRouter(tags=["knowledge"], dependencies=[Depends(private)])

    def add(
        method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200, extra: Any = None,
        body: Any = None,
    ) -> None:  # fmt: skip
        known = bodies.problems(401, 403, *statuses) | (extra or {})
        routes.add_api_route(
            path,
            call,
            methods=[method],
            response_model=model,
            status_code=status,
            responses=known,
            openapi_extra=body,
            response_class=JSONResponse if model else Response,
        )

    imports = KNOWLEDGE + "/imports"
    add("POST", imports, api.take, 400, 413, model=shown.JobAsked, status=202, body=shown.UPLOAD)
    add("GET", imports, api.lately, model=shown.ImportList)
    add("GET", imports + "/{job}", api.report, 404, model=shown.ImportReport)
    add("GET", imports + "/{job}/errors", api.errors, 404, extra=shown.file(XLSX))
    add("GET", KNOWLEDGE + "/template", api.template, extra=shown.file(XLSX))
    add("GET", KNOWLEDGE + "/export", api.export, extra=shown.file(XLSX, YAML))
    return routes


class FilesApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._drafts = parts.workshop.drafts
        self._uploading = parts.workshop.uploading
        self._door = door

    async def take(self, request: Request) -> Response:
        """A file as `file`; with `dry_run` nothing is kept but the report. The job says how far it is."""
        account = await self._editor(request)
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refused("bad_request", "请选择一个文件。")
            content = await file.read(MOST_BYTES + 1)
            dry = str(form.get("dry_run", request.query_params.get("dry_run", ""))).lower() in (
                "1",
                "true",
                "yes",
                "on",
            )
            job = await self._uploading.add(account, file.filename or "", content, dry_run=dry)
        return told.private({"job": job}, 202, Location=f"{KNOWLEDGE}/imports/{job}")

    async def lately(self, request: Request) -> Response:
        """The latest imports."""
        await self._editor(request)
        rows = await self._uploading.lately()
        return told.private({"imports": [told.brief_import(row) for row in rows]})

    async def report(
        self,
        request: Request,
        job: str,
        status: Literal["", "new", "changed", "same", "error"] = "",
        after: Annotated[int, Query(ge=-1)] = -1,
        limit: Annotated[int, Query(ge=1, le=50_000)] = 50_000,
    ) -> Response:
        """Row by row: new, changed, same, or error with column and reason."""
        await self._editor(request)
        found = await self._parts.workshop.jobs.find(job, "import")
        rows = await self._uploading.rows(job, status=status, after=after, limit=limit)
        return told.private(told.job(found, rows, await self._uploading.counts(job)))

    async def errors(self, request: Request, job: str) -> Response:
        """The rows with errors as they were, and what to mend in each, as a spreadsheet to mend and upload again."""
        await self._editor(request)
        await self._parts.workshop.jobs.find(job, "import")
        rows = await self._uploading.rows(job, status="error")
        lines = [row.cells | {"fault": f"第 {row.row} 行：{row.message}"} for row in rows]
        made = await asyncio.to_thread(write_xlsx, lines, faults=True)
        return _file(made, "errors.xlsx", XLSX)

    async def template(self, request: Request) -> Response:
        """An empty table with its columns and one example."""
        await self._editor(request)
        return _file(await asyncio.to_thread(write_xlsx, [cells_of(EXAMPLE)]), "template.xlsx", XLSX)

    async def export(
        self,
        request: Request,
        format: Literal["yaml", "xlsx"] = "yaml",
        of: Literal["draft", "live"] = "draft",
    ) -> Response:
        """All entries as they are now; `of=live` what answers. Coming back they change nothing."""
        account = await self._editor(request)
        found = await self._drafts.every()
        records = (
            [one.live for one in found if one.live] if of == "live" else [d.content for d in found if not d.removed]
        )
        detail = {"format": format, "of": of, "entries": len(records)}
        await self._parts.database.write(
            lambda c: append(c, actor=account.username, action="knowledge_exported", at=now(), detail=detail)
        )
        name = f"knowledge-{datetime.now(self._parts.settings.site.zone):%Y%m%d-%H%M}"
        if format == "yaml":
            text = await asyncio.to_thread(write_yaml, records)
            return _file(text.encode(), f"{name}.yml", YAML)
        made = await asyncio.to_thread(write_xlsx, map(cells_of, records))
        return _file(made, f"{name}.xlsx", XLSX)

    async def _editor(self, request: Request) -> Account:
        account = (await self._door.may(request, Right.EDIT)).account
        await self._drafts.seed(self._parts.library.current.corpus.entries)
        return account


def _file(content: bytes, name: str, kind: str) -> Response:
    headers = told.PRIVATE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=headers)
