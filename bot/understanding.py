"""What a sentence means: its intent and the entities in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """A named part of the text; `value` is its normal form."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Understanding:
    """Empty means: not understood. `engine` tells which one spoke."""

    intent: str = ""
    confidence: float = 0.0
    entities: tuple[Entity, ...] = ()
    engine: str = ""

    def value(self, name: str) -> str | None:
        """The first entity of that name."""
        return next((e.value for e in self.entities if e.name == name), None)
