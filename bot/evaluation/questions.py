"""Labelled questions, one JSON object a line: text, topic, alternatives that a second reader could defend, kind."""

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

    def accepts(self, topic: str | None) -> bool:
        return topic == self.topic or topic in self.alternatives


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
                )
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"{path}:{number}: {type(error).__name__}: {error}") from error
    return found
