"""The whole benchmark at its smallest, on a small project of its own: what it measures is there, not how much."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.config import ROOT
from knowledge_base.vectors import Vectors
from tests.bench import idle, search
from tests.bench.client import share
from tests.bench.machine import Meter, fsync_ms, rss_mb
from tests.bench.talk import Plan
from tests.stories.tree import plant

QUICK = ("--quick", "--workers", "1", "--sockets", "4", "--only", "talk", "--only", "path", "--only", "search")

pytestmark = pytest.mark.timeout(300)  # for a busy machine; some 20 s on a quiet one


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The report of a try-out and what it said meanwhile; without Rasa, which would have to be trained."""
    folder = tmp_path_factory.mktemp("bench")
    tree = plant(folder / "project")
    (tree / ".venv-rasa").unlink(missing_ok=True)
    (tree / "tests").symlink_to(ROOT / "tests")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YIDA_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *QUICK, "--report", str(folder / "bench.md")],
        cwd=tree, env=environment | {"YIDA_HOME": str(folder / "home")}, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert list((folder / "home").iterdir()) == []
    return (folder / "bench.md").read_text("utf-8"), done.stderr


def test_idle_sockets_stand_while_others_ask(tmp_path: Path) -> None:
    plan = Plan(workers=1, seconds=0.3, warm=0.1, idle=20)
    (found,) = idle.measure(tmp_path, tmp_path, plan, lambda text: None, idle.CASES[:1])
    assert found.load.woken == found.woken_of == 20
    assert found.load.answered > 0
    assert found.load.faults == {}
    assert found.memory >= found.memory_before > 10


def rows(text: str, name: str) -> list[list[str]]:
    """The table rows that have this cell."""
    cut = ([cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|"))
    return [cells for cells in cut if name in cells]


def test_a_part_has_its_section(told: tuple[str, str]) -> None:
    text, said = told
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Conversations",
        "## The answer path",
        "## Search",
    ]
    assert "Rasa is not installed" in said
    assert str(ROOT) not in text.replace("--report", "")


def test_ours_and_the_bare_app_answered_without_a_fault(told: tuple[str, str]) -> None:
    for name in ("bare FastAPI socket", "Rasa off"):
        (cells,) = rows(told[0], name)
        assert cells[0] == "4"
        assert float(cells[2].replace(",", "")) > 0
        assert cells[-1] == "–"


def test_a_thousand_rows_were_searched(told: tuple[str, str]) -> None:
    section = told[0].partition("\n## Search\n")[2]
    (cells,) = [cells for cells in rows(section, "exact") if cells[-1] == "exact"]
    assert 1000 <= int(cells[0].replace(",", "")) < 1020
    assert float(cells[2]) > 0


def test_a_size_that_needs_too_much_memory_is_left_out_with_the_reason(tmp_path: Path) -> None:
    said: list[str] = []
    found = search.Sizes(tmp_path, tmp_path, said.append, memory_mb=1.0).of(10**9)
    assert isinstance(found, search.LeftOut)
    assert "GiB of memory" in found.reason
    assert said[-1].endswith(found.reason)


def test_recall_counts_what_the_exact_search_finds() -> None:
    matrix = np.random.default_rng(1).normal(size=(3000, 16)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    assert search.recall_of(Vectors.build(matrix), matrix, matrix[:20]) == 1.0
    half = matrix.copy()
    half[::2] = -half[::2]
    assert search.recall_of(Vectors.build(half), matrix, matrix[:20]) < 0.9


def test_a_share_is_the_time_that_this_part_needed_at_most() -> None:
    assert [share([0.001, 0.002, 0.003, 0.004], part) for part in (0.0, 0.5, 0.95)] == [1.0, 3.0, 4.0]
    assert np.isnan(share([], 0.5))


def test_the_machine_is_looked_at(tmp_path: Path) -> None:
    meter = Meter({"us": [os.getpid()], "gone": [2**22 - 1]})
    while (worked := meter.read()).groups["us"] == 0.0 or worked.everyone == 0.0:
        sum(range(100_000))
    assert worked.groups["gone"] == 0.0
    assert rss_mb([os.getpid(), 2**22 - 1]) > 10
    assert fsync_ms(tmp_path, 5) >= 0
