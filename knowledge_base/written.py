"""An entry as people write it: read strictly, told canonically, compared field by field (pure)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter, ValidationError

from knowledge_base.entry import Entry
from knowledge_base.text import question_key
from knowledge_base.topics import topic_labels

Record = dict[str, Any]

LABELS = {
    "id": "编号", "topic": "主题", "question": "标准问题", "variants": "相似问法", "negative_variants": "反例问法",
    "answer": "答案", "answer.text": "答案", "answer.short": "微信短答", "answer.spoken": "语音播报",
    "answer.plain": "通俗说法", "conditions": "适用条件", "conditions.city": "适用城市", "conditions.group": "适用人群",
    "valid": "有效期", "valid.from": "生效时间", "valid.until": "失效时间", "basis": "依据", "jurisdiction": "适用范围",
    "checked": "核对日期", "high_stake": "事关重大", "related": "相关条目",
}  # fmt: skip
LONGEST = {"question": 200, "variants": 200, "negative_variants": 200, "answer": 5_000}  # characters of one text
MOST_WORDINGS = 300
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_MARKUP = re.compile(r"<\s*[/!?]?\s*[a-zA-Z][^>]*>?|(?:javascript|vbscript|data)\s*:", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_ENTRY = TypeAdapter(Entry)
_REASONS = {
    "missing": "没有填", "missing_argument": "没有填", "string_too_short": "没有填", "string_type": "要写文字",
    "unexpected_keyword_argument": "没有这一项", "date_from_datetime_parsing": "日期要写成 2026-01-31",
    "date_parsing": "日期要写成 2026-01-31", "date_type": "日期要写成 2026-01-31",
    "bool_parsing": "要写“是”或“否”", "bool_type": "要写“是”或“否”", "tuple_type": "要写成几行，一行一条",
}  # fmt: skip
_TOLD = {
    "until lies before from": "失效时间不能早于生效时间",
    "a basis needs document, article and effective, or a mark": "依据要写全文件名、条款和施行日期，或标明“常识”“二手”",
    "a marked basis needs covers and confirm_with": "标明“常识”“二手”的依据，要写清涉及内容和核实电话",
    "write a day, or a minute without a time zone: 2027-01-01 00:00": "时间要写成 2027-01-01 或 2027-01-01 00:00",
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field to mend, by its path, and why, for those who write."""

    field: str
    reason: str

    @property
    def label(self) -> str:
        parts = self.field.split(".")
        return LABELS.get(".".join(parts[:2])) or LABELS.get(parts[0]) or self.field

    def __str__(self) -> str:
        return f"{self.label}：{self.reason}"


class Unwritable(ValueError):
    """Not an entry yet, with every fault."""

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("；".join(map(str, self.faults)))


def read_entry(told: Mapping[str, Any]) -> Entry:
    """The corpus' own strict reader, and what may never be in an answer. Raises Unwritable with every fault."""
    present = _present(told)
    faults: list[FieldFault] = []
    entry: Entry | None = None
    try:
        entry = _ENTRY.validate_python(present)
    except ValidationError as error:
        faults.extend(_fault(issue) for issue in error.errors())
    faults.extend(_unsafe(present))
    if entry is not None:
        faults.extend(_impossible(entry))
    if faults or entry is None:
        raise Unwritable(dict.fromkeys(faults))
    return entry


def told(entry: Entry) -> Record:
    """The canonical record: what is at its default is left out, as in the files."""
    record: Record = _ENTRY.dump_python(entry, mode="json", by_alias=True, exclude_defaults=True)
    record = {key: _without_none(value) for key, value in record.items()}
    return {key: value for key, value in record.items() if value not in ({}, [])} | {
        "variants": record.get("variants", []), "basis": record.get("basis", []),
    }  # fmt: skip


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return [_without_none(v) for v in value] if isinstance(value, list) else value


def fingerprint(records: Iterable[Record]) -> str:
    """The hash of these entries, in whatever order they come."""
    rows = sorted(json.dumps(record, ensure_ascii=False, sort_keys=True) for record in records)
    return sha256("\n".join(rows).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text in a comparison: `kind` is same, gone or new."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One field that differs, before and after, and the text in pieces."""

    field: str
    label: str
    before: str
    after: str
    pieces: tuple[Piece, ...]


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Changed]:
    """Field by field, in the order in which people read an entry."""
    old, new = flat(before or {}), flat(after or {})
    found = []
    for field in [name for name in LABELS if name in {*old, *new}]:
        one, other = old.get(field, ""), new.get(field, "")
        if one != other:
            found.append(Changed(field, LABELS[field], one, other, tuple(_pieces(one, other))))
    return found


def flat(record: Mapping[str, Any]) -> dict[str, str]:
    """Every field as text: what search looks through and comparisons show."""
    shown: dict[str, str] = {}
    for key, value in record.items():
        if key == "basis":
            shown[key] = "\n".join(basis_line(row) for row in value)
        elif isinstance(value, Mapping):
            shown |= {f"{key}.{part}": str(each) for part, each in value.items() if each is not None}
        elif isinstance(value, list | tuple):
            shown[key] = "\n".join(map(str, value))
        elif value is not None:
            shown[key] = {True: "是", False: "否"}[value] if isinstance(value, bool) else str(value)
    return shown


_BASIS = {
    "document": "文件", "article": "条款", "effective": "施行", "url": "网址", "mark": "标记", "covers": "涉及",
    "confirm_with": "核实",
}  # fmt: skip


def basis_line(row: Mapping[str, Any]) -> str:
    """`文件：社会保险法｜条款：第十六条｜施行：2011-07-01`; JSON where a value would break it."""
    if any("｜" in str(v) or "\n" in str(v) for v in row.values()):
        return json.dumps(dict(row), ensure_ascii=False)
    return "｜".join(f"{label}：{row[key]}" for key, label in _BASIS.items() if row.get(key))


def read_basis_line(line: str) -> Record:
    """What `basis_line` writes, or its values alone in the order document, article, effective, url."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"document": line}
    keys = {label: key for key, label in _BASIS.items()}
    row: Record = {}
    for place, part in enumerate(re.split("[｜|]", line)):
        label, sign, value = part.partition("：")
        if sign and label.strip() in keys:
            row[keys[label.strip()]] = value.strip()
        elif part.strip() and place < 4:
            row[("document", "article", "effective", "url")[place]] = part.strip()
    return row


def _pieces(one: str, other: str) -> Iterator[Piece]:
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if len(one) * len(other) > 4_000_000:  # minutes otherwise
        yield from (Piece(kind, text) for kind, text in (("gone", one), ("new", other)) if text)
        return
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", one[a:b])
            continue
        if a < b:
            yield Piece("gone", one[a:b])
        if c < d:
            yield Piece("new", other[c:d])


def _present(told: Mapping[str, Any]) -> Record:
    """Fields that are not filled in are absent, at two depths."""
    found = ((str(key), _filled(value) if isinstance(value, Mapping) else value) for key, value in told.items())
    return {key: value for key, value in found if value not in (None, "", {})}


def _filled(part: Mapping[str, Any]) -> Record:
    return {key: value for key, value in part.items() if value not in (None, "")}


def _fault(issue: Any) -> FieldFault:
    where = ".".join(str(part) for part in issue["loc"] if part not in ("date", "datetime"))
    kind, message = str(issue["type"]), str(issue["msg"]).removeprefix("Value error, ")
    if where.startswith("valid.") and kind not in _REASONS and message not in _TOLD:
        return FieldFault(where, _TOLD["write a day, or a minute without a time zone: 2027-01-01 00:00"])
    if kind == "literal_error":
        return FieldFault(
            where, "只能写 " + str(issue["ctx"]["expected"]).replace("'", "").replace(" or ", "、").replace(", ", "、")
        )
    if kind.startswith("date"):
        return FieldFault(where, _REASONS["date_parsing"])
    return FieldFault(where, _REASONS.get(kind) or _TOLD.get(message) or message)


def _unsafe(record: Mapping[str, Any]) -> Iterator[FieldFault]:
    """Scripts, markup and what hides text; links only to the web."""
    for field, text in flat({k: v for k, v in record.items() if k != "basis"}).items():
        if _CONTROLS.search(text):
            yield FieldFault(field, "有看不见的控制字符，请重新输入")
        if _MARKUP.search(text):
            yield FieldFault(field, "不能有网页代码或脚本")
    rows = record.get("basis")
    for number, row in enumerate(rows if isinstance(rows, list | tuple) else ()):
        if not isinstance(row, Mapping):
            continue
        for key, value in row.items():
            if isinstance(value, str) and (_CONTROLS.search(value) or _MARKUP.search(value)):
                yield FieldFault(f"basis.{number}.{key}", "不能有网页代码或控制字符")
        url = row.get("url")
        if isinstance(url, str) and not re.fullmatch(r"https?://[^\s<>\"']+", url):
            yield FieldFault(f"basis.{number}.url", "网址要以 http:// 或 https:// 开头")


def _impossible(entry: Entry) -> Iterator[FieldFault]:
    if not _ID.fullmatch(entry.id):
        yield FieldFault("id", "只能用字母、数字、下划线、点和短横，最多 64 个字")
    if entry.topic not in topic_labels():
        yield FieldFault("topic", f"没有“{entry.topic}”这个主题")
    if not entry.basis:
        yield FieldFault("basis", "没有填")
    if len(entry.wordings) > MOST_WORDINGS or len(entry.negative_variants) > MOST_WORDINGS:
        yield FieldFault("variants", f"最多 {MOST_WORDINGS} 条")
    if not question_key(entry.question):
        yield FieldFault("question", "只有标点，没有文字")
    if any(not question_key(text) for text in (*entry.variants, *entry.negative_variants)):
        yield FieldFault("variants", "有一条只有标点，没有文字")
    for field, longest in LONGEST.items():
        value = getattr(entry, field)
        texts = [value.text, value.short, value.spoken, value.plain] if field == "answer" else value
        texts = [texts] if isinstance(texts, str) else texts
        if any(text and len(text) > longest for text in texts):
            yield FieldFault(field, f"太长，最多 {longest} 个字")
    if any(one.confirm_with is None and one.mark for one in entry.basis):
        yield FieldFault("basis", _TOLD["a marked basis needs covers and confirm_with"])
