"""Frames of the citizens' API (PROTOCOL 2) and what they mean to us (pure)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from bot.conversation import Conversation, Message, Party, Source
from bot.desk import Standing
from bot.errors import Refused
from knowledge_base.text import visible

OURS = ("re:", "sys:", "form:")  # ids of the service's own messages begin so


def _not_ours(name: str) -> str:
    """An id that our messages have would count as heard already, and the citizen's words be lost."""
    if name == "greeting" or name.startswith(OURS):
        raise ValueError("this id is reserved")
    return name


ClientId = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s\p{C}]+$"), AfterValidator(_not_ours)
]
Shown = Annotated[str, AfterValidator(visible)]
Seq = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]  # what both stores can compare
ConversationId = Annotated[str, StringConstraints(min_length=8, max_length=64, pattern=r"^[\w-]+$")]


class Frame(BaseModel):
    """Unknown keys are ignored: clients may be newer than we are."""

    model_config = ConfigDict(frozen=True)


class Say(Frame):
    type: Literal["say"]
    id: ClientId
    text: Any


class Choose(Frame):
    type: Literal["choose"]
    id: ClientId
    choice: Annotated[str, StringConstraints(max_length=64)]


class Human(Frame):
    type: Literal["human"]
    id: ClientId


class LeaveQueue(Frame):
    type: Literal["leave_queue"]
    id: ClientId


class MessageForm(Frame):
    type: Literal["message_form"]
    id: ClientId
    topic: Shown = ""
    text: Shown
    phone: Shown
    consent: StrictBool = False


class Resume(Frame):
    type: Literal["resume"]
    id: ClientId
    code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=16)]


class Rate(Frame):
    type: Literal["rate"]
    id: ClientId
    stars: Annotated[StrictInt, Field(ge=1, le=5)]
    reasons: Annotated[list[Annotated[Shown, StringConstraints(max_length=40)]], Field(max_length=10)] = []
    text: Annotated[Shown, StringConstraints(max_length=500)] = ""


class Feedback(Frame):
    type: Literal["feedback"]
    id: ClientId
    seq: Seq
    helpful: StrictBool


class End(Frame):
    type: Literal["end"]
    id: ClientId


class Typing(Frame):
    type: Literal["typing"]


class Read(Frame):
    type: Literal["read"]
    seq: Seq


class Ping(Frame):
    type: Literal["ping"]


class Auth(Frame):
    type: Literal["auth"]
    token: Annotated[str, StringConstraints(max_length=128)]


ClientFrame = Say | Choose | Human | LeaveQueue | MessageForm | Resume | Rate | Feedback | End | Typing | Read | Ping
_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])
_AUTH = TypeAdapter(Auth)


class Opening(BaseModel):
    """Body of `POST /api/v1/conversations`."""

    model_config = ConfigDict(frozen=True)

    id: ConversationId | None = None
    channel: Literal["web"] = "web"
    locale: Annotated[str, StringConstraints(max_length=16, pattern=r"^[A-Za-z-]*$")] = "zh-CN"
    scene: Annotated[Shown, StringConstraints(max_length=64)] = ""
    client: dict[str, Any] = {}


def parse(raw: str | bytes) -> ClientFrame:
    """Raises Refused `bad_frame` with what is wrong."""
    try:
        return _FRAME.validate_python(_object(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "type"
        if first["type"] == "union_tag_invalid":
            raise Refused("unknown_frame", "不认识的消息类型。") from error
        raise Refused("bad_frame", f"消息格式不对：{where}。") from error


def parse_auth(raw: str | bytes) -> str | None:
    """The token of an auth frame; None for anything else."""
    try:
        return _AUTH.validate_python(_object(raw)).token
    except (ValidationError, Refused):
        return None


def _object(raw: str | bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused("bad_json", "消息不是有效的 JSON。") from error
    if not isinstance(told, dict):
        raise Refused("bad_frame", "消息必须是一个对象。")
    return told


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def message_frame(message: Message) -> dict[str, Any]:
    """What clients see of a message: never scores, never what was masked."""
    frame: dict[str, Any] = {
        "type": "message",
        "seq": message.seq,
        "id": message.id,
        "party": message.party,
        "text": message.text,
        "choices": [{"id": c.id, "label": c.label} for c in message.choices],
        "sources": [source_frame(source) for source in message.sources],
        "answer_code": message.answer_code,
        "because": message.because,
        "at": stamp(message.at),
    }  # fmt: skip
    if message.card:
        frame["card"] = message.card
    if message.party is Party.AGENT and message.details.get("name"):
        frame["agent"] = {"name": message.details["name"], "number": message.details.get("number", "")}
    if message.party is Party.BOT and message.details.get("outcome"):
        frame["outcome"] = message.details["outcome"]
    return frame


def source_frame(source: Source) -> dict[str, str]:
    return {
        "title": source.title, "article": source.article, "effective": source.effective,
        "jurisdiction": source.jurisdiction, "checked": source.checked, "url": source.url, "mark": source.mark,
    }  # fmt: skip


def state_frame(
    conversation: Conversation, standing: Standing | None = None, agent: tuple[str, str] | None = None
) -> dict[str, Any]:
    """`agent` is name and number; `wait_range` are the seconds between which four of five waits end."""
    wait = standing.wait if standing else None
    return {
        "type": "state",
        "stage": conversation.stage,
        "position": standing.position if standing else None,
        "wait_seconds": wait.seconds if wait else None,
        "wait_range": [wait.low, wait.high] if wait else None,
        "agent": {"name": agent[0], "number": agent[1]} if agent else None,
    }


def recalled_frame(message: Message) -> dict[str, Any] | None:
    """What a notice of recalling also tells: which message is taken back."""
    seq = message.details.get("recalled")
    return {"type": "recalled", "seq": seq} if isinstance(seq, int) else None


def error_frame(error: Refused, frame_id: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "error", "code": error.code, "message": error.sentence}
    if frame_id is not None:
        told["id"] = frame_id
    if error.retry_after:
        told["retry_after"] = error.retry_after
    return told


def frame_id(raw: str | bytes) -> str | None:
    """The client's id of a frame that could not be taken, so that it knows which one."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    name = told.get("id") if isinstance(told, dict) else None
    return name if isinstance(name, str) and len(name) <= 64 else None


def encode(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()
