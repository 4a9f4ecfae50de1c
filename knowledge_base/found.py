"""What a search brings back (pure): the rules read it, whatever searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knowledge_base.entry import Entry


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that may answer. `score` is the calibrated probability that its topic is right, lowered for an
    entry that is less likely than another of the topic; `arms` say why."""

    entry: Entry
    score: float
    arms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search brought: the hits, best first, and what the question is about at all."""

    hits: tuple[Hit, ...]
    topics: Mapping[str, float]
    ours: float
    version: str
    ended: Entry | None = None  # asked for word for word, but it holds no more, and nothing has taken its place

    @property
    def exact(self) -> bool:
        return bool(self.hits) and self.hits[0].arms.get("exact", 0.0) == 1.0
