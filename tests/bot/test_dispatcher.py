"""The dispatcher: offers in order, misses, grace, silence, waits that are too long, closing time; twice is once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.bus.memory import MemoryBus
from bot.conversation import Stage
from bot.desk import HEAD, Standing
from bot.lookout import desk_of
from bot.store.database import Database
from bot.working_days import Hours, read_spans
from tests.bot.test_seats import AMY, BOB, EVE, agent, asked, last, sit_down
from tests.parts import DESK_RULES, Desk, join
from tests.scripted import Clock

WEEKDAYS = replace(DESK_RULES, hours=Hours(read_spans(["09:00-12:00", "13:30-17:00"])))
MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday, ten o'clock there


@pytest.fixture
def in_hours(sqlite: Database) -> Desk:
    return join(sqlite, MemoryBus(), Clock(MORNING), desk_rules=WEEKDAYS)


async def beat(desk: Desk, *names: str, seconds: float = 0) -> None:
    desk.clock.move(seconds=seconds)
    await desk.queue.beat(names, desk.clock())


async def offered(desk: Desk) -> dict[str, str | None]:
    return {w.conversation: w.offered_to for w in (await desk.queue.floor(desk.clock())).waiting}


async def stage(desk: Desk, name: str) -> Stage:
    return (await desk.store.find(name)).stage


# Offers


async def test_a_wish_for_a_human_rings_a_free_agent_at_once(desk: Desk) -> None:
    await sit_down(desk, AMY)
    running = asyncio.create_task(desk.dispatcher.run())
    await asyncio.sleep(0)
    async with desk.bus.subscribe(desk_of("amy")) as bell:
        name = await asked(desk)
        assert await bell.wait(5) != "silence"
    assert await offered(desk) == {name: "amy"}
    assert (await last(desk, name)).text.startswith("已为您转人工，马上有工作人员接待您")
    running.cancel()


async def test_who_came_first_is_offered_first_and_a_missed_offer_goes_to_the_next_agent(desk: Desk) -> None:
    first = await asked(desk)
    desk.clock.move(seconds=1)
    second = await asked(desk)
    await sit_down(desk, AMY)
    await desk.dispatcher.round()
    assert await offered(desk) == {first: "amy", second: None}
    await sit_down(desk, BOB)
    await desk.dispatcher.round()
    assert await offered(desk) == {first: "amy", second: "bob"}
    await desk.seats.accept(BOB, second)
    await beat(desk, "amy", "bob", seconds=20)
    await desk.dispatcher.round()
    assert await offered(desk) == {first: "bob"}


async def test_an_agent_who_misses_two_is_away_and_the_citizen_waits_on(desk: Desk) -> None:
    name = await asked(desk)
    await sit_down(desk, AMY)
    for _ in range(3):
        await desk.dispatcher.round()
        await beat(desk, "amy", seconds=20)
    assert (await desk.queue.desk("amy", desk.clock())).status == "away"
    assert await offered(desk) == {name: None}
    await desk.seats.set_status("amy", "online")
    await desk.dispatcher.round()
    assert await offered(desk) == {name: "amy"}


async def test_whoever_waited_before_anybody_came_is_served_when_somebody_comes(desk: Desk) -> None:
    name = await asked(desk)
    assert (await last(desk, name)).text == "已登记转人工"  # as the rule says it while nobody is there
    conversation = await desk.store.find(name)
    assert (await desk.switchboard.state(conversation)).standing == Standing(1, None)
    await sit_down(desk, AMY)
    await desk.dispatcher.round()
    await desk.seats.accept(AMY, name)
    assert await stage(desk, name) is Stage.AGENT


async def test_a_citizen_who_returns_is_offered_to_the_agent_who_knows_him(desk: Desk) -> None:
    await sit_down(desk, BOB, AMY)
    name = await asked(desk)
    await desk.seats.accept(BOB, name)
    await desk.seats.release("bob", name)
    heard, perceived, choice = await desk.switchboard.ask_human(name, id="h2")
    await desk.switchboard.answer(heard, perceived, choice)
    await desk.dispatcher.round()
    assert await offered(desk) == {name: "bob"}
    assert (await desk.store.find(name)).priority == 1


# Agents who are gone


async def test_a_lost_agents_citizens_go_to_the_head_of_the_queue_after_the_grace_time_and_are_told(desk: Desk) -> None:
    await sit_down(desk, AMY)
    name = await asked(desk)
    await desk.seats.accept(AMY, name)
    for n in range(2):
        desk.clock.move(seconds=20 * n)
        other = await asked(desk)
    await desk.seats.go("amy")
    await beat(desk, seconds=30)
    await desk.dispatcher.round()
    assert await stage(desk, name) is Stage.AGENT
    await beat(desk, seconds=1)
    await asyncio.gather(desk.dispatcher.round(), desk.dispatcher.round())
    lost = await desk.store.find(name)
    assert (lost.stage, lost.priority) == (Stage.WAITING, HEAD)
    assert [m.text for m in await desk.store.messages(name)].count(
        "接待您的工作人员断线了，很抱歉。已把您排到最前面，马上由其他工作人员接待。"
    ) == 1
    assert next(iter(await offered(desk))) == name
    assert other in await offered(desk)
    assert (await desk.queue.desk("amy", desk.clock())).status == "offline"


async def test_an_agent_who_is_back_within_the_grace_time_keeps_hers_also_after_a_restart(
    sqlite: Database, clock: Clock
) -> None:
    before = join(sqlite, MemoryBus(), clock)
    await sit_down(before, AMY)
    name = await asked(before)
    await before.seats.accept(AMY, name)
    clock.move(seconds=25)  # the whole server is gone meanwhile
    after = join(sqlite, MemoryBus(), clock)
    await after.seats.come(AMY)
    clock.move(seconds=11)
    await after.dispatcher.round()
    assert (await after.store.find(name)).agent_id == "amy"


async def test_nobody_is_taken_for_lost_before_pages_could_come_back_or_when_the_clock_is_set(desk: Desk) -> None:
    await sit_down(desk, AMY)
    name = await asked(desk)
    await desk.seats.accept(AMY, name)
    desk.clock.move(minutes=4)
    restarted = join(desk.database, MemoryBus(), desk.clock)
    await restarted.dispatcher.round()
    assert await stage(desk, name) is Stage.AGENT
    steady = desk.clock().timestamp()
    desk.dispatcher._steady = lambda: steady  # no time passes …
    desk.dispatcher._last = (desk.clock(), steady)
    desk.clock.move(hours=1)  # … and the clock is set
    await desk.dispatcher.round()
    assert await stage(desk, name) is not Stage.WAITING


async def test_an_agent_who_does_not_answer_loses_the_citizen_with_an_apology(desk: Desk) -> None:
    await sit_down(desk, AMY, BOB)
    name = await asked(desk)
    await desk.seats.accept(AMY, name)
    await desk.speaking.speak(AMY, name, "您好", id="a1")
    await beat(desk, "amy", "bob", seconds=400)
    await desk.dispatcher.round()
    assert await stage(desk, name) is Stage.AGENT  # it is the citizen's turn
    await desk.switchboard.hear(name, "在吗", id="m1")
    await beat(desk, "amy", "bob", seconds=301)
    await desk.dispatcher.round()
    assert "让您久等了" in (await last(desk, name)).text
    assert (await desk.queue.desk("amy", desk.clock())).status == "away"
    assert await offered(desk) == {name: "bob"}


# No one there


async def test_at_night_nobody_is_queued_and_the_next_opening_is_named(in_hours: Desk) -> None:
    in_hours.clock.move(hours=10)  # eight in the evening
    name = await asked(in_hours)
    told = await last(in_hours, name)
    assert await stage(in_hours, name) is Stage.BOT
    assert "不是人工服务时间" in told.text
    assert "明天 09:00 开始" in told.text
    assert "11 月 27 日" in told.text  # three working days
    assert told.card == {"kind": "form", "form": "message"}


async def test_whoever_is_at_her_desk_serves_at_any_hour(in_hours: Desk) -> None:
    in_hours.clock.move(hours=10)
    await sit_down(in_hours, AMY)
    name = await asked(in_hours)
    await in_hours.dispatcher.round()
    assert await offered(in_hours) == {name: "amy"}


async def test_in_hours_without_anybody_one_waits_and_is_told_so_and_closing_time_ends_it(in_hours: Desk) -> None:
    in_hours.clock.move(hours=6, minutes=55)  # 16:55
    name = await asked(in_hours)
    assert (await last(in_hours, name)).text == "已登记转人工"
    await in_hours.dispatcher.round()
    assert await stage(in_hours, name) is Stage.WAITING
    in_hours.clock.move(minutes=6)
    await asyncio.gather(in_hours.dispatcher.round(), in_hours.dispatcher.round())
    told = await last(in_hours, name)
    assert (await stage(in_hours, name), told.because) == (Stage.BOT, "closing_time")
    assert "明天 09:00" in told.text
    assert told.card


async def test_a_full_queue_takes_nobody_more_and_says_so(sqlite: Database, clock: Clock) -> None:
    desk = join(sqlite, MemoryBus(), clock, desk_rules=replace(DESK_RULES, longest_queue=2))
    for _ in range(2):
        await asked(desk)
    name = await asked(desk)
    told = await last(desk, name)
    assert await stage(desk, name) is Stage.BOT
    assert "已有 2 人" in told.text
    assert told.card


async def test_whoever_waited_too_long_is_told_what_else_there_is(desk: Desk) -> None:
    await sit_down(desk, agent("amy", capacity=1))
    served = await asked(desk)
    await desk.seats.accept(AMY, served)
    name = await asked(desk)
    assert "下一位就是您，预计等" in (await last(desk, name)).text
    for _ in range(30):
        await desk.speaking.speak(AMY, served, "请稍等", id=str(desk.clock()))
        await beat(desk, "amy", seconds=61)
        await desk.dispatcher.round()
    told = await last(desk, name)
    assert (await stage(desk, name), told.because) == (Stage.BOT, "waited_too_long")
    assert told.card == {"kind": "form", "form": "message"}
    again = await asked(desk)  # and one may ask again
    assert await stage(desk, again) is Stage.WAITING


async def test_words_of_despair_are_queued_first_at_any_hour(in_hours: Desk) -> None:
    from bot.answering.turn import Reply

    in_hours.clock.move(hours=10)
    in_hours.assistant.replies["不想活了"] = Reply("请打 12356", "crisis", "handoff", hand_off=True)
    opened = await in_hours.switchboard.open("web", address="b" * 32)
    await in_hours.switchboard.receive(opened.conversation.id, "不想活了", id="m1")
    await in_hours.dispatcher.round()
    conversation = await in_hours.store.find(opened.conversation.id)
    assert (conversation.stage, conversation.priority) == (Stage.WAITING, 3)
    await sit_down(in_hours, EVE)
    await in_hours.switchboard.receive(opened.conversation.id, "不想活了", id="m2")
    assert "优先转人工" in (await last(in_hours, conversation.id)).text


async def test_place_and_wait_are_told_when_joining(desk: Desk) -> None:
    await sit_down(desk, agent("amy", capacity=1))
    await desk.seats.accept(AMY, await asked(desk))
    names = [await asked(desk), await asked(desk)]
    assert "前面还有 1 人，预计等" in (await last(desk, names[1])).text
    states = [await desk.switchboard.state(await desk.store.find(name)) for name in names]
    standing = {state.standing.position: state.standing for state in states if state.standing}
    assert sorted(standing) == [1, 2]  # in either order: both may have come in the same millisecond
    wait = standing[2].wait
    assert wait
    assert wait.low < 600 == wait.seconds < wait.high


def test_the_longest_wait_is_half_an_hour_unless_it_is_set() -> None:
    assert DESK_RULES.longest_wait == timedelta(minutes=30)
