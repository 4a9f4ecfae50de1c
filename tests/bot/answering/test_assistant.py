"""The assistant: what it perceives, what it hands to the rules, and what the conversation remembers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.answering.assistant import Assistant, Perceived, after, picked_choice
from bot.answering.turn import Reply
from bot.conversation import Choice, Conversation
from bot.understanding import Entity, Understanding
from knowledge_base.corpus import Corpus
from knowledge_base.entry import Circumstances, Entry, Validity
from knowledge_base.found import Found, Hit
from tests.bot.answering.turns import BANDS, entry
from tests.parts import SITE
from tests.scripted import ScriptedNLU

NOW = datetime(2026, 11, 24, 15, 59, tzinfo=UTC)  # a minute before midnight in Hangzhou
ENTRIES = (
    entry("years", related=("age", "ended", "gone")),
    entry("age", "pension.retire_age"),
    entry("ended", "refund", valid=Validity(until=date(2026, 11, 24))),
)
OFFERED = (
    Choice("c1", "甲", entry="years"),
    Choice("c2", "乙", entry="age"),
    Choice("none", "都不是", action="none"),
    Choice("human", "转人工", action="human"),
)


class CountingNLU(ScriptedNLU):
    """Knows how often it was asked."""

    asked = 0

    async def understand(self, text: str) -> Understanding:
        self.asked += 1
        return await super().understand(text)

    def understand_now(self, text: str) -> Understanding:
        return Understanding("local", 0.5, engine="local")


class ScriptedVersion:
    """A version that finds what it was told to find, and remembers for whom it searched."""

    def __init__(self, entries: tuple[Entry, ...] = ENTRIES, found: Found | None = None) -> None:
        self.corpus = Corpus(entries, {})
        self.entries = {e.id: e for e in entries}
        self.titles = {e.id: e.question for e in entries}
        self.bands = BANDS
        self.found = found or Found((), {}, 1.0, "v1")
        self.who: Circumstances | None = None

    def search(self, question: str, who: Circumstances) -> Found:
        self.who = who
        return self.found

    @property
    def current(self) -> ScriptedVersion:
        return self


def found(name: str, score: float, **arms: float) -> Found:
    one = next(e for e in ENTRIES if e.id == name)
    return Found((Hit(one, score, arms or {"lexical": score}),), {one.topic: 0.9}, 1.0, "v1")


def assistant(version: ScriptedVersion, nlu: CountingNLU) -> Assistant:
    return Assistant(version, nlu, nlu, SITE, ZoneInfo("Asia/Shanghai"))  # type: ignore[arg-type]


def talk(**fields: Any) -> Conversation:
    return Conversation("c", "web", NOW, **fields)


async def test_a_question_known_word_for_word_needs_no_nlu() -> None:
    nlu = CountingNLU()
    perceived = await assistant(ScriptedVersion(found=found("years", 1.0, exact=1.0)), nlu).perceive("问", talk(), NOW)
    assert (nlu.asked, perceived.understanding.engine) == (0, "local")


async def test_any_other_question_is_understood_first() -> None:
    nlu = CountingNLU({"您好": "greet"})
    perceived = await assistant(ScriptedVersion(found=found("years", 0.8)), nlu).perceive("您好", talk(), NOW)
    assert (nlu.asked, perceived.understanding.intent) == (1, "greet")
    assert perceived.text == "您好"


async def test_a_search_knows_the_local_day_and_the_citizens_group() -> None:
    version = ScriptedVersion()
    helper = assistant(version, CountingNLU())
    await helper.perceive("问", talk(slots={"person_group": "学生"}), NOW + timedelta(minutes=1))
    assert version.who is not None
    assert (version.who.now.date(), version.who.group) == (date(2026, 11, 25), "学生")
    await helper.perceive("问", None, NOW)
    assert (version.who.now.date(), version.who.group) == (date(2026, 11, 24), None)


async def decided(text: str, conversation: Conversation, at: datetime = NOW, **more: Any) -> Reply:
    version = ScriptedVersion(found=more.pop("found", None))
    helper = assistant(version, CountingNLU())
    return helper.decide(await helper.perceive(text, conversation, at), conversation, at, **more)


async def test_a_number_takes_what_was_offered() -> None:
    said = await decided("2", talk(offered=OFFERED))
    assert (said.because, said.entry) == ("chosen", "age")


async def test_a_pressed_choice_counts_more_than_its_words() -> None:
    said = await decided("2", talk(offered=OFFERED), chosen=OFFERED[0])
    assert said.entry == "years"


async def test_an_entry_that_ended_since_it_was_offered_is_not_told() -> None:
    choice = Choice("c1", "一", entry="ended")
    assert (await decided("1", talk(offered=(choice,)))).entry == "ended"
    late = await decided("1", talk(offered=(choice,)), NOW + timedelta(minutes=1))
    assert (late.entry, late.because) == (None, "no_match")


async def test_related_entries_are_offered_while_they_hold() -> None:
    said = await decided("问", talk(), found=found("years", 0.9))
    assert [c.entry for c in said.choices if c.entry] == ["age", "ended"]
    late = await decided("问", talk(), NOW + timedelta(minutes=1), found=found("years", 0.9))
    assert [c.entry for c in late.choices if c.entry] == ["age"]
    taken = await decided("1", talk(offered=OFFERED))
    assert [c.entry for c in taken.choices if c.entry] == ["age", "ended"]


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("1", "c1"),
        ("2", "c2"),
        (" 2 ", "c2"),
        ("2.", "c2"),
        ("2。", "c2"),
        ("２", "c2"),
        ("②", "c2"),
        ("0", "none"),
        ("3", None),
        ("12", None),
        ("²", "c2"),
        ("", None),
        ("二", None),
        ("乙", None),
        ("转人工", "human"),
        ("2个", None),
        ("-1", None),
        ("٢", "c2"),
    ],
)
def test_a_digit_is_the_number_of_an_offered_entry(text: str, picked: str | None) -> None:
    choice = picked_choice(text, talk(offered=OFFERED))
    assert (choice.id if choice else None) == picked


def test_a_number_means_nothing_where_nothing_is_offered() -> None:
    assert picked_choice("1", talk()) is None
    assert picked_choice("0", talk(offered=OFFERED[:2])) is None


def heard(text: str, *entities: Entity) -> Perceived:
    return Perceived(text, Understanding(entities=entities), Found((), {}, 1.0, "v1"), ScriptedVersion())  # type: ignore[arg-type]


BEFORE = talk(topic="refund", last_entry="ended", misses=1, offered=OFFERED)


@pytest.mark.parametrize(
    ("reply", "remembered"),
    [
        (
            Reply("答", "answer", "answer", entry="years", topic="pension.min_years"),
            {"topic": "pension.min_years", "last_entry": "years", "misses": 0},
        ),
        (
            Reply("哪个", "clarify", "clarify", choices=OFFERED, topic="fraud"),
            {"topic": "refund", "last_entry": "ended", "misses": 1, "offered": OFFERED},
        ),
        (Reply("不会", "no_match", "refuse", missed=True), {"topic": "refund", "last_entry": "ended", "misses": 2}),
        (Reply("不归我管", "out_of_scope", "refuse", topic="out_of_scope.legal"), {"topic": "refund", "misses": 1}),
        (Reply("您好", "greet", "smalltalk"), {"misses": 1}),
    ],
)
def test_a_conversation_remembers_what_was_answered_missed_and_offered(
    reply: Reply, remembered: dict[str, Any]
) -> None:
    following = after(BEFORE, reply, heard("问"))
    assert following == replace(following, **({"offered": ()} | remembered))
    assert (following.id, following.stage) == (BEFORE.id, BEFORE.stage)
