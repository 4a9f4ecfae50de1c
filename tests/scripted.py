"""Doubles of ten lines: what the heart needs from its neighbours, as a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.answering.assistant import Perceived
from bot.answering.turn import Reply
from bot.conversation import Choice, Conversation
from bot.understanding import Understanding
from knowledge_base.found import Found
from tests.spoken import NOON


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


class ScriptedNLU:
    """Understands what it was told to understand, and nothing else."""

    def __init__(self, means: Mapping[str, str] | None = None) -> None:
        self.means = dict(means or {})

    async def understand(self, text: str) -> Understanding:
        intent = self.means.get(text)
        return Understanding(intent, 1.0, engine="scripted") if intent else Understanding(engine="scripted")


@dataclass
class ScriptedIndex:
    """As much of a version as the switchboard looks at."""

    version: str = "v1"


@dataclass
class ScriptedAssistant:
    """Answers `text` with `replies[text]`, else with 「答：text」; `gate` holds it while it thinks."""

    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    between: Callable[[], None] | None = None

    async def perceive(self, text: str, conversation: Conversation | None, now: datetime) -> Perceived:
        self.asked.append(text)
        if self.gate is not None:
            await self.gate.wait()
        return Perceived(text, Understanding(engine="scripted"), Found((), {}, 0.0, "v1"), ScriptedIndex())  # type: ignore[arg-type]

    def decide(
        self, perceived: Perceived, conversation: Conversation, now: datetime, chosen: Choice | None = None
    ) -> Reply:
        if self.between is not None:
            self.between()
        if chosen is not None and chosen.action == "human":
            return Reply("已登记转人工", "chose_human", "handoff", hand_off=True)
        return self.replies.get(perceived.text) or Reply(f"答：{perceived.text}", "answer", "answer")
