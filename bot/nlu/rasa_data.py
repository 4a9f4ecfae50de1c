"""What Rasa learns from, in its own words: marked examples, synonyms, a dictionary for its tokenizer (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bot.nlu.entities import TABLES, EntityFinder
from bot.nlu.examples import Example, TrainingData
from bot.understanding import Entity
from knowledge_base.corpus import Corpus
from knowledge_base.text import question_key
from knowledge_base.topics import intent_of_topic

FREQUENT = 20_000  # of a word of ours in jieba's dictionary: it is not cut apart, 养老保险 beats 养老 + 保险
_NOT_TEXT = re.compile(r"[\[\]{}()\n]")  # Rasa reads these as marks


def rasa_yaml(data: TrainingData, corpus: Corpus, *, each: int) -> dict[str, Any]:
    """One training file: our examples, and up to `each` wordings of every topic spread over its entries.

    Wordings carry no marks of their own; our tables mark them, else Rasa would learn that places in them are none.
    Look-up tables are left out: Rasa finds their words inside other words.
    """
    finder = EntityFinder.of(data)
    by_intent: dict[str, dict[str, str]] = {}
    for example in data.examples:
        by_intent.setdefault(example.intent, {})[question_key(example.text)] = marked(example)
    for topic, texts in topic_wordings(corpus).items():
        chosen = by_intent.setdefault(intent_of_topic(topic), {})
        for text in texts[:each]:
            bare = plain(text).strip()
            chosen.setdefault(question_key(text), marked(Example(bare, "", finder.find(bare))))
    nlu: list[dict[str, Any]] = [
        {"intent": intent, "examples": _block(texts.values())} for intent, texts in sorted(by_intent.items())
    ]
    grouped: dict[str, list[str]] = {}
    for text, value in data.synonyms.items():
        grouped.setdefault(value, []).append(text)
    nlu.extend({"synonym": value, "examples": _block(texts)} for value, texts in sorted(grouped.items()))
    return {"version": "3.1", "nlu": nlu}


def tokenizer_words(data: TrainingData) -> str:
    """A user dictionary for jieba: an entity must begin and end where a word does, else Rasa cannot learn it."""
    words = {text for name, texts in data.lookups.items() if name in TABLES for text in texts}
    words |= set(data.synonyms)
    return "".join(f"{word} {FREQUENT}\n" for word in sorted(words) if len(word) > 1 and " " not in word)


def topic_wordings(corpus: Corpus) -> dict[str, list[str]]:
    """Wordings by topic, taken from its entries in turn."""
    found: dict[str, list[list[str]]] = {}
    for entry in corpus.entries:
        found.setdefault(entry.topic, []).append(list(entry.wordings))
    return {topic: list(_in_turn(lists)) for topic, lists in found.items()}


def marked(example: Example) -> str:
    """`交了3年` → `交了[3年]{"entity": "months", "value": "36"}`; `parse_example` reads it back."""
    text, at = "", 0
    for entity in example.entities:
        text += plain(example.text[at : entity.start]) + _mark(entity, plain(example.text[entity.start : entity.end]))
        at = entity.end
    return text + plain(example.text[at:])


def plain(text: str) -> str:
    """As long as before, without what Rasa would take for a mark."""
    return _NOT_TEXT.sub(" ", text)


def _mark(entity: Entity, text: str) -> str:
    if entity.value == text:
        return f"[{text}]({entity.name})"
    return f"[{text}]{json.dumps({'entity': entity.name, 'value': entity.value}, ensure_ascii=False)}"


def _in_turn(lists: list[list[str]]) -> Iterator[str]:
    for n in range(max(map(len, lists))):
        yield from (texts[n] for texts in lists if n < len(texts))


def _block(texts: Iterable[str]) -> str:
    return "".join(f"- {text}\n" for text in texts if text.strip())
