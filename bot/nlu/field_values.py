"""What somebody says in answer to a form's question, in machine form (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bot.understanding import Entity
from knowledge_base.fields import Field


def read(field: Field, text: str, entities: Sequence[Entity], today: date) -> str | None:
    """None when the text does not answer the question."""
    del entities, today
    for option in field.options:
        if text in (option.label, option.value, *option.also):
            return option.value
    return next((o.value for o in field.options if any(word in text for word in (o.label, *o.also))), None)


def fill(
    fields: Sequence[Field], entities: Sequence[Entity], text: str, today: date, slots: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Answers that a sentence holds already."""
    del slots
    told = ((f.name, read(f, text, entities, today)) for f in fields if f.options)
    return {name: value for name, value in told if value is not None}
