"""docs/bench.md: a section for each part, replaced when the part was measured again (pure, the file apart)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench.desk import OFFER, TO_CITIZEN, Crowd
from tests.bench.idle import ASKING, Idle
from tests.bench.search import LeftOut, Measured
from tests.bench.talk import BARE, OFF, Row, Talk
from tests.bench.wechat import Rate

HEAD = """# Speed and memory

Made by `make bench`, or a part of it by `python -m tests.bench --only PART`; each section says when and on what.
"""
TITLES = {
    "talk": "Conversations",
    "idle": "Idle sockets",
    "path": "The answer path",
    "search": "Search",
    "desk": "Human agents",
    "voice": "Calls",
    "wechat": "WeChat",
}

TALK = """Every citizen is a socket that asks the next question when the last one is answered; no question comes twice, so that
no cache answers, save in the row that says so. Everything is stored: two rows a question, `synchronous=FULL`. The bare
app beside it, with as many workers, stores two rows in one transaction a message and echoes. Server, Rasa and client share
the processors; CPU is in processors kept busy, *foreign* what others took meanwhile. Of several rounds the one with the
median rate is shown, in brackets the slowest and the fastest."""
IDLE = """All sockets are open and silent; then {asking} others ask beside them, and some of the silent ones are woken with a
question each. Memory is the resident set of all the app's processes, CPU at rest in processors."""
PATH = """One question after the other in one process: masked, perceived (search and the local engine), decided; nothing stored.
Rasa comes on top where a question is not known word for word; its own time stands under Conversations."""
SEARCH = """The full search (all four arms and their join) in one thread, over the corpus cut or continued with changed copies of
its entries. Memory is the resident set of a process that only serves, the models' part apart."""

WECHAT = """Followers' messages, plain mode, at a steady rate that waits for nothing: from the call of WeChat's server to the
reply with the answer. Each is heard, understood, answered, claimed and kept. Rasa is off, no two questions are the same."""
DESK = """Agents and citizens are sockets of one client process, which shares the processors. In the first load all arrive one by
one (eight a second, six times what they need), each is offered to a free agent who takes the chat at once, and then both
sides write in turns (a word every ten seconds or so from each). In the rush they arrive within a second, on a fresh service
where few agents are. The last load runs on two groups of processes that share PostgreSQL and Redis: citizens at one, agents
at the other. A socket that had to be opened again counts as a fault."""


VOICE = """The real service, libvosk listening to tones, this machine's synthesizer; callers share the processors with them. What
is said is over when nobody has spoken for a while; that while is shown apart. A caller interrupts an answer with words,
so the time until we fall silent holds the first word itself. CPU is in processors kept busy."""


@dataclass(frozen=True, slots=True)
class Run:
    """When, where and by which command."""

    at: datetime
    commit: str
    machine: str
    command: str

    def __str__(self) -> str:
        return f"`{self.command}` on {self.at:%Y-%m-%d %H:%M} UTC, at `{self.commit}`. {self.machine}."


@dataclass(frozen=True, slots=True)
class Promise:
    """A floor and what was measured; `measured` is None where it was not."""

    what: str
    floor: float
    measured: float | None
    unit: str = ""
    at_least: bool = False

    @property
    def row(self) -> tuple[str, ...]:
        sign = "≥" if self.at_least else "≤"
        asked = f"{self.what}: {sign} {self.floor:g}{self.unit}"
        if self.measured is None:
            return asked, "–", "not measured"
        kept = self.measured >= self.floor if self.at_least else self.measured <= self.floor
        return asked, f"{self.measured:.4g}{self.unit}", "yes" if kept else "**no**"


def keep(path: Path, part: str, run: Run, body: str) -> None:
    """Replaces the part's section and leaves the others."""
    told = path.read_text("utf-8") if path.exists() else ""
    path.write_text(merged(told, part, run, body), "utf-8")


def merged(told: str, part: str, run: Run, body: str) -> str:
    found = dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)*)", told, re.MULTILINE))
    found[TITLES[part]] = f"{run}\n\n{body}\n"
    kept = ((title, found[title].strip()) for title in TITLES.values() if title in found)
    return "\n".join([HEAD, *(f"## {title}\n\n{text}\n" for title, text in kept)])


def talk(found: Talk) -> str:
    bare, ours = found.load(BARE, 32), found.load(OFF, 32)
    rate, late = (ours.rate, ours.p95) if ours else (None, None)
    ratio = rate / bare.rate if rate and bare else None
    promises = [
        Promise("answered a second at 32 sockets, Rasa off", 400, rate, at_least=True),
        Promise("p95 at 32 sockets, Rasa off", 60, late, " ms"),
        Promise("of the bare app's rate at 32 sockets (aim)", 1, ratio, at_least=True),
    ]
    return "\n".join([TALK, "", *_promises(promises), *_talk_rows(found), *_parse(found), *_held(found)]).rstrip()


def _talk_rows(found: Talk) -> Iterator[str]:
    head = (
        "sockets", "asked", "answered/s", "of the bare", "p50 ms", "p95 ms", "p99 ms", "CPU web", "Rasa", "rest", "client",
        "foreign", "without Rasa", "faults",
    )  # fmt: skip
    return table(head, [_talk_row(found, row) for row in found.rows])


def _talk_row(found: Talk, row: Row) -> tuple[str, ...]:
    load, bare = row.typical, found.load(BARE, row.sockets)
    rates = sorted(run.rate for run in row.runs)
    spread = f" ({rates[0]:,.0f}–{rates[-1]:,.0f})" if len(rates) > 1 else ""
    faults = ", ".join(f"{what}: {n}" for run in row.runs for what, n in run.faults.items()) or "–"
    stood_in = f"{load.stood_in / max(load.asked, 1):.0%}" if row.case.place == "rasa" else "–"
    return (
        str(row.sockets), row.case.name, f"{load.rate:,.0f}{spread}", _ratio(load.rate, bare.rate if bare else None),
        f"{load.p50:.1f}", f"{load.p95:.1f}", f"{load.p99:.1f}",
        *(f"{load.cores(group):.2f}" for group in ("web", "rasa", "others", "client")), f"{load.foreign:.2f}",
        stood_in, faults,
    )  # fmt: skip


def _parse(found: Talk) -> Iterator[str]:
    if found.parse is None:
        yield "Rasa is not installed here: its rows are left out."
        yield ""
        return
    p = found.parse
    yield (
        f"Rasa's own parse, one question after the other through its socket: p50 {p.p50:.1f} ms, p95 {p.p95:.1f} ms, "
        f"{p.rate:.0f}/s. *without Rasa*: the share of questions that the local engine understood in its place, because "
        "others were waiting for it already or the deadline passed; a question known word for word does not ask it."
    )
    yield ""


def _held(found: Talk) -> Iterator[str]:
    yield from table(("after the load", "memory MB"), [(what, f"{mb:,.0f}") for what, mb in found.memory.items()])


def idle(found: Sequence[Idle]) -> str:
    bare = next((i.load.rate for i in found if i.name == BARE), None)
    head = (
        "app", "sockets", "memory before MB", "with them", "kB a socket", "CPU at rest", "woken and answered",
        "answered/s beside them", "of the bare", "p95 ms", "faults",
    )  # fmt: skip
    rows = [
        (
            i.name, f"{i.sockets:,}", f"{i.memory_before:,.0f}", f"{i.memory:,.0f}",
            f"{(i.memory - i.memory_before) * 1024 / max(i.sockets, 1):.0f}", f"{i.rest:.2f}",
            f"{i.load.woken} of {i.woken_of}", f"{i.load.rate:,.0f}", _ratio(i.load.rate, bare), f"{i.load.p95:.1f}",
            ", ".join(f"{what}: {n}" for what, n in i.load.faults.items()) or "–",
        )
        for i in found
    ]  # fmt: skip
    return "\n".join([IDLE.format(asking=ASKING), "", *table(head, rows)]).rstrip()


def path(found: Sequence[Measured | LeftOut]) -> str:
    promises = [
        Promise(f"p95 with {m.entries} entries", 10 if m.rows < 50_000 else 25, m.path.p95, " ms")
        for m in found
        if isinstance(m, Measured)
    ]
    head = ("rows", "entries", "p50 ms", "p95 ms", "CPU p50 ms", "CPU p95 ms")
    rows = [
        (f"{m.rows:,}", f"{m.entries:,}", *(f"{t:.2f}" for t in (m.path.p50, m.path.p95, m.path.cpu50, m.path.cpu95)))
        if isinstance(m, Measured)
        else _left_out(m, len(head))
        for m in found
    ]
    return "\n".join([PATH, "", *_promises(promises), *table(head, rows)]).rstrip()


def search(found: Sequence[Measured | LeftOut]) -> str:
    measured = [m for m in found if isinstance(m, Measured)]
    large = next((m for m in measured if 100_000 <= m.rows < 200_000), None)
    recalls = [m.recall for m in measured if m.recall is not None]
    promises = [
        Promise("search p95 at 100,000 rows", 12, large.search.p95 if large else None, " ms"),
        Promise("recall@10 of inverted lists", 0.98, min(recalls, default=None), at_least=True),
    ]
    head = (
        "rows", "entries", "p50 ms", "p95 ms", "CPU p50 ms", "CPU p95 ms", "memory MB", "of it models", "disk MB",
        "built s", "loaded s", "recall@10",
    )  # fmt: skip
    rows = [_search_row(m) if isinstance(m, Measured) else _left_out(m, len(head)) for m in found]
    return "\n".join([SEARCH, "", *_promises(promises), *table(head, rows)]).rstrip()


def _search_row(m: Measured) -> tuple[str, ...]:
    times = (m.search.p50, m.search.p95, m.search.cpu50, m.search.cpu95)
    return (
        f"{m.rows:,}", f"{m.entries:,}", *(f"{t:.2f}" for t in times), f"{m.memory:,.0f}", f"{m.memory_models:,.0f}",
        f"{m.disk:,.0f}", f"{m.built_s:.0f}", f"{m.loaded_s:.1f}", "exact" if m.recall is None else f"{m.recall:.4f}",
    )  # fmt: skip


def voice(figures: str) -> str:
    return f"{VOICE}\n\n{figures}"


def desk(found: Sequence[Crowd]) -> str:
    first = found[0]
    promises = [
        Promise("offer at an agent, p95", 300, first.p95(OFFER), " ms"),
        Promise("an agent's word at the citizen, p95", 100, first.p95(TO_CITIZEN), " ms"),
    ]
    rows = [
        (c.name, w.what, f"{w.count:,}", f"{w.p50:.1f}", f"{w.p95:.1f}", f"{w.p99:.1f}") for c in found for w in c.waits
    ]
    held = [
        (c.name, *(f"{c.cpu.get(group, 0):.2f}" for group in ("web", "others")), f"{c.memory:,.0f}", str(c.faults))
        for c in found
    ]
    return "\n".join([
        DESK, "", *_promises(promises),
        *table(("load", "from → to", "times", "p50 ms", "p95 ms", "p99 ms"), rows),
        *table(("load", "CPU web", "CPU rest", "memory MB", "faults"), held),
    ]).rstrip()  # fmt: skip


def wechat(found: Sequence[Rate]) -> str:
    first = found[0]
    promises = [
        Promise("passive reply at 50 messages a second, p95", 200, first.p95, " ms"),
        Promise("the same, p99", 1000, first.p99, " ms"),
    ]
    head = (
        "workers",
        "messages/s",
        "measured",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "longest ms",
        "left to the courier",
        "faults",
    )
    rows = [
        (
            str(r.workers), f"{r.rate:.0f}", f"{r.count:,}", f"{r.p50:.1f}", f"{r.p95:.1f}", f"{r.p99:.1f}",
            f"{r.longest:.0f}", str(r.late), str(r.faults),
        )
        for r in found
    ]  # fmt: skip
    return "\n".join([WECHAT, "", *_promises(promises), *table(head, rows)]).rstrip()


def _left_out(size: LeftOut, width: int) -> tuple[str, ...]:
    return (f"{size.rows:,}", f"left out: {size.reason}", *[""] * (width - 2))


def _ratio(rate: float, bare: float | None) -> str:
    return f"{rate / bare:.2f}" if bare else "–"


def _promises(promises: Sequence[Promise]) -> Iterator[str]:
    return table(("promised", "measured", "kept"), [promise.row for promise in promises])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
