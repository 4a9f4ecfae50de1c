"""What can be wrong with knowledge.

KnowledgeError
├── CorpusError      an entry or a figure is refused: file, line and reason of every fault
├── ArtefactError    a stored version or model is damaged or was made by other code
├── NoVersion        nothing has been built yet
└── Impossible       an input that cannot be; Unreadable: an answer that is not of its question's kind
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class KnowledgeError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend, and where."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class CorpusError(KnowledgeError):
    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class ArtefactError(KnowledgeError):
    pass


class NoVersion(KnowledgeError):
    pass


class Impossible(KnowledgeError):
    """An input that cannot be: what it is, and what to do, in the citizen's words."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class Unreadable(Impossible):
    """An answer that is not of its question's kind, or beyond its limits."""

    def __init__(self, field: str, message: str, code: str = "unreadable") -> None:
        super().__init__(code, message, field)
