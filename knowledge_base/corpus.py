"""Reads entries and figures from YAML files; whatever is wrong is named with file, line and reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from knowledge_base.entry import Entry
from knowledge_base.errors import CorpusError, Fault
from knowledge_base.figures import Figure, names_in
from knowledge_base.procedures.procedure import Procedure
from knowledge_base.procedures.procedure import faults as faults_of
from knowledge_base.records import records
from knowledge_base.text import question_key, wording_key
from knowledge_base.topics import topic_labels

SHIPPED = Path(__file__).parent / "corpora"
FIGURES = Path(__file__).parent / "figures.yml"
GUIDES = Path(__file__).parent / "procedures" / "guides"

_ENTRY = TypeAdapter(Entry)
_FIGURE = TypeAdapter(Figure)
_PROCEDURE = TypeAdapter(Procedure)


@dataclass(frozen=True, slots=True)
class Corpus:
    """All entries and figures of one state of the knowledge."""

    entries: tuple[Entry, ...]
    figures: dict[str, Figure]
    procedures: dict[str, Procedure] = field(default_factory=dict)
    lines: dict[str, tuple[str, int]] = field(default_factory=dict, compare=False)

    def where(self, entry: Entry) -> tuple[str, int]:
        return self.lines.get(entry.id, ("", 0))


def read_corpus(folder: Path = SHIPPED, figures: Path = FIGURES, guides: Path = GUIDES) -> Corpus:
    """All `*.yml` of the folders. Raises CorpusError with every fault found; nothing is half accepted."""
    faults: list[Fault] = []
    tables: list[Figure] = []
    if figures.exists():
        for figure, line in records(figures, _FIGURE, faults):
            if any(known.name == figure.name for known in tables):
                faults.append(Fault(figures.name, line, f"figure {figure.name} stands twice"))
            tables.append(figure)
    entries: list[Entry] = []
    lines: dict[str, tuple[str, int]] = {}
    for path in sorted(folder.glob("*.yml")):
        for entry, line in records(path, _ENTRY, faults):
            if entry.id in lines:
                other = "{}:{}".format(*lines[entry.id])
                faults.append(Fault(path.name, line, f"id {entry.id} is already used at {other}"))
                continue
            lines[entry.id] = (path.name, line)
            entries.append(entry)
    procedures = _procedures(guides, faults)
    corpus = Corpus(tuple(entries), {f.name: f for f in tables}, procedures, lines)
    faults.extend(_faults_between(corpus))
    if not entries and not faults:
        faults.append(Fault(str(folder), 0, "no entries found"))
    if faults:
        raise CorpusError(faults)
    return corpus


def _procedures(guides: Path, found: list[Fault]) -> dict[str, Procedure]:
    procedures: dict[str, Procedure] = {}
    for path in sorted(guides.glob("*.yml")):
        for procedure, line in records(path, _PROCEDURE, found):
            if procedure.id in procedures:
                found.append(Fault(path.name, line, f"procedure {procedure.id} stands twice"))
            unknown = sorted(set(procedure.topics) - set(topic_labels()))
            reasons = [*(f"unknown topic {topic}" for topic in unknown), *faults_of(procedure)]
            found.extend(Fault(path.name, line, f"{procedure.id}: {reason}") for reason in reasons)
            procedures[procedure.id] = procedure
    return procedures


def _faults_between(corpus: Corpus) -> Iterator[Fault]:
    """What can only be seen with all entries at hand."""
    ids = {entry.id for entry in corpus.entries}
    keys: dict[str, str] = {}
    for entry in corpus.entries:
        file, line = corpus.where(entry)
        if entry.topic not in topic_labels():
            yield Fault(file, line, f"{entry.id}: unknown topic {entry.topic}")
        for missing in sorted(set(entry.related) - ids):
            yield Fault(file, line, f"{entry.id}: related entry {missing} does not exist")
        answer = entry.answer
        for name in sorted(names_in((answer.text, answer.short, answer.spoken, answer.plain)) - set(corpus.figures)):
            yield Fault(file, line, f"{entry.id}: figure {name} is not in the figures table")
        if not entry.basis:
            yield Fault(file, line, f"{entry.id}: basis is missing")
        for wording in entry.wordings:
            key = question_key(wording)
            if not key:
                yield Fault(file, line, f"{entry.id}: a question without words: {wording!r}")
            elif keys.setdefault(key, entry.id) != entry.id:
                yield Fault(file, line, f"{entry.id}: {wording!r} is also a question of {keys[key]}")


def repeated_wordings(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str, str]]:
    """Variants of an entry that say the same after taking away polite words, particles and order."""
    for entry in entries:
        seen: dict[str, str] = {}
        for wording in entry.wordings:
            first = seen.setdefault(wording_key(wording), wording)
            if first is not wording:
                yield entry, first, wording


def distinct_wordings(entry: Entry) -> int:
    """How many really different wordings an entry has, its own question apart."""
    return len({wording_key(w) for w in entry.wordings}) - 1
