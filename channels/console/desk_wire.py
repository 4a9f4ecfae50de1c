"""Frames of the agents' desk (PROTOCOL 3) and what its calls tell (pure)."""

from __future__ import annotations

from datetime import datetime
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

from bot.conversation import Conversation, Message, Party
from bot.desk import Waiting
from bot.errors import Refused
from channels import frames
from channels.frames import parsed, stamp

RESERVED = ("re:", "sys:", "form:", "transfer-")  # ids of the service's own messages and notes begin so
Told = dict[str, Any]


def _not_ours(name: str) -> str:
    if name == "greeting" or name.startswith(RESERVED):
        raise ValueError("this id is reserved")
    return name


ClientId = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\s\p{C}]+$"), AfterValidator(_not_ours)
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Seq = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]


class Frame(BaseModel):
    """Unknown keys are ignored: pages may be newer than we are."""

    model_config = ConfigDict(frozen=True)


class Status(Frame):
    type: Literal["status"]
    value: Literal["online", "away", "offline"]


class About(Frame):
    """A frame that names one conversation and nothing else."""

    type: Literal["accept", "decline", "leave", "typing", "release", "watch", "take_over"]
    conversation: Name


class Open(Frame):
    type: Literal["open"]
    conversation: Name
    after: Seq | None = None
    after_note: Seq = 0


class Read(Frame):
    """The owner has seen everything up to this message."""

    type: Literal["read"]
    conversation: Name
    seq: Seq


class Words(Frame):
    type: Literal["say", "note", "whisper"]
    conversation: Name
    id: ClientId
    text: Any


class Push(Frame):
    type: Literal["push"]
    conversation: Name
    id: ClientId
    form: Literal["message", "rate"]


class Recall(Frame):
    type: Literal["recall"]
    conversation: Name
    seq: Seq
    id: ClientId | None = None


class To(Frame):
    """An agent by her username, or a skill."""

    agent: Name | None = None
    skill: Name | None = None


class Transfer(Frame):
    type: Literal["transfer"]
    conversation: Name
    to: To
    note: Annotated[str, StringConstraints(max_length=2000)] = ""


class Close(Frame):
    type: Literal["close"]
    conversation: Name
    resolved: StrictBool
    code: Annotated[str, StringConstraints(max_length=32)]
    remark: Annotated[str, StringConstraints(max_length=2000)] = ""


class Assign(Frame):
    type: Literal["assign"]
    conversation: Name
    agent: Name


class ForceAway(Frame):
    type: Literal["force_away"]
    agent: Name


class Ping(Frame):
    type: Literal["ping"]


class Auth(Frame):
    type: Literal["auth"]
    token: Annotated[str, StringConstraints(max_length=128)]


DeskFrame = Status | About | Open | Read | Words | Push | Recall | Transfer | Close | Assign | ForceAway | Ping | Auth
_FRAME: TypeAdapter[DeskFrame] = TypeAdapter(Annotated[DeskFrame, Field(discriminator="type")])


def parse(raw: str | bytes) -> DeskFrame:
    """Raises Refused `bad_json`, `unknown_frame` or `bad_frame` with what is wrong."""
    try:
        return _FRAME.validate_python(parsed(raw))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "union_tag_invalid":
            raise Refused("unknown_frame", "不认识的消息类型。") from error
        where = ".".join(str(part) for part in first["loc"][1:]) or "type"
        raise Refused("bad_frame", f"消息格式不对：{where}。") from error


def parse_auth(raw: str | bytes) -> str | None:
    """The token of an auth frame; None for anything else."""
    try:
        frame = parse(raw)
    except Refused:
        return None
    return frame.token if isinstance(frame, Auth) else None


def named(raw: str | bytes) -> Told:
    """The id and the conversation of a frame that could not be taken, so that its page knows which one."""
    try:
        told = parsed(raw)
    except Refused:
        return {}
    return {k: told[k] for k in ("id", "conversation") if isinstance(told.get(k), str) and len(told[k]) <= 64}


def message(conversation: str, said: Message) -> Told:
    """As for citizens; staff also see which account spoke, and how sure the bot was."""
    told = frames.message_frame(said) | {"conversation": conversation}
    if said.party is Party.AGENT:
        told["agent"] = {
            "username": said.details.get("agent", ""), "name": said.details.get("name", ""),
            "number": said.details.get("number", ""),
        }  # fmt: skip
        told["recalled"] = said.because == "recalled"
    if said.party is Party.CITIZEN and said.details.get("media"):
        told["media"] = f"/api/v1/desk/conversations/{conversation}/media/{said.seq}"
    if said.party is Party.BOT:
        told |= {key: said.details[key] for key in ("entry", "topic", "score") if key in said.details}
    return told


def state(conversation: Conversation, agent: Told | None) -> Told:
    return {
        "type": "state", "conversation": conversation.id, "stage": conversation.stage, "agent": agent,
        "last_seq": conversation.last_seq, "owed_since": _stamp(conversation.owed_since),
    }  # fmt: skip


def waiting(place: int, one: Waiting) -> Told:
    return {
        "conversation": one.conversation, "channel": one.channel, "topic": one.topic, "priority": one.priority,
        "since": stamp_ms(one.since), "position": place, "present": one.present, "skill": one.skill,
        "offered_to": one.offered_to,
    }  # fmt: skip


def stamp_ms(at: int) -> str:
    return stamp(datetime.fromtimestamp(at / 1000).astimezone())


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def brief(conversation: Conversation, agent: Told | None, last_text: str) -> Told:
    return {
        "conversation": conversation.id, "channel": conversation.channel, "topic": conversation.topic,
        "stage": conversation.stage, "agent": agent, "since": _stamp(conversation.waiting_since),
        "priority": conversation.priority, "last_seq": conversation.last_seq,
        "owed_since": _stamp(conversation.owed_since), "last_text": last_text[:200],
    }  # fmt: skip
