"""A short question searched with what it leaves out: what was asked before, or in the same breath."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bot.answering.context import family_of, made_whole
from bot.answering.turn import CHITCHAT
from knowledge_base.entry import Circumstances, Entry
from knowledge_base.found import Found, Hit
from knowledge_base.index import Index
from knowledge_base.topics import in_scope

FOLLOWS = 0.8  # of the score without what was said before: a short question is rather about the same thing
SAME_TOPIC = 6.0  # how much likelier it is about the topic of the answer before
RETOLD = 0.6  # of the score of a question that repeats the one before: half of its words are not the citizen's now
ELSEWHERE = 0.5  # of the classifier for all business of others: then it is no follow-up


def followed(index: Index, who: Circumstances, text: str, alone: Found, last: Entry) -> Found | None:
    """What the text means after an answer by `last`; None where it rather stands by itself, as found `alone`."""
    whole = None if alone.exact else made_whole(text, last.topic, last.question)
    if whole is None or _foreign(alone) >= ELSEWHERE:
        return None
    found = index.search(whole.text, who) if whole.text else alone
    hits = [_weighed(h, SAME_TOPIC) for h in alone.hits if h.entry.topic == last.topic]
    if whole.text:
        hits.extend(h for h in found.hits if family_of(h.entry.topic) == whole.family)
    if whole.retold:
        told = (h for h in index.search(whole.retold, who).hits if family_of(h.entry.topic) == whole.family)
        hits.extend(_weighed(h, 1.0 if whole.detail else RETOLD) for h in told if h.entry is not last)
    best = _best_of(hits)
    likely = best and (not alone.hits or best[0].score > alone.hits[0].score * FOLLOWS)
    return replace(found, hits=best) if likely else None


def _foreign(found: Found) -> float:
    """How likely it is the business of others; what is said to the bot itself is nobody's."""
    return sum(p for topic, p in found.topics.items() if not in_scope(topic) and topic != CHITCHAT)


def _weighed(hit: Hit, weight: float) -> Hit:
    return replace(hit, score=min(hit.score * weight, 1.0))


def _best_of(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """Each entry once, with the best of its scores; the best first."""
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda h: -h.score):
        best.setdefault(hit.entry.id, hit)
    return tuple(best.values())
