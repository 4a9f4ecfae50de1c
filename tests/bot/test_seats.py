"""What agents and supervisors do: one owner speaks, the bot is silent, everything is told, the rest is audited."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from bot.bus.memory import MemoryBus
from bot.conversation import Choice, Party, Stage
from bot.desk import HEAD
from bot.errors import Refused
from bot.seats import CODES, Closing
from bot.staff import Account, Role
from bot.store.database import Database
from bot.tables import audit, services
from tests.parts import Desk, join
from tests.scripted import Clock

ADDRESS = "a" * 32


def agent(name: str, *roles: Role, capacity: int = 3, skills: tuple[str, ...] = ()) -> Account:
    return Account(name, name.title(), f"{len(name):03}", frozenset(roles or {Role.AGENT}), skills, capacity, False)


AMY, BOB = agent("amy"), agent("bob")
EVE = agent("eve", Role.SUPERVISOR)
DONE = Closing(resolved=True, code="answered", remark="")


@pytest.fixture
def desk(database: Database, clock: Clock) -> Desk:
    """On both stores."""
    return join(database, MemoryBus(), clock)


async def sit_down(desk: Desk, *accounts: Account) -> None:
    for account in accounts:
        await desk.seats.come(account)
        await desk.seats.set_status(account.username, "online")


async def asked(desk: Desk, text: str = "转人工") -> str:
    """A citizen who waits."""
    opened = await desk.switchboard.open("web", address=ADDRESS)
    heard, perceived, choice = await desk.switchboard.ask_human(opened.conversation.id, id="h")
    await desk.switchboard.answer(heard, perceived, choice)
    return opened.conversation.id


async def held(desk: Desk, account: Account = AMY) -> str:
    await sit_down(desk, account)
    name = await asked(desk)
    await desk.seats.accept(account, name)
    return name


async def story(desk: Desk, name: str) -> list[tuple[str, str]]:
    return [(m.party.value, m.text) for m in await desk.store.messages(name)]


async def last(desk: Desk, name: str) -> Any:
    return (await desk.store.messages(name))[-1]


async def audited(desk: Desk) -> list[tuple[str, str, str]]:
    query = select(audit.c.actor, audit.c.action, audit.c.subject).order_by(audit.c.seq)
    return await desk.database.read(lambda c: [tuple(row) for row in c.execute(query)])


# Speaking


async def test_an_agent_is_named_when_she_comes_and_what_she_says_reaches_the_citizen_once(desk: Desk) -> None:
    name = await held(desk)
    assert (await last(desk, name)).text == "已接通人工，Amy（003 号）为您服务。"
    async with desk.switchboard.listen(name, (await desk.store.find(name)).last_seq) as updates:
        await anext(updates)
        first = await desk.speaking.speak(AMY, name, "您好，我是 13800138000", id="a1")
        again = await desk.speaking.speak(AMY, name, "别的", id="a1")
        [heard] = (await anext(updates)).messages
    assert first == again == heard
    assert (heard.party, heard.text) == (Party.AGENT, "您好，我是 ［手机号已隐去］")
    assert heard.details == {"agent": "amy", "name": "Amy", "number": "003"}


async def test_only_the_owner_speaks_and_nobody_to_a_closed_conversation(desk: Desk) -> None:
    name = await held(desk)
    with pytest.raises(Refused, match="not_yours"):
        await desk.speaking.speak(BOB, name, "您好", id="b1")
    await desk.seats.close("amy", name, DONE)
    with pytest.raises(Refused, match="gone"):
        await desk.speaking.speak(AMY, name, "您好", id="a1")


async def test_what_cannot_be_said_is_refused(desk: Desk) -> None:
    name = await held(desk)
    for text, code in (("  ", "empty"), (5, "not_text"), ("字" * 2001, "too_long")):
        with pytest.raises(Refused, match=code):
            await desk.speaking.speak(AMY, name, text, id="a1")


async def test_the_bot_says_nothing_from_the_claim_on_also_not_what_it_was_composing(desk: Desk) -> None:
    await sit_down(desk, AMY)
    name = await asked(desk)
    desk.assistant.gate = asyncio.Event()
    asking = asyncio.create_task(desk.switchboard.receive(name, "还有多久", id="m1"))
    while len(desk.assistant.asked) < 2:
        await asyncio.sleep(0)
    await desk.seats.accept(AMY, name)
    desk.assistant.gate.set()
    await asking
    desk.assistant.gate = None
    await desk.switchboard.receive(name, "您好", id="m2")
    assert [m.id for m in await desk.store.messages(name) if m.id.startswith("re:m")] == []


async def test_a_choice_that_is_clicked_goes_to_the_agent(desk: Desk) -> None:
    await sit_down(desk, AMY)
    opened = await desk.switchboard.open("web", address=ADDRESS)
    name = opened.conversation.id
    offered = Choice("e1", "补缴", entry="e1")
    from bot.answering.turn import Reply

    desk.assistant.replies["问"] = Reply("哪一个？", "clarify", "clarify", choices=(offered,))
    await desk.switchboard.receive(name, "问", id="m0")
    [button] = (await last(desk, name)).choices
    heard, perceived, choice = await desk.switchboard.ask_human(name, id="h")
    await desk.switchboard.answer(heard, perceived, choice)
    await desk.seats.accept(AMY, name)
    heard, perceived, chosen = await desk.switchboard.choose(name, button.id, id="c1")
    await desk.switchboard.answer(heard, perceived, chosen)
    assert (await story(desk, name))[-1] == ("citizen", "补缴")


async def test_own_words_are_taken_back_within_two_minutes_for_everybody(desk: Desk, clock: Clock) -> None:
    name = await held(desk)
    said = await desk.speaking.speak(AMY, name, "说错了", id="a1")
    clock.move(seconds=119)
    await desk.speaking.recall(AMY, name, said.seq)
    await desk.speaking.recall(AMY, name, said.seq)
    *_, gone, notice = await desk.store.messages(name)
    assert (gone.text, gone.because) == ("这条消息已撤回。", "recalled")
    assert (notice.party, notice.details) == (Party.SYSTEM, {"recalled": said.seq})


async def test_what_is_too_old_or_somebody_elses_is_not_taken_back(desk: Desk, clock: Clock) -> None:
    name = await held(desk)
    said = await desk.speaking.speak(AMY, name, "您好", id="a1")
    heard, _ = await desk.switchboard.hear(name, "您好", id="m1")
    for account, seq in ((BOB, said.seq), (AMY, heard.message.seq), (AMY, 99)):
        with pytest.raises(Refused, match="not_yours"):
            await desk.speaking.recall(account, name, seq)
    clock.move(seconds=121)
    with pytest.raises(Refused, match="too_late"):
        await desk.speaking.recall(AMY, name, said.seq)


async def test_a_note_has_its_own_numbers_and_is_no_message(desk: Desk) -> None:
    name = await held(desk)
    before = await story(desk, name)
    first = await desk.speaking.note(AMY, name, id="n1", text="老客户")
    again = await desk.speaking.note(AMY, name, id="n1", text="别的")
    second = await desk.speaking.note(BOB, name, id="n2", text="13800138000")
    assert (first.seq, again, second.seq, second.text) == (1, first, 2, "［手机号已隐去］")
    assert await desk.words.notes(name, after=1) == [second]
    assert await story(desk, name) == before


async def test_writing_is_seen_on_the_other_side(desk: Desk) -> None:
    name = await held(desk)
    async with desk.switchboard.typings(name, Party.AGENT) as bell:
        desk.speaking.typing(name)
        assert await bell.wait(5) == "here"
    async with desk.switchboard.typings(name, Party.CITIZEN) as bell:
        await desk.switchboard.typing(name)
        assert await bell.wait(5) == "here"


# Giving up and passing on


async def test_released_the_bot_speaks_again_and_the_citizen_is_asked_for_a_rating_after_each_service(
    desk: Desk,
) -> None:
    name = await held(desk)
    await desk.seats.release("amy", name)
    *_, ends, rating = await desk.store.messages(name)
    assert (ends.because, rating.card) == ("human_ends", {"kind": "rate"})
    await desk.switchboard.receive(name, "您好", id="m1")
    assert (await last(desk, name)).text == "答：您好"
    heard, perceived, choice = await desk.switchboard.ask_human(name, id="h2")
    await desk.switchboard.answer(heard, perceived, choice)
    await desk.seats.accept(AMY, name)
    await desk.seats.close("amy", name, DONE)
    cards = [m.card for m in await desk.store.messages(name) if m.card == {"kind": "rate"}]
    assert len(cards) == 2


async def test_closing_needs_a_code_and_keeps_how_it_went(desk: Desk) -> None:
    name = await held(desk)
    with pytest.raises(Refused, match="bad_code"):
        await desk.seats.close("amy", name, Closing(resolved=True, code="", remark=""))
    closed = await desk.seats.close("amy", name, Closing(resolved=False, code="other", remark="打 13800138000 回复"))
    assert closed.stage is Stage.CLOSED
    query = select(services.c.agent_id, services.c.how, services.c.resolved, services.c.code, services.c.remark)
    assert await desk.database.read(lambda c: [tuple(r) for r in c.execute(query)]) == [
        ("amy", "closed", False, "other", "打 ［手机号已隐去］ 回复")
    ]
    assert "other" in CODES


async def test_a_transfer_goes_only_to_who_can_take_it_with_a_note_and_is_audited(desk: Desk) -> None:
    name = await held(desk)
    with pytest.raises(Refused, match="nobody_there"):
        await desk.seats.transfer(AMY, name, to_skill="injury", note="")
    expert = agent("zoe", skills=("injury",), capacity=1)
    await sit_down(desk, BOB, expert)
    await desk.seats.transfer(AMY, name, to_agent="bob", note="问转移")
    assert (await desk.store.find(name)).agent_id == "bob"
    assert [n.text for n in await desk.words.notes(name)] == ["问转移"]
    changed = await desk.seats.transfer(BOB, name, to_skill="injury", note="")
    assert (changed.stage, changed.priority, changed.skill) == (Stage.WAITING, HEAD, "injury")
    await desk.dispatcher.round()
    [waiting] = (await desk.queue.floor(desk.clock())).waiting
    assert waiting.offered_to == "zoe"
    assert [(actor, action) for actor, action, _ in await audited(desk)] == [
        ("amy", "picked"), ("amy", "transferred"), ("bob", "transferred"),
    ]  # fmt: skip


# Supervisors


async def test_supervisors_watch_whisper_assign_and_take_over_and_all_of_it_is_audited(desk: Desk) -> None:
    name = await held(desk)
    await sit_down(desk, BOB, EVE)
    seen = await story(desk, name)
    await desk.seats.watch(EVE, name)
    await desk.speaking.whisper(EVE, name, id="w1", text="先道歉")
    assert await story(desk, name) == seen
    assert [(n.text, n.whisper) for n in await desk.words.notes(name)] == [("先道歉", True)]
    await desk.seats.assign(EVE, name, "bob")
    await desk.seats.take_over(EVE, name)
    assert (await desk.store.find(name)).agent_id == "eve"
    await desk.seats.force_away(EVE, "bob")
    assert (await desk.queue.desk("bob", desk.clock())).status == "away"
    assert await audited(desk) == [
        ("amy", "picked", name), ("eve", "watched", name), ("eve", "whispered", name), ("eve", "assigned", name),
        ("eve", "took_over", name), ("eve", "forced_away", "bob"),
    ]  # fmt: skip


async def test_agents_may_not_do_what_supervisors_do(desk: Desk) -> None:
    name = await held(desk)
    for doing in (
        desk.seats.watch(BOB, name), desk.speaking.whisper(BOB, name, id="w", text="x"), desk.seats.take_over(BOB, name),
        desk.seats.assign(BOB, name, "bob"), desk.seats.force_away(BOB, "amy"),
    ):  # fmt: skip
        with pytest.raises(Refused, match="forbidden"):
            await doing
    assert (await desk.store.find(name)).agent_id == "amy"


async def test_a_page_that_closes_leaves_the_others_of_the_same_agent_open(desk: Desk) -> None:
    await sit_down(desk, AMY)
    await desk.seats.come(AMY)
    await desk.seats.go("amy")
    assert (await desk.queue.desk("amy", desk.clock())).here
    await desk.seats.go("amy")
    assert not (await desk.queue.desk("amy", desk.clock())).here
