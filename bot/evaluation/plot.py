"""The calibration as a picture: how often answers of a score were right, beside what the score promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from bot.evaluation.measures import Asked, calibration


def draw(sets: Mapping[str, Sequence[Asked]], path: Path) -> bool:
    """A PNG with 95 % intervals; False where matplotlib, a tool of developers, is not installed."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="score", ylabel="right", xlim=(0, 1), ylim=(0, 1.02), title="In scope")
    axes.plot((0, 1), (0, 1), color="grey", linestyle=":", label="as promised")
    for name, asked in sets.items():
        bands = [(mean, right.value, *right.interval) for _, mean, right in calibration(asked)]
        if not bands:
            continue
        scores, shares, low, high = zip(*bands, strict=True)
        below = [s - a for s, a in zip(shares, low, strict=True)]
        above = [b - s for s, b in zip(shares, high, strict=True)]
        axes.errorbar(scores, shares, (below, above), marker="o", capsize=3, label=name)
    axes.legend()
    figure.savefig(path, dpi=100, metadata={"Software": None})
    return True
