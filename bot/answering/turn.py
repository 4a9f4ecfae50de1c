"""Everything known when it is the bot's turn, and what it does next (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bot.conversation import Choice, Conversation, Source, Task
from bot.understanding import Understanding
from knowledge_base.entry import Entry, Form
from knowledge_base.found import Found, Hit
from knowledge_base.procedures.procedure import Procedure
from knowledge_base.ranking import Bands

Outcome = Literal["answer", "clarify", "refuse", "handoff", "smalltalk"]
CHITCHAT = "out_of_scope.chitchat"  # the classifier's name for what is said to the bot itself
FORMS: dict[str, Form] = {"wechat": "short", "voice": "spoken"}


@dataclass(frozen=True, slots=True)
class Site:
    """What the bot knows about the bureau that runs it."""

    name: str
    city: str
    hours: str
    phones: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """One question in its conversation, perceived. `chosen` is the offered choice that was taken."""

    conversation: Conversation
    text: str
    now: datetime
    understanding: Understanding
    found: Found
    bands: Bands
    site: Site
    chosen: Choice | None = None
    chosen_entry: Entry | None = None
    last_entry: Entry | None = None
    titles: dict[str, str] = field(default_factory=dict)
    procedures: Mapping[str, Procedure] = field(default_factory=dict)
    follows: bool = False  # made whole with what the last answer was about
    parts: tuple[tuple[str, Found], ...] = ()  # the questions of a message that asks several

    @property
    def form(self) -> Form:
        return FORMS.get(self.conversation.channel, "text")

    @property
    def best(self) -> Hit | None:
        return self.found.hits[0] if self.found.hits else None

    @property
    def chat(self) -> float:
        """How likely it is said to the bot itself: neither one of our topics nor anyone else's business."""
        return 1.0 - sum(p for topic, p in self.found.topics.items() if topic != CHITCHAT)


@dataclass(frozen=True, slots=True)
class Also:
    """A further answer, when several things were asked."""

    question: str
    entry: str
    topic: str
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot says and remembers. `missed` counts towards the offer of a human."""

    text: str
    because: str
    outcome: Outcome
    choices: tuple[Choice, ...] = ()
    sources: tuple[Source, ...] = ()
    entry: str | None = None
    topic: str | None = None
    score: float = 0.0
    card: dict[str, Any] | None = None
    hand_off: bool = False
    high_stake: bool = False  # what was last answered has a deadline: earlier in the queue
    missed: bool = False
    wants_code: bool = False  # the text has a place for a fresh resume code
    task: Task | None = None  # None leaves the one under way as it is
    ends_task: bool = False
    clears: bool = False  # another subject: topic and slots are forgotten
    also: tuple[Also, ...] = ()
    full: str = ""  # where `text` is a channel's short form: all of it, for the service station
