"""`python -m bot chat`: a conversation that ends with the input."""

from __future__ import annotations

from pathlib import Path

from tests.stories.service import run


def test_each_line_is_answered_with_what_it_rests_on(tree: Path, home: Path) -> None:
    done = run(tree, home, "chat", stdin="养老保险最低要交多少年\n\n  \n转人工\n")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    first, second = done.stdout.split("您：")[1], done.stdout.split("您：")[4]
    assert "现在最低交 15 年。" in first
    assert "依据：" in first
    assert "人工" in second
    assert "**" not in done.stdout
