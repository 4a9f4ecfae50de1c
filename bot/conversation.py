"""Message and conversation, who speaks, who holds it, and the legal moves between stages (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Literal

from bot.errors import WrongStage


class Party(StrEnum):
    """Who speaks."""

    CITIZEN = "citizen"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"


class Stage(StrEnum):
    """Who holds the conversation."""

    BOT = "bot"
    WAITING = "waiting"
    AGENT = "agent"
    CLOSED = "closed"


BOT_SPEAKS_IN = (Stage.BOT, Stage.WAITING)  # while one waits, the bot goes on answering

MOVES: dict[Stage, frozenset[Stage]] = {
    Stage.BOT: frozenset({Stage.WAITING, Stage.CLOSED}),
    Stage.WAITING: frozenset({Stage.BOT, Stage.AGENT, Stage.CLOSED}),
    Stage.AGENT: frozenset({Stage.BOT, Stage.WAITING, Stage.CLOSED}),
    Stage.CLOSED: frozenset({Stage.BOT}),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One option offered; choosing it shows an entry, or says what an action word means."""

    id: str
    label: str
    entry: str | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the legal basis under an answer; `mark` says that no official text was found."""

    title: str
    article: str = ""
    effective: str = ""
    jurisdiction: str = ""
    checked: str = ""
    url: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """Something said. `id` is made by the speaker, so a repeated delivery is heard once."""

    id: str
    party: Party
    text: str
    at: datetime
    seq: int = 0
    choices: tuple[Choice, ...] = ()
    sources: tuple[Source, ...] = ()
    card: dict[str, Any] | None = None
    because: str = ""
    answer_code: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A procedure or calculator that the citizen is being led through: what was answered, and the page shown.

    `page` 0 means that answers are still being asked for.
    """

    kind: Literal["procedure", "calculator"]
    name: str
    answers: dict[str, str] = field(default_factory=dict)
    page: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """One citizen's talk with the service, as the store keeps it. `version` counts its changes."""

    id: str
    channel: str
    opened_at: datetime
    locale: str = "zh-CN"
    scene: str = ""
    stage: Stage = Stage.BOT
    agent_id: str | None = None
    topic: str | None = None
    last_entry: str | None = None
    misses: int = 0
    offered: tuple[Choice, ...] = ()
    slots: dict[str, str] = field(default_factory=dict)
    task: Task | None = None
    last_seq: int = 0
    version: int = 0
    heard_at: datetime | None = None
    reminded: bool = False
    closed_at: datetime | None = None
    priority: int = 0  # in the queue
    skill: str | None = None  # that whoever passed it on asked for
    last_agent: str | None = None
    waiting_since: datetime | None = None
    owed_since: datetime | None = None  # the agent has not answered what the citizen said then
    last_note: int = 0

    def wait(self, *, priority: int = 0, skill: str | None = None) -> Conversation:
        return replace(self._move(Stage.WAITING), priority=priority, skill=skill)

    def leave_queue(self) -> Conversation:
        return self._move(Stage.BOT, only_from=(Stage.WAITING,))

    def claim(self, agent_id: str) -> Conversation:
        return replace(self._move(Stage.AGENT), agent_id=agent_id, last_agent=agent_id)

    def pass_on(self, agent_id: str) -> Conversation:
        """From one agent to another."""
        if self.stage is not Stage.AGENT:
            raise WrongStage(f"{self.stage} → {agent_id}")
        return replace(self, agent_id=agent_id, last_agent=agent_id)

    def release(self) -> Conversation:
        return self._move(Stage.BOT, only_from=(Stage.WAITING, Stage.AGENT))

    def close(self, at: datetime) -> Conversation:
        return replace(self._move(Stage.CLOSED), closed_at=at, offered=())

    def reopen(self) -> Conversation:
        bot = self._move(Stage.BOT, only_from=(Stage.CLOSED,))
        return replace(bot, closed_at=None, reminded=False, misses=0, last_entry=None)

    def _move(self, to: Stage, *, only_from: tuple[Stage, ...] = tuple(Stage)) -> Conversation:
        if to not in MOVES[self.stage] or self.stage not in only_from:
            raise WrongStage(f"{self.stage} → {to}")
        return replace(self, stage=to, agent_id=None)


def answer_code(conversation: str, message: str) -> str:
    """A short code that a citizen can quote: eight characters without those that look alike."""
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    digest = sha256(f"{conversation}/{message}".encode()).digest()
    code = "".join(alphabet[byte % 32] for byte in digest[:8])
    return f"{code[:4]}-{code[4:]}"
