"""Figures of small tables that can be counted by hand."""

from __future__ import annotations

import math

import pytest

from bot.evaluation.measures import Asked, Share, calibration, confusions, measures, share
from bot.evaluation.questions import Question


def asked(
    meant: str, topic: str | None, outcome: str = "answer", *, candidates: tuple[str, ...] = (), score: float = 0.5,
    alternatives: tuple[str, ...] = (),
) -> Asked:  # fmt: skip
    question = Question("q", "问", meant, alternatives, not meant.startswith("out_of_scope"), "real")
    return Asked(question, outcome, topic, candidates, score)


TABLE = [
    asked("card.loss", "card.loss", candidates=("card.loss",)),
    asked("card.loss", "card.status", alternatives=("card.status",), candidates=("card.status",)),
    asked("card.loss", "card.apply", candidates=("card.apply", "card.loss")),
    asked("pension.min_years", "pension.min_years", "clarify", candidates=("a", "b", "c", "pension.min_years")),
    asked("pension.min_years", None, "refuse"),
    asked("out_of_scope.weather", "out_of_scope.weather", "refuse"),
    asked("out_of_scope.weather", None, "smalltalk"),
    asked("out_of_scope.weather", "card.loss"),
]


@pytest.mark.parametrize(
    ("name", "hits", "total"),
    [
        ("top-1, strict", 2, 5),
        ("top-1, lenient", 3, 5),
        ("top-3, lenient", 3, 5),
        ("wrong of shown", 2, 4),  # the wrong topic, and an answer to a question that is not ours
        ("coverage (answered)", 3, 5),
        ("asked back", 1, 5),
        ("out of scope refused", 2, 3),
    ],
)
def test_each_figure_counts_what_it_says(name: str, hits: int, total: int) -> None:
    assert measures(TABLE)[name] == Share(hits, total)


def test_a_message_that_asks_several_things_is_whole_when_each_is_answered() -> None:
    two = Question("q", "问一？问二？", "card.loss", (), True, "several", also=("card.apply",))
    told = [
        Asked(two, "answer", "card.loss", (), 0.9, also=("card.apply",)),
        Asked(two, "answer", "card.apply", (), 0.9, also=("card.loss", "fraud")),
        Asked(two, "answer", "card.apply", (), 0.9),
        Asked(two, "clarify", None, (), 0.2, also=("card.apply",)),
    ]
    assert measures([*TABLE, *told])["several all answered"] == Share(2, 4)
    assert [a.lenient for a in told] == [True, True, True, False]


def test_without_questions_a_figure_is_a_dash_and_not_zero() -> None:
    nothing = measures([])["top-1, strict"]
    assert str(nothing) == "–"
    assert math.isnan(nothing.value)
    assert nothing.interval == (0.0, 1.0)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (5, 10, 0.237, 0.763), (81, 263, 0.255, 0.366)],  # textbook values
)
def test_the_interval_is_wilsons(hits: int, total: int, low: float, high: float) -> None:
    assert Share(hits, total).interval == pytest.approx((low, high), abs=0.0006)


def test_a_figure_is_shown_with_its_interval_and_count() -> None:
    assert str(share(TABLE, lambda a: a.shown)) == "0.500 (0.22–0.78, n=8)"


def test_confusions_come_most_often_first_and_defended_ones_do_not_count() -> None:
    table = [*TABLE, asked("card.loss", "card.apply"), asked("card.loss", None, "refuse")]
    assert confusions(table) == [
        ("card.loss", "card.apply", 2), ("card.loss", "–", 1), ("pension.min_years", "–", 1)
    ]  # fmt: skip
    assert confusions(table, most=1) == [("card.loss", "card.apply", 2)]


def test_calibration_compares_scores_with_how_often_they_were_right() -> None:
    sure = [asked("a", "a", score=s) for s in (0.8, 0.9, 1.0)]
    unsure = [asked("a", "b", score=0.1), asked("a", "a", score=0.15)]
    foreign = [asked("out_of_scope.chat", "a", score=0.9)]
    assert calibration([*sure, *unsure, *foreign]) == [
        (0.0, pytest.approx(0.125), Share(1, 2)),
        (pytest.approx(0.8), pytest.approx(0.9), Share(3, 3)),
    ]
