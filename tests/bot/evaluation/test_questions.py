"""Labelled questions from JSON lines; a wrong line is told with its number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.evaluation.questions import Question, read_questions

WHOLE = {
    "id": "x1", "text": "卡丢了", "topic": "card.loss", "alt_topics": ["card.status"], "in_scope": True, "kind": "typo"
}  # fmt: skip
SHORT = {"text": "会下雨吗", "topic": "out_of_scope.weather", "in_scope": False}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "questions.jsonl"


def write(file: Path, *lines: object) -> None:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    file.write_text(text, "utf-8")


def test_what_is_left_out_has_a_usual_value_and_empty_lines_count_only_as_lines(file: Path) -> None:
    write(file, WHOLE, "", "  ", SHORT)
    assert read_questions(file) == [
        Question("x1", "卡丢了", "card.loss", ("card.status",), in_scope=True, kind="typo"),
        Question("4", "会下雨吗", "out_of_scope.weather", (), in_scope=False, kind="real"),
    ]


def test_what_was_said_before_and_what_else_is_asked_are_read_too(file: Path) -> None:
    write(file, WHOLE | {"context": ["你好", "社保卡"], "also_topics": ["fraud"]})
    [question] = read_questions(file)
    assert (question.context, question.also) == (("你好", "社保卡"), ("fraud",))
    assert question.accepts("fraud")


def test_the_topic_and_what_a_second_reader_could_defend_are_accepted(file: Path) -> None:
    write(file, WHOLE)
    [question] = read_questions(file)
    accepted = [t for t in ("card.loss", "card.status", "card.apply", None) if question.accepts(t)]
    assert accepted == ["card.loss", "card.status"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{not json", "JSONDecodeError"),
        ("[]", "TypeError: an object"),
        ("3", "TypeError: an object"),
        ({"topic": "card.loss", "in_scope": True}, "KeyError: 'text'"),
        (WHOLE | {"text": 5}, "TypeError: an object"),
        ({"text": "卡丢了", "in_scope": True}, "KeyError: 'topic'"),
        ({"text": "卡丢了", "topic": "card.loss"}, "KeyError: 'in_scope'"),
        (WHOLE | {"alt_topics": 5}, "TypeError"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(file: Path, line: object, why: str) -> None:
    write(file, SHORT, line)
    with pytest.raises(SettingsError, match=rf"questions\.jsonl:2: ({why})"):
        read_questions(file)


def test_a_file_that_is_missing_or_no_text_is_told_by_name(file: Path) -> None:
    with pytest.raises(SettingsError, match=r"questions\.jsonl.*No such file"):
        read_questions(file)
    file.write_bytes("社保".encode("gb18030"))
    with pytest.raises(SettingsError, match=r"questions\.jsonl.*utf-8"):
        read_questions(file)
