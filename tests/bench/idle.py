"""Thousands of sockets that say nothing: what they hold and cost, and whether the others are still answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from tests.bench.machine import Meter, rss_mb
from tests.bench.talk import BARE, OFF, Case, Load, Plan, Questions, Say, asked, running

CASES = (Case(BARE, "bare", "repeated"), Case(OFF, "local"))
ASKING = 32
WOKEN = 200
SETTLED = 2.0  # seconds after the last socket opened


@dataclass(frozen=True, slots=True)
class Idle:
    """One app. Memory in MB over all its processes; `rest` is how many processors it keeps busy while nobody asks."""

    name: str
    sockets: int
    memory_before: float
    memory: float
    rest: float
    woken_of: int
    load: Load


def measure(prepared: Path, home: Path, plan: Plan, say: Say, cases: Sequence[Case] = CASES) -> list[Idle]:
    """One app after the other."""
    questions = Questions(home)
    return [_measured(case, prepared, home, plan, questions, say) for case in cases]


def _measured(case: Case, prepared: Path, home: Path, plan: Plan, questions: Questions, say: Say) -> Idle:
    say(f"starting: {case.place}, for {plan.idle} idle sockets")
    with running(case.place, prepared, home, plan.workers) as place:
        everyone = [pid for pids in place.groups.values() for pid in pids]
        seen: dict[str, float] = {"before": rss_mb(everyone)}

        def look() -> None:
            say(f"{plan.idle} sockets are open")
            sleep(SETTLED)
            meter = Meter({"all": everyone})
            sleep(plan.seconds)
            used = meter.read()
            seen.update(rest=used.groups["all"] / used.seconds, after=rss_mb(everyone))

        woken = min(WOKEN, plan.idle)
        told = asked(
            {
                "kind": "bare" if case.place == "bare" else "ours", "port": place.port, "pids": place.groups,
                "sockets": ASKING, "idle": plan.idle, "woken": woken, "warm": plan.warm, "seconds": plan.seconds,
            } | questions.of(case, plan.warm + plan.seconds),
            look,
        )  # fmt: skip
    load = Load(**told)
    say(f"{case.name}: {load.woken} of {woken} woken, {load.rate:.0f}/s beside them, p95 {load.p95:.1f} ms")
    return Idle(case.name, plan.idle, seen["before"], seen["after"], seen["rest"], woken, load)
