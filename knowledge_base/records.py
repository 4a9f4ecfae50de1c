"""Reads lists of records from YAML files; whatever is wrong is named with file, line and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from knowledge_base.errors import Fault

Record = TypeVar("Record")


class _Loader(yaml.CSafeLoader):
    """Leaves dates as text: a day that does not exist is then a fault with a line, as any other."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def records(path: Path, kind: TypeAdapter[Record], faults: list[Fault]) -> Iterator[tuple[Record, int]]:
    """Each record with its line; faults are added to the list, and a faulty record is left out."""
    try:
        found = list(parsed(path.read_text("utf-8"), path.name, faults))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        told = " ".join(str(getattr(error, "problem", None) or error).split())
        faults.append(Fault(path.name, mark.line + 1 if mark else 0, f"not readable as YAML: {told}"))
        return
    for value, place in found:
        line = place.start_mark.line + 1
        faults.extend(Fault(path.name, at, f"key {key} stands twice") for key, at in _repeated_keys(place))
        try:
            yield kind.validate_python(value), line
        except ValidationError as error:
            faults.extend(Fault(path.name, _line_of(place, issue["loc"]), _reason(issue)) for issue in error.errors())


def parsed(text: str, file: str, faults: list[Fault]) -> Iterator[tuple[Any, Any]]:
    """Each item of the list with its node. Raises YAMLError."""
    node = yaml.compose(text, Loader=_Loader)
    values = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader, in C)
    if not isinstance(values, list) or not isinstance(node, yaml.SequenceNode):
        faults.append(Fault(file, 1, "the file must be a list of entries"))
        return
    yield from zip(values, node.value, strict=True)


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
