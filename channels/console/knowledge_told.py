"""What the knowledge workshop's calls carry: bodies in, drafts, jobs and versions out (pure)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.responses import JSONResponse

from bot.citations import Ending
from bot.drafts import Clash, Draft
from bot.jobs import Job
from bot.regressions import Regression
from bot.versions import Version
from channels.console.bodies import Body
from channels.console.knowledge_described import EXTRA
from knowledge_base.written import Record, Unwritable, changes

PRIVATE = {"Cache-Control": "no-store"}
OURS = (
    "revision",
    "state",
    "removed",
    "author",
    "changed_at",
    "is_live",
    "pending",
    "pointer",
    "note",
    "notes",
    "live",
    "changes",
)  # fmt: skip  (what a draft is told with beside its entry; it may come back and counts for nothing)
Text = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(max_length=200)]
Told = dict[str, Any]


class ReviewBody(Body):
    """`reason` is needed to reject."""

    revision: int
    decision: Literal["approve", "reject"]
    reason: Annotated[str, Field(max_length=2000)] = ""


class PublishBody(Body):
    """`reason` only where the gate failed; a second person then gives one too."""

    reason: Text = ""


class TryBody(Body):
    """What `ask` takes, and a version; the live one where none is named."""

    text: Annotated[str, Field(max_length=500)]
    version: Annotated[str, Field(max_length=64)] | None = None
    context: Annotated[tuple[Text, ...], Field(max_length=10)] = ()
    channel: Literal["web", "wechat", "voice"] = "web"


class RegressionBody(Body):
    """`entry` or, without one, `outcome` is what the question must come to."""

    text: Text
    entry: Annotated[str, Field(max_length=64)] = ""
    outcome: Annotated[str, Field(max_length=16)] = "answer"
    must_pass: bool = True


class MarkBody(Body):
    document: Name
    status: Literal["amended", "repealed", "in_force"]
    note: Text = ""


class BulkBody(Body):
    """The same change for several entries, each with the revision that was seen."""

    entries: Annotated[dict[str, int], Field(min_length=1, max_length=500)]
    set: dict[str, Any]


class SubmitBody(Body):
    revision: int


PUBLISH = PublishBody()


def only(*statuses: int) -> dict[int | str, Told]:
    """For `responses=`: the problems of the workshop that tell more than a plain one."""
    return {status: EXTRA[status] for status in statuses}


def draft(one: Draft) -> Told:
    """The entry with what is known of its draft beside it."""
    is_live = one.live is not None and one.live == one.content and not one.removed
    return one.content | {
        "revision": one.revision, "state": one.state, "removed": one.removed, "author": one.author,
        "changed_at": stamp(one.changed_at), "is_live": is_live,
        "pending": one.pending, "pointer": one.pointer, "note": one.note,
    }  # fmt: skip


def whole(one: Draft) -> Told:
    """… and what answers now, compared."""
    content = None if one.removed else one.content
    return draft(one) | {"live": one.live, "changes": compared(one.live, content)}


def compared(before: Record | None, after: Record | None) -> list[Told]:
    return [asdict(change) for change in changes(before, after)]


def clash(error: Clash) -> JSONResponse:
    """Both texts, and where they differ, for who comes second."""
    theirs = error.theirs
    told = {
        "type": "about:blank", "title": "changed_meanwhile", "status": 412, "code": "changed_meanwhile",
        "detail": f"{theirs.author} 刚刚改过这一条，请对照后再保存。", "yours": error.mine, "current": draft(theirs),
        "changes": compared(theirs.content, error.mine) if error.mine else [],
    }  # fmt: skip
    headers = PRIVATE | {"ETag": etag(theirs)}
    return JSONResponse(told, 412, headers, media_type="application/problem+json")


def unwritable(error: Unwritable) -> JSONResponse:
    faults = [{"field": f.field, "label": f.label, "reason": f.reason} for f in error.faults]
    told = {
        "type": "about:blank", "title": "invalid_entry", "status": 422, "code": "invalid_entry", "detail": str(error),
        "faults": faults,
    }  # fmt: skip
    return JSONResponse(told, 422, PRIVATE, media_type="application/problem+json")


def etag(one: Draft) -> str:
    return f'"{one.revision}"'


def job(one: Job, rows: list[Any], counts: dict[str, int]) -> Told:
    status = {"queued": "running"}.get(one.state, one.state)
    return {
        "job": one.id, "status": status, "progress": one.progress, "file": one.told["file"],
        "dry_run": one.told["dry_run"], "reason": one.result.get("reason", ""), "counts": counts,
        "rows": [{"row": r.row, "status": r.status, "message": r.message, "entry": r.entry} for r in rows],
    }  # fmt: skip


def brief_import(row: Any) -> Told:
    return {
        "job": row.id, "file": row.told["file"], "dry_run": row.told["dry_run"], "by": row.by, "at": stamp(row.made_at),
        "status": {"queued": "running"}.get(row.state, row.state), "counts": row.result.get("counts", {}),
    }  # fmt: skip


def version(one: Version, *, report: bool = False) -> Told:
    told: Told = {
        "id": one.id, "status": one.status, "entries": one.entries, "made_at": stamp(one.made_at),
        "live_at": None if one.live_at is None else stamp(one.live_at), "by": one.report.get("by", ""),
        "reasons": one.reasons, "progress": one.progress, "trained": bool(one.report.get("trained")),
        "override": one.report.get("override"),
    }  # fmt: skip
    kept = ("changes", "conflicts", "near", "expired", "regression", "replay")
    return told | ({"report": {key: one.report[key] for key in kept if key in one.report}} if report else {})


def regression(one: Regression) -> Told:
    return asdict(one)


def ending(one: Ending) -> Told:
    return asdict(one)


def stamp(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")


def private(told: Told, status: int = 200, **headers: str) -> JSONResponse:
    return JSONResponse(told, status, PRIVATE | headers)
