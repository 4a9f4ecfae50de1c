"""Our own questions, asked of the real knowledge: enough of them, and none the worse since they were last kept."""

from __future__ import annotations

from collections import Counter

from bot.evaluation.kept import change, read_kept
from bot.evaluation.measures import Asked, measures
from bot.evaluation.questions import Question
from bot.evaluation.run import KEPT

LEAST = {"all": 640, "out of scope": 130, "follow-up": 30, "several": 15, "pinyin": 40, "dialect": 45, "speech": 30}


def test_there_are_enough_questions_of_every_kind_and_each_has_a_name_of_its_own(questions: list[Question]) -> None:
    counts = Counter(q.kind for q in questions)
    counts["all"], counts["out of scope"] = len(questions), sum(not q.in_scope for q in questions)
    assert {kind: n for kind, n in LEAST.items() if counts[kind] < n} == {}
    assert [id for id, n in Counter(q.id for q in questions).items() if n > 1] == []


def test_follow_ups_come_after_something_and_several_things_are_several(questions: list[Question]) -> None:
    assert [q.id for q in questions if (q.kind == "follow-up") != bool(q.context)] == []
    assert [q.id for q in questions if (q.kind == "several") != bool(q.also)] == []


def test_no_more_questions_come_out_wrong_than_when_they_were_kept(asked: list[Asked]) -> None:
    """`make evaluate` renews what is kept."""
    before = read_kept(KEPT)
    known = [a for a in asked if a.question.id in before]
    assert len(known) >= 0.9 * len(asked), "most questions are new: run make evaluate"
    changed = change(before, asked)
    print(f"lost {len(changed.lost)}, gained {len(changed.gained)}, p = {changed.p:.3f}")
    assert not changed.worse, [
        (a.question.id, a.question.text, a.topic) for a in asked if a.question.id in changed.lost
    ]


def test_hardly_ever_is_a_wrong_answer_shown_or_a_stranger_answered(asked: list[Asked]) -> None:
    figures = measures(asked)
    print({name: str(value) for name, value in figures.items()})
    assert figures["wrong of shown"].value <= 0.03
    assert figures["out of scope refused"].value >= 0.95
