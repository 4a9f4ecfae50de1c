"""The assistant: perceives a question with search and NLU at once, then lets the rules decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.answering.rules import decide
from bot.answering.turn import Reply, Site, Turn
from bot.conversation import Choice, Conversation
from bot.nlu import NLU
from bot.nlu.local import LocalNLU
from bot.understanding import Understanding
from knowledge_base.entry import Circumstances
from knowledge_base.found import Found
from knowledge_base.index import Index
from knowledge_base.library import Library
from knowledge_base.text import normalise


@dataclass(frozen=True, slots=True)
class Perceived:
    """A question as search and NLU saw it, and the version that was asked."""

    text: str
    understanding: Understanding
    found: Found
    index: Index


class Assistant:
    """Answers from the version in service when a question begins; stateless, shared by all channels."""

    def __init__(self, library: Library, nlu: NLU, local: LocalNLU, site: Site, zone: ZoneInfo) -> None:
        self._library = library
        self._nlu = nlu
        self._local = local
        self._site = site
        self._zone = zone

    async def perceive(self, text: str, conversation: Conversation | None, now: datetime) -> Perceived:
        """Search takes a millisecond and needs no help; a question known word for word needs no NLU."""
        index = self._library.current
        slots = conversation.slots if conversation else {}
        who = Circumstances(now=now.astimezone(self._zone), group=slots.get("person_group"))
        found = index.search(text, who)
        if found.exact:
            return Perceived(text, self._local.understand_now(text), found, index)
        return Perceived(text, await self._nlu.understand(text), found, index)

    def decide(
        self, perceived: Perceived, conversation: Conversation, now: datetime, chosen: Choice | None = None
    ) -> Reply:
        """What the bot does; a number picks from what was offered last."""
        index = perceived.index
        choice = chosen or picked_by_number(perceived.text, conversation)
        entry = index.entries.get(choice.entry) if choice and choice.entry else None
        day = now.astimezone(self._zone).date()
        near = [hit.entry for hit in perceived.found.hits] + ([entry] if entry else [])
        related = {name for e in near for name in e.related if name in index.entries}
        turn = Turn(
            conversation=conversation,
            text=perceived.text,
            now=now.astimezone(self._zone),
            understanding=perceived.understanding,
            found=perceived.found,
            bands=index.bands,
            site=self._site,
            chosen=choice,
            chosen_entry=entry if entry and entry.holds(day) else None,  # it may have ended since it was offered
            titles={name: index.titles[name] for name in related if index.entries[name].holds(day)},
        )
        return decide(turn, index.corpus.figures)


def picked_by_number(text: str, conversation: Conversation) -> Choice | None:
    """`2` means the second of the offered entries, `0` none of them."""
    bare = normalise(text).rstrip(".。、")
    if not bare.isdecimal() or len(bare) > 1 or not conversation.offered:
        return None
    if bare == "0":
        return next((c for c in conversation.offered if c.action == "none"), None)
    entries = [c for c in conversation.offered if c.entry]
    return entries[int(bare) - 1] if int(bare) <= len(entries) else None


def after(conversation: Conversation, reply: Reply) -> Conversation:
    """What the conversation remembers once the reply is said."""
    answered = reply.outcome == "answer"
    return replace(
        conversation,
        topic=reply.topic if answered else conversation.topic,
        last_entry=reply.entry if answered else conversation.last_entry,
        misses=conversation.misses + 1 if reply.missed else 0 if answered else conversation.misses,
        offered=reply.choices,
    )
