"""Which questions came out right when it was last measured, and whether they come out worse now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

from bot.evaluation.measures import Asked

WORSE = 0.05  # how likely chance alone may be before a loss counts as one


@dataclass(frozen=True, slots=True)
class Change:
    """The questions, by id, that were right and are not, and those that were not and are."""

    lost: tuple[str, ...]
    gained: tuple[str, ...]

    @property
    def p(self) -> float:
        """McNemar's exact test, one-sided: how likely as many losses are if each change may go either way."""
        changed = len(self.lost) + len(self.gained)
        return float(binomtest(len(self.lost), changed, alternative="greater").pvalue) if changed else 1.0

    @property
    def worse(self) -> bool:
        return self.p < WORSE


def change(before: Mapping[str, bool], asked: Iterable[Asked]) -> Change:
    """Of the questions that both know."""
    pairs = [(a.question.id, before[a.question.id], a.right) for a in asked if a.question.id in before]
    return Change(
        lost=tuple(name for name, was, right in pairs if was and not right),
        gained=tuple(name for name, was, right in pairs if right and not was),
    )


def read_kept(path: Path) -> dict[str, bool]:
    told = map(json.loads, path.read_text("utf-8").splitlines())
    return {line["id"]: line["right"] for line in told}


def keep(path: Path, asked: Iterable[Asked]) -> None:
    lines = (json.dumps({"id": a.question.id, "right": a.right}) for a in asked)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
