"""docs/quality.md: the figures, what they mean, and how they came about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.evaluation.measures import Asked, Share, calibration, confusions, measures
from knowledge_base.ranking import Bands

HEAD = """# Quality of the answers

Made by `{command}` on {date} ({machine}). Knowledge version `{version}`: {entries} entries, {wordings} wordings.
Bands: answer at {answer:.2f}, refuse below {refuse:.2f}; fitted on our own held-out wordings, never
on the questions below.

- *top-1*: the topic of the reply (answered, asked back or refused) is right; *strict* against the first label,
  *lenient* also against the alternatives a second reader could defend.
- *top-3*: one of the first three candidate topics is right.
- *wrong of shown*: of all questions that got an answer, those whose topic was wrong or that were out of scope.
- *coverage*: in-scope questions answered at once; *asked back*: answered with up to four choices.
- *out of scope refused*: outcome `refuse` or `smalltalk`.
- *several all answered*: of messages that ask several things, those whose reply answers each of them.
- In brackets: Wilson's 95 % interval and the number of questions.
"""


@dataclass(frozen=True, slots=True)
class SetResult:
    """One file of questions, asked; `ablation` holds the figures without an arm, and with one alone."""

    name: str
    asked: list[Asked]
    ablation: dict[str, Mapping[str, Share]]


@dataclass(frozen=True, slots=True)
class Nlu:
    """One engine on the held-out sentences."""

    name: str
    intent: Share
    group: Share
    precision: float
    recall: float
    f1: float
    spoke: Share


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured in one run."""

    at: datetime
    machine: str
    command: str
    version: str
    entries: int
    wordings: int
    bands: Bands
    sets: tuple[SetResult, ...]
    engines: tuple[Nlu, ...]


def markdown(report: Report, picture: str | None = None) -> str:
    """`picture` is the file name of the calibration drawn, if it was."""
    return "\n".join(_lines(report, picture)).rstrip() + "\n"


def _lines(report: Report, picture: str | None) -> Iterator[str]:
    yield HEAD.format(
        command=report.command, date=f"{report.at:%Y-%m-%d %H:%M} UTC", machine=report.machine, version=report.version,
        entries=report.entries, wordings=report.wordings, answer=report.bands.answer, refuse=report.bands.refuse,
    )  # fmt: skip
    if picture:
        yield f"![How often answers of a score were right]({picture})\n"
    for result in report.sets:
        yield f"## {result.name}\n"
        yield from _table(("measure", "value"), [(k, str(v)) for k, v in measures(result.asked).items()])
        yield from _ablation(result)
        yield from _by(result.asked, "kind")
        yield from _by(result.asked, "group")
        yield "### Most confused\n"
        yield from _table(("meant", "taken for", "times"), [(a, b, str(n)) for a, b, n in confusions(result.asked)])
        yield "### Calibration (in scope)\n"
        rows = [
            (f"{low:.1f}–{low + 0.2:.1f}", f"{mean:.2f}", str(right)) for low, mean, right in calibration(result.asked)
        ]
        yield from _table(("score", "mean", "right"), rows)
    yield "## NLU engines on training_data/held_out\n"
    engines = [
        (
            n.name,
            str(n.intent),
            str(n.group),
            f"{n.precision:.3f}",
            f"{n.recall:.3f}",
            f"{n.f1:.3f}",
            f"{n.spoke.value:.2f}",
        )
        for n in report.engines
    ]
    head = ("engine", "intent right", "subject right", "entity precision", "recall", "F1", "answered itself")
    yield from _table(head, engines)


def _ablation(result: SetResult) -> Iterator[str]:
    yield "### What each arm adds\n"
    shown = ("top-1, lenient", "top-3, lenient", "wrong of shown", "coverage (answered)", "out of scope refused")
    whole = measures(result.asked)
    rows = [("all", *(f"{whole[name].value:.3f}" for name in shown))]
    rows.extend((label, *(f"{told[name].value:.3f}" for name in shown)) for label, told in result.ablation.items())
    yield from _table(("arms", *shown), rows)


def _by(asked: Sequence[Asked], what: str) -> Iterator[str]:
    groups: dict[str, list[Asked]] = {}
    for a in asked:
        name = a.question.kind if what == "kind" else a.question.topic.partition(".")[0]
        groups.setdefault(name, []).append(a)
    if len(groups) < 2:
        return
    yield f"### By {what}\n"
    rows = []
    for name, some in sorted(groups.items()):
        told = measures(some)
        rows.append((name, str(told["top-1, lenient"]), str(told["wrong of shown"]), str(told["out of scope refused"])))
    yield from _table((what, "top-1, lenient", "wrong of shown", "out of scope refused"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""
