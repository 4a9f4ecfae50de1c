"""The columns of a table of entries: a row of cells to a record and back, without loss (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from knowledge_base.written import LABELS, Record, basis_line, read_basis_line

COLUMNS = (
    "id", "topic", "question", "variants", "negative_variants", "answer.text", "answer.short", "answer.spoken",
    "answer.plain", "conditions.city", "conditions.group", "valid.from", "valid.until", "basis", "jurisdiction",
    "checked", "high_stake", "related",
)  # fmt: skip
HEADERS = {column: LABELS[column] for column in COLUMNS}
NEEDED = ("topic", "question", "answer.text", "basis", "jurisdiction", "checked")
LISTS = ("variants", "negative_variants", "related")
LONGEST_CELL = 32_767  # characters; more does not fit into a cell of Excel
_DANGEROUS = "=+-@\t\r"
_YES, _NO = ("是", "true", "yes", "1", "y"), ("否", "false", "no", "0", "n", "")


class BadTable(ValueError):
    """The file as a whole is refused: the sentence for who uploads it."""


def known_columns(cells: Sequence[str]) -> dict[int, str]:
    """Which column stands where. Raises BadTable when it is no header of ours."""
    names = {label: column for column, label in HEADERS.items()} | {column: column for column in COLUMNS}
    found: dict[int, str] = {}
    for place, cell in enumerate(cells):
        name = cell.strip().removesuffix("*").strip()
        column = names.get(name) or names.get(name.lower())
        if column is None and name:
            raise BadTable(f"第 {place + 1} 列“{name[:20]}”不是模板里的列，请下载模板对照")
        if column in found.values():
            raise BadTable(f"“{name}”这一列有两次")
        if column:
            found[place] = column
    missing = [HEADERS[column] for column in NEEDED if column not in found.values()]
    if missing:
        raise BadTable(f"第一行要是表头，少了：{'、'.join(missing)}")
    return found


def record_of(cells: Mapping[str, str]) -> Record:
    """A row as a record; an empty cell is an absent field."""
    record: Record = {"variants": []}
    for column, raw in cells.items():
        text = opened(raw).strip()
        if not text:
            continue
        if column in LISTS:
            record[column] = _lines(text)
        elif column == "basis":
            record[column] = [read_basis_line(line) for line in _lines(text)]
        elif column == "high_stake":
            record[column] = True if text.lower() in _YES else False if text.lower() in _NO else text
        elif column == "jurisdiction" or "." not in column:
            record[column] = text
        else:
            outer, _, inner = column.partition(".")
            record.setdefault(outer, {})[inner] = text
    if record.get("high_stake") is False:
        del record["high_stake"]
    return record


def cells_of(record: Record) -> dict[str, str]:
    """A record as a row, nothing in it a formula."""
    cells: dict[str, str] = {}
    for column in COLUMNS:
        outer, _, inner = column.partition(".")
        value = record.get(outer)
        value = value.get(inner) if inner and isinstance(value, Mapping) else value
        if column == "basis":
            text = _joined([basis_line(row) for row in value or ()])
        elif column in LISTS:
            text = _joined(value or ())
        elif column == "high_stake":
            text = "是" if value else ""
        else:
            text = "" if value is None else str(value)
        cells[column] = closed(text)
    return cells


def closed(text: str) -> str:
    """No cell that we write begins as a formula; a mark that is already there is doubled, so that nothing is lost."""
    return f"'{text}" if text.startswith((*_DANGEROUS, "'")) else text


def opened(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith((*_DANGEROUS, "'")) else text


def cell_text(value: Any) -> str:
    """A cell as text: numbers without `.0`, days and minutes as we write them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        shape = "%Y-%m-%d" if value.time() == time() else "%Y-%m-%d %H:%M"
        return value.strftime(shape)
    return value.isoformat() if isinstance(value, date) else str(value)


def _lines(text: str) -> list[str]:
    if text.startswith("["):
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if isinstance(told, list) and all(isinstance(each, str) for each in told):
            return told
    return [line.strip() for line in text.splitlines() if line.strip()]


def _joined(texts: Iterable[str]) -> str:
    rows = list(texts)
    plain = "\n".join(rows)
    return plain if _lines(plain) == rows else json.dumps(rows, ensure_ascii=False)
