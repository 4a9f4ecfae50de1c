"""What both engines learn from, and the knowledge we ship: kept in order by program."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml

from bot.nlu.examples import TRAINING, TrainingData, read_training
from bot.nlu.patterns import Patterns, read_patterns
from knowledge_base.checks import ENTRIES, WORDINGS, distinct_wordings, notes, repeated_wordings
from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.text import normalise
from knowledge_base.topics import in_scope, topic_labels, topic_of_intent

FEWEST = 25  # examples of an intent


@pytest.fixture(scope="module")
def training() -> TrainingData:
    return read_training()


@pytest.fixture(scope="module")
def held_out() -> TrainingData:
    return read_training(TRAINING / "held_out")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return read_corpus()


@pytest.fixture(scope="module")
def patterns() -> Patterns:
    return read_patterns(TRAINING / "patterns.yml")


def domain() -> dict[str, list[str]]:
    told: dict[str, list[str]] = yaml.safe_load((TRAINING / "domain.yml").read_text("utf-8"))
    return told


def test_the_domain_lists_every_intent_once_and_no_other(training: TrainingData) -> None:
    listed = domain()["intents"]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(training.by_intent())


def test_the_domain_lists_every_entity_that_is_marked(training: TrainingData, held_out: TrainingData) -> None:
    marked = {e.name for data in (training, held_out) for example in data.examples for e in example.entities}
    assert marked == set(domain()["entities"])


def test_besides_topics_there_are_thirty_intents_and_more(training: TrainingData) -> None:
    assert len([i for i in training.by_intent() if topic_of_intent(i) is None]) >= 30


def test_an_intent_has_no_slash_and_enough_examples(training: TrainingData) -> None:
    few = {intent: len(texts) for intent, texts in training.by_intent().items() if len(texts) < FEWEST}
    assert few == {}
    assert not any("/" in intent for intent in training.by_intent())


def test_an_intent_named_as_a_topic_is_one(training: TrainingData) -> None:
    named = {e.intent for e in training.examples if e.intent.startswith(("faq_", "out_of_scope"))}
    assert {intent for intent in named if topic_of_intent(intent) is None} == set()


def test_no_example_belongs_to_two_intents(training: TrainingData) -> None:
    intents: dict[str, set[str]] = {}
    for example in training.examples:
        intents.setdefault(normalise(example.text), set()).add(example.intent)
    assert {key: names for key, names in intents.items() if len(names) > 1} == {}


def test_held_out_sentences_are_never_trained_on(
    training: TrainingData, held_out: TrainingData, corpus: Corpus
) -> None:
    taught = {bare(e.text) for e in training.examples} | {bare(w) for e in corpus.entries for w in e.wordings}
    assert [e.text for e in held_out.examples if bare(e.text) in taught] == []


def bare(text: str) -> str:
    """As training_data/README.md says; gibberish may be nothing but marks."""
    read = normalise(text)
    return re.sub(r"[\W_]|请问|[吗呢的]", "", read) or read


def test_every_intent_is_measured(training: TrainingData, held_out: TrainingData) -> None:
    count = Counter(e.intent for e in held_out.examples)
    assert {intent: count[intent] for intent in training.by_intent() if count[intent] < 8} == {}


def test_an_entity_stands_where_it_is_marked(training: TrainingData, held_out: TrainingData) -> None:
    for data in (training, held_out):
        for example in data.examples:
            for entity in example.entities:
                assert 0 <= entity.start < entity.end <= len(example.text)
            assert "](" not in example.text


def test_patterns_are_of_known_topics_and_slots(patterns: Patterns) -> None:
    assert len(patterns.topics) > 60
    assert set(patterns.topics) <= set(topic_labels())


def test_patterns_make_finished_sentences_the_same_each_time(patterns: Patterns) -> None:
    made = patterns.examples()
    assert made == patterns.examples()
    assert all(texts for texts in made.values())
    assert [t for texts in made.values() for t in texts if set(t) & set("{}[]|")] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("slots: {}\ntopics: {pension.luck: [好]}", "unknown topic pension.luck"),
        ("slots: {}\ntopics: {refund: ['退{什么}']}", "unknown slot 什么"),
    ],
)
def test_a_pattern_of_an_unknown_topic_or_slot_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "patterns.yml").write_text(text, "utf-8")
    with pytest.raises(ValueError, match=reason):
        read_patterns(tmp_path / "patterns.yml")


def test_without_patterns_there_are_none(tmp_path: Path) -> None:
    assert read_patterns(tmp_path / "none.yml").examples() == {}


def test_every_topic_of_ours_has_two_entries_or_more(corpus: Corpus) -> None:
    count = Counter(e.topic for e in corpus.entries)
    assert {t: count[t] for t in topic_labels() if in_scope(t) and t != "human" and count[t] < ENTRIES} == {}


def test_every_entry_has_twelve_distinct_wordings_or_more(corpus: Corpus) -> None:
    assert {e.id: distinct_wordings(e) for e in corpus.entries if distinct_wordings(e) < WORDINGS} == {}
    assert [(e.id, again) for e in corpus.entries for _, again in repeated_wordings(e)] == []


def test_nothing_is_noted_about_the_entries_but_figures_not_yet_published(corpus: Corpus) -> None:
    found = notes(corpus, date(2026, 11, 24))
    assert [str(note) for note in found if note.file != "figures.yml"] == []
