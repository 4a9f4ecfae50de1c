"""Joins what the arms found: how likely each topic is the right one, and which of its entries comes first (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

ARMS = ("lexical", "dense", "phonetic", "topic")

WRONG_SHOWN = 0.05  # of calibration answers; ours are a little easier than life, where 0.06 is promised
REFUSED = 0.97  # of calibration questions that are none of ours; 0.95 is promised
CLOSE = 0.75
ANSWER_RANGE = (0.3, 0.95)
REFUSE_RANGE = (0.2, 0.85)  # outside it a small calibration set has misled


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What speaks for the entries found, a row each. `scores` has a column for each of ARMS: the best of the entry's
    wordings in 0…1, and last the classifier's view of its topic; `topics` are the entries' topics by number."""

    entries: Integers
    topics: Integers
    scores: Numbers

    def __len__(self) -> int:
        return len(self.entries)

    def only(self, kept: NDArray[np.bool_]) -> Evidence:
        return Evidence(self.entries[kept], self.topics[kept], self.scores[kept])


@dataclass(frozen=True, slots=True)
class Business:
    """How the classifier shares a question out: to what is none of our business, to all our topics together, and to
    the likeliest of them."""

    foreign: float
    ours: float
    likeliest: float


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic regression: one weight a feature, and the bias."""

    features: tuple[float, ...]
    bias: float

    def probability(self, rows: Numbers) -> Numbers:
        logits = rows @ np.asarray(self.features) + self.bias
        result: Numbers = 0.5 + 0.5 * np.tanh(logits / 2)  # the logistic function, safe for any number
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


ENTRY_FEATURES = ARMS[:3]
TOPIC_FEATURES = (*ARMS, *(f"{arm}_lead" for arm in ARMS), "foreign", "log_odds")
SCOPE_FEATURES = (*ENTRY_FEATURES, "foreign", "ours", "chat", "likeliest")


def scope_row(found: Evidence, business: Business) -> Numbers:
    """What tells our questions from all others: how near anything is, and whose business the classifier says it is."""
    near = entry_rows(found).max(axis=0, initial=0.0)
    shares = (business.foreign, business.ours, 1 - business.foreign - business.ours)
    return np.array([*near.tolist(), *map(_log_odds, shares), business.likeliest])


def _log_odds(chance: float) -> float:
    kept = min(max(chance, 1e-3), 1 - 1e-3)
    return log(kept / (1 - kept))


def entry_rows(found: Evidence) -> Numbers:
    """One row an entry: what decides between the entries of one topic."""
    return found.scores[:, : len(ENTRY_FEATURES)]


def topic_rows(found: Evidence, out_of_scope: float) -> tuple[Integers, Integers, Numbers]:
    """The topics found, the place of each entry's topic among them, and one row a topic: its best score in every arm,
    and its lead over all other topics."""
    topics, place = np.unique(found.topics, return_inverse=True)
    scores = np.zeros((len(topics), len(ARMS)))
    np.maximum.at(scores, place, found.scores)
    ranked = np.sort(scores, axis=0)
    first = ranked[-1]
    second = ranked[-2] if len(ranked) > 1 else np.zeros_like(first)
    lead = scores - np.where(scores == first, second, first)
    chance = np.clip(scores[:, -1], 1e-3, 1 - 1e-3)
    foreign = np.full(len(scores), out_of_scope)
    return topics, place, np.column_stack([scores, lead, foreign, np.log(chance / (1 - chance))])


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
