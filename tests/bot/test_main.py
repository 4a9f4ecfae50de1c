"""`python -m bot …`: faults are one message and a status, and progress is shown as the place allows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from bot import __main__ as module

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Status and what stands on stderr, on one line; the home is empty."""
    monkeypatch.setenv("YIDA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORT", raising=False)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["bot", *words])
        with pytest.raises(SystemExit) as ended:
            module.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().err.replace("\n", "")

    return run


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--port", "0"], "port"),
        (["--port", "99999"], "port"),
        (["--port", "web"], "--port"),
        (["--workers", "0"], "workers"),
        (["--speed", "3"], "--speed"),
    ],
)
def test_an_impossible_option_is_named_and_nothing_is_made(
    run: Run, tmp_path: Path, words: list[str], what: str
) -> None:
    status, told = run("serve", *words)
    assert status == 2
    assert what in told
    assert "Traceback" not in told
    assert not (tmp_path / "home").exists()


def test_a_port_of_the_environment_is_looked_at_too_unless_one_is_given(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "eighty")
    status, told = run("serve")
    assert (status, "port" in told, "eighty" in told) == (2, True, True)
    assert "eighty" not in run("serve", "--port", "0")[1]


@pytest.mark.parametrize(
    "command", [["serve"], ["ask"], ["chat"], ["prepare"], ["publish"], ["train-rasa"], ["evaluate"]]
)
def test_a_wrong_setting_is_told_by_every_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "config.yml").write_text("site: {town: 杭州}\n", "utf-8")
    monkeypatch.setenv("YIDA_CONFIG", str(tmp_path / "config.yml"))
    status, told = run(*command)
    assert status == 2
    assert "site.town" in told


def test_a_wrong_question_is_told_before_any_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "asked.jsonl").write_text('{"text": "?"}\n')
    status, told = run("evaluate", str(tmp_path / "asked.jsonl"))
    assert status == 2
    assert "asked.jsonl:1: KeyError: 'topic'" in told
    assert not (tmp_path / "home").exists()


def test_a_backup_that_is_none_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no backup")
    status, told = run("restore", str(tmp_path / "note.txt"))
    assert status == 2
    assert "note.txt" in told


def test_without_a_command_all_are_listed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run()[0] == 2
    with pytest.raises(SystemExit) as ended:
        module.app(["--help"])
    listed = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(word in listed for word in ("serve", "ask", "chat", "backup", "restore", "publish", "evaluate"))
    assert "child" not in listed


def test_progress_is_a_line_a_stage_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(module, "screen", Console(file=log))
    bars = module.Bars()
    for done in range(1, 4):
        bars("index", done, 3)
    bars("unnamed", 1, 1)
    bars.end()
    assert log.getvalue() == "建立索引 3/3\nunnamed 1/1\n"


def test_progress_is_a_bar_a_stage_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(module, "screen", Console(file=terminal, force_terminal=True, width=80))
    bars = module.Bars()
    for stage in ("classifier", "index"):
        for done in range(1, 4):
            bars(stage, done, 3)
    bars.end()
    shown = terminal.getvalue()
    assert "学习主题" in shown
    assert "建立索引" in shown
    assert "3/3" in shown
