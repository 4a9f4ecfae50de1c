"""What the knowledge workshop's calls tell, as /openapi.json names it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from channels.console.desk_described import Time

Record = dict[str, Any]
State = Literal["draft", "in_review", "approved", "rejected"]
Status = Literal["building", "failed", "ready", "live", "retired"]
JobStatus = Literal["running", "done", "failed"]


class PieceShown(BaseModel):
    kind: Literal["same", "gone", "new"]
    text: str


class ChangedField(BaseModel):
    """One field before and after, and the text in pieces."""

    field: str
    label: str
    before: str
    after: str
    pieces: list[PieceShown]


class EntryDraft(BaseModel):
    """An entry's own fields as in the files, and what is known of its draft beside them."""

    model_config = ConfigDict(extra="allow")
    id: str
    revision: int
    state: State
    removed: bool
    author: str
    changed_at: Time
    is_live: bool
    pending: bool
    pointer: Record | None
    note: str


class WholeDraft(EntryDraft):
    """… with what answers now, how they differ, and what is like it."""

    live: Record | None
    changes: list[ChangedField]
    notes: list[str] = []


class EntryPage(BaseModel):
    """`next` is the cursor of the following page."""

    entries: list[EntryDraft]
    next: str | None


class ChangedMeanwhile(BaseModel):
    """Somebody else was faster: both texts and where they differ."""

    type: str
    title: str
    status: int
    code: Literal["changed_meanwhile"]
    detail: str
    yours: Record | None
    current: EntryDraft
    changes: list[ChangedField]


class FaultShown(BaseModel):
    field: str
    label: str
    reason: str


class InvalidEntry(BaseModel):
    """Every field to mend and why. Without `faults` it is a plain problem."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    faults: list[FaultShown] = []


class TopicCount(BaseModel):
    topic: str
    label: str
    entries: int


class GroupCount(BaseModel):
    key: str
    name: str
    topics: list[TopicCount]


class Overview(BaseModel):
    groups: list[GroupCount]
    states: dict[str, int]
    pending: int


class ReviewShown(BaseModel):
    reviewer: str
    decision: str
    reason: str
    at: Time


class RevisionShown(BaseModel):
    revision: int
    author: str
    at: Time
    how: str
    removed: bool
    note: str
    content: Record
    changes: list[ChangedField]
    review: ReviewShown | None


class History(BaseModel):
    revisions: list[RevisionShown]


class BulkRow(BaseModel):
    id: str
    status: Literal["changed", "error"]
    message: str
    revision: int = 0


class BulkDone(BaseModel):
    entries: list[BulkRow]


class Preview(BaseModel):
    """With faults nothing can be shown yet."""

    faults: list[FaultShown]
    said: dict[str, str] = {}
    sources: list[Record] = []
    notes: list[str] = []


class CitedShown(BaseModel):
    kind: Literal["entry", "procedure", "calculator"]
    id: str
    title: str
    where: str


class DocumentShown(BaseModel):
    name: str
    cited: list[CitedShown]
    status: Literal["in_force", "amended", "repealed"]
    note: str


class DocumentList(BaseModel):
    documents: list[DocumentShown]


class DocumentMarked(BaseModel):
    """Entries in `sent` went to review; what else cites it is for a person to look at."""

    document: str
    status: str
    cited: list[CitedShown]
    sent: list[str]


class Alert(BaseModel):
    """`within` 30, 7 or 1 days, 0: it has ended; `successor` takes over by itself."""

    id: str
    question: str
    until: str
    within: int
    successor: str


class Alerts(BaseModel):
    alerts: list[Alert]


class Watched(BaseModel):
    """Each value with the entries that quote it."""

    phone: dict[str, list[str]]
    link: dict[str, list[str]]
    office: dict[str, list[str]]


class JobAsked(BaseModel):
    job: str


class ImportRow(BaseModel):
    row: int
    status: Literal["new", "changed", "same", "error"]
    message: str
    entry: str


class ImportReport(BaseModel):
    job: str
    status: JobStatus
    progress: float
    file: str
    dry_run: bool
    reason: str
    counts: dict[str, int]
    rows: list[ImportRow]


class ImportListed(BaseModel):
    job: str
    file: str
    dry_run: bool
    by: str
    at: Time
    status: JobStatus
    counts: dict[str, int]


class ImportList(BaseModel):
    imports: list[ImportListed]


class VersionShown(BaseModel):
    """`report` with one version alone: changes, conflicts, expired, regression, replay."""

    id: str
    status: Status
    entries: int
    made_at: Time
    live_at: Time | None
    by: str
    reasons: list[str]
    progress: float
    trained: bool
    override: Record | None
    report: Record = {}


class VersionList(BaseModel):
    versions: list[VersionShown]


class Tried(BaseModel):
    """What `python -m bot ask` gives, and why."""

    model_config = ConfigDict(extra="allow")
    outcome: str
    entry: str | None
    text: str
    candidates: list[Record]
    version: str
    arms: dict[str, float]
    nlu: Record
    topics: list[Record]
    bands: dict[str, float]
    ours: float
    rule: str
    choices: list[str]


class RegressionShown(BaseModel):
    id: str
    text: str
    entry: str
    outcome: str
    must_pass: bool
    author: str


class RegressionList(BaseModel):
    questions: list[RegressionShown]


def problem(model: type[BaseModel], why: str) -> dict[str, Any]:
    """For `responses=`: a problem with more fields than the plain one."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": why, "content": {"application/problem+json": {"schema": schema}}}


class EntryBody(BaseModel):
    """An entry as in the files; `submit` sends it to review at once. What a draft is told with may come back."""

    model_config = ConfigDict(extra="allow")
    topic: str
    question: str
    variants: list[str]
    answer: dict[str, str]
    basis: list[Record]
    jurisdiction: Literal["全国", "浙江", "杭州"]
    checked: str
    id: str | None = None
    negative_variants: list[str] = []
    conditions: dict[str, str] = {}
    valid: dict[str, str] = {}
    high_stake: bool = False
    related: list[str] = []
    submit: bool = False


ENTRY: Record = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EntryBody"}}},
    }
}
UPLOAD: Record = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}, "dry_run": {"type": "boolean"}},
                }
            }
        },
    }
}


def file(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: a file of one of these kinds."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "a file", "content": dict.fromkeys(kinds, schema)}}


EXTRA: dict[int, dict[str, Any]] = {
    412: problem(ChangedMeanwhile, "`changed_meanwhile`: both texts"),
    422: problem(InvalidEntry, "`invalid_entry`: every field to mend"),
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Adds the problems that have more fields than the plain one."""
    models = [(model, "serialization") for model in (ChangedMeanwhile, InvalidEntry, EntryBody)]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    document["components"]["schemas"] = found["$defs"] | document["components"]["schemas"]
    return document
