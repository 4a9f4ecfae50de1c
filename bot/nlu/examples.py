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
from knowledge_base.topics import intent_of_topic, topic_labels

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
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict)  # whole questions by topic, as people ask them

    def taught(self) -> dict[str, list[str]]:
        """What encoder, classifier and calibration learn beside the corpus: by intent, topics' intents too."""
        found = self.by_intent()
        for topic, texts in self.topics.items():
            found.setdefault(intent_of_topic(topic), []).extend(texts)
        return found

    def by_intent(self) -> dict[str, list[str]]:
        """Bare sentences by intent; topics' intents are left to the corpus."""
        found: dict[str, list[str]] = {}
        for example in self.examples:
            if not example.intent.startswith("faq_"):
                found.setdefault(example.intent, []).append(example.text)
        return found


def read_training(folder: Path = TRAINING / "nlu") -> TrainingData:
    """All `*.yml` of a folder, and of `topics/` beside it. Raises ValueError for an unknown topic."""
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
    looked_up = {k: tuple(dict.fromkeys(v)) for k, v in lookups.items()}
    return TrainingData(tuple(examples), synonyms, looked_up, _topics(folder.with_name("topics")))


def _topics(folder: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.yml")):
        for topic, texts in (yaml.load(path.read_text("utf-8"), yaml.CSafeLoader) or {}).items():
            if topic not in topic_labels():
                raise ValueError(f"{path.name}: unknown topic {topic}")
            found[topic] = tuple(map(str, texts))
    return found


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
