"""What rests on what: documents cited, phones, links and offices quoted, and what runs out when (pure)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from knowledge_base.written import Record, read_entry

ALERTS = (1, 7, 30)  # days before the end
_PHONE = re.compile(r"(?<![\d-])(?:0\d{2,3}-?\d{7,8}|123\d{2}|400-?\d{3}-?\d{4}|1[0-9]{4}(?=[^\d]|$))(?![\d-])")
_LINK = re.compile(r"https?://[^\s<>\"'，。；）)]+")
_OFFICE = re.compile(
    r"[\u4e00-\u9fff]{2,12}?(?:服务中心|经办机构|社保中心|医保中心|就业中心|税务局|人社局|医保局|办事大厅|行政服务中心)"
)
_MARKS = re.compile(r"[《》〈〉“”\"\s]")


@dataclass(frozen=True, slots=True)
class Cited:
    """Something that quotes: an entry, a procedure or a calculator, and where it does."""

    kind: str
    id: str
    title: str
    where: str


@dataclass(frozen=True, slots=True)
class Ending:
    """An entry that ends soon or has ended; `within` is the alarm that rings: 1, 7 or 30 days, 0 when it is over."""

    id: str
    question: str
    until: str
    within: int
    successor: str


def documents(entries: Iterable[Record], others: Iterable[tuple[str, str, Any]]) -> dict[str, list[Cited]]:
    """Every document that a basis names, and who cites it."""
    found: dict[str, list[Cited]] = defaultdict(list)
    for record in entries:
        for row in record.get("basis", ()):
            if name := row.get("document"):
                found[bare(name)].append(Cited("entry", record["id"], record["question"], row.get("article", "")))
    for kind, title, told in others:
        for name, article in sorted(set(_bases(told))):
            found[bare(name)].append(Cited(kind, title, title, article))
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def citing(name: str, entries: Iterable[Record], others: Iterable[tuple[str, str, Any]]) -> list[Cited]:
    """Everything in whose text the document's name stands, however it is set in marks."""
    asked = bare(name)
    found = [
        Cited("entry", record["id"], record["question"], _place(asked, record))
        for record in entries
        if asked in bare(json.dumps(record, ensure_ascii=False))
    ]
    found += [
        Cited(kind, title, title, "") for kind, title, told in others
        if asked in bare(told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, default=str))
    ]  # fmt: skip
    return found


def quoted(entries: Iterable[Record]) -> dict[str, dict[str, list[str]]]:
    """Phones, links and offices by kind, each with the entries that quote it: what somebody should call and look at."""
    found: dict[str, dict[str, set[str]]] = {
        "phone": defaultdict(set),
        "link": defaultdict(set),
        "office": defaultdict(set),
    }
    for record in entries:
        text = "\n".join(str(v) for v in record.get("answer", {}).values())
        text += "\n" + "\n".join(
            str(row.get(k, "")) for row in record.get("basis", ()) for k in ("url", "confirm_with")
        )
        for kind, pattern in (("phone", _PHONE), ("link", _LINK), ("office", _OFFICE)):
            for value in pattern.findall(text):
                found[kind][value].add(record["id"])
    return {
        kind: {value: sorted(ids) for value, ids in sorted(values.items(), key=lambda item: (-len(item[1]), item[0]))}
        for kind, values in found.items()
    }


def endings(entries: Iterable[Record], now: datetime) -> list[Ending]:
    """Those that end within 30 days or have ended, the most urgent first; `now` is local time without a zone."""
    read = [read_entry(record) for record in entries]
    found = []
    for entry in read:
        if entry.valid.until is None:
            continue
        ends = entry.valid.ends
        within = 0 if ends <= now else next((days for days in ALERTS if ends - now <= timedelta(days=days)), None)
        if within is None:
            continue
        heirs = (e.id for e in read if e.id != entry.id and e.topic == entry.topic and e.valid.begins == ends)
        found.append((ends, Ending(entry.id, entry.question, str(entry.valid.until)[:16], within, next(heirs, ""))))
    return [ending for _, ending in sorted(found, key=lambda pair: pair[0])]


def bare(text: str) -> str:
    """Without the marks and spaces that people put around a document's name, or leave out."""
    return _MARKS.sub("", text)


def _place(asked: str, record: Record) -> str:
    rows = (row for row in record.get("basis", ()) if asked in bare(str(row.get("document", ""))))
    return next((str(row.get("article", "")) for row in rows), "答案")


def _bases(told: Any) -> Iterable[tuple[str, str]]:
    """Every mapping with a document in a procedure's or calculator's data."""
    if isinstance(told, Mapping):
        if isinstance(told.get("document"), str):
            yield told["document"], str(told.get("article") or "")
        for value in told.values():
            yield from _bases(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _bases(value)
