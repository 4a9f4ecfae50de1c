"""The engine in this process: the knowledge models' classifier for the intent, tables and patterns for entities."""

from __future__ import annotations

from collections.abc import Callable

from bot.nlu.entities import EntityFinder
from bot.understanding import Understanding
from knowledge_base.models import Models


class LocalNLU:
    """`models` gives those in service: they may change between two sentences."""

    def __init__(self, models: Callable[[], Models], entities: EntityFinder) -> None:
        self._models = models
        self.entities = entities

    async def understand(self, text: str) -> Understanding:
        return self.understand_now(text)

    def understand_now(self, text: str) -> Understanding:
        sensed = self._models().sense(text)
        if not sensed.key:
            return Understanding(engine="local")
        return Understanding(sensed.intent, sensed.confidence, self.entities.find(sensed.text), "local")
