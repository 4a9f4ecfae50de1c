"""Joins what the arms found into an order and one calibrated probability that the best hit is right (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one entry: the best score of its rows in each arm, and the classifier's view."""

    entry: int
    topic: str
    lexical: float
    dense: float
    phonetic: float
    topic_probability: float
    refuted: bool = False  # a negative variant of the entry is as near as its best wording


ARMS = ("lexical", "dense", "phonetic", "topic_probability")
ORDER_FEATURES = (*ARMS, "lexical²", "dense²", "agreement")
TRUST_FEATURES = (
    *ARMS, "lexical²", "dense²", "agreement",
    "lexical_lead", "dense_lead", "phonetic_lead", "topic_lead", "company", "out_of_scope", "unknown", "length",
)  # fmt: skip


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
    """At `answer` and above it is shown; below `refuse` nothing is; between them the citizen is asked."""

    answer: float
    refuse: float
    close: float  # a runner-up whose order is within this share of the best one makes it a question


@dataclass(frozen=True, slots=True)
class Join:
    """Order of the candidates, trust in the first, and the bands, as fitted when the version was built."""

    order: Weights
    trust: Weights
    bands: Bands

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, dict[str, object]]) -> Join:
        order, trust = (Weights(tuple(told[n]["features"]), float(told[n]["bias"])) for n in ("order", "trust"))  # type: ignore[arg-type]
        return cls(order, trust, Bands(**{k: float(v) for k, v in told["bands"].items()}))  # type: ignore[arg-type]


def order_rows(found: Sequence[Evidence]) -> Numbers:
    """The features that decide which entry comes first: one row an entry."""
    arms = np.array([(e.lexical, e.dense, e.phonetic, e.topic_probability) for e in found], float)
    lexical, dense, topic = arms[:, 0], arms[:, 1], arms[:, 3]
    return np.column_stack([arms, lexical**2, dense**2, lexical * dense * topic])


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the question itself tells: how likely none of ours, how many of its words no row has."""

    out_of_scope: float
    unknown: float
    length: int


def trust_row(ordered: Sequence[Evidence], around: Surroundings) -> Numbers:
    """The features of the first of `ordered` against the best of any other topic."""
    first = ordered[0]
    others = [e for e in ordered if e.topic != first.topic]
    company = sum(e.topic == first.topic for e in ordered[:5]) / min(5, len(ordered))

    def lead(arm: str) -> float:
        return getattr(first, arm) - max((getattr(e, arm) for e in others), default=0.0)

    head = order_rows([first])[0]
    tail = [*(lead(arm) for arm in ARMS), company, around.out_of_scope, around.unknown, min(around.length, 40) / 40]
    return np.concatenate([head, tail])


def choose_bands(trust: Numbers, right: NDArray[np.bool_], ours: NDArray[np.bool_]) -> Bands:
    """Bands from calibration questions: `right` says whether the first hit was, `ours` that one exists.

    `answer` keeps wrong answers under 6 % of those shown; `refuse` turns away 95 % of what is not ours.
    """
    order = np.argsort(-trust)
    shown_wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    safe = np.nonzero(shown_wrong <= WRONG_SHOWN)[0]
    answer = float(trust[order][safe[-1]]) if len(safe) else 0.9
    foreign = trust[~ours]
    refuse = float(np.quantile(foreign, REFUSED)) if len(foreign) else 0.3
    refuse = float(np.clip(refuse, 0.15, 0.6))
    return Bands(answer=float(np.clip(answer, refuse + 0.05, 0.95)), refuse=refuse, close=CLOSE)


WRONG_SHOWN = 0.06
REFUSED = 0.95
CLOSE = 0.75
