"""`python -m tests.bench`: measures and keeps docs/bench.md; every part can be run alone."""

from __future__ import annotations

import resource
import shlex
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from bot.config import ROOT, read_settings
from tests.bench import calls, desk, idle, machine, report, search, server, talk, wechat

SIZES = "1000,10000,100000,1000000"
LARGE = 100_000  # rows of the answer path, beside the corpus as it is
FEW = desk.Plan(agents=2, chats=4, arrivals=20, think=0.1, seconds=1, rush=5, rush_agents=1)
SHORT = wechat.Plan(rate=10, seconds=1, warm=0.2, followers=5)
QUICK = talk.Plan(sockets=(1, 4), seconds=0.5, warm=0.5, rounds=1, idle=20)
BEGAN = monotonic()


class Part(StrEnum):
    talk = "talk"
    idle = "idle"
    path = "path"
    search = "search"
    desk = "desk"
    voice = "voice"
    wechat = "wechat"


class Bench:
    """One run: what its parts share, in a folder of its own."""

    def __init__(self, folder: Path, plan: talk.Plan, searched: tuple[int, ...], answered: tuple[int, ...]) -> None:
        self._folder = folder
        self._prepared = folder / "prepared"
        self._plan = plan
        self._searched = searched
        self._answered = answered
        self._agents = FEW if plan.idle == QUICK.idle else desk.Plan()
        self._followers = SHORT if plan.idle == QUICK.idle else wechat.Plan()
        self._sizes = search.Sizes(self._prepared, folder, say)

    def prepare(self) -> None:
        say("preparing: tables, models and a version of the present files")
        server.prepare(self._prepared)

    def body(self, part: Part) -> str:
        """Measures a part; its section as Markdown."""
        match part:
            case Part.talk:
                return report.talk(talk.measure(self._prepared, self._home(part), self._plan, say))
            case Part.idle:
                return report.idle(idle.measure(self._prepared, self._home(part), self._plan, say))
            case Part.path:
                return report.path([self._sizes.of(rows) for rows in self._answered])
            case Part.search:
                return report.search([self._sizes.of(rows) for rows in self._searched])
            case Part.voice:
                return report.voice(calls.measure(self._prepared, self._home(part)))
            case Part.desk:
                return report.desk(desk.measure(self._prepared, self._home(part), self._agents, say))
            case Part.wechat:
                return report.wechat(wechat.measure(self._prepared, self._home(part), self._followers, say))

    def _home(self, part: Part) -> Path:
        home = self._folder / part
        home.mkdir()
        return home


def say(text: str) -> None:
    minutes, seconds = divmod(int(monotonic() - BEGAN), 60)
    print(f"{minutes:3}:{seconds:02}  {text}", file=sys.stderr, flush=True)


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def allow_many_files() -> None:
    """Thousands of sockets in one process, and in those it starts."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[list[Part] | None, typer.Option(help="a part; may be given again")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="a try-out: tiny, and only printed without --report")] = False,
    sizes: Annotated[str, typer.Option(help="rows to search in")] = "",
    sockets: Annotated[str, typer.Option(help="citizens at once")] = "",
    seconds: Annotated[float | None, typer.Option(help="of each load")] = None,
    rounds: Annotated[int | None, typer.Option(help="of all loads; the median counts")] = None,
    idle_sockets: Annotated[int | None, typer.Option("--idle", help="sockets that say nothing")] = None,
    workers: Annotated[int | None, typer.Option(help="of ours and of the bare app")] = None,
    target: Annotated[Path | None, typer.Option("--report", help="in place of docs/bench.md")] = None,
) -> None:
    """Speed and memory, beside a bare app in the same run."""
    plan = QUICK if quick else talk.Plan()
    plan = replace(
        plan, sockets=numbers(sockets) or plan.sockets, seconds=seconds or plan.seconds, rounds=rounds or plan.rounds,
        idle=idle_sockets or plan.idle, workers=workers or plan.workers,
    )  # fmt: skip
    searched = numbers(sizes or (SIZES.partition(",")[0] if quick else SIZES))
    answered = searched if quick else (search.whole(), LARGE)
    target = target or (None if quick else ROOT / "docs" / "bench.md")
    allow_many_files()
    home = read_settings().home
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".bench-") as folder:  # on the disk that serves
        bench = Bench(Path(folder), plan, searched, answered)
        bench.prepare()
        facts, command = machine.facts(Path(folder)), shlex.join(["python", "-m", "tests.bench", *sys.argv[1:]])
        for part in only or Part:
            run = report.Run(datetime.now(UTC), machine.commit(), facts, command)
            body = bench.body(part)
            if target is None:
                print(f"{body}\n")
            else:
                report.keep(target, part, run, body)
                say(f"kept: {report.TITLES[part]} in {target.name}")


if __name__ == "__main__":
    app()
