"""docs/bench.md: tables, promises, and sections that are replaced one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.bench import report, scaling
from tests.bench.desk import OFFER, PLACE, TO_CITIZEN, Crowd, Wait
from tests.bench.idle import Idle
from tests.bench.report import Promise, Run, keep, merged
from tests.bench.search import LeftOut, Measured, Times
from tests.bench.talk import BARE, CASES, OFF, Case, Load, Parse, Place, Row, Talk

QUIET, FULL = scaling.People(20, 0.5), scaling.People(20, 1.3)
RUN = Run(datetime(2026, 11, 24, 9, 5, tzinfo=UTC), "abc1234", "2 × a processor", "python -m tests.bench")
RASA_ON = CASES[2].name


def load(rate: float, **more: Any) -> Load:
    told: dict[str, Any] = {
        "seconds": 10.0, "asked": int(rate * 12), "answered": int(rate * 10), "told": {}, "faults": {}, "p50": 1.0,
        "p95": 2.0, "p99": 3.0, "cpu": {"web": 12.0, "client": 3.0}, "everyone_cpu": 16.0,
    }  # fmt: skip
    return Load(**(told | more))


def row(name: str, place: Place, *rates: float, sockets: int = 32, **more: Any) -> Row:
    return Row(Case(name, place), sockets, tuple(load(rate, **more) for rate in rates))


def measured(rows: int, p95: float, recall: float | None = None) -> Measured:
    times = Times(1.0, p95, 1.0, p95)
    return Measured(rows, rows // 10, 3.0, 0.5, 20.0, 300.0, 200.0, recall, times, times)


def cells(text: str, start: str) -> list[str]:
    """The cells of the one table row that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_section_says_when_where_and_how_it_was_measured() -> None:
    told = merged("", "talk", RUN, "body")
    assert (
        "## Conversations\n\n`python -m tests.bench` on 2026-11-24 09:05 UTC, at `abc1234`. 2 × a processor.\n" in told
    )


def test_a_part_replaces_its_own_section_and_leaves_the_others(tmp_path: Path) -> None:
    target = tmp_path / "bench.md"
    for part in ("search", "talk", "idle"):
        keep(target, part, RUN, f"{part}, first\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    keep(target, "talk", RUN, "talk, second")
    told = target.read_text("utf-8")
    assert "talk, first" not in told
    assert [line for line in told.splitlines() if line.startswith("## ")] == [
        "## Conversations",
        "## Idle sockets",
        "## Search",
    ]
    for kept in ("talk, second", "idle, first", "search, first"):
        assert kept in told
    assert told.count("| 1 | 2 |") == 2
    keep(target, "talk", RUN, "talk, second")
    assert target.read_text("utf-8") == told


@pytest.mark.parametrize(
    ("promise", "kept"),
    [
        (Promise("rate", 400, 400.0, at_least=True), "yes"),
        (Promise("rate", 400, 399.0, at_least=True), "**no**"),
        (Promise("p95", 60, 60.0, " ms"), "yes"),
        (Promise("p95", 60, 61.0, " ms"), "**no**"),
        (Promise("p95", 60, float("nan"), " ms"), "**no**"),
        (Promise("p95", 60, None, " ms"), "not measured"),
    ],
)
def test_a_promise_is_kept_or_not(promise: Promise, kept: str) -> None:
    assert promise.row[-1] == kept


def test_conversations_stand_beside_the_bare_app_of_the_same_run() -> None:
    rows = (
        row(BARE, "bare", 1000, 900, 1100),
        row(OFF, "local", 500, 400, 450),
        row(RASA_ON, "rasa", 300, stood_in=900),
    )
    told = report.talk(Talk(rows, Parse(120.0, 8.0, 9.5), {"local, web": 512.4}))
    assert cells(told, "answered a second")[1:] == ["450", "yes"]
    assert cells(told, "of the bare")[1:] == ["0.45", "**no**"]
    assert cells(told, f"32 | {OFF}")[2:6] == ["450 (400–500)", "0.45", "1.0", "2.0"]
    assert cells(told, f"32 | {OFF}")[7:12] == ["1.20", "0.00", "0.00", "0.30", "0.10"]
    assert cells(told, f"32 | {RASA_ON}")[12] == "25%"
    assert "p50 8.0 ms, p95 9.5 ms, 120/s" in told
    assert cells(told, "local, web")[1] == "512"


def test_faults_are_told_and_what_was_not_measured_is_no_promise_kept() -> None:
    told = report.talk(Talk((row(OFF, "local", 10, sockets=1, faults={"store_busy": 2}),), None, {}))
    assert cells(told, f"1 | {OFF}")[-1] == "store_busy: 2"
    assert cells(told, "answered a second")[1:] == ["–", "not measured"]
    assert "Rasa is not installed" in told


def test_idle_sockets_are_weighed() -> None:
    found = [
        Idle(BARE, 2000, 100.0, 120.0, 0.01, 200, load(800, woken=200)),
        Idle(OFF, 2000, 300.0, 360.0, 0.02, 200, load(400, woken=199)),
    ]
    told = report.idle(found)
    assert cells(told, OFF)[1:] == ["2,000", "300", "360", "31", "0.02", "199 of 200", "400", "0.50", "2.0", "–"]


def test_search_tells_each_size_and_why_one_was_left_out() -> None:
    found: list[Measured | LeftOut] = [
        measured(1000, 2.0),
        measured(100_005, 11.0),
        LeftOut(1_000_000, "to build it takes too much memory"),
    ]
    told = report.search(found)
    assert cells(told, "search p95")[1:] == ["11 ms", "yes"]
    assert cells(told, "recall@10 of")[1:] == ["–", "not measured"]
    assert cells(told, "1,000 |")[-1] == "exact"
    assert cells(told, "1,000,000")[1] == "left out: to build it takes too much memory"
    assert cells(report.search([measured(1_000_000, 30.0, 0.97)]), "recall@10 of")[1:] == ["0.97", "**no**"]


def test_the_answer_path_has_a_promise_for_each_size() -> None:
    told = report.path([measured(7000, 9.0), measured(100_005, 26.0)])
    assert cells(told, "p95 with 700 entries: ≤ 10 ms")[1:] == ["9 ms", "yes"]
    assert cells(told, "p95 with 10000 entries: ≤ 25 ms")[1:] == ["26 ms", "**no**"]


def test_the_desk_keeps_its_promise_by_the_first_load_and_shows_every_wait() -> None:
    waits = (Wait(OFFER, 500, 40.0, 310.0, 400.0), Wait(TO_CITIZEN, 2000, 9.0, 30.0, 50.0))
    told = report.desk(
        [Crowd("many", waits, {"web": 0.5}, 900.0, 0), Crowd("rush", (Wait(PLACE, 300, 1, 2, 3),), {}, 1, 2)]
    )
    assert cells(told, "offer at an agent")[-1] == "**no**"
    assert cells(told, "an agent's word")[-1] == "yes"
    assert cells(told, "many | " + OFFER)[2:] == ["500", "40.0", "310.0", "400.0"]
    assert cells(told, "rush | 0.00")[-1] == "2"


def test_in_a_simulated_hour_a_full_desk_makes_people_wait_and_leave_and_a_quiet_one_does_not() -> None:
    quiet, full = scaling.simulate(QUIET), scaling.simulate(FULL)
    assert quiet.left == 0
    assert max(quiet.waits) < 30
    assert full.left > 0.1 * len(full.waits)
    assert max(full.chats) == QUIET.agents * QUIET.capacity
    assert len(full.queue) >= 3600
