"""Whole dialogues with the real knowledge come out as they are meant to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bot.answering.assistant import Assistant
from tests.quality.dialogues import Dialogue, read_dialogues

RIGHT = 0.9  # of the dialogues, each with all its turns


@pytest.fixture(scope="module")
def dialogues() -> tuple[Dialogue, ...]:
    return read_dialogues(Path(__file__).with_name("dialogues.yml"))


def test_there_are_enough_dialogues_of_a_few_turns_each_with_a_name_of_its_own(
    dialogues: tuple[Dialogue, ...],
) -> None:
    assert len(dialogues) >= 60
    assert [d.name for d in dialogues if not 3 <= len(d.turns) <= 6] == []
    assert [name for name, n in Counter(d.name for d in dialogues).items() if n > 1] == []


async def test_nine_dialogues_of_ten_come_out_right(assistant: Assistant, dialogues: tuple[Dialogue, ...]) -> None:
    failures = [failure for dialogue in dialogues for failure in await dialogue.failures(assistant)]
    told = "\n".join(map(str, failures))
    right = 1 - len({failure.dialogue for failure in failures}) / len(dialogues)
    print(f"{right:.3f} of {len(dialogues)} dialogues right\n{told}")
    assert right >= RIGHT, told
