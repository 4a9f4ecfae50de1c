"""What is counted of a day, and how each figure is defined (pure).

Everything is counted from what was said and done on that day in the site's time zone; only whether somebody asked again
looks 24 hours further, so a day is final one day after its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from statistics import fmean, pstdev
from typing import Any
from zoneinfo import ZoneInfo

AGAIN_MS = 24 * 3_600_000
QUICK_MS = 15_000  # GB/T 33358 counts calls answered within 15 seconds
ANEW = ("agent_lost", "unanswered", "transferred")  # moves into the queue of those who had been served already
LEFT = ("left_queue", "waited_too_long", "closing_time")
ANSWERED = {"answer": "answered", "clarify": "clarified", "refuse": "refused", "handoff": "handoffs"}
SATISFIED = 3  # stars and more: 基本满意
SIGMAS, LEAST = 3.0, 10  # a burst is more than three standard deviations above the usual, and no handful
PAGES = 5  # of a procedure's guide

DEFINITIONS = {
    "visits": "当天市民至少说了一句话的会话数；跨天的会话每天各算一次。",
    "resolved_rate": (
        "当天得到过答复、没有转人工、没有点“没用”、24 小时内同一来源没有另开会话再问同一主题的会话 ÷ 接待量。"
        "当天的数到次日才定。"
    ),
    "handed_rate": "当天进入人工排队的会话 ÷ 接待量。坐席掉线等原因重新排队的不重复算。",
    "answered_rate": "直接答复的问题 ÷（直接答复＋请市民选择＋没答上）。寒暄和转人工不算。",
    "average_wait": "从进入排队到坐席接入的平均时间，只算接入的；坐席之间转接不算等待。",
    "quick_rate": "15 秒内接入 ÷ 接入。",
    "left_rate": "排队中离开、等太久或下班退回的 ÷ 进入排队的。",
    "satisfied_rate": "评 3 星（基本满意）及以上 ÷ 当天评价。没评价的不算。",
}

Key = tuple[int, str, str, str]  # hour, channel, subject, name


@dataclass(frozen=True, slots=True)
class Said:
    """One message as far as it is counted."""

    conversation: str
    party: str
    at: int
    because: str
    details: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] | None = None

    @property
    def outcome(self) -> str:
        return str(self.details.get("outcome") or "")


@dataclass(frozen=True, slots=True)
class Day:
    """Everything of one day, and what was asked in the 24 hours after it. Times are milliseconds in UTC."""

    start: int
    end: int
    zone: ZoneInfo
    talks: Mapping[str, tuple[str, str]]  # conversation → channel and address
    said: Sequence[Said]  # until 24 hours after the end, in order of time
    moves: Sequence[tuple[str, str, str, int]]  # conversation, stage, reason, at
    opinions: Sequence[tuple[str, bool, int, str | None]]  # conversation, helpful, at, the entry it was about
    ratings: Sequence[tuple[str, int, int]]  # conversation, stars, at
    services: Sequence[tuple[str, str, int, int, int | None, bool | None, bool]]
    # conversation, agent, waited, began, ended, resolved, waited for (not passed on)

    def channel(self, conversation: str) -> str:
        return self.talks[conversation][0]

    def hour(self, at: int) -> int:
        return datetime.fromtimestamp(at / 1000, self.zone).hour


def count(day: Day) -> Counter[Key]:
    """Every count of the day."""
    counts: Counter[Key] = Counter()
    today = [s for s in day.said if day.start <= s.at < day.end]
    _questions(day, today, counts)
    _visits(day, today, counts)
    _people(day, counts)
    _procedures(day, today, counts)
    return counts


def _questions(day: Day, today: Iterable[Said], counts: Counter[Key]) -> None:
    for s in today:
        name = ANSWERED.get(s.outcome) if s.party == "bot" and s.because != "switched_off" else None
        if name is None:
            continue
        hour, channel, topic = day.hour(s.at), day.channel(s.conversation), s.details.get("topic")
        counts[hour, channel, "", "questions"] += 1
        counts[hour, channel, "", name] += 1
        if topic:
            counts[hour, channel, f"t:{topic}", "questions"] += 1  # by hour, for bursts; the rest by day
            counts[0, channel, f"t:{topic}", name] += 1
        if s.outcome == "answer" and s.details.get("entry"):
            counts[0, channel, f"e:{s.details['entry']}", "shown"] += 1
    for conversation, helpful, at, entry in day.opinions:
        name, channel = "helpful" if helpful else "unhelpful", day.channel(conversation)
        counts[day.hour(at), channel, "", name] += 1
        if entry:
            counts[0, channel, f"e:{entry}", name] += 1


def _visits(day: Day, today: Sequence[Said], counts: Counter[Key]) -> None:
    first: dict[str, int] = {}
    topics: dict[str, set[str]] = defaultdict(set)
    answered: set[str] = set()
    for s in today:
        if s.party == "citizen":
            first.setdefault(s.conversation, s.at)
        elif s.party == "bot" and s.details.get("topic"):
            topics[s.conversation].add(str(s.details["topic"]))
        if s.party == "bot" and s.outcome == "answer":
            answered.add(s.conversation)
    handed = {c for c, stage, reason, _ in day.moves if stage == "waiting" and reason not in ANEW}
    unhelpful = {c for c, helpful, _, _ in day.opinions if not helpful}
    again = asked_again(day)
    for conversation, at in first.items():
        resolved = conversation in answered and conversation not in handed | unhelpful | again
        hour, channel = day.hour(at), day.channel(conversation)
        for at_hour, subject in ((hour, ""), *((0, f"t:{topic}") for topic in topics[conversation])):
            counts[at_hour, channel, subject, "visits"] += 1
            counts[at_hour, channel, subject, "resolved"] += resolved
            counts[at_hour, channel, subject, "handed"] += conversation in handed


def asked_again(day: Day) -> set[str]:
    """Conversations after whose question the same address opened another one on the same topic within 24 hours."""
    asked: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for s in day.said:
        topic, address = s.details.get("topic"), day.talks[s.conversation][1]
        if s.party == "bot" and topic and address and s.outcome in ANSWERED:
            asked[address, str(topic)].append((s.at, s.conversation))
    found: set[str] = set()
    for times in asked.values():
        for n, (at, conversation) in enumerate(times):
            later = next((other for other in times[n + 1 :] if other[1] != conversation), None)
            if at < day.end and later is not None and later[0] - at <= AGAIN_MS:
                found.add(conversation)
    return found


def _people(day: Day, counts: Counter[Key]) -> None:
    for conversation, stage, reason, at in day.moves:
        hour, channel = day.hour(at), day.channel(conversation)
        counts[hour, channel, "", "queued"] += stage == "waiting" and reason not in ANEW
        counts[hour, channel, "", "left"] += stage == "bot" and reason in LEFT
    for conversation, agent, waited, began, ended, resolved, waited_for in day.services:
        hour, channel = day.hour(began), day.channel(conversation)
        if waited_for:
            counts[hour, channel, "", "taken"] += 1
            counts[hour, channel, "", "waited_ms"] += waited
            counts[hour, channel, "", "quick"] += waited <= QUICK_MS
        counts[0, channel, f"a:{agent}", "served"] += 1
        counts[0, channel, f"a:{agent}", "busy_ms"] += (ended or began) - began
        counts[0, channel, f"a:{agent}", "solved"] += resolved is True
    for conversation, stars, at in day.ratings:
        hour, channel = day.hour(at), day.channel(conversation)
        counts[hour, channel, "", "rated"] += 1
        counts[hour, channel, "", "satisfied"] += stars >= SATISFIED
        counts[hour, channel, "", f"stars{stars}"] += 1


def _procedures(day: Day, today: Iterable[Said], counts: Counter[Key]) -> None:
    """How many conversations came how far: began, saw the guide, saw its end."""
    reached: dict[tuple[str, str], set[str]] = defaultdict(set)
    for s in today:
        card = s.card or {}
        if s.party == "bot" and card.get("task") == "procedure":
            at = reached[s.conversation, str(card["name"])]
            at |= {"began"} | ({"guided"} if s.because == "task_page" else set())
            at |= {"finished"} if card.get("kind") == "checklist" else set()
    for (conversation, name), steps in reached.items():
        for step in steps:
            counts[0, day.channel(conversation), f"p:{name}", step] += 1


def burst(now: int, before: Sequence[int]) -> tuple[float, float] | None:
    """The usual and its deviation when `now` is more than three of them above it; None when it is not.

    Counts of people vary by their root at least, so a topic that is asked evenly does not alarm at its first extra.
    """
    usual = fmean(before) if before else 0.0
    sigma = max(pstdev(before) if len(before) > 1 else 0.0, sqrt(usual), 1.0)
    return (usual, sigma) if now >= LEAST and now > usual + SIGMAS * sigma else None


def rates(c: Mapping[str, int]) -> dict[str, float | None]:
    """The figures of summed counts; None where nothing was counted."""

    def share(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    n: Counter[str] = Counter(c)
    return {
        "visits": float(n["visits"]),
        "resolved_rate": share(n["resolved"], n["visits"]),
        "handed_rate": share(n["handed"], n["visits"]),
        "answered_rate": share(n["answered"], n["answered"] + n["clarified"] + n["refused"]),
        "average_wait": share(n["waited_ms"], 1000 * n["taken"]),
        "quick_rate": share(n["quick"], n["taken"]),
        "left_rate": share(n["left"], n["queued"]),
        "satisfied_rate": share(n["satisfied"], n["rated"]),
    }
