"""Logs and numbers: where and how often, never what somebody said."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

from bot.measure import JsonLines


def line(**told: object) -> dict[str, object]:
    record = logging.LogRecord("bot.x", logging.WARNING, __file__, 1, "round %s failed", ("7",), None)
    record.__dict__.update(told)
    text = JsonLines().format(record)
    assert "\n" not in text
    parsed: dict[str, object] = json.loads(text)
    return parsed


def test_a_line_says_when_how_bad_where_and_what() -> None:
    told = line()
    assert (told["level"], told["logger"], told["message"]) == ("warning", "bot.x", "round 7 failed")
    assert str(told["at"]).endswith("+00:00")
    assert set(told) == {"at", "level", "logger", "message"}


def test_only_what_was_told_is_added() -> None:
    told = line(told={"conversation": "c1"}, text="身份证", args_of="x")
    assert told["conversation"] == "c1"
    assert "身份证" not in json.dumps(told, ensure_ascii=False)


def test_an_exception_is_told_by_kind_and_place_without_its_words() -> None:
    def breaks(words: str) -> None:
        raise ValueError(f"cannot parse {words}")

    try:
        breaks("我的身份证330106199001011237")
    except ValueError:
        told = line(exc_info=sys.exc_info())
    trace = told["exception"]
    assert isinstance(trace, list)
    assert trace[0] == "ValueError"
    assert trace[-1].startswith("test_measure.py:")
    assert trace[-1].endswith(" breaks")
    assert "身份证" not in json.dumps(told, ensure_ascii=False)


def test_logs_go_to_stderr_as_json_and_noisy_libraries_are_quiet() -> None:
    code = (
        "import logging; from bot.measure import log_as_json; log_as_json(); "
        "logging.getLogger('httpx').info('noise'); logging.getLogger('bot').info('所有'); "
        "logging.getLogger('bot').debug('no')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert [json.loads(text)["message"] for text in ran.stderr.splitlines()] == ["所有"]
