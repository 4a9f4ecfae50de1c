"""The assistant: perceives a question with search and NLU at once, then lets the rules decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.answering.context import questions_in, slots_after
from bot.answering.followups import followed
from bot.answering.rules import SURE, decide
from bot.answering.turn import Reply, Site, Turn
from bot.conversation import Choice, Conversation
from bot.nlu import NLU
from bot.nlu.local import LocalNLU
from bot.understanding import Understanding
from knowledge_base.entry import Circumstances, Entry
from knowledge_base.found import Found
from knowledge_base.index import Index
from knowledge_base.library import Library
from knowledge_base.text import normalise

SUBJECTS = ("faq_", "procedure_", "ask_")  # intents that are about a subject, not said to the bot


@dataclass(frozen=True, slots=True)
class Perceived:
    """A question as search and NLU saw it, and the version that was asked."""

    text: str
    understanding: Understanding
    found: Found
    index: Index
    follows: bool = False  # searched with what an earlier answer was about


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
        found = index.search(text, self._who(conversation, now))
        if found.exact:
            return Perceived(text, self._local.understand_now(text), found, index)
        return Perceived(text, await self._nlu.understand(text), found, index)

    def decide(
        self, perceived: Perceived, conversation: Conversation, now: datetime, chosen: Choice | None = None
    ) -> Reply:
        """What the bot does; a number picks from what was offered last."""
        index = perceived.index
        who = self._who(conversation, now)
        choice = chosen or picked_choice(perceived.text, conversation)
        last = index.entries.get(conversation.last_entry or "")
        about = _asked_back(conversation, index) or last
        if choice is None and about is not None:
            perceived = self._in_context(perceived, who, about)
        entry = index.entries.get(choice.entry) if choice and choice.entry else None
        at = now.astimezone(self._zone)
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
            chosen_entry=entry if entry and entry.holds(at) else None,  # it may have ended since it was offered
            last_entry=last if last and last.holds(at) else None,
            procedures=index.corpus.procedures,
            follows=perceived.follows,
            parts=self._parts(perceived, who),
            titles={name: index.titles[name] for name in related if index.entries[name].holds(at)},
        )
        return decide(turn, index.corpus.figures)

    def _in_context(self, perceived: Perceived, who: Circumstances, last: Entry) -> Perceived:
        """A follow-up as it was meant; what is said to the bot itself follows nothing."""
        meant = perceived.understanding
        if meant.confidence >= SURE and not meant.intent.startswith(SUBJECTS):
            return perceived
        found = followed(perceived.index, who, perceived.text, perceived.found, last)
        return perceived if found is None else replace(perceived, found=found, follows=True)

    def _parts(self, perceived: Perceived, who: Circumstances) -> tuple[tuple[str, Found], ...]:
        """The questions of a message that asks several; a short one may follow the one before it."""
        if perceived.found.exact:
            return ()
        parts: list[tuple[str, Found]] = []
        last: Entry | None = None
        for part in questions_in(perceived.text):
            alone = perceived.index.search(part, who)
            found = (followed(perceived.index, who, part, alone, last) if last else None) or alone
            last = found.hits[0].entry if found.hits else last
            parts.append((part, found))
        return tuple(parts)

    def _who(self, conversation: Conversation | None, now: datetime) -> Circumstances:
        slots = conversation.slots if conversation else {}
        return Circumstances(now=now.astimezone(self._zone), group=slots.get("person_group"))


def _asked_back(conversation: Conversation, index: Index) -> Entry | None:
    """The likeliest of what the bot asked about last, where it asked: the citizen may go on without choosing."""
    if not any(c.action == "none" for c in conversation.offered):
        return None
    return next((index.entries.get(c.entry) for c in conversation.offered if c.entry), None)


def picked_choice(text: str, conversation: Conversation) -> Choice | None:
    """The button whose label was typed (an entry's is its question, and found as one); `2` means the second of the
    numbered choices, `0` none of them."""
    bare = normalise(text).rstrip(".。、")
    typed = next((c for c in conversation.offered if c.action and normalise(c.label) == bare), None)
    if typed is not None:
        return typed
    if not bare.isdecimal() or len(bare) > 1 or not conversation.offered:
        return None
    if bare == "0":
        return next((c for c in conversation.offered if c.action == "none"), None)
    listed = [c for c in conversation.offered if c.id.startswith("t")]  # of a task, where its buttons are no entries
    listed = listed or [c for c in conversation.offered if c.entry]
    return listed[int(bare) - 1] if int(bare) <= len(listed) else None


def after(conversation: Conversation, reply: Reply, perceived: Perceived) -> Conversation:
    """What the conversation remembers once the reply is said."""
    if reply.clears:
        return replace(conversation, topic=None, last_entry=None, misses=0, offered=(), slots={}, task=None)
    answered = reply.outcome == "answer"
    return replace(
        conversation,
        topic=reply.topic if answered else conversation.topic,
        last_entry=reply.entry if answered and reply.entry else conversation.last_entry,
        slots=slots_after(conversation.slots, perceived.understanding, perceived.text),
        task=None if reply.ends_task else reply.task or conversation.task,
        misses=conversation.misses + 1 if reply.missed else 0 if answered else conversation.misses,
        offered=reply.choices,
    )
