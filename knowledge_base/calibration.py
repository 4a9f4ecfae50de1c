"""Fits the join: how the arms' scores become a probability, on wordings that nobody trained on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge_base.index import Index, Rows
from knowledge_base.models import held_out
from knowledge_base.ranking import (
    ENTRY_FEATURES,
    REFUSE_RANGE,
    SCOPE_FEATURES,
    TOPIC_FEATURES,
    Bands,
    Evidence,
    Join,
    Weights,
    choose_bands,
    entry_rows,
    scope_row,
    topic_rows,
)
from knowledge_base.topics import in_scope, topic_of_intent

HIDDEN = (0.0, 0.5, 1.0)  # shares of the entry's other wordings hidden: a citizen's words are farther off than ours
ENOUGH = 200  # whole questions of ours; fewer say little about a threshold
CANDIDATES = 8  # topics of a question that the fit looks at
SEED = 20261124
FLAT = Weights((1.0,) * len(ENTRY_FEATURES), 0.0)
ALL_OURS = Weights((0.0,) * len(SCOPE_FEATURES), 3.0)  # until questions of others teach the difference
UNFITTED = Join(ALL_OURS, Weights((1.0,) * len(TOPIC_FEATURES), -3.0), FLAT, Bands(answer=0.9, refuse=REFUSE_RANGE[0]))
TOPIC_PENALTY, ENTRY_PENALTY, SCOPE_PENALTY = 0.01, 1.0, 0.1  # inverse; few questions, many features


@dataclass(frozen=True, slots=True)
class Asked:
    """A calibration question: what was found for it, which topic was meant (None: none of ours), and which entry of it
    (None: any)."""

    found: list[Evidence]
    topics: Mapping[str, float]
    out_of_scope: float
    meant: int | None
    topic: str | None


def fit_join(
    index: Index, corpus_rows: Rows, intents: Mapping[str, Sequence[str]], *, arms: Sequence[str] | None = None
) -> Join:
    """Three logistic regressions on held-out wordings with their own rows hidden, and on whole questions by topic.

    The latter, written as people ask, decide what a topic's score means and where the bands lie, when there are enough.
    """
    asked = [a for a in _questions(index, corpus_rows, intents, arms) if a.found]
    if not asked:  # a handful of wordings, none held out
        return UNFITTED
    lifelike = [a for a in asked if a.meant is None]
    judges = lifelike if sum(a.topic is not None for a in lifelike) >= ENOUGH else asked
    topic = _fit(*_topic_examples(judges), TOPIC_PENALTY, len(TOPIC_FEATURES))
    entry = _fit(*_entry_examples(asked), ENTRY_PENALTY, len(ENTRY_FEATURES))
    rows, ours = _scope_examples(asked)
    scope = ALL_OURS if ours.all() else _fit(rows, ours, SCOPE_PENALTY, len(SCOPE_FEATURES), balanced=True)
    trust, right = zip(*(_first(a, topic) for a in judges), strict=True)
    rows, ours = _scope_examples(judges)
    bands = choose_bands(np.array(trust), np.array(right), scope.probability(rows), ours)
    return Join(scope, topic, entry, bands)


def _scope_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.stack([scope_row(a.found, a.topics) for a in asked]), np.array([a.topic is not None for a in asked])


def _first(asked: Asked, weights: Weights) -> tuple[float, bool]:
    """Trust in the likeliest topic, and whether it is the right one."""
    names, rows = topic_rows(asked.found, asked.out_of_scope)
    chances = weights.probability(rows)
    best = int(np.argmax(chances))
    return float(chances[best]), names[best] == asked.topic


def _questions(
    index: Index, rows: Rows, intents: Mapping[str, Sequence[str]], arms: Sequence[str] | None
) -> list[Asked]:
    chooser = random.Random(SEED)  # noqa: S311 (reproducible, not secret)
    mates: dict[int, list[int]] = {}
    for row, owner in enumerate(rows.entry.tolist()):
        if not rows.negative[row]:
            mates.setdefault(owner, []).append(row)
    asked: list[Asked] = []
    for row, text in enumerate(rows.texts):
        if rows.negative[row] or not held_out(text):
            continue
        meant = int(rows.entry[row])
        others = [r for r in mates[meant] if r != row]
        for share in HIDDEN:
            hidden = [row, *chooser.sample(others, int(len(others) * share))]
            asked.append(_ask(index, text, hidden, index.corpus.entries[meant].topic, meant, arms))
    for intent, texts in sorted(intents.items()):
        topic = topic_of_intent(intent)
        if topic is not None:
            meant_topic = topic if in_scope(topic) else None
            asked.extend(_ask(index, text, [], meant_topic, None, arms) for text in texts if held_out(text))
    return asked


def _ask(
    index: Index, text: str, hidden: list[int], topic: str | None, meant: int | None, arms: Sequence[str] | None
) -> Asked:
    sensed = index.models.sense(text)
    found = [e for e in index.evidence(sensed, hidden=hidden, arms=arms) if not e.refuted]
    return Asked(found, sensed.topics, sensed.out_of_scope, meant, topic)


def _topic_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The right topic against the strongest wrong ones."""
    examples: list[NDArray[np.float64]] = []
    labels: list[bool] = []
    for question in asked:
        names, rows = topic_rows(question.found, question.out_of_scope)
        strongest = np.argsort(-(rows[:, 0] + rows[:, 1] + rows[:, 3]))[:CANDIDATES]
        examples.append(rows[strongest])
        labels.extend(names[i] == question.topic for i in strongest)
    return np.concatenate(examples), np.array(labels)


def _entry_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The right entry against the others of its topic."""
    neighbours = [
        (e, e.entry == question.meant)
        for question in asked
        if question.meant is not None and any(e.entry == question.meant for e in question.found)
        for e in question.found
        if e.topic == question.topic
    ]
    if not neighbours:
        return np.zeros((0, len(ENTRY_FEATURES))), np.zeros(0, bool)
    return entry_rows([e for e, _ in neighbours]), np.array([right for _, right in neighbours])


def _fit(
    rows: NDArray[np.float64], right: NDArray[np.bool_], penalty: float, width: int, *, balanced: bool = False
) -> Weights:
    from sklearn.linear_model import LogisticRegression

    if not len(right) or right.all() or not right.any():
        return Weights((1.0,) * width, 0.0)
    spread = rows.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=penalty, max_iter=2000, class_weight="balanced" if balanced else None).fit(
        rows / spread, right
    )
    return Weights(tuple((fitted.coef_[0] / spread).tolist()), float(fitted.intercept_[0]))
