"""Reads entries and figures from YAML files; whatever is wrong is named with file, line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from knowledge_base.entry import Entry
from knowledge_base.errors import CorpusError, Fault
from knowledge_base.figures import Figure, names_in
from knowledge_base.text import question_key, wording_key
from knowledge_base.topics import topic_labels

SHIPPED = Path(__file__).parent / "corpora"
FIGURES = Path(__file__).parent / "figures.yml"
Record = TypeVar("Record", Entry, Figure)


class _Loader(yaml.CSafeLoader):
    """Leaves dates as text: a day that does not exist is then a fault with a line, as any other."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}

_ENTRY = TypeAdapter(Entry)
_FIGURE = TypeAdapter(Figure)


@dataclass(frozen=True, slots=True)
class Corpus:
    """All entries and figures of one state of the knowledge."""

    entries: tuple[Entry, ...]
    figures: dict[str, Figure]
    lines: dict[str, tuple[str, int]] = field(default_factory=dict, compare=False)

    def where(self, entry: Entry) -> tuple[str, int]:
        return self.lines.get(entry.id, ("", 0))


def read_corpus(folder: Path = SHIPPED, figures: Path = FIGURES) -> Corpus:
    """All `*.yml` of a folder. Raises CorpusError with every fault found; nothing is half accepted."""
    faults: list[Fault] = []
    tables: list[Figure] = []
    if figures.exists():
        for figure, line in _records(figures, _FIGURE, faults):
            if any(known.name == figure.name for known in tables):
                faults.append(Fault(figures.name, line, f"figure {figure.name} stands twice"))
            tables.append(figure)
    entries: list[Entry] = []
    lines: dict[str, tuple[str, int]] = {}
    for path in sorted(folder.glob("*.yml")):
        for entry, line in _records(path, _ENTRY, faults):
            if entry.id in lines:
                other = "{}:{}".format(*lines[entry.id])
                faults.append(Fault(path.name, line, f"id {entry.id} is already used at {other}"))
                continue
            lines[entry.id] = (path.name, line)
            entries.append(entry)
    corpus = Corpus(tuple(entries), {f.name: f for f in tables}, lines)
    faults.extend(_faults_between(corpus))
    if not entries and not faults:
        faults.append(Fault(str(folder), 0, "no entries found"))
    if faults:
        raise CorpusError(faults)
    return corpus


def _records(path: Path, kind: TypeAdapter[Record], faults: list[Fault]) -> Iterator[tuple[Record, int]]:
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=_Loader)
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader, in C)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        faults.append(Fault(path.name, mark.line + 1 if mark else 0, f"not readable as YAML: {told}"))
        return
    if not isinstance(values, list) or not isinstance(node, yaml.SequenceNode):
        faults.append(Fault(path.name, 1, "the file must be a list of entries"))
        return
    for value, place in zip(values, node.value, strict=True):
        line = place.start_mark.line + 1
        faults.extend(Fault(path.name, at, f"key {key} stands twice") for key, at in _repeated_keys(place))
        try:
            yield kind.validate_python(value), line
        except ValidationError as error:
            faults.extend(Fault(path.name, _line_of(place, issue["loc"]), _reason(issue)) for issue in error.errors())


def _repeated_keys(root: Any) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one mapping, at any depth: YAML itself keeps the last and says nothing."""
    waiting, seen = [root], set()  # an alias may lead back to where it stands
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
            continue
        count = Counter(key.value for key, _ in node.value)
        yield from ((k.value, k.start_mark.line + 1) for k, _ in node.value if count[k.value] > 1)
        waiting.extend(value for _, value in node.value)


def _line_of(node: Any, path: Sequence[int | str]) -> int:
    """The line of the deepest part of `path` that exists below `node`."""
    line = int(node.start_mark.line) + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == step), None)
            if found is None:
                break
            line, node = int(found[0].start_mark.line) + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = int(node.start_mark.line) + 1
    return line


def _reason(issue: Any) -> str:
    where = ".".join(str(part) for part in issue["loc"])
    if issue["type"] == "unexpected_keyword_argument":
        return f"unknown key {where}"
    told = str(issue["msg"]).removeprefix("Value error, ")
    return f"{where}: {told}" if where else told


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
