"""Labelled questions, one JSON object a line: text, topic, alternatives that a second reader could defend, kind;
what was said before, and the topics of what else is asked in the same message."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bot.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the topics that count as right."""

    id: str
    text: str
    topic: str
    alternatives: tuple[str, ...]
    in_scope: bool
    kind: str
    context: tuple[str, ...] = ()  # earlier messages, oldest first
    also: tuple[str, ...] = ()

    def accepts(self, topic: str | None) -> bool:
        """Of several things that were asked, each may be told first."""
        return topic in (self.topic, *self.alternatives, *self.also)


def read_questions(path: Path) -> list[Question]:
    """Raises SettingsError with the line that is wrong."""
    found: list[Question] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(f"questions cannot be read: {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            if not isinstance(told, dict) or not isinstance(told["text"], str):
                raise TypeError("an object with a text is wanted")
            found.append(
                Question(
                    id=str(told.get("id", number)),
                    text=told["text"],
                    topic=told["topic"],
                    alternatives=tuple(told.get("alt_topics", ())),
                    in_scope=bool(told["in_scope"]),
                    kind=told.get("kind", "real"),
                    context=tuple(told.get("context", ())),
                    also=tuple(told.get("also_topics", ())),
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}:{number}: {type(error).__name__}: {error}") from error
    return found
