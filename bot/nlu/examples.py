"""Reads training_data/ in Rasa 3 YAML: intents' examples with [marked](entities), synonyms and look-up tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


from bot.understanding import Entity
from knowledge_base.corpus import Corpus
from knowledge_base.text import question_key
from knowledge_base.topics import intent_of_topic

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
        for block in (yaml.load(path.read_text("utf-8"), yaml.CSafeLoader) or {}).get("nlu", ()):  # noqa: S506
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


def rasa_yaml(data: TrainingData, corpus: Corpus, *, each: int = 30) -> dict[str, Any]:
    """One Rasa training file: our examples, and up to `each` wordings of every topic spread over its entries."""
    by_intent: dict[str, dict[str, str]] = {}
    for example in data.examples:
        by_intent.setdefault(example.intent, {})[question_key(example.text)] = _marked(example)
    for topic, texts in topic_wordings(corpus).items():
        chosen = by_intent.setdefault(intent_of_topic(topic), {})
        for text in texts[:each]:
            chosen.setdefault(question_key(text), _plain(text))
    nlu: list[dict[str, Any]] = [
        {"intent": intent, "examples": _block(texts.values())} for intent, texts in sorted(by_intent.items()) if texts
    ]
    grouped: dict[str, list[str]] = {}
    for text, value in data.synonyms.items():
        grouped.setdefault(value, []).append(text)
    nlu.extend({"synonym": value, "examples": _block(texts)} for value, texts in sorted(grouped.items()))
    return {"version": "3.1", "nlu": nlu}


def topic_wordings(corpus: Corpus) -> dict[str, list[str]]:
    """Wordings by topic, taken from its entries in turn."""
    found: dict[str, list[list[str]]] = {}
    for entry in corpus.entries:
        found.setdefault(entry.topic, []).append(list(entry.wordings))
    return {topic: list(_in_turn(lists)) for topic, lists in found.items()}


def _in_turn(lists: list[list[str]]) -> Iterator[str]:
    for n in range(max(map(len, lists))):
        yield from (texts[n] for texts in lists if n < len(texts))


def _block(texts: Iterable[str]) -> str:
    return "".join(f"- {text}\n" for text in texts)


def _plain(text: str) -> str:
    return re.sub(r"[\[\]{}()\n]", " ", text).strip()


def _marked(example: Example) -> str:
    text, at = "", 0
    for entity in example.entities:
        text += _plain_part(example.text[at : entity.start])
        text += f"[{example.text[entity.start : entity.end]}]({entity.name})"
        at = entity.end
    return text + _plain_part(example.text[at:])


def _plain_part(text: str) -> str:
    return re.sub(r"[\[\]{}()\n]", " ", text)
