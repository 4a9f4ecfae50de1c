"""Joins what the arms found: how likely each topic is the right one, and which of its entries comes first (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WRONG_SHOWN = 0.06  # of calibration answers
REFUSED = 0.95  # of calibration questions that are none of ours; they are near our own, as in life
CLOSE = 0.75
ANSWER_RANGE = (0.3, 0.95)
REFUSE_RANGE = (0.2, 0.85)  # outside it a small calibration set has misled


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one entry: the best score of its rows in each arm, and the classifier's view of its topic."""

    entry: int
    topic: str
    lexical: float
    dense: float
    phonetic: float
    topic_probability: float
    refuted: bool = False  # a negative variant of the entry is as near as its best wording


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: one weight a feature, and the bias."""

    features: tuple[float, ...]
    bias: float

    def probability(self, rows: Numbers) -> Numbers:
        logits = rows @ np.asarray(self.features) + self.bias
        result: Numbers = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
        return result


@dataclass(frozen=True, slots=True)
class Bands:
    """A question less likely ours than `refuse` gets no answer; a hit trusted from `answer` on is shown (from
    `careful` on, where a wrong one may cost a right); between them the citizen is asked."""

    answer: float
    refuse: float
    close: float = CLOSE  # another topic within this share of the best one makes it a question
    careful: float = 0.9


@dataclass(frozen=True, slots=True)
class Join:
    """Whether a question is ours, trust in a topic, order of its entries, and the bands; fitted with the version."""

    scope: Weights
    topic: Weights
    entry: Weights
    bands: Bands

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Mapping[str, Any]]) -> Join:
        scope, topic, entry = (
            Weights(tuple(told[name]["features"]), told[name]["bias"]) for name in ("scope", "topic", "entry")
        )
        return cls(scope, topic, entry, Bands(**told["bands"]))


ENTRY_FEATURES = ("lexical", "dense", "phonetic")
TOPIC_FEATURES = (
    *ENTRY_FEATURES,
    "topic",
    *(f"{arm}_lead" for arm in (*ENTRY_FEATURES, "topic")),
    "foreign",
    "log_odds",
)


SCOPE_FEATURES = (*ENTRY_FEATURES, "foreign", "ours", "chat", "likeliest")


def scope_row(found: Sequence[Evidence], topics: Mapping[str, float]) -> Numbers:
    """What tells our questions from all others: how near anything is, and whose business the classifier says it is."""
    foreign = sum(p for topic, p in topics.items() if topic.startswith("out_of_scope"))
    ours = [p for topic, p in topics.items() if not topic.startswith("out_of_scope")]
    shares = np.clip([foreign, sum(ours), 1 - foreign - sum(ours)], 1e-3, 1 - 1e-3)
    near = entry_rows(found).max(axis=0) if found else np.zeros(len(ENTRY_FEATURES))
    return np.concatenate([near, np.log(shares / (1 - shares)), [max(ours, default=0.0)]])


def entry_rows(found: Sequence[Evidence]) -> Numbers:
    """One row an entry: what decides between the entries of one topic."""
    return np.array([(e.lexical, e.dense, e.phonetic) for e in found], float)


def topic_rows(found: Sequence[Evidence], out_of_scope: float) -> tuple[list[str], Numbers]:
    """The topics found and one row each: its best score in every arm, and its lead over all other topics."""
    best: dict[str, list[float]] = {}
    for e in found:
        known = best.setdefault(e.topic, [0.0, 0.0, 0.0, e.topic_probability])
        known[0] = max(known[0], e.lexical)
        known[1] = max(known[1], e.dense)
        known[2] = max(known[2], e.phonetic)
    scores = np.array(list(best.values()), float)
    ranked = np.sort(scores, axis=0)
    first = ranked[-1]
    second = ranked[-2] if len(ranked) > 1 else np.zeros_like(first)
    lead = scores - np.where(scores == first, second, first)
    chance = np.clip(scores[:, 3], 1e-3, 1 - 1e-3)
    odds = np.log(chance / (1 - chance))
    foreign = np.full(len(scores), out_of_scope)
    return list(best), np.column_stack([scores, lead, foreign, odds])


def choose_bands(trust: Numbers, right: NDArray[np.bool_], scope: Numbers, ours: NDArray[np.bool_]) -> Bands:
    """Bands from calibration questions: `right` says whether the first topic was, `ours` whether there is one."""
    foreign = scope[~ours]
    refuse = float(np.quantile(foreign, REFUSED)) if len(foreign) else REFUSE_RANGE[0]
    refuse = float(np.clip(refuse, *REFUSE_RANGE))
    kept = scope >= refuse
    order = np.argsort(-trust[kept])
    shown_wrong = np.cumsum(~right[kept][order]) / np.arange(1, len(order) + 1)
    falling = trust[kept][order]

    def least_trusted(wrong: float) -> float:
        safe = np.nonzero(shown_wrong <= wrong)[0]
        return float(np.clip(falling[safe[-1]] if len(safe) else 0.9, *ANSWER_RANGE))

    return Bands(least_trusted(WRONG_SHOWN), refuse, careful=least_trusted(WRONG_SHOWN / 2))
