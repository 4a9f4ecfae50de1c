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
    Business,
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
NO_ENTRY = -1  # a topic of ours that has no entry yet
CANDIDATES = 8  # topics of a question that the fit looks at
SEED = 20261124
FLAT = Weights((1.0,) * len(ENTRY_FEATURES), 0.0)
ALL_OURS = Weights((0.0,) * len(SCOPE_FEATURES), 3.0)  # until questions of others teach the difference
UNFITTED = Join(ALL_OURS, Weights((1.0,) * len(TOPIC_FEATURES), -3.0), FLAT, Bands(answer=0.9, refuse=REFUSE_RANGE[0]))
TOPIC_PENALTY, ENTRY_PENALTY, SCOPE_PENALTY = 0.01, 1.0, 0.1  # inverse; few questions, many features


@dataclass(frozen=True, slots=True)
class Asked:
    """A calibration question: what was found for it, which topic was meant by number (None: none of ours), and which
    entry of it (None: any)."""

    found: Evidence
    business: Business
    meant: int | None
    topic: int | None


def fit_join(
    index: Index, corpus_rows: Rows, intents: Mapping[str, Sequence[str]], *, arms: Sequence[str] | None = None
) -> Join:
    """Three logistic regressions on held-out wordings with their own rows hidden, and on whole questions by topic.

    The latter, written as people ask, decide what a topic's score means and where the bands lie, when there are enough.
    """
    asked = [a for a in _questions(index, corpus_rows, intents, arms) if len(a.found)]
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
    return np.stack([scope_row(a.found, a.business) for a in asked]), np.array([a.topic is not None for a in asked])


def _first(asked: Asked, weights: Weights) -> tuple[float, bool]:
    """Trust in the likeliest topic, and whether it is the right one."""
    topics, _, rows = topic_rows(asked.found, asked.business.foreign)
    chances = weights.probability(rows)
    best = int(np.argmax(chances))
    return float(chances[best]), bool(topics[best] == asked.topic)


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
    found = index.evidence(sensed, hidden=hidden, arms=arms)
    about = None if topic is None else index.topics.index(topic) if topic in index.topics else NO_ENTRY
    return Asked(found, sensed.business, meant, about)


def _topic_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The right topic against the strongest wrong ones."""
    examples: list[NDArray[np.float64]] = []
    labels: list[NDArray[np.bool_]] = []
    for question in asked:
        topics, _, rows = topic_rows(question.found, question.business.foreign)
        strongest = np.argsort(-(rows[:, 0] + rows[:, 1] + rows[:, 3]))[:CANDIDATES]
        examples.append(rows[strongest])
        labels.append(topics[strongest] == question.topic)
    return np.concatenate(examples), np.concatenate(labels)


def _entry_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The right entry against the others of its topic."""
    examples = [np.zeros((0, len(ENTRY_FEATURES)))]
    labels = [np.zeros(0, bool)]
    for question in asked:
        if question.meant is not None and question.meant in question.found.entries:
            mates = question.found.only(question.found.topics == question.topic)
            examples.append(entry_rows(mates))
            labels.append(mates.entries == question.meant)
    return np.concatenate(examples), np.concatenate(labels)


def _fit(
    rows: NDArray[np.float64], right: NDArray[np.bool_], penalty: float, width: int, *, balanced: bool = False
) -> Weights:
    from sklearn.linear_model import LogisticRegression

    if not len(right) or right.all() or not right.any():
        return Weights((1.0,) * width, 0.0)
    spread = rows.std(axis=0)
    spread[spread < 1e-6] = 1.0  # says nothing, as the scores of an arm that is left out
    fitted = LogisticRegression(C=penalty, max_iter=2000, class_weight="balanced" if balanced else None).fit(
        rows / spread, right
    )
    return Weights(tuple((fitted.coef_[0] / spread).tolist()), float(fitted.intercept_[0]))
