"""The report: one page of Markdown tables that a reader can compare with the last one."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.evaluation.measures import Share, measures
from bot.evaluation.report import Nlu, Report, SetResult, markdown
from knowledge_base.ranking import Bands
from tests.bot.evaluation.test_measures import TABLE, asked

ENGINE = Nlu("local", Share(9, 10), Share(10, 10), precision=0.5, recall=0.25, f1=1 / 3, spoke=Share(10, 10))


def report(*sets: SetResult) -> str:
    return markdown(
        Report(
            at=datetime(2026, 11, 24, 8, 5, tzinfo=UTC), machine="2 cores", command="make evaluate", version="v1",
            entries=14, wordings=140, bands=Bands(answer=0.6, refuse=0.25), sets=sets, engines=(ENGINE,),
        )
    )  # fmt: skip


def test_it_says_what_was_measured_when_and_how() -> None:
    text = report()
    assert "Made by `make evaluate` on 2026-11-24 08:05 UTC (2 cores)." in text
    assert "`v1`: 14 entries, 140 wordings" in text
    assert "answer at 0.60, refuse below 0.25" in text
    assert "| local | 0.900 (0.60–0.98, n=10) | 1.000 (0.72–1.00, n=10) | 0.500 | 0.250 | 0.333 | 1.00 |" in text


def test_each_file_has_its_figures_what_arms_add_and_both_groupings() -> None:
    text = report(SetResult("some.jsonl", TABLE, {"without topics": measures(TABLE[:1])}))
    assert "## some.jsonl\n" in text
    assert "| top-1, lenient | 0.600 (0.23–0.88, n=5) |" in text
    assert "| all | 0.600 | 0.600 | 0.500 | 0.600 | 0.667 |" in text
    assert "| without topics | 1.000 | 1.000 | 0.000 | 1.000 | nan |" in text
    assert "### By kind" not in text  # all are of one kind
    assert "### By group\n" in text
    rows = [line.split(" | ")[0] for line in text.partition("### By group")[2].splitlines() if line.startswith("| ")]
    assert rows[1:4] == ["| card", "| out_of_scope", "| pension"]
    assert "| card.loss | card.apply | 1 |" in text
    assert "| 0.4–0.6 | 0.50 | 0.600 (0.23–0.88, n=5) |" in text


def test_the_picture_is_shown_when_there_is_one() -> None:
    one = Report(
        at=datetime(2026, 11, 24, tzinfo=UTC), machine="", command="", version="", entries=0, wordings=0,
        bands=Bands(answer=0.6, refuse=0.25), sets=(), engines=(),
    )  # fmt: skip
    assert "](calibration.png)" in markdown(one, "calibration.png")
    assert "![" not in markdown(one)


def test_every_row_has_as_many_cells_as_its_head() -> None:
    text = report(
        SetResult("a.jsonl", TABLE, {}), SetResult("none.jsonl", [], {}), SetResult("b", [asked("a", "a")], {})
    )
    width = 0
    for line in text.splitlines():
        width = 0 if not line.startswith("|") else width or line.count("|")
        assert line.count("|") == width
