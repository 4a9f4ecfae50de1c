"""`python -m knowledge_base.uploads KIND NAME TODAY < file`: rows as JSON lines, in a process with limits of its own.

A foreign file is read here and nowhere else: whatever it does to its reader, it does to this process.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from datetime import date

from knowledge_base.errors import Fault
from knowledge_base.uploads.columns import BadTable, record_of
from knowledge_base.uploads.documents import proposals, read_docx, read_pdf
from knowledge_base.uploads.records import read_yaml
from knowledge_base.uploads.sheets import read_csv, read_xlsx
from knowledge_base.written import Record

MEMORY = 1_500_000_000  # bytes of address space
SECONDS = 110  # of a processor
KINDS = ("csv", "xlsx", "docx", "pdf", "yaml")


def rows(kind: str, content: bytes, name: str, today: date) -> Iterator[Record]:
    """`{"row","record"}`, with `pointer` of a document; `fault` where a row cannot be read. Raises BadTable."""
    if kind in ("docx", "pdf"):
        paragraphs = read_docx(content) if kind == "docx" else read_pdf(content)
        found = list(proposals(paragraphs, name, today))
        if not found:
            raise BadTable("没有找到可以做成条目的段落")
        for number, proposal in enumerate(found, start=1):
            yield {"row": number, "record": proposal.record, "pointer": proposal.pointer}
    elif kind == "yaml":
        for told in read_yaml(content):
            if isinstance(told, Fault):
                yield {"row": told.line, "fault": told.reason, "record": {}}
            else:
                yield {"row": told[1], "record": told[0]}
    else:
        for row in read_xlsx(content) if kind == "xlsx" else read_csv(content):
            yield {"row": row.number, "record": record_of(row.cells), "cells": row.cells} | (
                {"fault": row.fault} if row.fault else {}
            )


def main() -> int:
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    kind, name, today = sys.argv[1:4]
    out = sys.stdout
    try:
        for row in rows(kind, sys.stdin.buffer.read(), name, date.fromisoformat(today)):
            out.write(json.dumps(row, ensure_ascii=True) + "\n")
    except BadTable as error:
        out.write(json.dumps({"refused": str(error)}) + "\n")
    except (MemoryError, RecursionError):
        out.write(json.dumps({"refused": "文件太复杂，读不下来"}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
