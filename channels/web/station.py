"""What the service station lists: the bureau, its topics, and questions that have an answer today (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.config import Settings
from knowledge_base.index import Index
from knowledge_base.topics import in_scope, topic_groups

QUESTIONS = 6  # a group; more is a wall of text on a phone


def station_facts(settings: Settings, index: Index) -> dict[str, Any]:
    site = settings.site
    today = datetime.now(UTC).astimezone(site.zone).date()
    first: dict[str, list[str]] = {}
    for entry in index.corpus.entries:
        if entry.holds(today):
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
        "phones": [{"number": p.number, "for": p.purpose} for p in site.phones],
        "topics": groups,
        "hot": [g["questions"][0] for g in groups[:QUESTIONS]],
        "notices": [],
    }
