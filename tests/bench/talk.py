"""Conversations under load: ours with Rasa off, on and skipped, a bare app beside it, and Rasa's own parse."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, cast

from bot.config import ROOT
from bot.nlu import rasa_model
from bot.nlu.rasa import RasaClient
from knowledge_base.text import normalise
from tests.bench import baseline, server
from tests.bench.client import share
from tests.bench.machine import rss_mb
from tests.bench.questions import varied, word_for_word, wordings

Say = Callable[[str], None]
Served = server.Server | baseline.Bare
Place = Literal["bare", "local", "rasa"]
FASTEST = 4000  # questions a second that no server here will answer: how many are laid out
REPEATED = 200  # questions of the cache's row
PARSED = 400
PARSE_WITHIN = 10.0
FALLBACKS = "yida_nlu_fallbacks_total"
BARE, OFF = "bare FastAPI socket", "Rasa off"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: who is asked, and what."""

    name: str
    place: Place
    questions: Literal["distinct", "repeated", "known"] = "distinct"


CASES = (
    Case(BARE, "bare", "repeated"),  # an echo does not care
    Case(OFF, "local"),
    Case("Rasa on", "rasa"),
    Case("Rasa on, skipped: known word for word", "rasa", "known"),
    Case("Rasa off, the same 200 questions again and again (cache)", "local", "repeated"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how wide it is measured."""

    workers: int = 2
    sockets: tuple[int, ...] = (1, 32, 200)
    seconds: float = 8.0
    warm: float = 2.0
    rounds: int = 3
    idle: int = 2000


@dataclass(frozen=True, slots=True)
class Load:
    """What the client tells of one run. Times in milliseconds; `cpu` in seconds by group of processes."""

    seconds: float
    asked: int  # the warming included
    answered: int
    told: dict[str, int]
    faults: dict[str, int]
    p50: float
    p95: float
    p99: float
    cpu: dict[str, float]
    everyone_cpu: float
    woken: int = 0
    stood_in: int = 0  # of all asked, those that the local engine understood in Rasa's place

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    def cores(self, group: str) -> float:
        """How many processors a group kept busy."""
        return self.cpu.get(group, 0.0) / self.seconds

    @property
    def foreign(self) -> float:
        """Processors that neither we nor our client kept busy: much of it spoils a run."""
        return max(0.0, self.everyone_cpu - sum(self.cpu.values())) / self.seconds


@dataclass(frozen=True, slots=True)
class Row:
    """All rounds of one case at one number of sockets."""

    case: Case
    sockets: int
    runs: tuple[Load, ...]

    @property
    def typical(self) -> Load:
        """The run with the median rate."""
        return sorted(self.runs, key=lambda run: run.rate)[len(self.runs) // 2]


@dataclass(frozen=True, slots=True)
class Parse:
    """Rasa alone, one question after the other, through its socket."""

    rate: float
    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Talk:
    """`parse` is None where there is no Rasa; `memory` in MB, after the load."""

    rows: tuple[Row, ...]
    parse: Parse | None
    memory: dict[str, float]

    def load(self, name: str, sockets: int) -> Load | None:
        """The typical run of a case; None when it was not measured."""
        return next((r.typical for r in self.rows if (r.case.name, r.sockets) == (name, sockets)), None)


def measure(prepared: Path, home: Path, plan: Plan, say: Say) -> Talk:
    """All servers stand side by side and are asked in turn, so that a busy minute hits each of them."""
    with_rasa = rasa_model.is_installed()
    cases = [case for case in CASES if with_rasa or case.place != "rasa"]
    if not with_rasa:
        say("Rasa is not installed (make rasa-setup): its rows are left out")
    runs: dict[tuple[int, Case], list[Load]] = {(n, case): [] for n in plan.sockets for case in cases}
    questions, total = Questions(home), plan.rounds * len(runs)
    with ExitStack() as stack:
        places: dict[str, Served] = {}
        for place in dict.fromkeys(case.place for case in cases):
            say(f"starting: {place}")
            places[place] = stack.enter_context(running(place, prepared, home, plan.workers))
        parse = asyncio.run(_parse(cast(server.Server, places["rasa"]).home, questions)) if with_rasa else None
        for done, (sockets, case) in enumerate(list(runs) * plan.rounds, start=1):
            load = _run(places[case.place], case, sockets, plan, questions)
            runs[sockets, case].append(load)
            say(f"[{done}/{total}] {case.name}, {sockets} sockets: {load.rate:.0f}/s, p95 {load.p95:.1f} ms")
        memory = {f"{place}, {group}": rss_mb(pids) for place, s in places.items() for group, pids in s.groups.items()}
    rows = tuple(Row(case, sockets, tuple(loads)) for (sockets, case), loads in runs.items())
    return Talk(rows, parse, {what: held for what, held in memory.items() if held})


def running(place: Place, prepared: Path, home: Path, workers: int) -> AbstractContextManager[Served]:
    """One kind of server on a home of its own."""
    if place == "bare":
        return baseline.running(home / "bare", workers)
    return server.running(prepared, home / place, workers, engine=place)


def _run(place: Served, case: Case, sockets: int, plan: Plan, questions: Questions) -> Load:
    before = _stood_in(place)
    load = asked(
        {
            "kind": "bare" if case.place == "bare" else "ours", "port": place.port, "pids": place.groups,
            "sockets": sockets, "idle": 0, "woken": 0, "warm": plan.warm, "seconds": plan.seconds,
        } | questions.of(case, plan.warm + plan.seconds),
    )  # fmt: skip
    return Load(**load, stood_in=_stood_in(place) - before)


def _stood_in(place: Served) -> int:
    return int(place.counted(FALLBACKS)) if isinstance(place, server.Server) and place.rasa else 0


def asked(order: dict[str, Any], while_idle: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Lets the client carry out an order, in a process of its own; `while_idle` runs when its idle sockets stand."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.client"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin
        assert client.stdout
        try:
            client.stdin.write(json.dumps(order) + "\n")
            client.stdin.flush()
            if order["idle"]:
                client.stdout.readline()
                while_idle()
            told = client.communicate("\n")[0]
        finally:
            client.kill()
    if client.returncode:
        raise RuntimeError(f"the load client ended with {client.returncode}")
    load: dict[str, Any] = json.loads(told.splitlines()[-1])
    return load


class Questions:
    """Lays out files of questions; a distinct one is given out once in a whole run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts = wordings()
        self._fresh = varied(self._texts)

    def of(self, case: Case, seconds: float) -> dict[str, Any]:
        """The part of an order that says what is asked, and whether again when all are used up."""
        again = case.questions != "distinct"
        if case.questions == "known":
            texts = word_for_word(self._texts)
        elif case.questions == "repeated":
            texts = list(islice(varied(self._texts, seed=1), REPEATED))
        else:
            texts = self.fresh(int(FASTEST * seconds))
        with tempfile.NamedTemporaryFile("w", dir=self._folder, suffix=".json", delete=False) as file:
            json.dump(texts, file, ensure_ascii=False)
        return {"questions": file.name, "again": again}

    def fresh(self, number: int) -> list[str]:
        return list(islice(self._fresh, number))


async def _parse(home: Path, questions: Questions) -> Parse | None:
    socket = server.rasa_socket(home)
    if socket is None:
        return None
    client = RasaClient(socket, deadline=PARSE_WITHIN)
    try:
        taken = [took async for took in _parsed(client, questions.fresh(PARSED))]
    finally:
        client.close()
    return Parse(len(taken) / sum(taken), share(sorted(taken), 0.5), share(sorted(taken), 0.95))


async def _parsed(client: RasaClient, texts: Sequence[str]) -> AsyncIterator[float]:
    for text in texts:
        began = perf_counter()
        await client.ask({"text": normalise(text)})
        yield perf_counter() - began
