"""A question tried out as the live path would take it, on any version, with everything that led to the answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.answering.assistant import Assistant
from bot.talk import fresh, line, say

KEPT = 2  # versions at hand beside the live one


async def tried(assistant: Assistant, text: str, context: Sequence[str], channel: str, now: datetime) -> dict[str, Any]:
    """What `ask` gives, with the arms' scores, what NLU understood, the bands, and the rule that spoke."""
    conversation = fresh(channel)
    for earlier in context:
        conversation = (await say(assistant, conversation, earlier, now)).conversation
    said = await say(assistant, conversation, text, now)
    perceived = said.perceived
    meant = perceived.understanding
    answer = line(None, said, 0.0)
    for candidate, hit in zip(answer["candidates"], perceived.found.hits, strict=False):
        candidate |= {"question": hit.entry.question, "arms": dict(hit.arms)}
    topics = sorted(perceived.found.topics.items(), key=lambda pair: -pair[1])[:5]
    bands = perceived.index.bands
    answer |= {
        "arms": dict(perceived.found.hits[0].arms) if perceived.found.hits else {},
        "nlu": {
            "intent": meant.intent, "confidence": round(meant.confidence, 4), "engine": meant.engine,
            "entities": [{"name": e.name, "value": e.value} for e in meant.entities],
        },
        "topics": [{"topic": topic, "share": round(share, 4)} for topic, share in topics],
        "bands": {"answer": round(bands.answer, 4), "refuse": round(bands.refuse, 4)},
        "ours": round(perceived.found.ours, 4),
        "rule": said.reply.because,
        "choices": [choice.label for choice in said.reply.choices],
    }  # fmt: skip
    return answer


class Kept:
    """The latest of other versions' assistants, so that trying one again is quick."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Assistant] = OrderedDict()

    def get(self, version: str) -> Assistant | None:
        return self._known.get(version)

    def put(self, version: str, assistant: Assistant) -> Assistant:
        self._known[version] = assistant
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return assistant
