"""Encoder and classifier as one version, and how they sense a question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge_base.corpus import Corpus
from knowledge_base.encoder import STATIC
from knowledge_base.entry import Answer
from knowledge_base.models import REMEMBERED, Models, examples, held_out, models_version, train_models
from knowledge_base.text import vocabulary
from tests.knowledge_base.tiny import INTENTS, changed


def version(corpus: Corpus, intents: dict[str, list[str]] = INTENTS, **more: object) -> str:
    told = {"patterns": {}, "encoder": STATIC} | more
    return models_version(corpus, intents, told["patterns"], told["encoder"])  # type: ignore[arg-type]


def test_the_same_texts_give_the_same_version(corpus: Corpus, models: Models) -> None:
    assert version(corpus) == version(corpus) == models.version


def test_whatever_is_learnt_from_makes_another_version(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        version(corpus),
        version(changed(corpus, "base", variants=("基数",))),
        version(corpus, {**INTENTS, "greet": ["您好"]}),
        version(corpus, patterns={"faq_refund": ["退保"]}),
        version(corpus, encoder="BAAI/bge-small-zh-v1.5"),
    }
    monkeypatch.setattr("knowledge_base.models.vocabulary", lambda: replace(vocabulary(), digest="words.yml changed"))
    assert len(made | {version(corpus)}) == 6


def test_an_answer_is_not_learnt_from(corpus: Corpus) -> None:
    assert version(changed(corpus, "base", answer=Answer(text="另一个答复"))) == version(corpus)


def test_wordings_are_held_out_by_hash_some_fifteen_in_a_hundred() -> None:
    texts = [f"第{n}个问题怎么办" for n in range(4000)]
    share = np.mean([held_out(t) for t in texts])
    assert 0.13 < share < 0.17
    assert [held_out(t) for t in texts] == [held_out(f"请问{t}？") for t in texts]


def test_examples_are_wordings_by_topic_and_sentences_by_intent(corpus: Corpus) -> None:
    told = examples(corpus, {"greet": ["您好"]})
    assert told[0] == (corpus.entries[0].question, "faq_pension_min_years")
    assert told[-1] == ("您好", "greet")
    assert len(told) == sum(len(e.wordings) for e in corpus.entries) + 1


def test_a_question_is_sensed_once(models: Models) -> None:
    one = models.sense("社保卡丢了，请问怎么办？")
    assert models.sense("社保卡丢了，请问怎么办？") is one
    assert one.key == "社保卡丢怎办"
    assert max(one.topics, key=one.topics.__getitem__) == "card.loss"
    assert one.intent == "faq_card_loss"
    assert one.confidence == pytest.approx(max(one.topics.values()))
    assert "greet" in models.classifier.labels
    assert "greet" not in one.topics


def test_what_is_none_of_ours_is_felt_over_all_its_topics(models: Models) -> None:
    foreign, ours = models.sense("明天会下雨吗"), models.sense("失业金能领多久")
    assert foreign.business.foreign > 0.6 > 0.3 > ours.business.foreign
    parts = (foreign.topics["out_of_scope.weather"], foreign.topics["out_of_scope.finance"])
    assert foreign.business.foreign == pytest.approx(sum(parts))


def test_only_the_latest_questions_are_remembered(models: Models) -> None:
    fresh = Models(models.version, models.encoder, models.classifier, models.pinyin)
    first = fresh.sense("问题")
    for n in range(REMEMBERED):
        fresh.sense(f"问题{n}")
    assert len(fresh._lately) == REMEMBERED
    assert fresh.sense("问题") is not first


def test_a_model_of_the_operators_choice_serves_too(corpus: Corpus, pretrained: Path, tmp_path: Path) -> None:
    patterns = {"faq_card_loss": ["社保卡丢失了", "社保卡掉了"]}
    models = train_models(corpus, INTENTS, tmp_path, encoder=str(pretrained), patterns=patterns)
    folder = tmp_path / models.version
    assert not (folder / "encoder").exists()
    assert models.sense("社保卡丢了").vector.shape == (32,)
    written = (folder / "manifest.json").stat().st_mtime_ns
    assert train_models(corpus, INTENTS, tmp_path, encoder=str(pretrained), patterns=patterns).version == models.version
    assert (folder / "manifest.json").stat().st_mtime_ns == written
