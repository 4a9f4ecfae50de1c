"""What a calculator answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knowledge_base.entry import Basis

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`data` for machines; `lines` for people: the result, how it came about, what is left out, who decides."""

    data: Mapping[str, Value]
    lines: tuple[str, ...]
    basis: tuple[Basis, ...]
    valid: str
