"""What is measured was never learned, and nothing of the real questions stands in what we ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import pytest
from sklearn.feature_extraction.text import CountVectorizer

from bot.config import ROOT
from bot.evaluation.questions import Question
from bot.nlu.examples import TRAINING, read_training
from knowledge_base.corpus import read_corpus
from knowledge_base.text import question_key, wording_key

NEAR = 0.8  # of the pairs of characters that either has are in both
SAYS_ITSELF = 8  # characters; a shorter question is said alike by many
MEASURING = ROOT.parent / "shared" / "questions"


def near(ours: Sequence[str], theirs: Sequence[str]) -> dict[str, int]:
    """Texts of ours that are nearly one of theirs, and which; equal ones too, in whatever order their words are."""
    keys = {wording_key(text): n for n, text in enumerate(theirs)}
    found = {text: keys[wording_key(text)] for text in ours if wording_key(text) in keys}
    counter = CountVectorizer(analyzer="char", ngram_range=(2, 2), binary=True, preprocessor=question_key)
    counter.fit([*ours, *theirs])
    here, there = counter.transform(ours), counter.transform(theirs)
    both = (here @ there.T).tocoo()
    sizes = (here.sum(axis=1).A1[both.row], there.sum(axis=1).A1[both.col])
    alike = both.data >= NEAR * (sizes[0] + sizes[1] - both.data)
    return found | {ours[row]: int(col) for row, col in zip(both.row[alike], both.col[alike], strict=True)}


@cache
def taught() -> tuple[str, ...]:
    """What encoder, classifier and index learn: every wording, topic example and sentence."""
    wordings = [w for entry in read_corpus().entries for w in (*entry.wordings, *entry.negative_variants)]
    return (*wordings, *(text for texts in read_training().taught().values() for text in texts))


def test_no_question_of_ours_is_nearly_what_was_learned(questions: list[Question]) -> None:
    names = {q.text: q.id for q in questions}
    assert [f"{names[text]} {text} ~ {taught()[n]}" for text, n in near(list(names), taught()).items()] == []


def test_nothing_we_ship_or_measure_by_is_nearly_a_real_question(questions: list[Question]) -> None:
    """The real questions may be measured by, but not kept; they are not told here either."""
    if not MEASURING.is_dir():
        pytest.skip("the real questions are not beside this checkout: nothing to compare with")
    real = [
        json.loads(line)["text"]
        for path in sorted(MEASURING.glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    held_out = [example.text for example in read_training(TRAINING / "held_out").examples]
    ours = {*taught(), *held_out, *(said for q in questions for said in (q.text, *q.context))}
    telling = sorted(text for text in ours if len(question_key(text)) >= SAYS_ITSELF)
    assert list(near(telling, real)) == []


def test_near_is_told_from_far() -> None:
    theirs = ["社保卡丢了怎么补办", "失业金能领几个月"]
    ours = ["怎么补办丢了的社保卡", "请问社保卡丢了怎么补办呢？", "失业金能领几个月呀啊", "失业金能领几个钱", "x"]
    assert near(ours, theirs) == {ours[0]: 0, ours[1]: 0, ours[2]: 1}
