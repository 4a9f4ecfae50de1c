"""The picture of the calibration, where the tool that draws it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.evaluation import plot
from tests.bot.evaluation.test_measures import TABLE


def test_it_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        assert plot.draw({"some.jsonl": TABLE, "none.jsonl": []}, tmp_path / name)
    drawn = (tmp_path / "one.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    assert drawn == (tmp_path / "two.png").read_bytes()


def test_without_the_tool_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    assert not plot.draw({"some.jsonl": TABLE}, tmp_path / "one.png")
    assert list(tmp_path.iterdir()) == []
