"""A slip of the keyboard costs few right answers, another script or width hardly any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.answering.assistant import Assistant
from bot.evaluation.measures import Asked, share
from bot.evaluation.run import ask_all
from knowledge_base.corpus import read_corpus
from tests.quality.dialogues import MORNING
from tests.quality.perturbed import Homophones, half_in_pinyin, traditional, whole_in_pinyin, widened

MOST = 0.05  # of top-1


@pytest.fixture(scope="session")
def mistyped() -> Callable[[str], str]:
    return Homophones(entry.question for entry in read_corpus().entries).mistyped


async def lost(assistant: Assistant, asked: list[Asked], perturb: Callable[[str], str]) -> float:
    """How many more of the plain and colloquial questions that it changes are wrong; printed for a reader."""
    before, after = [], []
    for a in asked:
        if a.question.in_scope and a.question.kind in ("plain", "colloquial"):
            text = perturb(a.question.text)
            if text != a.question.text:
                before.append(a)
                after.append(replace(a.question, text=text))
    told = await ask_all(assistant, after, MORNING)
    was, now = (share(some, lambda a: a.lenient) for some in (before, told))
    print(f"{was} → {now}")
    return was.value - now.value


@pytest.mark.parametrize("perturb", [widened, traditional])
async def test_another_width_or_script_costs_next_to_nothing(
    assistant: Assistant, asked: list[Asked], perturb: Callable[[str], str]
) -> None:
    assert await lost(assistant, asked, perturb) <= MOST


async def test_slips_of_the_input_method_cost_little(
    assistant: Assistant, asked: list[Asked], mistyped: Callable[[str], str]
) -> None:
    assert await lost(assistant, asked, mistyped) <= MOST


@pytest.mark.parametrize("perturb", [half_in_pinyin, whole_in_pinyin])
async def test_pinyin_costs_little(assistant: Assistant, asked: list[Asked], perturb: Callable[[str], str]) -> None:
    assert await lost(assistant, asked, perturb) <= MOST


def test_perturbed_is_what_it_says(mistyped: Callable[[str], str]) -> None:
    text = "2026年社保卡丢了怎么补办"
    assert widened("a1, b") == "ａ１，　ｂ"
    assert traditional(text) == "2026年社保卡丟了怎麼補辦"
    slipped = mistyped(text)
    assert slipped == mistyped(text)
    assert 1 <= sum(a != b for a, b in zip(slipped, text, strict=True)) <= 2
    assert any(word in half_in_pinyin(text) for word in ("zenme", "buban", "shebao"))
    assert whole_in_pinyin("社保卡丢了") == "shebaoka diu le"
