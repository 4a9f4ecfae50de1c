"""Understanding a sentence: the local engine in this process, or Rasa beside it."""

from __future__ import annotations

from typing import Protocol

from bot.understanding import Understanding


class NLU(Protocol):
    """Never raises for a sentence: what is not understood is an empty Understanding."""

    async def understand(self, text: str) -> Understanding: ...
