"""Frames of the citizens' API (PROTOCOL 2) and what they mean to us (pure)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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

from bot.conversation import Conversation, Message
from bot.desk import Standing
from bot.errors import Refused
from channels import frames
from channels.frames import parsed
from knowledge_base.text import visible

source_frame, recalled_frame = frames.source_frame, frames.recalled_frame
error_frame, frame_id, encode, stamp = frames.error_frame, frames.frame_id, frames.encode, frames.stamp
OURS = ("re:", "sys:", "form:", "at:")  # ids of the service's own messages begin so


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

    @property
    def marked_scene(self) -> str:
        """Names the large type that a page was opened with, which counts in the queue."""
        elder = self.client.get("elder") is True and "elder" not in self.scene
        return f"elder {self.scene}".strip()[:64] if elder else self.scene


class Linked(BaseModel):
    """Body of `POST /api/v1/links`."""

    model_config = ConfigDict(frozen=True)

    link: Annotated[str, StringConstraints(max_length=200)]


def message_frame(message: Message) -> dict[str, Any]:
    """What was told in short elsewhere, such as in WeChat, is shown here in full."""
    full = message.details.get("full")
    return frames.message_frame(message) | ({"text": full} if isinstance(full, str) else {})


def parse(raw: str | bytes) -> ClientFrame:
    """Raises Refused `bad_frame` with what is wrong."""
    try:
        return _FRAME.validate_python(parsed(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "type"
        if first["type"] == "union_tag_invalid":
            raise Refused("unknown_frame", "不认识的消息类型。") from error
        raise Refused("bad_frame", f"消息格式不对：{where}。") from error


def parse_auth(raw: str | bytes) -> str | None:
    """The token of an auth frame; None for anything else."""
    try:
        return _AUTH.validate_python(parsed(raw)).token
    except (ValidationError, Refused):
        return None


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
