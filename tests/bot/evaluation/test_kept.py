"""What is kept of a run, and when the next one counts as worse."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.evaluation.kept import Change, change, keep, read_kept
from bot.evaluation.measures import Asked
from bot.evaluation.questions import Question


def answered(name: str, right: bool) -> Asked:
    question = Question(name, "问", "card.loss", (), True, "plain")
    return Asked(question, "answer", "card.loss" if right else "card.use", (), 0.9)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    keep(tmp_path / "kept.jsonl", [answered("a", True), answered("b", False)])
    assert read_kept(tmp_path / "kept.jsonl") == {"a": True, "b": False}


def test_a_refused_stranger_is_right_and_an_answered_one_is_not(tmp_path: Path) -> None:
    stranger = Question("w", "会下雨吗", "out_of_scope.weather", (), False, "plain")
    keep(tmp_path / "kept.jsonl", [Asked(stranger, "refuse", None, (), 0.0)])
    assert read_kept(tmp_path / "kept.jsonl") == {"w": True}
    keep(tmp_path / "kept.jsonl", [Asked(stranger, "answer", "out_of_scope.weather", (), 0.0)])
    assert read_kept(tmp_path / "kept.jsonl") == {"w": False}


def test_only_questions_that_changed_and_were_asked_before_count() -> None:
    before = {"a": True, "b": False, "c": True, "d": False, "gone": True}
    now = [answered("a", False), answered("b", True), answered("c", True), answered("d", False), answered("new", False)]
    assert change(before, now) == Change(lost=("a",), gained=("b",))


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [(0, 0, 1.0), (1, 0, 0.5), (4, 0, 0.0625), (5, 0, 0.03125), (5, 5, 0.623), (0, 9, 1.0), (12, 3, 0.0176)],  # by hand
)
def test_the_test_is_mcnemars_exact_one(lost: int, gained: int, p: float) -> None:
    changed = Change(tuple(map(str, range(lost))), tuple(map(str, range(gained))))
    assert changed.p == pytest.approx(p, abs=0.0005)
    assert changed.worse == (p < 0.05)
