"""What citizens' clients receive, as /openapi.json names it; the frames they send are in `wire`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from channels.web import wire

REF = "#/components/schemas/"
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class ChoiceOffered(BaseModel):
    id: str
    label: str


class LegalBasis(BaseModel):
    """`mark` says that no official text was found; `title` then says what has to be confirmed."""

    title: str
    article: str
    effective: str
    jurisdiction: str
    checked: str
    url: str
    mark: str
    quote: str | None = None


class AgentShown(BaseModel):
    name: str
    number: str


class MessageFrame(BaseModel):
    """Something said. `text` is complete without `card`, which is for clients that can draw one."""

    type: Literal["message"]
    seq: Annotated[int, Field(ge=1)]
    id: str
    party: Literal["citizen", "bot", "agent", "system"]
    text: str
    choices: list[ChoiceOffered]
    sources: list[LegalBasis]
    card: dict[str, Any] | None = None
    answer_code: str
    because: str
    outcome: Literal["answer", "clarify", "refuse", "handoff", "smalltalk"] | None = None
    agent: AgentShown | None = None
    at: Time


class StateFrame(BaseModel):
    """Who holds the conversation; `position` 1 is next, and null while nobody is waited for."""

    type: Literal["state"]
    stage: Literal["bot", "waiting", "agent", "closed"]
    position: int | None
    wait_seconds: int | None
    wait_range: Annotated[list[int], Field(min_length=2, max_length=2)] | None
    agent: AgentShown | None


class AckFrame(BaseModel):
    """On disk. `seq` is the citizen's message's, or for frames that make no message the current last one.

    By REST the ack of `resume` also holds the conversation and its token.
    """

    type: Literal["ack"]
    id: str | None = None
    seq: int | None = None
    conversation: str | None = None
    token: str | None = None


class RecalledFrame(BaseModel):
    type: Literal["recalled"]
    seq: int


class TypingFrame(BaseModel):
    type: Literal["typing"]
    party: Literal["bot", "agent"]


class ReadFrame(BaseModel):
    type: Literal["read"]
    party: Literal["citizen", "agent"]
    seq: int


class PongFrame(BaseModel):
    type: Literal["pong"]


class ResumedFrame(BaseModel):
    """Comes before the ack of `resume`: what to connect to from now on."""

    type: Literal["resumed"]
    id: str
    conversation: str
    token: str


class ErrorFrame(BaseModel):
    """A frame that was not taken; `id` is the client's own, where it could be read."""

    type: Literal["error"]
    code: str
    message: str
    id: str | None = None
    retry_after: int | None = None


class OpenedConversation(BaseModel):
    id: str
    token: str
    messages: list[MessageFrame]
    state: StateFrame


class Story(BaseModel):
    messages: list[MessageFrame]
    state: StateFrame


class Phone(BaseModel):
    number: str
    purpose: Annotated[str, Field(alias="for")]


class TopicGroup(BaseModel):
    key: str
    name: str
    questions: list[str]


class ProcedureNamed(BaseModel):
    id: str
    title: str


class CalculatorNamed(BaseModel):
    name: str
    title: str


class NoticeShown(BaseModel):
    """`kind` is emergency or pinned; `until` None holds until the bureau ends it."""

    id: str
    kind: str
    text: str
    until: str | None


class StationFacts(BaseModel):
    """`switched_off` is the maintenance text while nobody is answered here, else null."""

    name: str
    city: str
    hours: str
    phones: list[Phone]
    topics: list[TopicGroup]
    hot: list[str]
    procedures: list[ProcedureNamed]
    calculators: list[CalculatorNamed]
    notices: list[NoticeShown]
    switched_off: str | None


class Problem(BaseModel):
    """RFC 9457. `code` is stable and for programs, `detail` is the sentence to show, beside `field` if one is named."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str | None = None


ServerFrame = (
    MessageFrame
    | AckFrame
    | RecalledFrame
    | StateFrame
    | TypingFrame
    | ReadFrame
    | PongFrame
    | ResumedFrame
    | ErrorFrame
)
WHY = {
    400: "not taken: `code` says why (`bad_frame`, `bad_json`, `unknown_frame`, `empty`, `unknown_choice`, …)",
    401: "no token, or a wrong one; one in the address does not count",
    403: "a foreign origin",
    404: "not there; not the conversation of this token",
    409: "the id is somebody else's, or the conversation is in another stage by now",
    410: "closed more than a day ago",
    413: "too many characters or bytes",
    422: "an answer that cannot be: `field` names it, `code` says why (`unknown_argument`, `missing_argument`, …)",
    429: "too often",
    500: "a fault of ours",
    503: "the store is busy; nothing was kept",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=`; a fault or a busy store is possible everywhere."""
    wait = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    content = {"application/problem+json": {"schema": {"$ref": f"{REF}Problem"}}}
    return {
        status: {"description": WHY[status], "content": content} | ({"headers": wait} if status in (429, 503) else {})
        for status in (*statuses, 500, 503)
    }


BEARER: dict[str, Any] = {"security": [{"token": []}]}
TAKES_A_FRAME = BEARER | {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": f"{REF}ClientFrame"}}}}
}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Adds what FastAPI cannot see: frames, the socket and the token; takes away a 422 that is never sent."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for operation in path.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    models = [*get_args(wire.ClientFrame), wire.Auth, *get_args(ServerFrame), Problem]
    _, found = models_json_schema([(model, "validation") for model in models], ref_template=f"{REF}{{model}}")
    schemas |= found["$defs"]
    schemas["ClientFrame"] = _one_of(*get_args(wire.ClientFrame))
    schemas["ServerFrame"] = _one_of(*get_args(ServerFrame))
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "of `POST /api/v1/conversations`"}
    }
    document["paths"]["/api/v1/conversations/{conversation_id}/socket"] = {"get": _SOCKET}
    return document


def _one_of(*models: type[BaseModel]) -> dict[str, Any]:
    mapping = {get_args(m.model_fields["type"].annotation)[0]: f"{REF}{m.__name__}" for m in models}
    refs = [{"$ref": ref} for ref in mapping.values()]
    return {"oneOf": refs, "discriminator": {"propertyName": "type", "mapping": mapping}}


_SOCKET: dict[str, Any] = {
    "summary": "Socket",
    "operationId": "socket",
    "description": (
        "A websocket. The first frame is `Auth`, within 5 seconds; then one `ClientFrame` a text frame up and one "
        "`ServerFrame` a text frame down: every message after `after`, each once and in order, the state, and what "
        "follows. It is accepted first and then closed with 4401 (no or wrong token), 4403 (foreign origin or "
        "conversation), 1001 (silent too long), 1012 or 1013 (come again)."
    ),
    "parameters": [
        {"name": "conversation_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {
            "name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0},
            "description": "the last number that this client has",
        },
    ],
    "responses": {
        "101": {"description": "the line is open"},
        "404": {
            "description": "asked for without an upgrade",
            "content": {"application/problem+json": {"schema": {"$ref": f"{REF}Problem"}}},
        },
    },
    "x-first-frame": {"$ref": f"{REF}Auth"},
    "x-frames-up": {"$ref": f"{REF}ClientFrame"},
    "x-frames-down": {"$ref": f"{REF}ServerFrame"},
}  # fmt: skip
