"""The gate before a version is published: what would be wrong, asked before a citizen finds out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.answering.assistant import Assistant
from bot.conversation import Conversation
from bot.regressions import Regression
from knowledge_base.checks import contradictions, near_wordings
from knowledge_base.corpus import Corpus
from knowledge_base.entry import Entry

MOST = 200  # rows of a list in a report


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question comes to on one version."""

    entry: str | None
    outcome: str
    text: str

    def told(self) -> dict[str, Any]:
        return {"entry": self.entry, "outcome": self.outcome, "text": self.text[:200]}


@dataclass(frozen=True, slots=True)
class Side:
    """A version and who answers from it."""

    corpus: Corpus
    assistant: Assistant


def differences(old: Corpus, new: Corpus) -> dict[str, list[str]]:
    """Entries by what became of them."""
    before, after = {e.id: e for e in old.entries}, {e.id: e for e in new.entries}
    return {
        "new": sorted(set(after) - set(before)),
        "changed": sorted(name for name in set(after) & set(before) if after[name] != before[name]),
        "removed": sorted(set(before) - set(after)),
    }


def rivals(old: Corpus, new: Corpus) -> list[str]:
    """Wordings that are nearly another entry's, beside those that the live version has: worth a look, not wrong."""
    known = set(_near(old.entries))
    return [told for told in _near(new.entries) if told not in known]


def conflicts(old: Corpus, new: Corpus) -> list[str]:
    """One rule told with two numbers, where the live version does not do so."""
    known = set(_contradicting(old.entries))
    return [told for told in _contradicting(new.entries) if told not in known]


def _near(entries: Sequence[Entry]) -> Iterable[str]:
    for one, wording, other, again in near_wordings(entries):
        if one.valid.meets(other.valid):
            yield f"“{again}”（{other.id}）和“{wording}”（{one.id}）几乎一样"


def _contradicting(entries: Sequence[Entry]) -> Iterable[str]:
    for told, otherwise in contradictions(entries):
        if told.entry.valid.meets(otherwise.entry.valid):
            yield f"{otherwise.entry.id} 说“{otherwise.words}”，{told.entry.id} 说“{told.words}”，数字不同"


def expired(new: Corpus, changed: Iterable[str], local: datetime) -> list[str]:
    """Changed entries that could not answer any more, unless another takes their place."""
    ids, found = set(changed), []
    for entry in new.entries:
        if entry.id not in ids or entry.valid.ends > local:
            continue
        heirs = (
            e for e in new.entries if e.id != entry.id and e.topic == entry.topic and e.valid.begins >= entry.valid.ends
        )
        if next(heirs, None) is None:
            found.append(f"{entry.id} 已于 {entry.valid.ends:%Y-%m-%d %H:%M} 失效，没有接替的条目")
    return found


async def judge(
    live: Side, new: Side, questions: Sequence[Regression], said: Sequence[str], now: datetime, local: datetime
) -> dict[str, Any]:
    """The report; `reasons` is empty where the version may be published."""
    made = differences(live.corpus, new.corpus)
    clashes = conflicts(live.corpus, new.corpus)
    over = expired(new.corpus, [*made["new"], *made["changed"]], local)
    failed = [row for row in [await _asked(new.assistant, q, now) for q in questions] if row]
    changed = [row for row in [await _replayed(live, new, text, now) for text in said] if row]
    must = [row for row in failed if row["must_pass"]]
    reasons = [f"必过问题没有答对：“{row['text']}”应为 {row['expected']}，答成 {row['got']}" for row in must]
    return {
        "reasons": [*clashes[:MOST], *over, *reasons],
        "changes": made,
        "conflicts": clashes[:MOST],
        "near": rivals(live.corpus, new.corpus)[:MOST],
        "expired": over,
        "regression": {"asked": len(questions), "failed": failed[:MOST]},
        "replay": {"asked": len(said), "changed": len(changed), "rows": changed[:MOST]},
    }


async def outcome(assistant: Assistant, text: str, now: datetime) -> Outcome:
    """As a citizen who just arrived would be answered on the web."""
    conversation = Conversation("gate", "web", now)
    reply = assistant.decide(await assistant.perceive(text, conversation, now), conversation, now)
    await asyncio.sleep(0)
    return Outcome(reply.entry, reply.outcome, reply.text)


async def _asked(assistant: Assistant, question: Regression, now: datetime) -> dict[str, Any] | None:
    found = await outcome(assistant, question.text, now)
    if question.holds(found.entry, found.outcome):
        return None
    return {
        "text": question.text, "expected": question.entry or question.outcome, "got": found.entry or found.outcome,
        "must_pass": question.must_pass,
    }  # fmt: skip


async def _replayed(live: Side, new: Side, text: str, now: datetime) -> dict[str, Any] | None:
    before, after = await outcome(live.assistant, text, now), await outcome(new.assistant, text, now)
    return None if before == after else {"text": text, "before": before.told(), "after": after.told()}
