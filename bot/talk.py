"""Talking to the bot without a server: `ask` for programs, `chat` for people. The same path as every channel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from bot.answering.assistant import Assistant, Perceived, after
from bot.answering.turn import Reply
from bot.assembly import RASA_SOCKET, open_assistant, open_library
from bot.config import Settings
from bot.conversation import Conversation, Stage
from bot.preparation import Progress, live_index
from bot.privacy import mask
from knowledge_base.text import visible

CHANNELS = ("web", "wechat", "voice")


@dataclass(frozen=True, slots=True)
class Said:
    """A reply and the conversation after it."""

    reply: Reply
    perceived: Perceived
    conversation: Conversation


def open_talk(settings: Settings, progress: Progress) -> Assistant:
    """The live version, and Rasa where a server runs it."""
    library = open_library(settings)
    library.serve(live_index(settings, progress))
    known = settings.home / "rasa" / "socket"
    if known.exists() and Path(known.read_text()).exists():
        os.environ.setdefault(RASA_SOCKET, known.read_text())
    return open_assistant(settings, library)[1]


def fresh(channel: str = "web") -> Conversation:
    return Conversation("talk", channel, datetime.now(UTC))


async def say(assistant: Assistant, conversation: Conversation, text: str, now: datetime | None = None) -> Said:
    """One turn, kept nowhere; `now` is the present unless told otherwise."""
    now = now or datetime.now(UTC)
    shown = mask(visible(text).strip()).text
    perceived = await assistant.perceive(shown, conversation, now)
    reply = assistant.decide(perceived, conversation, now)
    following = after(conversation, reply, perceived)
    if reply.hand_off and following.stage is Stage.BOT:
        following = replace(following, stage=Stage.WAITING)
    return Said(reply, perceived, following)


async def ask(assistant: Assistant, told: dict[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """One line of `python -m bot ask` (PROTOCOL 1). Raises ValueError with what to mend."""
    text, context, channel = told.get("text"), told.get("context") or [], told.get("channel") or "web"
    if not isinstance(text, str):
        raise ValueError("text must be a string")
    if channel not in CHANNELS:
        raise ValueError(f"channel must be one of {', '.join(CHANNELS)}")
    if not _are_strings(context):
        raise ValueError("context must be a list of strings")
    conversation = fresh(channel)
    for earlier in context:
        conversation = (await say(assistant, conversation, earlier, now)).conversation
    began = perf_counter()
    said = await say(assistant, conversation, text, now)
    elapsed = (perf_counter() - began) * 1000
    return line(told.get("id"), said, elapsed)


def line(name: object, said: Said, elapsed: float) -> dict[str, Any]:
    reply, perceived = said.reply, said.perceived
    hits = perceived.found.hits
    return {
        "id": name,
        "outcome": reply.outcome,
        "entry": reply.entry,
        "topic": reply.topic,
        "score": round(reply.score, 4),
        "because": reply.because,
        "text": reply.text,
        "sources": [
            {k: getattr(s, k) for k in ("title", "article", "effective", "jurisdiction", "checked", "url", "mark")}
            for s in reply.sources
        ],
        "candidates": [{"entry": h.entry.id, "topic": h.entry.topic, "score": round(h.score, 4)} for h in hits[:5]],
        "also": [{"entry": a.entry, "topic": a.topic, "score": round(a.score, 4), "text": a.text} for a in reply.also],
        "version": perceived.index.version,
        "elapsed_ms": round(elapsed, 3),
    }


def _are_strings(values: object) -> bool:
    return (
        isinstance(values, Iterable) and not isinstance(values, str | bytes) and all(isinstance(v, str) for v in values)
    )
