"""Every figure equals what plain Python makes of the raw rows; bursts alarm, ordinary hours do not."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.answering.turn import Reply
from bot.bus.memory import MemoryBus
from bot.figures import DEFINITIONS, burst, rates
from bot.opinions import Opinions
from bot.seats import CODES, Closing
from bot.staff import Account, Role
from bot.store.conversations import at_ms
from bot.store.database import Database
from bot.tables import conversations, feedback, messages, moves, ratings, services
from bot.tallies import Tallies
from tests.bot.test_tickets import DUE
from tests.parts import Desk, join
from tests.scripted import Clock

ZONE = ZoneInfo("Asia/Shanghai")
REPLIES = {
    "养老": Reply("十五年", "answer", "answer", entry="pension-years", topic="pension.years"),
    "医保": Reply("这样办", "answer", "answer", entry="medical-use", topic="medical.use"),
    "转移": Reply("哪一种？", "clarify", "clarify", topic="pension.transfer"),
    "登月": Reply("没有收录", "refuse", "refuse"),
    "你好": Reply("您好", "greet", "smalltalk"),
    "指南": Reply(
        "第一页", "task_page", "answer", topic="pension.transfer",
        card={"kind": "step", "task": "procedure", "name": "transfer"},
    ),
}  # fmt: skip


async def lived(database: Database, clock: Clock, *, seed: int, visits: int = 40) -> Desk:
    """Three days of citizens who ask, mark, rate, queue, leave and are served."""
    chance = random.Random(seed)
    desk = join(database, MemoryBus(), clock)
    desk.assistant.replies = REPLIES
    opinions = Opinions(database)
    agent = Account("li", "李工", "1001", frozenset({Role.AGENT}), (), 99, must_change=False)
    await desk.queue.come(agent, clock.now)
    for n in range(visits):
        clock.move(minutes=chance.choice((7, 40, 170)))
        await desk.queue.come(agent, clock.now)
        await desk.queue.set_status("li", "online", clock.now)
        name = f"talk{n}"
        await desk.switchboard.open(chance.choice(("web", "wechat")), address=f"a{chance.randrange(6)}", id=name)
        for m in range(chance.randrange(4)):
            clock.move(seconds=chance.choice((5, 30)))
            await desk.switchboard.receive(name, chance.choice(list(REPLIES)), id=f"m{m}")
        said = await desk.store.messages(name)
        answers = [m.seq for m in said if m.party == "bot"]
        if chance.random() < 0.4:
            await opinions.mark(name, chance.choice(answers), helpful=chance.random() < 0.5, at=clock.now)
        if chance.random() < 0.4:
            await desk.switchboard.answer(*(await desk.switchboard.ask_human(name, id="h")))
            clock.move(seconds=chance.choice((4, 20, 90)))
            if chance.random() < 0.6:
                await desk.seats.accept(agent, name)
                clock.move(minutes=3)
                await desk.seats.close("li", name, Closing(chance.random() < 0.7, next(iter(CODES)), ""))
            else:
                await desk.switchboard.leave_queue(name, id="l")
        if chance.random() < 0.5:
            await opinions.rate(name, chance.randrange(1, 6), [], "", clock.now, due=DUE)
    return desk


def recomputed(database: Database) -> dict[tuple[str, str], Counter[str]]:
    """Independent of the code under test: by day and channel, from whole tables in plain Python."""

    def rows(table: object) -> list[dict[str, object]]:
        return [dict(r._mapping) for r in database.read_now(lambda c: c.execute(select(table)).all())]  # type: ignore[call-overload]

    def day(at: object) -> str:
        return at_ms(int(at)).astimezone(ZONE).strftime("%Y-%m-%d")  # type: ignore[call-overload]

    talks = {r["id"]: r for r in rows(conversations)}
    out: dict[tuple[str, str], Counter[str]] = {}

    def add(at: object, conversation: object, name: str, value: int = 1) -> None:
        out.setdefault((day(at), talks[conversation]["channel"]), Counter())[name] += value  # type: ignore[arg-type]

    everything = rows(messages)
    bot = [m | {"d": (m["extra"] or {}).get("details", {})} for m in everything if m["party"] == "bot"]  # type: ignore[attr-defined, operator]
    asked = [m for m in bot if m["d"].get("outcome") in ("answer", "clarify", "refuse", "handoff")]
    for m in asked:
        add(m["at"], m["conversation_id"], "questions")
        outcome = {"answer": "answered", "clarify": "clarified", "refuse": "refused", "handoff": "handoffs"}
        add(m["at"], m["conversation_id"], outcome[m["d"]["outcome"]])
    seen = sorted({(day(m["at"]), m["conversation_id"]) for m in everything if m["party"] == "citizen"})
    for date, name in seen:
        at = next(m["at"] for m in everything if m["conversation_id"] == name and day(m["at"]) == date)
        mine = [m for m in asked if m["conversation_id"] == name and day(m["at"]) == date]
        handed = any(
            v["conversation_id"] == name and v["stage"] == "waiting" and day(v["at"]) == date for v in rows(moves)
        )
        bad = any(f["conversation_id"] == name and not f["helpful"] and day(f["at"]) == date for f in rows(feedback))
        again = any(
            o["conversation_id"] != name
            and o["d"].get("topic") == m["d"].get("topic")
            and m["d"].get("topic")
            and talks[o["conversation_id"]]["address"] == talks[name]["address"]
            and (o["at"], o["conversation_id"], o["seq"]) > (m["at"], m["conversation_id"], m["seq"])
            and o["at"] - m["at"] <= 86_400_000
            for m in mine
            for o in asked
        )
        add(at, name, "visits")
        add(at, name, "handed", int(handed))
        answered = any(m["d"]["outcome"] == "answer" for m in mine)
        add(at, name, "resolved", int(answered and not handed and not bad and not again))
    for move in rows(moves):
        add(move["at"], move["conversation_id"], "queued", int(move["stage"] == "waiting"))
        add(move["at"], move["conversation_id"], "left", int(move["reason"] == "left_queue"))
    for s in rows(services):
        add(s["began_at"], s["conversation_id"], "taken")
        add(s["began_at"], s["conversation_id"], "waited_ms", int(s["waited_ms"]))  # type: ignore[call-overload]
        add(s["began_at"], s["conversation_id"], "quick", int(int(s["waited_ms"]) <= 15_000))  # type: ignore[call-overload]
    for r in rows(ratings):
        add(r["at"], r["conversation_id"], "rated")
        add(r["at"], r["conversation_id"], f"stars{r['stars']}")
        add(r["at"], r["conversation_id"], "satisfied", int(int(r["stars"]) >= 3))  # type: ignore[call-overload]
    for f in rows(feedback):
        add(f["at"], f["conversation_id"], "helpful" if f["helpful"] else "unhelpful")
    return {key: +counts for key, counts in out.items()}


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_figure_equals_an_independent_recomputation(database: Database, clock: Clock, seed: int) -> None:
    await lived(database, clock, seed=seed)
    table = Tallies(database, ZONE)
    table.bring_up(clock.now)
    today = clock.now.astimezone(ZONE).date()
    kept = await table.summed(today - timedelta(days=30), today, by=("day", "channel"))
    wanted = recomputed(database)
    assert {key: dict(counts) for key, counts in kept.items()} == {k: dict(c) for k, c in wanted.items() if c}
    assert sum(c["resolved"] for c in wanted.values()) > 0
    assert sum(c["taken"] for c in wanted.values()) > 0


async def test_counting_a_day_again_changes_nothing_and_late_words_are_counted(
    database: Database, clock: Clock
) -> None:
    desk = await lived(database, clock, seed=3, visits=12)
    table = Tallies(database, ZONE)
    table.bring_up(clock.now)
    today = clock.now.astimezone(ZONE).date()
    first = await table.summed(today, today)
    table.recount(today, clock.now)
    assert await table.summed(today, today) == first
    await desk.switchboard.open("web", address="z", id="late")
    await desk.switchboard.receive("late", "养老", id="m")
    assert table.bring_up(clock.now)[0] == today.isoformat()
    assert (await table.summed(today, today))[()]["visits"] == first.get((), Counter())["visits"] + 1


async def test_a_day_that_is_final_is_not_counted_again(database: Database, clock: Clock) -> None:
    await lived(database, clock, seed=4, visits=8)
    table = Tallies(database, ZONE)
    table.bring_up(clock.now)
    later = clock.now + timedelta(days=5)
    table.bring_up(later)
    days = table.bring_up(later)
    assert days == [later.astimezone(ZONE).date().isoformat()]


async def test_entries_procedures_and_agents_are_counted(database: Database, clock: Clock) -> None:
    desk = join(database, MemoryBus(), clock)
    desk.assistant.replies = REPLIES | {
        "结尾": replace(
            REPLIES["指南"], card={"kind": "checklist", "task": "procedure", "name": "transfer"}
        )
    }  # fmt: skip
    await desk.switchboard.open("web", address="a", id="one")
    for n, text in enumerate(("养老", "指南", "结尾", "指南")):
        await desk.switchboard.receive("one", text, id=f"m{n}")
    await Opinions(database).mark("one", 3, helpful=False, at=clock.now)
    table = Tallies(database, ZONE)
    table.bring_up(clock.now)
    today = clock.now.astimezone(ZONE).date()
    entries = await table.summed(today, today, subject="e:", by=("subject",))
    assert entries == {("e:pension-years",): Counter(shown=1, unhelpful=1)}
    steps = await table.summed(today, today, subject="p:", by=("subject",))
    assert steps == {("p:transfer",): Counter(began=1, guided=1, finished=1)}


async def test_a_burst_of_two_hundred_questions_alarms_with_examples(database: Database, clock: Clock) -> None:
    desk = join(database, MemoryBus(), clock)
    desk.assistant.replies = REPLIES
    table = Tallies(database, ZONE)
    for n in range(5):
        await desk.switchboard.open("web", address="a", id=f"day{n}")
        await desk.switchboard.receive(f"day{n}", "医保", id="m")
        table.bring_up(clock.now)
        clock.move(days=1)
    assert await table.alarms(clock.now - timedelta(days=9)) == []
    for n in range(200):
        await desk.switchboard.open("web", address=f"b{n}", id=f"burst{n}")
        await desk.switchboard.receive(f"burst{n}", "医保", id="m")
    clock.move(minutes=9)
    table.bring_up(clock.now)
    table.bring_up(clock.now)
    (alarm,) = await table.alarms(clock.now - timedelta(hours=1))
    assert (alarm.topic, alarm.count, alarm.examples) == ("medical.use", 200, ("医保",))


def test_an_ordinary_hour_is_no_burst() -> None:
    assert burst(9, [0, 0, 0]) is None
    assert burst(13, [10, 9, 12, 8]) is None
    assert burst(40, [10, 9, 12, 8]) is not None
    assert burst(10, []) == (0.0, 1.0)


def test_every_figure_has_its_definition_and_none_is_made_of_nothing() -> None:
    empty = rates({})
    assert set(empty) == set(DEFINITIONS)
    assert [v for k, v in empty.items() if k != "visits"] == [None] * (len(empty) - 1)
    assert rates({"visits": 4, "resolved": 3})["resolved_rate"] == 0.75


def test_days_are_those_of_the_sites_zone() -> None:
    assert datetime(2026, 11, 24, 16, 30, tzinfo=ZoneInfo("UTC")).astimezone(ZONE).date().day == 25
