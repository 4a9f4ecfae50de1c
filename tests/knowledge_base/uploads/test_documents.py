"""Policy documents: each article becomes a proposal that says where it was taken from."""

from __future__ import annotations

import io
from datetime import date

import pytest
from docx import Document

from knowledge_base.uploads.__main__ import rows
from knowledge_base.uploads.columns import BadTable
from knowledge_base.uploads.documents import read_pdf

TODAY = date(2026, 11, 24)


def docx(*paragraphs: str) -> bytes:
    made = Document()
    for text in paragraphs:
        made.add_paragraph(text)
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def test_each_article_becomes_a_proposal_with_a_pointer_to_its_paragraph() -> None:
    content = docx(
        "杭州市社会保险经办规定", "第一章 总则", "第一条 为了规范社会保险经办，制定本规定。",
        "第二条 用人单位应当在三十日内办理登记。", "逾期的，责令改正。", "第三条 本规定自2025年7月1日起施行。",
    )  # fmt: skip
    first, second, third = rows("docx", content, "规定.docx", TODAY)
    assert second["record"]["answer"]["text"] == "用人单位应当在三十日内办理登记。\n逾期的，责令改正。"
    [basis] = second["record"]["basis"]
    assert (basis["document"], basis["article"], basis["effective"]) == (
        "杭州市社会保险经办规定",
        "第二条",
        "2025-07-01",
    )
    assert (second["pointer"]["file"], second["pointer"]["paragraph"]) == ("规定.docx", 4)
    assert first["record"]["id"] != third["record"]["id"]


def test_questions_and_answers_are_taken_as_they_stand() -> None:
    content = docx(
        "问答", "问：失业金领多久？", "答：最长二十四个月。", "以核定为准。", "问：在哪里领？", "答：到街道。"
    )
    found = [(row["record"]["question"], row["record"]["answer"]["text"]) for row in rows("docx", content, "x", TODAY)]
    assert found == [("失业金领多久？", "最长二十四个月。\n以核定为准。"), ("在哪里领？", "到街道。")]


def test_a_document_without_a_date_of_force_proposes_a_basis_to_be_confirmed() -> None:
    [row] = rows(
        "docx", docx("通知", "为方便群众办事，各区县服务大厅自即日起延长服务时间到晚上八点。"), "x.docx", TODAY
    )
    assert row["record"]["basis"][0]["mark"] == "二手"


def test_a_pdf_without_text_or_with_a_password_is_refused() -> None:
    from pypdf import PdfWriter

    def written(**more: str) -> bytes:
        writer = PdfWriter()
        writer.add_blank_page(200, 200)
        if more:
            writer.encrypt(**more)
        buffer = io.BytesIO()
        writer.write(buffer)
        return buffer.getvalue()

    with pytest.raises(BadTable, match="扫描件"):
        read_pdf(written())
    with pytest.raises(BadTable, match="密码"):
        read_pdf(written(user_password="geheim", algorithm="RC4-128"))
