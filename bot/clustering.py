"""Questions without a good answer, grouped by what they ask, the most frequent and recent first (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from knowledge_base.text import normalise

NEAR = (
    0.6  # of the cosine: less alike on average, two groups stay two (0.78 of 354 labelled questions with their topic)
)
MOST = 3_000  # distinct questions at once: distances are a square
HALF_LIFE_MS = 7 * 86_400_000  # a question of last week weighs half as much as one of today
SHOWN = 20  # questions of one cluster


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that was not answered well: `why` is unanswered, unhelpful or none (都不是)."""

    conversation: str
    seq: int
    text: str
    why: str
    at: int
    topic: str = ""
    entry: str | None = None  # that was shown for it


@dataclass(frozen=True, slots=True)
class Cluster:
    """Gaps that ask the same, the newest first."""

    id: str
    topic: str
    gaps: tuple[Gap, ...]
    score: float

    @property
    def count(self) -> int:
        return len(self.gaps)

    @property
    def entry(self) -> str | None:
        """The entry that was shown for most of them."""
        shown = Counter(g.entry for g in self.gaps if g.entry)
        return shown.most_common(1)[0][0] if shown else None

    @property
    def why(self) -> dict[str, int]:
        return dict(Counter(g.why for g in self.gaps))

    @property
    def questions(self) -> list[str]:
        """As they were said, each once, the most frequent first."""
        return [text for text, _ in Counter(g.text for g in self.gaps).most_common()]


def seen(vectors: NDArray[np.float32], topics: NDArray[np.float32]) -> NDArray[np.float32]:
    """What questions are compared by: their sense and what the classifier takes them for, in equal parts."""
    both = np.hstack([vectors, topics / np.maximum(np.linalg.norm(topics, axis=1, keepdims=True), 1e-9)])
    return np.asarray(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def groups(vectors: NDArray[np.float32], near: float = NEAR) -> list[int]:
    """The group of each unit vector: average linkage over cosine distances."""
    if len(vectors) < 2:
        return [0] * len(vectors)
    from sklearn.cluster import AgglomerativeClustering  # a second to import, which web processes never need

    made = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - near)
    return [int(n) for n in made.fit_predict(vectors)]


def clusters(gaps: Sequence[Gap], texts: Sequence[str], vectors: NDArray[np.float32], now: int) -> list[Cluster]:
    """Gaps by the groups of their texts; `texts` are the distinct normalised ones that `vectors` stand for."""
    group = dict(zip(texts, groups(vectors), strict=True))
    members: dict[int, list[Gap]] = {}
    for gap in sorted(gaps, key=lambda g: (-g.at, g.conversation, g.seq)):
        if (key := normalise(gap.text)) in group:
            members.setdefault(group[key], []).append(gap)
    found = [_cluster(tuple(inside), now) for inside in members.values()]
    return sorted(found, key=lambda c: (-c.score, c.id))


def distinct(gaps: Sequence[Gap]) -> list[str]:
    """The distinct questions, the newest first, as many as one round takes."""
    newest = sorted(gaps, key=lambda g: (-g.at, g.conversation, g.seq))
    return list(dict.fromkeys(normalise(g.text) for g in newest))[:MOST]


def _cluster(gaps: tuple[Gap, ...], now: int) -> Cluster:
    topics = Counter(g.topic for g in gaps if g.topic)
    first = min(gaps, key=lambda g: (g.at, g.conversation, g.seq))
    name = sha256(f"{first.conversation}/{first.seq}".encode()).hexdigest()[:12]
    score = sum(0.5 ** (max(0, now - g.at) / HALF_LIFE_MS) for g in gaps)
    return Cluster(name, topics.most_common(1)[0][0] if topics else "", gaps, score)
