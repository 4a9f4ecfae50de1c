"""Tables of entries: nothing is lost on the way out and in, and what may hurt is refused with a sentence."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from knowledge_base.uploads.__main__ import rows
from knowledge_base.uploads.columns import COLUMNS, HEADERS, BadTable, cells_of, closed, opened, record_of
from knowledge_base.uploads.records import read_yaml, write_yaml
from knowledge_base.uploads.sheets import MOST_ROWS, Row, read_csv, read_xlsx, write_xlsx
from knowledge_base.written import Unwritable, fingerprint, read_entry, told
from tests.knowledge_base.tiny import ENTRIES

TODAY = date(2026, 11, 24)
RECORDS = [told(read_entry(found[0])) for found in read_yaml(ENTRIES.read_bytes()) if isinstance(found, tuple)]
HEADER = ["编号", "主题", "标准问题", "答案", "依据", "适用范围", "核对日期", "相似问法"]
GOOD = [
    "new_one",
    "pension.min_years",
    "要交多久",
    "15 年。",
    "社会保险法｜第十六条｜2011-07-01",
    "全国",
    "2026-11-01",
    "一\n二",
]


def book(*lines: list[Any], merged: str = "") -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    if merged:
        sheet.merge_cells(merged)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def refusal(kind: str, content: bytes) -> str:
    with pytest.raises(BadTable) as refused:
        list(rows(kind, content, f"file.{kind}", TODAY))
    return str(refused.value)


def test_every_entry_comes_back_the_same_from_a_spreadsheet_and_from_yaml() -> None:
    sheet = [record_of(row.cells) for row in read_xlsx(write_xlsx(cells_of(record) for record in RECORDS))]
    written = list(read_yaml(write_yaml(RECORDS).encode()))
    again = [told(read_entry(record)) for record in sheet]
    listed = [told(read_entry(found[0])) for found in written if isinstance(found, tuple)]
    assert fingerprint(again) == fingerprint(listed) == fingerprint(RECORDS)


_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\x85<>"), min_size=1
).filter(lambda text: text.strip() == text)


@given(st.lists(_texts, max_size=4), _texts, st.booleans())
def test_no_text_is_changed_by_a_row_of_cells(variants: list[str], answer: str, stake: bool) -> None:
    record: dict[str, Any] = {"variants": variants, "answer": {"text": answer}}
    record |= {"high_stake": True} if stake else {}
    assert record_of(cells_of(record)) == record


@given(st.text())
def test_no_cell_that_we_write_begins_as_a_formula(text: str) -> None:
    assert not closed(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert opened(closed(text)) == text


def test_what_looks_like_a_formula_is_text_in_excel() -> None:
    made = write_xlsx([dict.fromkeys(COLUMNS, closed('=HYPERLINK("http://x","点我")'))])
    sheet = load_workbook(io.BytesIO(made)).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row} == {"s"}
    assert not any(str(cell.value).startswith("=") for row in sheet.iter_rows(min_row=2) for cell in row)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_csv_is_read_in_the_encodings_that_offices_write(encoding: str) -> None:
    content = (",".join(HEADER[:-1]) + "\n" + ",".join(GOOD[:-1]) + "\n").encode(encoding)
    [row] = read_csv(content)
    assert read_entry(record_of(row.cells)).basis[0].article == "第十六条"


def test_a_spreadsheet_typed_by_hand_is_read_with_days_and_numbers_as_excel_keeps_them() -> None:
    line = [*GOOD[:6], date(2026, 11, 1), "一\n二"]
    [row] = read_xlsx(book([*HEADER[:-1], "相似问法"], [None], line))
    assert row.number == 3
    entry = read_entry(record_of(row.cells))
    assert (entry.checked, entry.variants) == (date(2026, 11, 1), ("一", "二"))


def test_a_formula_and_a_merged_cell_are_faults_of_their_row_and_not_of_the_file() -> None:
    formula = [*GOOD[:3], "=1+1", *GOOD[4:]]
    found = list(read_xlsx(book(HEADER, GOOD, formula, ["x"], merged="B4:B5")))
    assert [row.fault for row in found] == [
        "",
        "答案：单元格里是公式，请粘贴为值",
        "编号：有合并单元格，请取消合并再填",
    ]


def test_a_huge_cell_is_a_fault_and_is_not_carried_on() -> None:
    content = (",".join(HEADER) + "\n" + ",".join([*GOOD[:3], "长" * 40_000, *GOOD[4:7], ""]) + "\n").encode()
    [row] = read_csv(content)
    assert "太长" in row.fault
    assert len(row.cells["answer.text"]) == 200


def test_a_million_rows_are_refused_at_the_first_row_too_many() -> None:
    line = (",".join(GOOD[:7]) + ",\n").encode()
    assert str(MOST_ROWS) in refusal("csv", (",".join(HEADER) + "\n").encode() + line * (MOST_ROWS + 1))


def packed(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["xlsx", "docx"])
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "损坏"),
        (b"PK\x03\x04 broken", "损坏"),
        (packed(nothing=b""), "损坏"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "旧格式或加了密码"),
        (packed(**{"xl/vbaProject.bin": b"x", "word/vbaProject.bin": b"x"}), "宏"),
        (packed(**{"xl/worksheets/sheet1.xml": b"0" * 30_000_000}), "展开后太大"),
    ],
)
def test_a_file_that_may_hurt_is_refused_with_a_sentence(kind: str, content: bytes, told: str) -> None:
    assert told in refusal(kind, content)


@given(st.sampled_from(["csv", "xlsx", "docx", "pdf", "yaml"]), st.binary(max_size=400))
def test_whatever_bytes_come_the_reader_reads_or_refuses(kind: str, content: bytes) -> None:
    with suppress(BadTable):
        assert all(isinstance(row["record"], dict) for row in rows(kind, content, "x", TODAY))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("名字,主题\n", "不是模板里的列"),
        ("编号,主题\n", "少了"),
        ("", "空的"),
        ("编号,编号\n", "有两次"),
    ],
)
def test_a_table_without_our_header_is_refused(content: str, told: str) -> None:
    assert told in refusal("csv", content.encode())


def test_yaml_that_multiplies_itself_is_refused() -> None:
    assert "别名" in refusal("yaml", b"- &a [x]\n- [*a, *a, *a]\n")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("answer", {"text": "<script>alert(1)</script>"}, "答案：不能有网页代码或脚本"),
        ("answer", {"text": "[点](javascript:alert)"}, "答案：不能有网页代码或脚本"),
        ("answer", {"text": "看\u202e反的"}, "答案：有看不见的控制字符，请重新输入"),
        ("basis", [{**RECORDS[0]["basis"][0], "url": "file:///etc/passwd"}], "依据：网址要以 http:// 或 https:// 开头"),
        ("topic", "没有这个", "主题：没有“没有这个”这个主题"),
        ("checked", "2026-02-30", "核对日期：日期要写成 2026-01-31"),
        ("valid", {"until": "明天"}, "失效时间：时间要写成 2027-01-01 或 2027-01-01 00:00"),
        ("jurisdiction", "火星", "适用范围：只能写 全国、浙江、杭州"),
        ("colour", "红", "colour：没有这一项"),
        ("question", "？！", "标准问题：只有标点，没有文字"),
        ("id", "../x", "编号：只能用字母、数字、下划线、点和短横，最多 64 个字"),
    ],
)
def test_what_is_wrong_is_told_by_field_and_reason(field: str, value: Any, reason: str) -> None:
    with pytest.raises(Unwritable) as refused:
        read_entry(RECORDS[0] | {field: value})
    assert reason in [str(fault) for fault in refused.value.faults]


def test_a_row_tells_its_number_in_the_file() -> None:
    assert Row(3, {}).number == 3
    assert set(HEADERS) == set(COLUMNS)
