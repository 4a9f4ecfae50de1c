"""Scripted dialogues: what is said, turn by turn, and how a reply differs from what was expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BeforeValidator, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from bot.answering.assistant import Assistant
from bot.talk import Said, fresh, say
from knowledge_base.entry import STRICT

MORNING = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
NONE = "none"

OneOrMore = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


@checked(frozen=True, slots=True, kw_only=True, config=STRICT | {"str_strip_whitespace": False})
class Expected:
    """One turn. What is left out may be anything."""

    say: str
    outcome: OneOrMore = ()
    topic: OneOrMore = ()
    entry: OneOrMore = ()
    because: OneOrMore = ()
    text: OneOrMore = ()
    never: OneOrMore = ()
    heard: OneOrMore = ()
    also: OneOrMore = ()
    slots: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, str] = field(default_factory=dict)
    task: str = ""

    def faults(self, said: Said) -> Iterator[str]:
        """Each thing that came out otherwise."""
        reply, after = said.reply, said.conversation
        for name in ("outcome", "topic", "entry", "because"):
            wanted, got = getattr(self, name), getattr(reply, name)
            if wanted and not any(fnmatchcase(str(got), pattern) for pattern in wanted):
                yield f"{name} {got}, not {' or '.join(wanted)}"
        yield from (f"text lacks {piece}" for piece in self.text if piece not in reply.text)
        yield from (f"text has {piece}" for piece in self.never if piece in reply.text)
        yield from (f"heard {said.perceived.text}" for piece in self.heard if piece not in said.perceived.text)
        yield from (f"no answer about {topic} too" for topic in self.also if topic not in [a.topic for a in reply.also])
        yield from _differences("remembers", self.slots, after.slots)
        answers = (reply.card or {}).get("answers") or (after.task.answers if after.task else {})
        yield from _differences("filled in", self.filled, answers)
        task = after.task.name if after.task else NONE
        if self.task not in ("", task):
            yield f"task {task}, not {self.task}"


@dataclass(frozen=True, slots=True)
class Failure:
    """The turn of a dialogue in which something came out otherwise."""

    dialogue: str
    turn: int
    say: str
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.dialogue}, {self.turn}: {self.say}: {'; '.join(self.faults)}"


@checked(frozen=True, slots=True, kw_only=True, config=STRICT)
class Dialogue:
    """`at` is the day on which it takes place."""

    name: str
    turns: tuple[Expected, ...]
    channel: Literal["web", "wechat", "voice"] = "web"
    at: str = f"{MORNING:%Y-%m-%d}"

    async def failures(self, assistant: Assistant) -> list[Failure]:
        """Every turn is taken, whatever came before: what goes wrong later tells too."""
        conversation, found = fresh(self.channel), []
        now = datetime.combine(datetime.fromisoformat(self.at), MORNING.timetz())
        for number, expected in enumerate(self.turns, start=1):
            said = await say(assistant, conversation, expected.say, now)
            conversation = said.conversation
            if faults := tuple(expected.faults(said)):
                found.append(Failure(self.name, number, expected.say, faults))
        return found


def read_dialogues(path: Path) -> tuple[Dialogue, ...]:
    """Every scalar is text: 1976-08 is no sum and no is no truth value."""
    told = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)
    return TypeAdapter(tuple[Dialogue, ...]).validate_python(told)


def _differences(what: str, wanted: Mapping[str, str], got: Mapping[str, str]) -> Iterator[str]:
    for name, value in wanted.items():
        if got.get(name, NONE) != value:
            yield f"{what} {name} {got.get(name, NONE)}, not {value}"
