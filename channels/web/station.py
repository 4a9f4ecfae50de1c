"""What the service station lists: the bureau, procedures, topics, and questions that have an answer today (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.answering.turn import Site
from channels.web.tasks import counters, current
from knowledge_base.index import Index
from knowledge_base.topics import in_scope, topic_groups

QUESTIONS = 6  # a group; more is a wall of text on a phone


def station_facts(site: Site, zone: ZoneInfo, index: Index) -> dict[str, Any]:
    now = datetime.now(UTC).astimezone(zone)
    first: dict[str, list[str]] = {}
    for entry in index.corpus.entries:
        if entry.holds(now):
            first.setdefault(entry.topic, []).append(entry.question)
    groups = []
    for group in topic_groups():
        questions = [first[topic][0] for topic in group.topics if topic in first and in_scope(topic)]
        if questions:
            groups.append({"key": group.key, "name": group.name, "questions": questions[:QUESTIONS]})
    return {
        "name": site.name,
        "city": site.city,
        "hours": site.hours,
        "phones": [{"number": number, "for": purpose} for number, purpose in site.phones],
        "topics": groups,
        "hot": [g["questions"][0] for g in groups[:QUESTIONS]],
        "procedures": [{"id": p.id, "title": p.title} for p in current(index.corpus.procedures, now.date()).values()],
        "calculators": [{"name": c.name, "title": c.title} for c in counters()],
        "notices": [],
    }
