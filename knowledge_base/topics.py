"""The topics that entries belong to: their names and groups, read from topics.yml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml


@dataclass(frozen=True, slots=True)
class TopicGroup:
    """A heading of the service station, such as 养老保险, and its topics: name → label."""

    key: str
    name: str
    topics: dict[str, str]


@cache
def topic_groups() -> tuple[TopicGroup, ...]:
    raw = yaml.safe_load(files("knowledge_base").joinpath("topics.yml").read_text("utf-8"))
    return tuple(
        TopicGroup(
            key,
            group["name"],
            {f"{key}.{part}" if part else key: label for part, label in group["topics"].items()},
        )
        for key, group in raw.items()
    )


@cache
def topic_labels() -> dict[str, str]:
    return {topic: label for group in topic_groups() for topic, label in group.topics.items()}


def in_scope(topic: str) -> bool:
    return not topic.startswith("out_of_scope")


def topic_of_intent(intent: str) -> str | None:
    """`faq_pension_min_years` → `pension.min_years`; None for an intent that is no topic."""
    return _topics_by_intent().get(intent)


def intent_of_topic(topic: str) -> str:
    name = topic.replace(".", "_")
    return f"faq_{name}" if in_scope(topic) else name


@cache
def _topics_by_intent() -> dict[str, str]:
    return {intent_of_topic(topic): topic for topic in topic_labels()}
