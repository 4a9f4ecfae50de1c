"""`python -m bot ask`: lines in, lines out, in order, without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.children import end_with_parent
from tests.stories.service import environment

Asked = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def asked(tree: Path, new_home: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """One `ask` that stays open, and answers each line when it comes."""
    stderr = tmp_path_factory.mktemp("ask") / "stderr"
    with stderr.open("wb") as told, subprocess.Popen(
        [sys.executable, "-m", "bot", "ask"], cwd=tree, env=environment(new_home()), stderr=told,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=end_with_parent,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def ask(*lines: str | bytes) -> list[dict[str, Any]]:
            stdin.write(b"".join((each if isinstance(each, bytes) else each.encode()) + b"\n" for each in lines))
            stdin.flush()
            return [json.loads(stdout.readline()) for each in lines if each.strip()]

        yield ask
        stdin.close()
        assert (stdout.read(), process.wait(30)) == (b"", 0)
    assert "Traceback" not in stderr.read_text("utf-8")


def line(id: object, text: object, **more: object) -> str:
    return json.dumps({"id": id, "text": text, **more}, ensure_ascii=False)


def test_every_line_gets_one_in_order_with_all_the_fields(asked: Asked) -> None:
    told = asked(
        *(line(n, text) for n, text in enumerate(["养老保险最低要交多少年", "转人工", "明天会下雨吗", "我什么时候可以退休"] * 10)),
    )  # fmt: skip
    assert [t["id"] for t in told] == list(range(40))
    fields = {
        "id", "outcome", "entry", "topic", "score", "because", "text", "sources", "candidates", "also", "version", "elapsed_ms"
    }  # fmt: skip
    assert all(fields <= set(t) for t in told)
    assert {t["outcome"] for t in told} <= {"answer", "clarify", "refuse", "handoff", "smalltalk"}
    assert [t["entry"] for t in told[:4]] == ["min_years", None, None, "retire_age"]
    assert (told[0]["outcome"], told[1]["outcome"], told[3]["outcome"]) == ("answer", "handoff", "answer")
    assert told[2]["outcome"] in ("refuse", "smalltalk")
    assert told[0]["sources"]
    assert told[2]["sources"] == []
    assert all(t["elapsed_ms"] >= 0 and t["text"] for t in told)
    assert [t["text"] for t in told[:4]] == [t["text"] for t in told[36:]]


def test_a_bad_line_is_told_and_the_next_one_is_answered(asked: Asked) -> None:
    told = asked(
        "{not json", "[]", "3", '"text"', "null", line("a", None), line("b", 5), line("c", "您好", channel="fax"),
        line("d", "您好", context="earlier"), line("e", "您好", context=[1]), "", "   ", "{", line("f", "养老保险最低要交多少年"),
    )  # fmt: skip
    assert [t.get("error", {}).get("code") for t in told] == ["bad_line"] * 11 + [None]
    assert [t["id"] for t in told] == [None] * 5 + ["a", "b", "c", "d", "e", None, "f"]
    assert all(t["error"]["message"] for t in told[:11])
    assert told[-1]["entry"] == "min_years"


def test_earlier_messages_are_the_context(asked: Asked) -> None:
    told = asked(
        line(1, "女职工呢", context=["我什么时候可以退休"]),
        line(2, "女职工呢"),
        line(3, "养老保险最低要交多少年", context=["您好", "谢谢"]),
        line(4, "养老保险最低要交多少年", context=[]),
    )  # fmt: skip
    assert told[2]["entry"] == told[3]["entry"] == "min_years"
    assert len(told) == 4


def test_channels_differ_in_form_and_not_in_what_is_said(asked: Asked) -> None:
    told = asked(*(line(c, "养老保险最低要交多少年", channel=c) for c in ("web", "wechat", "voice")))
    assert {t["entry"] for t in told} == {"min_years"}
    assert len({t["text"] for t in told}) == 3


def test_odd_words_break_nothing(asked: Asked) -> None:
    odd = [
        "",
        " ",
        "\u200b",
        "？？？",
        "a" * 5000,
        "😀",
        "\ud83d",
        "社保\u0000卡",
        "１２３３３",
        "我的身份证号是110101199003070011",
    ]
    told = asked(*(json.dumps({"id": text, "text": text}) for text in odd))
    assert [t["id"] for t in told] == odd
    assert all(t.get("text") or t.get("error") for t in told)
    assert "110101199003070011" not in told[-1]["text"]


def test_bytes_that_are_no_text_are_a_bad_line(asked: Asked) -> None:
    told = asked(b"\xff\xfe{}", line(2, "养老保险最低要交多少年"))
    assert (told[0]["error"]["code"], told[1]["entry"]) == ("bad_line", "min_years")
