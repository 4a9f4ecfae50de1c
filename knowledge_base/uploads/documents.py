"""Policy documents: their paragraphs, and the entries that are proposed from them, each with a pointer to its place."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from knowledge_base.uploads.columns import BadTable
from knowledge_base.uploads.sheets import DAMAGED, check_office
from knowledge_base.written import Record

MOST_PAGES = 500
MOST_CHARACTERS = 2_000_000
LONGEST_ANSWER = 2_000
SHORTEST = 8  # characters of a paragraph that may be an answer
_ARTICLE = re.compile(r"^第[一二三四五六七八九十百零〇\d]+条")
_SECTION = re.compile(r"^(?:[一二三四五六七八九十]+、|（[一二三四五六七八九十]+）|\d+[.、])\s*(.{2,40}?)(?:[。：:]|$)")
_ASKED = re.compile(r"^(?:问|Q)\s*\d*\s*[：:.]\s*(.+)")
_ANSWERED = re.compile(r"^(?:答|A)\s*\d*\s*[：:.]\s*(.*)")
_IN_FORCE = re.compile(r"自\s*(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日起?(?:施行|实施|执行|生效)")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph and where it stands: its number, and its page where the file has pages."""

    number: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may become an entry, and the paragraph it was taken from."""

    record: Record
    pointer: Record


def read_docx(content: bytes) -> list[Paragraph]:
    from docx import Document
    from docx.opc.exceptions import PackageNotFoundError

    check_office(content, "docx")
    try:
        document = Document(io.BytesIO(content))
        texts = [paragraph.text for paragraph in document.paragraphs]
        for table in document.tables:
            texts.extend("　".join(dict.fromkeys(cell.text.strip() for cell in row.cells)) for row in table.rows)
    except (*DAMAGED, PackageNotFoundError) as error:
        raise BadTable("文件损坏，或者不是 .docx 文件") from error
    return _numbered((text, None) for text in texts)


def read_pdf(content: bytes) -> list[Paragraph]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    if not content.lstrip()[:5].startswith(b"%PDF"):
        raise BadTable("文件损坏，或者不是 .pdf 文件")
    texts: list[tuple[str, int | None]] = []
    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadTable("文件加了密码，请去掉密码再上传")
        if len(reader.pages) > MOST_PAGES:
            raise BadTable(f"最多 {MOST_PAGES} 页，请分成几个文件")
        for number, page in enumerate(reader.pages, start=1):
            texts.extend((line, number) for line in _joined_lines(page.extract_text()))
    except BadTable:
        raise
    except (*DAMAGED, PyPdfError, IndexError, RecursionError) as error:
        raise BadTable("文件损坏，或者读不出文字") from error
    if not any(text.strip() for text, _ in texts):
        raise BadTable("文件里没有文字，可能是扫描件，请先做文字识别")
    return _numbered(iter(texts))


def _joined_lines(text: str) -> Iterator[str]:
    """A page's lines as paragraphs: a line goes on until a sentence ends or a new article begins."""
    waiting = ""
    for line in (line.strip() for line in text.splitlines()):
        starts = _ARTICLE.match(line) or _SECTION.match(line) or _ASKED.match(line) or _ANSWERED.match(line)
        if waiting and (starts or not line):
            yield waiting
            waiting = ""
        waiting += line
        if waiting.endswith(("。", "！", "？", "；")):
            yield waiting
            waiting = ""
    if waiting:
        yield waiting


def _numbered(texts: Iterator[tuple[str, int | None]]) -> list[Paragraph]:
    found: list[Paragraph] = []
    length = 0
    for text, page in texts:
        shown = " ".join(text.split())
        length += len(shown)
        if length > MOST_CHARACTERS:
            raise BadTable("文件太长，请分成几个文件")
        if shown:
            found.append(Paragraph(len(found) + 1, shown, page))
    if not found:
        raise BadTable("文件里没有文字")
    return found


def proposals(paragraphs: Sequence[Paragraph], file: str, today: date) -> Iterator[Proposal]:
    """One for each question and answer, else for each article, else for each headed section or long paragraph.

    None of them is more than a proposal: wordings are missing, and the topic is for a person to confirm.
    """
    title = _title(paragraphs, file)
    effective = _in_force(paragraphs)
    mark = sha256(title.encode()).hexdigest()[:8]
    for number, (at, question, article, lines) in enumerate(_blocks(paragraphs, title), start=1):
        text = "\n".join(lines)[:LONGEST_ANSWER]
        known = article and effective
        basis: Record = {"document": title, "article": article or f"第 {at.number} 段"}
        if effective:
            basis["effective"] = effective.isoformat()
        if not known:
            basis = {"mark": "二手", "covers": f"{title} {article}".strip()[:80], "confirm_with": "12333"}
        record: Record = {
            "id": f"doc_{mark}_{number}", "question": question[:200], "variants": [], "answer": {"text": text},
            "basis": [basis], "jurisdiction": "全国", "checked": today.isoformat(),
        }  # fmt: skip
        pointer: Record = {"file": file, "paragraph": at.number, "text": at.text[:300]}
        yield Proposal(record, pointer | ({"page": at.page} if at.page else {}))


def _title(paragraphs: Sequence[Paragraph], file: str) -> str:
    named = next((p.text for p in paragraphs[:5] if 4 <= len(p.text) <= 60 and not _ARTICLE.match(p.text)), "")
    return re.sub(r"[《》]", "", named) or file.rpartition(".")[0]


def _in_force(paragraphs: Sequence[Paragraph]) -> date | None:
    for paragraph in paragraphs:
        if found := _IN_FORCE.search(paragraph.text):
            try:
                return date(*map(int, found.groups()))
            except ValueError:
                continue
    return None


Block = tuple[Paragraph, str, str, list[str]]


def _blocks(paragraphs: Sequence[Paragraph], title: str) -> Iterator[Block]:
    if any(_ASKED.match(p.text) for p in paragraphs):
        yield from _questions(paragraphs)
    elif any(_ARTICLE.match(p.text) for p in paragraphs):
        yield from _articles(paragraphs, title)
    else:
        yield from _sections(paragraphs, title)


def _questions(paragraphs: Sequence[Paragraph]) -> Iterator[Block]:
    at: Paragraph | None = None
    question, lines = "", list[str]()
    for paragraph in paragraphs:
        if asked := _ASKED.match(paragraph.text):
            if at and lines:
                yield at, question, "", lines
            at, question, lines = paragraph, asked[1], []
        elif at:
            answered = _ANSWERED.match(paragraph.text)
            text = answered[1] if answered else paragraph.text
            lines.extend([text] if text else [])
    if at and lines:
        yield at, question, "", lines


def _articles(paragraphs: Sequence[Paragraph], title: str) -> Iterator[Block]:
    at: Paragraph | None = None
    article, lines = "", list[str]()
    for paragraph in paragraphs:
        if found := _ARTICLE.match(paragraph.text):
            if at and len("".join(lines)) >= SHORTEST:
                yield at, f"《{title}》{article}是怎么规定的？", article, lines
            at, article = paragraph, found[0]
            rest = paragraph.text[found.end() :].strip()
            lines = [rest] if rest else []
        elif at and not re.match(r"^第[一二三四五六七八九十]+[章节]", paragraph.text):
            lines.append(paragraph.text)
    if at and len("".join(lines)) >= SHORTEST:
        yield at, f"《{title}》{article}是怎么规定的？", article, lines


def _sections(paragraphs: Sequence[Paragraph], title: str) -> Iterator[Block]:
    for paragraph in paragraphs:
        headed = _SECTION.match(paragraph.text)
        if len(paragraph.text) >= 3 * SHORTEST:
            about = headed[1] if headed else re.split("[，。；：]", paragraph.text)[0][:30]
            yield paragraph, f"{title}：{about}", "", [paragraph.text]
