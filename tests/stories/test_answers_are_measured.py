"""`python -m bot evaluate`: the figures of a file of questions, printed and kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.stories.service import run
from tests.stories.tree import ROOT, copied

QUESTIONS = (
    ("养老保险最低要交多少年", "pension.min_years", True),
    ("我什么时候可以退休", "pension.retire_age", True),
    ("明天会下雨吗", "out_of_scope.weather", False),
)


@pytest.fixture
def own(tree: Path, tmp_path: Path) -> Path:
    """Without Rasa, which takes long, and with little to hold the engines against."""
    own = copied(tree, tmp_path / "project")
    (own / ".venv-rasa").unlink(missing_ok=True)
    (own / "docs").mkdir()
    held_out = own / "training_data" / "held_out"
    held_out.mkdir()
    shutil.copy(sorted((ROOT / "training_data" / "held_out").glob("*.yml"))[0], held_out)
    return own


def test_the_figures_are_printed_and_kept(own: Path, home: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "topic": topic, "in_scope": ours}) for text, topic, ours in QUESTIONS]
    (tmp_path / "asked.jsonl").write_text("\n".join(lines), "utf-8")
    done = run(own, home, "evaluate", str(tmp_path / "asked.jsonl"))
    assert done.returncode == 0, done.stderr
    kept = (own / "docs" / "quality.md").read_text("utf-8")
    assert done.stdout.strip() == kept.strip()
    assert "| top-1, lenient | 1.000 (0.34–1.00, n=2) |" in kept
    assert "| out of scope refused | 1.000 (0.21–1.00, n=1) |" in kept
    assert kept.count("| without ") >= 3
    assert "| local | " in kept
    assert "| rasa | " not in kept
