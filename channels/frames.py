"""Frames that citizens and staff have alike: messages, errors, and how they are read and written (pure)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from bot.conversation import Message, Party, Source
from bot.errors import Refused


def parsed(raw: str | bytes) -> dict[str, Any]:
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
