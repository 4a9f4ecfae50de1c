"""BM25 as a share of what a perfect row would get."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge_base.corpus import Corpus
from knowledge_base.lexical import BM25Arm, Tokens
from knowledge_base.text import features, sounds


@pytest.fixture(scope="module")
def texts(corpus: Corpus) -> list[str]:
    return [w for e in corpus.entries for w in e.wordings]


@pytest.mark.parametrize("tokens", [features, sounds])
def test_scores_lie_between_nothing_and_all(texts: list[str], tokens: Tokens) -> None:
    arm = BM25Arm.build(tokens, texts)
    for question in [*texts, "今天天气怎么样", "", "😀", "zzz", "社保" * 200]:
        scores = arm.scores(question)
        assert scores.shape == (len(texts),)
        assert scores.min() >= 0.0
        assert scores.max() <= 1.0


@pytest.mark.parametrize("tokens", [features, sounds])
def test_a_row_scores_highest_for_its_own_words(texts: list[str], tokens: Tokens) -> None:
    arm = BM25Arm.build(tokens, texts)
    for row, text in enumerate(texts):
        scores = arm.scores(text)
        assert scores[row] == pytest.approx(scores.max())


def test_words_that_no_row_has_lower_every_score(texts: list[str]) -> None:
    arm = BM25Arm.build(features, texts)
    plain, more = arm.scores("社保卡丢了怎么办"), arm.scores("社保卡丢了怎么办鹦鹉鲸鱼")
    assert (more <= plain).all()
    assert more.max() < plain.max()


def test_words_that_nobody_knows_score_nothing(texts: list[str]) -> None:
    assert not BM25Arm.build(features, texts).scores("鹦鹉鲸鱼").any()


def test_tokens_already_counted_need_not_be_counted_again(texts: list[str]) -> None:
    arm = BM25Arm.build(features, texts)
    np.testing.assert_array_equal(arm.scores("社保卡丢了"), arm.scores("", features("社保卡丢了")))


def test_a_stored_arm_scores_the_same(texts: list[str], tmp_path: Path) -> None:
    arm = BM25Arm.build(features, texts)
    arm.save(tmp_path / "arm")
    loaded = BM25Arm.load(features, tmp_path / "arm")
    for question in ["社保卡丢了怎么办", "失业金领多久鹦鹉", ""]:
        np.testing.assert_array_equal(arm.scores(question), loaded.scores(question))
