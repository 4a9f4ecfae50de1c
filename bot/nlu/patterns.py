"""Patterns of questions, expanded into examples: how insurance, wish and situation go together in a topic (pure)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from knowledge_base.text import question_key
from knowledge_base.topics import intent_of_topic, topic_labels

EACH = 6  # expansions of a pattern: more repeats itself
SEED = 20261124
_PART = re.compile(r"\[([^\[\]]*)\]|\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Patterns:
    """Slots with their words, and patterns by topic. `{name}` takes a word, `[a|b|]` one alternative."""

    slots: dict[str, tuple[str, ...]]
    topics: dict[str, tuple[str, ...]]

    def examples(self, *, each: int = EACH) -> dict[str, list[str]]:
        """Sentences by intent, the same at every call."""
        return {
            intent_of_topic(topic): list(dict.fromkeys(self._some(patterns, each, topic)))
            for topic, patterns in sorted(self.topics.items())
        }

    def _some(self, patterns: tuple[str, ...], each: int, topic: str) -> list[str]:
        chooser = random.Random(f"{SEED}/{topic}")  # noqa: S311 (reproducible, not secret)
        made = (self.expand(pattern, chooser) for pattern in patterns for _ in range(each))
        return [text for text in made if question_key(text)]

    def expand(self, pattern: str, chooser: random.Random) -> str:
        """One sentence. Raises KeyError for a slot that does not exist."""

        def choose(found: re.Match[str]) -> str:
            offered: Sequence[str] = self.slots[found[2]] if found[2] is not None else found[1].split("|")
            return chooser.choice(offered)

        text = pattern
        while _PART.search(text):
            text = _PART.sub(choose, text)
        return text


def read_patterns(path: Path) -> Patterns:
    """Raises ValueError when a topic or a slot is unknown."""
    if not path.exists():
        return Patterns({}, {})
    told = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    slots = {name: tuple(map(str, words)) for name, words in told["slots"].items()}
    topics = {topic: tuple(patterns) for topic, patterns in told["topics"].items()}
    for topic, patterns in topics.items():
        if topic not in topic_labels():
            raise ValueError(f"{path.name}: unknown topic {topic}")
        for pattern in patterns:
            for slot in re.findall(r"\{([^{}]+)\}", pattern):
                if slot not in slots:
                    raise ValueError(f"{path.name}: {topic}: unknown slot {slot} in {pattern!r}")
    return Patterns(slots, topics)
