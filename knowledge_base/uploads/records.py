"""Entries in YAML, as the corpora and our export have them: each record with its line; and written again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import yaml

from knowledge_base.errors import Fault
from knowledge_base.records import parsed
from knowledge_base.uploads.columns import BadTable
from knowledge_base.uploads.sheets import MOST_ROWS, decoded
from knowledge_base.written import Record

MOST_BYTES = 30_000_000


def read_yaml(content: bytes) -> Iterator[tuple[Record, int] | Fault]:
    """Each record with its line, or what is wrong at a line. Raises BadTable for what is no list of entries."""
    text = decoded(content[:MOST_BYTES])
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.CSafeLoader)):
            raise BadTable("不收带别名（*）的 YAML")
        faults: list[Fault] = []
        found = list(parsed(text, "", faults))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, BadTable):
            raise
        raise BadTable("不是完整的 YAML 文件") from error
    if faults and not found:
        raise BadTable("YAML 文件要是条目的列表")
    if len(found) > MOST_ROWS:
        raise BadTable(f"一次最多 {MOST_ROWS} 条，请分成几个文件")
    yield from faults
    for value, node in found:
        line = int(node.start_mark.line) + 1
        if isinstance(value, dict):
            yield {str(k): v for k, v in value.items()}, line
        else:
            yield Fault("", line, "这一项不是条目")


class _Dumper(yaml.CSafeDumper):
    """Long texts in lines, as people write them."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write_yaml(records: Iterable[Record]) -> str:
    return yaml.dump(list(records), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=1000)
