"""Counts over asked questions, each with its 95 % interval (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from bot.evaluation.questions import Question

Z = 1.959964


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what came back: the outcome, the topic shown or meant, and the candidates' topics."""

    question: Question
    outcome: str
    topic: str | None
    candidates: tuple[str, ...]
    score: float
    also: tuple[str, ...] = ()  # topics of further answers in the same reply

    @property
    def shown(self) -> bool:
        return self.outcome == "answer"

    @property
    def refused(self) -> bool:
        return self.outcome in ("refuse", "smalltalk")

    @property
    def lenient(self) -> bool:
        return self.question.accepts(self.topic)

    @property
    def right(self) -> bool:
        """In scope the topic, out of scope the refusal."""
        return self.lenient if self.question.in_scope else self.refused

    @property
    def whole(self) -> bool:
        """Everything that was asked is answered."""
        return {self.question.topic, *self.question.also} <= {self.topic, *self.also}


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, which stays sensible for small counts and near 0 and 1."""
        n = self.total
        if not n:
            return (0.0, 1.0)
        p, z2 = self.value, Z * Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return (max(0.0, middle - half), min(1.0, middle + half))

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = self.interval
        return f"{self.value:.3f} ({low:.2f}–{high:.2f}, n={self.total})"


def share(asked: Iterable[Asked], holds: Callable[[Asked], bool]) -> Share:
    results = [holds(a) for a in asked]
    return Share(sum(results), len(results))


def measures(asked: Sequence[Asked]) -> dict[str, Share]:
    """The figures by name; what they mean stands in docs/quality.md."""
    ours = [a for a in asked if a.question.in_scope]
    foreign = [a for a in asked if not a.question.in_scope]
    shown = [a for a in asked if a.shown]
    several = [a for a in asked if a.question.also]
    return {
        "top-1, strict": share(ours, lambda a: a.topic == a.question.topic),
        "top-1, lenient": share(ours, lambda a: a.lenient),
        "top-3, lenient": share(ours, lambda a: any(map(a.question.accepts, a.candidates[:3]))),
        "wrong of shown": share(shown, lambda a: not a.lenient),
        "coverage (answered)": share(ours, lambda a: a.shown),
        "asked back": share(ours, lambda a: a.outcome == "clarify"),
        "out of scope refused": share(foreign, lambda a: a.refused),
        "several all answered": share(several, lambda a: a.whole),
    }


def confusions(asked: Sequence[Asked], most: int = 15) -> list[tuple[str, str, int]]:
    """Which topics are taken for which others, most often first."""
    counts: dict[tuple[str, str], int] = {}
    for a in asked:
        if a.question.in_scope and not a.lenient:
            pair = (a.question.topic, a.topic or "–")
            counts[pair] = counts.get(pair, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(meant, taken, n) for (meant, taken), n in ranked[:most]]


def calibration(asked: Sequence[Asked], width: float = 0.2) -> list[tuple[float, float, Share]]:
    """Score bands of in-scope questions: from, mean score, and how many were right."""
    found = []
    ours = [a for a in asked if a.question.in_scope]
    for step in range(round(1 / width)):
        low = step * width
        band = [a for a in ours if low <= a.score < low + width or (a.score == 1.0 and low + width >= 1.0)]
        if band:
            found.append((low, sum(a.score for a in band) / len(band), share(band, lambda a: a.lenient)))
    return found
