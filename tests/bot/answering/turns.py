"""Turns as they would have been perceived: what was said, meant and found, without an index or an engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.answering.rules import decide
from bot.answering.turn import Reply, Turn
from bot.conversation import Choice, Conversation
from bot.understanding import Entity, Understanding
from knowledge_base.entry import Answer, Basis, Entry
from knowledge_base.found import Found, Hit
from knowledge_base.ranking import Bands
from tests.parts import SITE

NOW = datetime(2026, 11, 24, 20, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
BANDS = Bands(answer=0.7, refuse=0.3)
BASIS = Basis(document="社会保险法", article="第十六条", effective=date(2011, 7, 1))


def entry(id: str, topic: str = "pension.min_years", **fields: Any) -> Entry:
    told: dict[str, Any] = {
        "question": f"{id} 的问题？",
        "variants": (),
        "answer": Answer(text=f"{id} 的答复。"),
        "basis": (BASIS,),
        "jurisdiction": "全国",
        "checked": date(2026, 11, 1),
    }
    return Entry(id=id, topic=topic, **(told | fields))


def hit(one: Entry, score: float) -> Hit:
    return Hit(one, score, {"lexical": score})


def turn(
    text: str = "一句话",
    hits: Sequence[Hit] = (),
    *,
    means: str = "",
    sure: float = 1.0,
    exact: bool = False,
    topics: dict[str, float] | None = None,
    ours: float = 1.0,
    city: str | None = None,
    chosen: Choice | None = None,
    chosen_entry: Entry | None = None,
    **conversation: Any,
) -> Turn:
    """`topics` are the classifier's, without them everything is said to the bot itself; `ours` is the join's."""
    told = topics or {}
    if exact:
        hits = (Hit(hits[0].entry, 1.0, {"exact": 1.0}), *hits[1:])
    entities = (Entity("city", city, 0, len(city)),) if city else ()
    talk: dict[str, Any] = {"id": "c", "channel": "web", "opened_at": NOW} | conversation
    return Turn(
        conversation=Conversation(**talk),
        text=text,
        now=NOW,
        understanding=Understanding(means, sure if means else 0.0, entities, "scripted"),
        found=Found(tuple(hits), told, ours, "v1"),
        bands=BANDS,
        site=SITE,
        chosen=chosen,
        chosen_entry=chosen_entry,
        titles={h.entry.id: h.entry.question for h in hits},
    )


def reply(*arguments: Any, **more: Any) -> Reply:
    return decide(turn(*arguments, **more), {})


def actions(said: Reply) -> list[str | None]:
    """What the choices do; the lead through a procedure or calculator apart, which every answer of its topic offers."""
    told = (choice.action or choice.entry for choice in said.choices)
    return [action for action in told if not (action or "").startswith("begin:")]
