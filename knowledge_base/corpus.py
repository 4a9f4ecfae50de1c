"""Reads entries and figures from YAML files; whatever is wrong is named with file, line and reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from knowledge_base.entry import Entry
from knowledge_base.errors import CorpusError, Fault
from knowledge_base.figures import NAMED, Figure, names_in
from knowledge_base.procedures.procedure import Procedure
from knowledge_base.procedures.procedure import faults as faults_of
from knowledge_base.records import records
from knowledge_base.text import question_key
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


def assembled(entries: Iterable[Entry], base: Corpus) -> Corpus:
    """These entries with the base's figures and procedures. Raises CorpusError with every fault found."""
    corpus = Corpus(tuple(entries), base.figures, base.procedures)
    faults = list(_faults_between(corpus))
    if faults or not corpus.entries:
        raise CorpusError(faults or [Fault("", 0, "no entries found")])
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
    keys: dict[str, list[Entry]] = {}
    for entry in corpus.entries:
        file, line = corpus.where(entry)
        if entry.topic not in topic_labels():
            yield Fault(file, line, f"{entry.id}: unknown topic {entry.topic}")
        for missing in sorted(set(entry.related) - ids):
            yield Fault(file, line, f"{entry.id}: related entry {missing} does not exist")
        answer = entry.answer
        forms = [form for form in (answer.text, answer.short, answer.spoken, answer.plain) if form]
        for name in sorted(names_in(forms) - set(corpus.figures)):
            yield Fault(file, line, f"{entry.id}: figure {name} is not in the figures table")
        if any("{" in NAMED.sub("", form) for form in forms):
            yield Fault(file, line, f"{entry.id}: a figure is named {{{{name}}}}, without spaces")
        if not entry.basis:
            yield Fault(file, line, f"{entry.id}: basis is missing")
        for wording in entry.wordings:
            key = question_key(wording)
            if not key:
                yield Fault(file, line, f"{entry.id}: a question without words: {wording!r}")
            else:
                others = keys.setdefault(key, [])
                rival = next((other for other in others if other is not entry and other.valid.meets(entry.valid)), None)
                if rival:
                    yield Fault(file, line, f"{entry.id}: {wording!r} is also a question of {rival.id}")
                others.append(entry)
