"""Tables of entries: csv in whatever Chinese encoding, and xlsx; what a table may not hold is refused."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from knowledge_base.uploads.columns import COLUMNS, HEADERS, LONGEST_CELL, NEEDED, BadTable, cell_text, known_columns

MOST_ROWS = 50_000
UNPACKED = 300_000_000  # bytes of an office file; more is a bomb
PARTS = 5_000
RATIO = 300  # unpacked bytes for each packed one, of a part of more than a megabyte
DAMAGED = (
    KeyError, ValueError, OSError, zipfile.BadZipFile, zlib.error, SyntaxError, TypeError, AttributeError, EOFError,
)  # fmt: skip
OLE = b"\xd0\xcf\x11\xe0"
_MERGED = re.compile(rb'<mergeCell [^>]*ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')


@dataclass(frozen=True, slots=True)
class Row:
    """One row as uploaded, by its number in the file; `fault` where it cannot even be read."""

    number: int
    cells: dict[str, str]
    fault: str = ""


def check_office(content: bytes, kind: str) -> None:
    """Raises BadTable for what is damaged, encrypted, holds macros or unpacks into far too much."""
    if content.startswith(OLE):
        raise BadTable(f"这是旧格式或加了密码的文件，请另存为不加密的 .{kind}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadTable(f"文件损坏，或者不是 .{kind} 文件") from error
    if any(part.filename.lower().endswith("vbaproject.bin") or "macrosheets/" in part.filename for part in parts):
        raise BadTable(f"文件里有宏，请另存为不含宏的 .{kind}")
    if any(part.flag_bits & 1 for part in parts):
        raise BadTable("文件加了密码，请去掉密码再上传")
    steep = any(part.file_size > max(1_000_000, RATIO * part.compress_size) for part in parts)
    if steep or len(parts) > PARTS or sum(part.file_size for part in parts) > UNPACKED:
        raise BadTable("文件展开后太大，不收")


def read_csv(content: bytes) -> Iterator[Row]:
    text = decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    csv.field_size_limit(10_000_000)
    rows = enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), start=1)
    try:
        yield from _rows(((number, [(cell, "") for cell in cells]) for number, cells in rows))
    except csv.Error as error:
        raise BadTable("不是完整的 csv 文件，引号或分隔符对不上") from error


def decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with it, else GB18030. Raises BadTable."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    names = ("utf-16",) if marked else ("utf-8-sig", "gb18030")
    for name in names:
        try:
            text = content.decode(name)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise BadTable("看不懂文件的编码，请存为 UTF-8 或 GB18030 的 csv，或者 xlsx")


def read_xlsx(content: bytes) -> Iterator[Row]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    check_office(content, "xlsx")
    merged = _merged_rows(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            raise BadTable("文件里没有工作表")
        sheet.reset_dimensions()
        yield from _rows(_cells(sheet, merged))
    except BadTable:
        raise
    except (*DAMAGED, InvalidFileException) as error:
        raise BadTable("文件损坏，或者不是 .xlsx 文件") from error


def _cells(sheet: Any, merged: set[int]) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    for number, row in enumerate(sheet.iter_rows(), start=1):
        fault = "有合并单元格，请取消合并再填" if number in merged else ""
        yield number, [(cell_text(cell.value), fault or _fault(cell)) for cell in row]


def _fault(cell: Any) -> str:
    if cell.data_type == "f":
        return "单元格里是公式，请粘贴为值"
    return "单元格里是错误值" if cell.data_type == "e" else ""


def _merged_rows(content: bytes) -> set[int]:
    """Rows that a merged cell of the first sheet covers; read from the part's end, where Excel writes them."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        sheets = sorted(n for n in packed.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", n))
        if not sheets:
            return set()
        told = b""
        with packed.open(sheets[0]) as part:
            while piece := part.read(1 << 20):
                told = (told + piece)[-(2 << 20) :]
    found = ((int(low), int(high)) for _, low, _, high in _MERGED.findall(told))
    return {row for low, high in found for row in range(low, min(high, low + MOST_ROWS) + 1)}


def _rows(rows: Iterable[tuple[int, list[tuple[str, str]]]]) -> Iterator[Row]:
    """Rows below the header; empty ones are passed over. Raises BadTable at the first row too many."""
    columns: dict[int, str] | None = None
    count = 0
    for number, cells in rows:
        if not any(text.strip() for text, _ in cells):
            continue
        if columns is None:
            columns = known_columns([text for text, _ in cells])
            continue
        count += 1
        if count > MOST_ROWS:
            raise BadTable(f"一次最多 {MOST_ROWS} 行，请分成几个文件")
        yield _row(number, columns, cells)
    if columns is None:
        raise BadTable("文件是空的")


def _row(number: int, columns: dict[int, str], cells: list[tuple[str, str]]) -> Row:
    told = {column: cells[place][0] for place, column in columns.items() if place < len(cells)}
    for place, column in columns.items():
        if place < len(cells):
            text, fault = cells[place]
            if fault:
                return Row(number, told, f"{HEADERS[column]}：{fault}")
            if len(text) > LONGEST_CELL:
                short = {name: text[:200] for name, text in told.items()}
                return Row(number, short, f"{HEADERS[column]}：太长，一格最多 {LONGEST_CELL} 个字")
    if any(text.strip() for text, _ in cells[max(columns) + 1 :]):
        return Row(number, told, "表头右边还有内容，不知道是哪一列的")
    return Row(number, told)


def write_xlsx(rows: Iterable[dict[str, str]], *, faults: bool = False) -> bytes:
    """A table that Excel opens; every cell is text. With `faults` a last column says what is to be mended."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("知识条目")
    sheet.freeze_panes = "A2"
    headers = [HEADERS[column] + ("*" if column in NEEDED else "") for column in COLUMNS]
    sheet.append([*headers, "问题"] if faults else headers)
    for row in rows:
        line = []
        for column in (*COLUMNS, "fault") if faults else COLUMNS:
            cell = WriteOnlyCell(sheet, value=_clean(row.get(column, "")))
            cell.data_type = "s"
            cell.number_format = "@"
            line.append(cell)
        sheet.append(line)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _clean(text: str) -> str:
    return "".join(c for c in text if c in "\n\t" or c >= " ")[:LONGEST_CELL]
