"""Fits the join: how the arms' scores become an order and a probability, on wordings nobody trained on."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge_base.index import Index, Rows
from knowledge_base.models import held_out
from knowledge_base.ranking import Evidence, Join, Surroundings, Weights, choose_bands, order_rows, trust_row
from knowledge_base.topics import topic_of_intent

DROPPED = 0.5  # of the entry's other wordings hidden in the second pass: a citizen's words are farther away than ours
SEED = 20261124
NEUTRAL = Weights((0.0,) * 7, 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A calibration question: what was found for it, and which entry was meant (None: none of ours)."""

    found: list[Evidence]
    around: Surroundings
    meant: int | None
    topic: str | None


def fit_join(
    index: Index, rows: Rows, intents: Mapping[str, Sequence[str]], *, arms: Sequence[str] | None = None
) -> Join:
    """Two logistic regressions on held-out wordings with their own rows hidden, and our out-of-scope questions."""
    asked = _questions(index, rows, intents, arms)
    order = _fit(*_order_examples(asked))
    tops = [(a, _sorted(a.found, order)) for a in asked if a.found]
    trust_rows = np.stack([trust_row(found, a.around) for a, found in tops])
    right = np.array([found[0].topic == a.topic for a, found in tops])
    ours = np.array([a.meant is not None for a, _ in tops])
    trust = _fit(trust_rows, right)
    bands = choose_bands(trust.probability(trust_rows), right, ours)
    return Join(order, trust, bands)


def _sorted(found: list[Evidence], order: Weights) -> list[Evidence]:
    chances = order.probability(order_rows(found))
    return [found[i] for i in np.argsort(-chances, kind="stable")[:8]]


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
        for share in (0.0, DROPPED):
            hidden = [row, *chooser.sample(others, int(len(others) * share))]
            asked.append(_ask(index, text, hidden, meant, arms))
    for intent, texts in sorted(intents.items()):
        topic = topic_of_intent(intent)
        if topic is None or not topic.startswith("out_of_scope"):
            continue
        asked.extend(_ask(index, text, [], None, arms) for text in texts if held_out(text))
    return asked


def _ask(index: Index, text: str, hidden: list[int], meant: int | None, arms: Sequence[str] | None) -> Asked:
    sensed = index.models.sense(text)
    found = [e for e in index.evidence(sensed, hidden=hidden, arms=arms) if not e.refuted]
    topic = None if meant is None else index.corpus.entries[meant].topic
    return Asked(found, index.surroundings(sensed), meant, topic)


def _order_examples(asked: list[Asked]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The right entry against the strongest wrong ones."""
    rows, labels = [], []
    for question in asked:
        strongest = sorted(question.found, key=lambda e: -(e.lexical + e.dense + e.topic_probability))[:12]
        picked = [e for e in question.found if e.entry == question.meant and e not in strongest]
        for e in [*strongest, *picked]:
            rows.append(e)
            labels.append(e.entry == question.meant)
    return order_rows(rows), np.array(labels)


def _fit(rows: NDArray[np.float64], right: NDArray[np.bool_]) -> Weights:
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        return Weights((0.0,) * rows.shape[1], 2.0 if right.all() else -2.0)
    spread = rows.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=1.0, max_iter=1000).fit(rows / spread, right)
    return Weights(tuple((fitted.coef_[0] / spread).tolist()), float(fitted.intercept_[0]))
