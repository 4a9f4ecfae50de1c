"""Reads training_data/ in Rasa 3 YAML: intents' examples with [marked](entities), synonyms and look-up tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.understanding import Entity

TRAINING = Path(__file__).parent.parent.parent / "training_data"
_MARK = re.compile(r"\[(?P<text>[^\]]+)\](?:\((?P<name>\w+)\)|(?P<facts>\{[^}]+\}))")


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence, what it means, and the entities in it."""

    text: str
    intent: str
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything both engines learn from, the topics of the corpus apart."""

    examples: tuple[Example, ...]
    synonyms: dict[str, str] = field(default_factory=dict)
    lookups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def by_intent(self) -> dict[str, list[str]]:
        """Bare sentences by intent; topics' intents are left to the corpus."""
        found: dict[str, list[str]] = {}
        for example in self.examples:
            if not example.intent.startswith("faq_"):
                found.setdefault(example.intent, []).append(example.text)
        return found


def read_training(folder: Path = TRAINING / "nlu") -> TrainingData:
    """All `*.yml` of a folder."""
    examples: list[Example] = []
    synonyms: dict[str, str] = {}
    lookups: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.yml")):
        for block in (yaml.load(path.read_text("utf-8"), yaml.CSafeLoader) or {}).get("nlu", ()):
            lines = list(_lines(block.get("examples", "")))
            if "intent" in block:
                examples.extend(parse_example(line, block["intent"]) for line in lines)
            elif "synonym" in block:
                synonyms |= dict.fromkeys(lines, block["synonym"])
            elif "lookup" in block:
                lookups.setdefault(block["lookup"], []).extend(lines)
    return TrainingData(tuple(examples), synonyms, {k: tuple(dict.fromkeys(v)) for k, v in lookups.items()})


def _lines(examples: str) -> Iterator[str]:
    for line in examples.splitlines():
        text = line.strip().removeprefix("-").strip()
        if text:
            yield text


def parse_example(line: str, intent: str) -> Example:
    """`交了[3年](months)` → the bare sentence and where its entities stand."""
    text, at, entities = "", 0, []
    for found in _MARK.finditer(line):
        text += line[at : found.start()]
        facts: dict[str, Any] = json.loads(found["facts"]) if found["facts"] else {"entity": found["name"]}
        value = str(facts.get("value", found["text"]))
        entities.append(Entity(facts["entity"], value, len(text), len(text) + len(found["text"])))
        text += found["text"]
        at = found.end()
    return Example(text + line[at:], intent, tuple(entities))
