"""Everything said passes here: masked, kept, answered once, and told to whoever listens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.answering.turn import Reply
from bot.bus import open_bus
from bot.bus.exchange import run_exchange
from bot.conversation import Choice, Conversation, Message, Party, Stage, answer_code
from bot.desk import Standing
from bot.errors import NotFound, Refused, Stale
from bot.store.conversations import PAGE, Conversations
from bot.store.database import Database, open_database
from bot.switchboard import Rules, Update
from bot.tables import conversations, messages, tickets, tokens
from bot.tickets import Form
from tests.bot.bus.test_bus import joined
from tests.parts import Desk, join
from tests.scripted import Clock
from tests.servers import RedisServer

ID = "330106199001011237"
HOME = "a" * 32


async def begun(desk: Desk) -> tuple[str, str]:
    opened = await desk.switchboard.open("web", address=HOME)
    return opened.conversation.id, opened.token


async def story(desk: Desk, name: str) -> list[tuple[int, str, str]]:
    return [(m.seq, m.party.value, m.text) for m in await desk.store.messages(name)]


async def ids(desk: Desk, name: str) -> list[str]:
    return [m.id for m in await desk.store.messages(name)]


# Opening and tokens


async def test_a_conversation_opens_with_a_greeting_that_says_it_is_a_machine(desk: Desk) -> None:
    name, token = await begun(desk)
    ((seq, party, text),) = await story(desk, name)
    assert (seq, party) == (1, "bot")
    assert "机器" in text
    assert "杭州" in text
    assert await desk.switchboard.may_listen(name, token)
    assert await desk.switchboard.holder(token) == name
    assert not await desk.switchboard.may_listen(name, "another")


async def test_a_token_is_kept_as_a_digest_only(desk: Desk) -> None:
    _, token = await begun(desk)
    digests = await desk.database.read(lambda c: list(c.scalars(select(tokens.c.digest))))
    assert token not in digests
    assert len(digests) == 1


async def test_the_greeting_speaks_the_language_of_the_interface(desk: Desk) -> None:
    opened = await desk.switchboard.open("web", address=HOME, locale="en-GB")
    assert "machine" in (await story(desk, opened.conversation.id))[0][2]


# Saying


async def test_a_question_is_kept_answered_and_carries_a_code_to_quote(desk: Desk) -> None:
    name, _ = await begun(desk)
    heard = await desk.switchboard.receive(name, " 交多少年？ ", id="m1")
    assert (heard.fresh, heard.message.seq) == (True, 2)
    assert (await story(desk, name))[1:] == [(2, "citizen", "交多少年？"), (3, "bot", "答：交多少年？")]
    reply = (await desk.store.messages(name))[-1]
    assert reply.answer_code == answer_code(name, "re:m1")
    assert (await desk.store.by_code(reply.answer_code)) == reply
    assert (reply.because, reply.details["version"]) == ("answer", "v1")


async def test_numbers_are_masked_before_anything_is_kept_or_understood(desk: Desk, tmp_path: Path) -> None:
    name, _ = await begun(desk)
    await desk.switchboard.receive(name, f"我的身份证{ID}", id="m1")
    citizen, bot = (await desk.store.messages(name))[1:]
    assert citizen.text == "我的身份证［身份证号已隐去］"
    assert citizen.details == {"masked": ["identity"]}
    assert bot.text.startswith("号码已自动隐去")
    assert desk.assistant.asked == [citizen.text]
    assert all(ID.encode() not in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \u200b\n ", "empty"),
        ("字" * 501, "too_long"),
        (None, "not_text"),
        (5, "not_text"),
        (["x"], "not_text"),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_not_kept(desk: Desk, text: Any, code: str) -> None:
    name, _ = await begun(desk)
    with pytest.raises(Refused, match=code):
        await desk.switchboard.receive(name, text, id="m1")
    assert len(await story(desk, name)) == 1


async def test_five_hundred_characters_are_taken(desk: Desk) -> None:
    name, _ = await begun(desk)
    assert (await desk.switchboard.receive(name, "字" * 500, id="m1")).fresh


@pytest.mark.parametrize("id", ["greeting", "re:m1", "sys:x", "form:1"])
async def test_an_id_of_the_services_own_messages_is_refused(desk: Desk, id: str) -> None:
    """Else the words would be acked as heard and never kept, or their answer lost."""
    name, _ = await begun(desk)
    with pytest.raises(Refused, match="bad_id"):
        await desk.switchboard.receive(name, "您好", id=id)
    await desk.switchboard.receive(name, "您好", id="m1")
    assert await ids(desk, name) == ["greeting", "m1", "re:m1"]


async def test_a_repeated_message_is_answered_once(desk: Desk) -> None:
    name, _ = await begun(desk)
    first = await desk.switchboard.receive(name, "您好", id="m1")
    again = await desk.switchboard.receive(name, "您好", id="m1")
    assert (again.fresh, again.message) == (False, first.message)
    assert await ids(desk, name) == ["greeting", "m1", "re:m1"]


async def test_a_message_delivered_many_times_at_once_is_heard_and_answered_once(desk: Desk) -> None:
    name, _ = await begun(desk)
    told = await asyncio.gather(*(desk.switchboard.receive(name, "您好", id="m1") for _ in range(8)))
    assert {t.message.seq for t in told} == {2}
    assert sum(t.fresh for t in told) == 1
    assert await ids(desk, name) == ["greeting", "m1", "re:m1"]


async def test_messages_at_once_are_all_answered(desk: Desk) -> None:
    name, _ = await begun(desk)
    await asyncio.gather(*(desk.switchboard.receive(name, f"问{n}", id=f"m{n}") for n in range(12)))
    kept = await ids(desk, name)
    assert sorted(kept) == sorted(["greeting", *(f"m{n}" for n in range(12)), *(f"re:m{n}" for n in range(12))])


async def test_a_message_whose_answer_was_lost_is_answered_when_it_is_sent_again(desk: Desk) -> None:
    name, _ = await begun(desk)
    await desk.switchboard.hear(name, "您好", id="m1")
    await desk.switchboard.receive(name, "您好", id="m1")
    assert await ids(desk, name) == ["greeting", "m1", "re:m1"]


async def test_what_was_said_is_kept_even_when_understanding_fails(desk: Desk) -> None:
    name, _ = await begun(desk)

    async def fails(*told: object) -> Any:
        raise NotFound("no version")

    desk.assistant.perceive = fails  # type: ignore[method-assign]
    with pytest.raises(NotFound):
        await desk.switchboard.receive(name, "您好", id="m1")
    assert await ids(desk, name) == ["greeting", "m1"]


async def test_too_many_messages_a_minute_are_refused_with_the_time_to_wait(sqlite: Database, clock: Clock) -> None:
    async with open_bus("memory://") as bus:
        desk = join(sqlite, bus, clock, Rules(messages_per_minute=3))  # type: ignore[arg-type]
        name, _ = await begun(desk)
        for n in range(3):
            await desk.switchboard.receive(name, "您好", id=f"m{n}")
        with pytest.raises(Refused, match="too_often") as refused:
            await desk.switchboard.receive(name, "您好", id="m3")
        assert refused.value.retry_after == 60
        clock.move(seconds=60)
        assert (await desk.switchboard.receive(name, "您好", id="m3")).fresh


async def test_another_process_answers_meanwhile_and_nobody_hears_it_twice(desk: Desk, tmp_path: Path) -> None:
    """The reply is there already, and more was said since: what this process tells must be what is kept."""
    name, _ = await begun(desk)
    heard, perceived = await desk.switchboard.hear(name, "您好", id="m1")
    async with desk.switchboard.listen(name) as updates:
        seen = list((await anext(updates)).messages)
        other = Conversations(desk.database)
        await other.reply(heard.conversation, Message("re:m1", Party.BOT, "别处的答", desk.clock()))
        await other.say(name, Message("sys:notice", Party.SYSTEM, "通知", desk.clock()))
        await desk.switchboard.answer(heard, perceived)
        await desk.switchboard.receive(name, "再问", id="m2")
        async with asyncio.timeout(5):
            while len(seen) < 6:
                seen.extend((await anext(updates)).messages)
    assert seen == await desk.store.messages(name)
    assert [m.id for m in seen] == ["greeting", "m1", "re:m1", "sys:notice", "m2", "re:m2"]


# Human, queue, end


async def test_asking_for_a_human_puts_the_citizen_in_the_queue_and_he_can_leave_it(desk: Desk) -> None:
    name, _ = await begun(desk)
    heard, perceived, choice = await desk.switchboard.ask_human(name, id="h1")
    await desk.switchboard.answer(heard, perceived, choice)
    conversation = await desk.switchboard.find(name)
    assert conversation.stage is Stage.WAITING
    assert (await desk.switchboard.state(conversation)).standing == Standing(1, None)
    left = await desk.switchboard.leave_queue(name, id="l1")
    again = await desk.switchboard.leave_queue(name, id="l1")
    assert (left.stage, again) == (Stage.BOT, left)
    assert (await ids(desk, name))[-1] == "sys:l1"


async def test_while_one_waits_the_bot_goes_on_answering(desk: Desk) -> None:
    name, _ = await begun(desk)
    heard, perceived, choice = await desk.switchboard.ask_human(name, id="h1")
    await desk.switchboard.answer(heard, perceived, choice)
    await desk.switchboard.receive(name, "您好", id="m1")
    assert (await ids(desk, name))[-1] == "re:m1"
    assert (await desk.switchboard.find(name)).stage is Stage.WAITING


async def test_the_bot_is_silent_while_a_human_holds_the_conversation(desk: Desk) -> None:
    name, _ = await begun(desk)
    conversation = await desk.store.find(name)
    waiting = await desk.store.change(conversation.wait(), reason="asked", at=desk.clock())
    await desk.store.change(waiting.claim("amy"), reason="claimed", at=desk.clock())
    await desk.switchboard.receive(name, "您好", id="m1")
    assert await ids(desk, name) == ["greeting", "m1"]


async def test_a_reply_in_the_making_is_dropped_when_a_human_takes_over(desk: Desk) -> None:
    name, _ = await begun(desk)
    waiting = await desk.store.change((await desk.store.find(name)).wait(), reason="asked", at=desk.clock())
    desk.assistant.gate = asyncio.Event()
    asking = asyncio.create_task(desk.switchboard.receive(name, "您好", id="m1"))
    while (await desk.store.find(name)).last_seq < 2:
        await asyncio.sleep(0.01)
    await desk.store.change(waiting.claim("amy"), reason="claimed", at=desk.clock())
    desk.assistant.gate.set()
    await asking
    assert await ids(desk, name) == ["greeting", "m1"]


async def test_ending_closes_once_and_the_device_forgets(desk: Desk) -> None:
    name, token = await begun(desk)
    closed = await desk.switchboard.end(name, token, id="e1")
    again = await desk.switchboard.end(name, None, id="e2")
    assert (closed.stage, again) == (Stage.CLOSED, closed)
    assert not await desk.switchboard.may_listen(name, token)
    assert (await ids(desk, name))[-1] == "sys:e1"


async def test_after_the_end_a_word_within_a_day_opens_it_again_and_later_it_is_gone(desk: Desk) -> None:
    name, token = await begun(desk)
    await desk.switchboard.end(name, token, id="e1")
    desk.clock.move(hours=24)
    await desk.switchboard.receive(name, "还有", id="m1")
    assert (await ids(desk, name))[-1] == "re:m1"
    await desk.switchboard.end(name, token, id="e2")
    desk.clock.move(hours=24, seconds=1)
    with pytest.raises(Refused, match="gone"):
        await desk.switchboard.receive(name, "还有", id="m2")


async def test_a_move_that_is_not_possible_is_refused_with_a_sentence(desk: Desk) -> None:
    name, token = await begun(desk)
    conversation = await desk.switchboard.end(name, token, id="e1")

    def impossible(current: Conversation) -> Conversation:
        return current.wait()

    with pytest.raises(Refused, match="wrong_stage"):
        await desk.switchboard._change(conversation.id, impossible, reason="x", notice=("left_queue", "x"))


async def test_a_change_that_always_comes_too_late_says_so(desk: Desk) -> None:
    name, _ = await begun(desk)

    async def too_late(*told: object, **more: object) -> Any:
        raise Stale(name)

    desk.store.change = too_late  # type: ignore[method-assign]
    with pytest.raises(Stale):
        await desk.switchboard.end(name, None, id="e1")


# Choices


OFFER = Reply(
    "您想问哪个？",
    "clarify",
    "clarify",
    choices=(Choice("c1", "怎么补缴", entry="e1"), Choice("none", "都不是", action="none")),
)


async def test_a_choice_is_what_the_citizen_said(desk: Desk) -> None:
    name, _ = await begun(desk)
    desk.assistant.replies["补"] = OFFER
    await desk.switchboard.receive(name, "补", id="m1")
    heard, perceived, choice = await desk.switchboard.choose(name, "c1.2", id="k1")
    await desk.switchboard.answer(heard, perceived, choice)
    assert (choice.label, choice.entry) == ("怎么补缴", "e1")
    assert (await story(desk, name))[3:] == [(4, "citizen", "怎么补缴"), (5, "bot", "答：怎么补缴")]


async def test_an_older_offer_may_still_be_pressed_and_a_repeated_click_is_one(desk: Desk) -> None:
    name, _ = await begun(desk)
    desk.assistant.replies["补"] = OFFER
    await desk.switchboard.receive(name, "补", id="m1")
    await desk.switchboard.receive(name, "别的", id="m2")
    assert (await desk.store.find(name)).offered == ()
    for _ in range(2):
        heard, perceived, choice = await desk.switchboard.choose(name, "c1.2", id="k1")
        await desk.switchboard.answer(heard, perceived, choice)
    assert choice.entry == "e1"
    assert (await ids(desk, name))[-2:] == ["k1", "re:k1"]


async def test_a_choice_that_was_never_offered_is_refused(desk: Desk) -> None:
    name, _ = await begun(desk)
    with pytest.raises(Refused, match="unknown_choice"):
        await desk.switchboard.choose(name, "c1.2", id="k1")
    assert len(await story(desk, name)) == 1


async def test_in_a_very_long_conversation_the_last_offers_are_looked_at(desk: Desk) -> None:
    name, _ = await begun(desk)
    row = {"conversation_id": name, "party": "citizen", "text": "话", "at": 0, "because": "", "answer_code": ""}
    filling = [{**row, "seq": n, "id": f"f{n}"} for n in range(2, PAGE + 100)]

    def fill(connection: Any) -> None:
        connection.execute(messages.insert(), filling)
        connection.execute(conversations.update().values(last_seq=PAGE + 99))

    await desk.database.write(fill)
    desk.assistant.replies["补"] = OFFER
    await desk.switchboard.receive(name, "补", id="m1")
    await desk.switchboard.receive(name, "别的", id="m2")
    assert (await desk.switchboard.choose(name, f"c1.{PAGE + 100}", id="k1"))[2].entry == "e1"


# Forms and codes


async def test_a_message_form_is_confirmed_with_its_number_once(desk: Desk) -> None:
    name, _ = await begun(desk)
    form = Form("refund", "请回电", "13800138000", consent=True)
    for _ in range(2):
        await desk.switchboard.leave_message(name, form, id="f1")
    kept = await desk.database.read(lambda c: c.execute(select(tickets)).all())
    assert len(kept) == 1
    text = (await story(desk, name))[-1][2]
    assert kept[0].id in text
    assert "13800138000" not in text
    assert await ids(desk, name) == ["greeting", "form:f1"]


async def test_a_form_for_nobody_is_not_kept(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.switchboard.leave_message("nobody", Form("", "请回电", "13800138000", consent=True), id="f1")
    assert await desk.database.read(lambda c: c.execute(select(tickets)).all()) == []


async def test_a_code_opens_the_conversation_on_another_device_too(desk: Desk) -> None:
    name, token = await begun(desk)
    desk.assistant.replies["换手机继续"] = Reply("继续码：{code}。", "resume_code", "smalltalk", wants_code=True)
    await desk.switchboard.receive(name, "换手机继续", id="m1")
    code = re.search(r"\d{6}", (await story(desk, name))[-1][2])
    assert code
    resumed = await desk.switchboard.resume(code[0])
    assert resumed.conversation.id == name
    assert resumed.token != token
    assert await desk.switchboard.may_listen(name, resumed.token)
    assert await desk.switchboard.may_listen(name, token)
    with pytest.raises(Refused, match="bad_code"):
        await desk.switchboard.resume(code[0])


# Listening


async def read(updates: AsyncIterator[Update], count: int) -> list[Message]:
    seen: list[Message] = []
    async with asyncio.timeout(8):
        while len(seen) < count:
            seen.extend((await anext(updates)).messages)
    return seen


async def test_a_listener_first_hears_what_was_said_and_then_each_word_as_it_comes(desk: Desk) -> None:
    name, _ = await begun(desk)
    await desk.switchboard.receive(name, "一", id="m1")
    async with desk.switchboard.listen(name, after=1) as updates:
        assert [m.id for m in await read(updates, 2)] == ["m1", "re:m1"]
        await desk.switchboard.receive(name, "二", id="m2")
        assert [m.id for m in await read(updates, 2)] == ["m2", "re:m2"]


async def test_a_listener_to_nobody_is_told(desk: Desk) -> None:
    async with desk.switchboard.listen("nobody") as updates:
        with pytest.raises(NotFound):
            await anext(updates)


async def test_a_listener_learns_who_holds_the_conversation_without_a_word_said(desk: Desk) -> None:
    name, _ = await begun(desk)
    async with desk.switchboard.listen(name, after=1) as updates:
        assert (await anext(updates)).conversation.stage is Stage.BOT
        waiting = await desk.store.change((await desk.store.find(name)).wait(), reason="asked", at=desk.clock())
        desk.bus.strike(name, elsewhere=True)
        update = await anext(updates)
        assert (update.conversation.stage, update.messages) == (Stage.WAITING, ())
        await desk.store.change(waiting.claim("amy"), reason="claimed", at=desk.clock())
        desk.bus.strike(name, elsewhere=True)
        assert (await anext(updates)).conversation.agent_id == "amy"


async def test_a_long_story_comes_whole_and_in_order(desk: Desk) -> None:
    name, _ = await begun(desk)
    conversation = await desk.store.find(name)
    for n in range(3):
        await desk.store.say(name, Message(f"sys:{n}", Party.SYSTEM, "通知", desk.clock()))
    await asyncio.gather(
        *(desk.store.say(name, Message(f"sys:a{n}", Party.SYSTEM, "通知", desk.clock())) for n in range(PAGE))
    )
    async with desk.switchboard.listen(name) as updates:
        seen = await read(updates, PAGE + 4)
    assert [m.seq for m in seen] == list(range(1, PAGE + 5))
    assert conversation.last_seq == 1


async def test_a_long_poll_returns_at_once_when_there_is_something_else_when_it_comes_or_when_time_is_up(
    desk: Desk,
) -> None:
    name, _ = await begun(desk)
    assert [m.seq for m in (await desk.switchboard.messages(name, 0, wait=9)).messages] == [1]
    assert (await desk.switchboard.messages(name, 1)).messages == ()
    assert (await desk.switchboard.messages(name, 1, wait=0.1)).messages == ()
    waiting = asyncio.create_task(desk.switchboard.messages(name, 1, wait=9))
    await asyncio.sleep(0.05)
    await desk.switchboard.hear(name, "您好", id="m1")
    assert [m.id for m in (await asyncio.wait_for(waiting, 5)).messages] == ["m1"]


async def test_who_left_costs_nothing_more(desk: Desk) -> None:
    name, _ = await begun(desk)
    async with desk.switchboard.listen(name) as updates:
        await anext(updates)
    await desk.switchboard.messages(name, 1, wait=0.02)
    assert desk.bus._bells == {}
    assert desk.switchboard._recent._tails == {}


# Two processes, two machines


@pytest.fixture(params=["unix", "redis"])
async def machines(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Desk, Desk]]:
    """Two processes on one machine over SQLite; two machines over PostgreSQL and Redis."""
    async with AsyncExitStack() as stack:
        if request.param == "unix":
            await stack.enter_async_context(run_exchange(tmp_path / "bells"))
            bus_url, store_url = f"unix://{tmp_path}/bells", f"sqlite:///{tmp_path}/yida.db"
        else:
            server: RedisServer = request.getfixturevalue("redis_server")
            bus_url, store_url = server.url, request.getfixturevalue("postgres_url")
        desks = []
        for _ in range(2):
            database = open_database(store_url)
            stack.callback(database.close)
            database.migrate()
            bus: Any = await stack.enter_async_context(open_bus(bus_url))
            desks.append(join(database, bus, Clock()))
        await joined(*(desk.bus for desk in desks))
        yield desks[0], desks[1]


async def test_what_is_said_in_one_process_is_heard_in_the_other_in_order(machines: tuple[Desk, Desk]) -> None:
    near, far = machines
    name, _ = await begun(near)
    async with far.switchboard.listen(name) as updates, near.switchboard.listen(name) as own:
        await asyncio.gather(
            *(
                desk.switchboard.receive(name, f"问{n}", id=f"{k}{n}")
                for n in range(6)
                for k, desk in zip("ab", machines, strict=True)
            )
        )
        seen = [await read(listening, 25) for listening in (updates, own)]
    kept = await near.store.messages(name)
    assert seen == [kept, kept]
    assert [m.seq for m in kept] == list(range(1, 26))


async def test_a_claim_in_another_process_reaches_the_citizen_at_once(machines: tuple[Desk, Desk]) -> None:
    near, far = machines
    name, _ = await begun(near)
    async with near.switchboard.listen(name, after=1) as updates:
        await anext(updates)
        heard, perceived, choice = await far.switchboard.ask_human(name, id="h1")
        await far.switchboard.answer(heard, perceived, choice)
        async with asyncio.timeout(5):
            while (await anext(updates)).conversation.stage is not Stage.WAITING:
                pass
        await far.switchboard.leave_queue(name, id="l1")
        async with asyncio.timeout(5):
            while (await anext(updates)).conversation.stage is not Stage.BOT:
                pass


async def test_the_typing_of_a_citizen_is_noted(desk: Desk) -> None:
    name, _ = await begun(desk)
    await desk.switchboard.receive(name, "您好", id="m1")
    desk.clock.move(minutes=2)
    await desk.switchboard.typing(name)
    assert await desk.store.quiet_since(desk.clock() - timedelta(seconds=1)) == []
    assert len(await desk.store.quiet_since(desk.clock() + timedelta(seconds=1))) == 1
