"""A short question after an answer: what it is about, and when it stands by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.answering.followups import RETOLD, SAME_TOPIC, followed
from knowledge_base.entry import Circumstances, Entry
from knowledge_base.found import Found, Hit
from tests.bot.answering.turns import NOW, entry, hit

WHO = Circumstances(now=NOW)
LAST = entry("apply_how", "pension.apply", question="退休手续怎么办？")
WHEN = entry("apply_when", "pension.apply")
TRANSFER = entry("transfer_time", "pension.transfer")
CARD = entry("card_time", "card.apply")


def found(*hits: Hit, topics: dict[str, float] | None = None) -> Found:
    return Found(hits, topics or {}, 1.0, "v1")


class ScriptedIndex:
    """Answers a search by what the text begins with."""

    def __init__(self, **told: Found) -> None:
        self._told = told

    def search(self, text: str, who: Circumstances) -> Found:
        assert who is WHO
        return next((f for start, f in self._told.items() if text.startswith(start)), found())


def meant(text: str, alone: Found, last: Entry = LAST, **told: Found) -> Found | None:
    return followed(ScriptedIndex(**told), WHO, text, alone, last)  # type: ignore[arg-type]


def test_a_short_question_is_rather_about_the_topic_of_the_answer_before() -> None:
    said = meant("提前多久合适", found(hit(CARD, 0.2), hit(WHEN, 0.1)))
    assert said is not None
    assert (said.hits[0].entry, said.hits[0].score) == (WHEN, pytest.approx(0.1 * SAME_TOPIC))


def test_the_same_answer_is_not_given_again_because_its_question_was_repeated() -> None:
    said = meant("提前多久合适", found(), 退休手续怎么办=found(hit(LAST, 0.99), hit(WHEN, 0.7)))
    assert said is not None
    assert [(h.entry, h.score) for h in said.hits] == [(WHEN, pytest.approx(0.7 * RETOLD))]


def test_what_it_leaves_out_is_added_and_other_insurances_are_left_alone() -> None:
    said = meant("提前多久合适", found(), 养老保险提前多久=found(hit(CARD, 0.9), hit(TRANSFER, 0.6)))
    assert said is not None
    assert [h.entry for h in said.hits] == [TRANSFER]


def test_a_detail_of_the_same_matter_is_as_sure_as_it_was_found() -> None:
    said = meant("要带什么材料", found(), 退休手续怎么办=found(hit(LAST, 0.99), hit(WHEN, 0.7)))
    assert said is not None
    assert [(h.entry, h.score) for h in said.hits] == [(WHEN, 0.7)]


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("社保卡丢了怎么补", found(hit(CARD, 0.9))),  # names its own subject
        ("天气怎么样", found(topics={"out_of_scope.weather": 0.9})),  # nobody's insurance
        ("提前多久合适", found(replace(hit(CARD, 1.0), arms={"exact": 1.0}))),  # word for word another question
        ("提前多久合适", found(hit(CARD, 0.95), hit(WHEN, 0.1))),  # far likelier something else
        ("我在单位上班上了十几年了现在不想干了怎么办", found(hit(CARD, 0.1))),  # says enough
    ],
)
def test_what_stands_by_itself_follows_nothing(text: str, alone: Found) -> None:
    assert meant(text, alone) is None
