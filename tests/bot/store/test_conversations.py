"""One suite for both stores: numbers without gaps, every message once, changes by compare-and-set."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.conversation import Choice, Conversation, Message, Party, Source, Stage, Task
from bot.errors import NotFound, Refused, Stale
from bot.store.conversations import PAGE, Conversations
from bot.store.database import Database
from bot.store.queue import Queue
from bot.tables import moves, tokens
from tests.spoken import A_DAY, NAME, NOON, heard, opened, replied, said


async def together(*awaited: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*awaited, return_exceptions=True)


async def reasons(database: Database, name: str = NAME) -> list[str]:
    query = select(moves.c.reason).where(moves.c.conversation_id == name).order_by(moves.c.id)
    return await database.read(lambda c: list(c.scalars(query)))


async def in_order(store: Conversations, database: Database) -> list[str]:
    """Who waits, next first."""
    return [w.conversation for w in (await Queue(database).floor(NOON)).waiting]


async def waiting(store: Conversations, name: str = NAME, at: timedelta = timedelta()) -> Conversation:
    conversation = await opened(store, name)
    return await store.change(conversation.wait(), reason="asked", at=NOON + at)


# Opening


async def test_a_new_conversation_begins_with_its_greeting_as_message_one(store: Conversations) -> None:
    conversation = await opened(store)
    assert (conversation.stage, conversation.last_seq) == (Stage.BOT, 1)
    assert [(m.seq, m.id) for m in await store.messages(NAME)] == [(1, "greeting")]


async def test_the_same_id_from_the_same_address_soon_again_is_the_same_conversation(
    store: Conversations, database: Database
) -> None:
    await opened(store)
    await heard(store, said("m1"))
    again = await opened(store, at=NOON + timedelta(minutes=9))
    assert again.last_seq == 2
    assert await database.read(lambda c: c.scalar(select(func.count()).select_from(tokens))) == 2


@pytest.mark.parametrize(
    ("address", "later"), [("b" * 32, timedelta(minutes=1)), ("a" * 32, timedelta(minutes=10))], ids=["other", "late"]
)
async def test_an_id_of_somebody_else_or_of_long_ago_is_refused(
    store: Conversations, database: Database, address: str, later: timedelta
) -> None:
    await opened(store)
    with pytest.raises(Refused, match="id_taken"):
        await opened(store, at=NOON + later, address=address)
    assert await database.read(lambda c: c.scalar(select(func.count()).select_from(tokens))) == 1


async def test_ten_openings_of_one_id_at_once_make_one_conversation(store: Conversations, neighbour: Database) -> None:
    other = Conversations(neighbour)
    every = [opened(s, at=NOON + timedelta(seconds=n)) for n in range(5) for s in (store, other)]
    told = await together(*every)
    assert {c.id for c in told if isinstance(c, Conversation)} == {NAME}
    assert [m.seq for m in await store.messages(NAME)] == [1]


async def test_a_token_opens_its_conversation_until_it_is_ended_and_is_still_known(store: Conversations) -> None:
    fresh = Conversation(NAME, "web", NOON)
    greeting = Message("greeting", Party.BOT, "您好", NOON)
    await store.open(fresh, greeting, address="a", digest="d" * 64, same_within_ms=0)
    assert await store.holder("d" * 64) == NAME
    assert await store.ended("d" * 64) is None
    await store.end_token("d" * 64, NOON)
    assert await store.holder("d" * 64) is None
    assert await store.ended("d" * 64) == NAME


async def test_a_conversation_that_nobody_opened_is_not_found(store: Conversations) -> None:
    for asking in (
        store.find("nobody"),
        store.listened("nobody", 0),
        heard(store, said("m1"), "nobody"),
        store.say("nobody", replied("m1")),
    ):
        with pytest.raises(NotFound):
            await asking


# Hearing


async def test_thirty_messages_at_once_are_numbered_without_a_gap(store: Conversations) -> None:
    await opened(store)
    told = await together(*(heard(store, said(f"m{n}")) for n in range(30)))
    assert sorted(h.message.seq for h in told) == list(range(2, 32))
    assert [m.seq for m in await store.messages(NAME)] == list(range(1, 32))
    assert (await store.find(NAME)).last_seq == 31


async def test_messages_through_two_processes_at_once_are_numbered_without_a_gap(
    store: Conversations, neighbour: Database
) -> None:
    await opened(store)
    other = Conversations(neighbour)
    told = await together(*(heard(s, said(f"{k}{n}")) for n in range(15) for k, s in (("a", store), ("b", other))))
    assert sorted(h.message.seq for h in told) == list(range(2, 32))


async def test_a_repeated_message_is_heard_once_and_has_the_same_number(store: Conversations) -> None:
    await opened(store)
    first, _, again = [await heard(store, said(i, t)) for i, t in (("m1", "早"), ("m2", "晚"), ("m1", "别的"))]
    assert (first.fresh, again.fresh) == (True, False)
    assert again.message == first.message
    assert [m.text for m in await store.messages(NAME, after=1)] == ["早", "晚"]


async def test_one_id_many_times_at_once_is_heard_once(store: Conversations, neighbour: Database) -> None:
    await opened(store)
    other = Conversations(neighbour)
    told = await together(*(heard(s, said("m1")) for _ in range(5) for s in (store, other)))
    assert sum(h.fresh for h in told) == 1
    assert {h.message.seq for h in told} == {2}
    following = await heard(store, said("m2"))
    assert following.message.seq == 3


async def test_the_thirty_first_message_of_a_minute_is_refused_until_the_minute_is_over(store: Conversations) -> None:
    await opened(store)
    for n in range(30):
        await store.hear(NAME, said(f"m{n}", at=NOON + timedelta(seconds=n)), per_minute=30, reopen_ms=A_DAY)
    late = NOON + timedelta(seconds=29.5)
    with pytest.raises(Refused, match="too_often") as refused:
        await store.hear(NAME, said("more", at=late), per_minute=30, reopen_ms=A_DAY)
    repeated = await store.hear(NAME, said("m3", at=late), per_minute=30, reopen_ms=A_DAY)
    assert repeated.message.seq == 5
    assert refused.value.retry_after
    obeyed = late + timedelta(seconds=refused.value.retry_after)
    assert (await store.hear(NAME, said("more", at=obeyed), per_minute=30, reopen_ms=A_DAY)).message.seq == 32


async def test_a_message_within_a_day_reopens_a_closed_conversation(store: Conversations, database: Database) -> None:
    conversation = await opened(store)
    await store.change(conversation.close(NOON), reason="closed", at=NOON)
    told = await heard(store, said("m1", at=NOON + timedelta(hours=23)))
    assert (told.conversation.stage, told.conversation.closed_at) == (Stage.BOT, None)
    assert await reasons(database) == ["closed", "reopened"]


async def test_a_message_after_more_than_a_day_finds_the_conversation_gone(store: Conversations) -> None:
    conversation = await opened(store)
    await heard(store, said("m1"))
    closed = await store.change(conversation.close(NOON), reason="closed", at=NOON)
    later = NOON + timedelta(hours=24, seconds=1)
    with pytest.raises(Refused, match="gone"):
        await heard(store, said("m2", at=later))
    assert (await heard(store, said("m1", at=later))).message.seq == 2
    assert (await store.find(NAME)).stage is closed.stage is Stage.CLOSED


async def test_a_procedure_left_for_a_week_is_taken_up_where_it_was(store: Conversations) -> None:
    task = Task("procedure", "pension_transfer", {"direction": "in"}, 0)
    conversation = await opened(store)
    await heard(store, said("m1"))
    led = await store.reply(replace(await store.find(NAME), task=task), replied("m1"))
    assert led
    await store.change(led.close(NOON), reason="closed", at=NOON)
    told = await heard(store, said("m2", at=NOON + timedelta(days=7)))
    assert (told.conversation.stage, told.conversation.task) == (Stage.BOT, task)
    assert conversation.task is None


async def test_messages_at_once_reopen_a_closed_conversation_once(
    store: Conversations, neighbour: Database, database: Database
) -> None:
    conversation = await opened(store)
    await store.change(conversation.close(NOON), reason="closed", at=NOON)
    other = Conversations(neighbour)
    told = await together(*(heard(s, said(f"{k}{n}")) for n in range(6) for k, s in (("a", store), ("b", other))))
    assert [t for t in told if isinstance(t, Exception)] == []
    assert sorted(h.message.seq for h in told) == list(range(2, 14))
    assert await reasons(database) == ["closed", "reopened"]


async def test_closing_does_not_lift_the_limit_of_a_minute(store: Conversations) -> None:
    conversation = await opened(store)
    await store.hear(NAME, said("m1"), per_minute=1, reopen_ms=A_DAY)
    await store.change(conversation.close(NOON), reason="closed", at=NOON)
    with pytest.raises(Refused, match="too_often"):
        await store.hear(NAME, said("m2"), per_minute=1, reopen_ms=A_DAY)
    assert (await store.find(NAME)).stage is Stage.CLOSED


# Replying


async def test_two_replies_at_once_leave_one_and_the_other_is_stale(store: Conversations, neighbour: Database) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    told = await together(
        store.reply(turn, replied("m1", "甲")), Conversations(neighbour).reply(turn, replied("m1", "乙"))
    )
    assert [type(t) for t in told].count(Stale) == 1
    assert [m.id for m in await store.messages(NAME, after=2)] == ["re:m1"]


async def test_a_reply_that_was_kept_before_is_not_kept_again(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    after = await store.reply(turn, replied("m1"))
    assert after
    await heard(store, said("m2"))
    again = await store.reply(after, replied("m1", "别的"))
    assert again is None
    assert [m.id for m in await store.messages(NAME, after=1)] == ["m1", "re:m1", "m2"]
    assert (await store.find(NAME)).last_seq == 4


async def test_a_reply_is_dropped_when_a_human_took_the_conversation(store: Conversations) -> None:
    await waiting(store)
    turn = (await heard(store, said("m1"))).conversation
    await store.change(turn.claim("amy"), reason="claimed", at=NOON)
    with pytest.raises(Stale):
        await store.reply(turn, replied("m1"))
    assert [m.id for m in await store.messages(NAME, after=1)] == ["m1"]


async def test_a_claim_and_a_reply_at_once_never_leave_words_of_the_bot_behind_the_claim(
    store: Conversations, neighbour: Database
) -> None:
    other = Conversations(neighbour)
    for n in range(10):
        name = f"conversation-{n}"
        await waiting(store, name)
        turn = (await heard(store, said("m1"), name)).conversation
        notice = Message("sys:claimed", Party.SYSTEM, "已接入", NOON)
        told = await together(
            store.reply(turn, replied("m1")),
            other.change(turn.claim("amy"), reason="claimed", at=NOON, notice=notice),
        )
        assert [type(t) for t in told].count(Stale) == 1
        kept = [m.id for m in await store.messages(name, after=2)]
        claimed = (await store.find(name)).stage is Stage.AGENT
        assert kept == (["sys:claimed"] if claimed else ["re:m1"])


async def test_while_one_waits_the_bot_goes_on_answering_and_the_place_stays(
    store: Conversations, database: Database
) -> None:
    await waiting(store, "first")
    await waiting(store, "second", at=timedelta(seconds=5))
    turn = (await heard(store, said("m1"), "first")).conversation
    after = await store.reply(turn, replied("m1", at=NOON + timedelta(minutes=1)), hand_off=True, reason="again")
    assert after
    assert after.stage is Stage.WAITING
    assert await in_order(store, database) == ["first", "second"]


async def test_a_handing_over_reply_puts_the_citizen_in_the_queue_and_notes_why(
    store: Conversations, database: Database
) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    after = await store.reply(turn, replied("m1"), hand_off=True, reason="asked_for_human")
    assert after
    assert after.stage is Stage.WAITING
    assert await reasons(database) == ["asked_for_human"]


async def test_a_reply_brings_what_the_conversation_remembers(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    offered = (Choice("c1", "怎么补缴", entry="arrears"), Choice("none", "都不是", action="none"))
    told = replace(turn, topic="refund", last_entry="e1", misses=1, offered=offered, slots={"city": "杭州"})
    after = await store.reply(told, replied("m1"))
    assert after == replace(told, last_seq=3, version=turn.version + 1)
    assert await store.find(NAME) == after


# Changing


async def test_two_agents_claim_at_once_and_one_has_it(store: Conversations, neighbour: Database) -> None:
    conversation = await waiting(store)
    told = await together(
        store.change(conversation.claim("amy"), reason="claimed", at=NOON),
        Conversations(neighbour).change(conversation.claim("ben"), reason="claimed", at=NOON),
    )
    assert [type(t) for t in told].count(Stale) == 1
    winner = next(t for t in told if isinstance(t, Conversation))
    assert (await store.find(NAME)).agent_id == winner.agent_id


async def test_a_change_and_its_notice_come_together_or_not_at_all(store: Conversations, database: Database) -> None:
    conversation = await waiting(store)
    notice = Message("sys:left", Party.SYSTEM, "已退出排队", NOON, because="left_queue")
    changed = await store.change(conversation.leave_queue(), reason="left_queue", at=NOON, notice=notice)
    assert (changed.stage, changed.last_seq) == (Stage.BOT, 2)
    with pytest.raises(Stale):
        await store.change(conversation.leave_queue(), reason="left_queue", at=NOON, notice=replace(notice, id="b"))
    assert [m.id for m in await store.messages(NAME, after=1)] == ["sys:left"]
    assert await reasons(database) == ["asked", "left_queue"]


async def test_a_notice_that_was_given_is_not_given_again(store: Conversations) -> None:
    await opened(store)
    notice = Message("form:1", Party.SYSTEM, "已收到", NOON)
    first, again = await store.say(NAME, notice), await store.say(NAME, notice)
    assert (first.last_seq, again.last_seq) == (2, 2)
    changed = await store.change(again.wait(), reason="asked", at=NOON, notice=notice)
    assert (changed.stage, changed.last_seq) == (Stage.BOT, 2)


async def test_the_queue_is_in_order_of_arrival_and_leaving_it_gives_the_place_up(
    store: Conversations, database: Database
) -> None:
    names = ["conv-a", "conv-b", "conv-c"]
    queue = [await waiting(store, name, at=timedelta(seconds=n)) for n, name in enumerate(names)]
    assert await in_order(store, database) == names
    left = await store.change(queue[0].leave_queue(), reason="left", at=NOON)
    await store.change(left.wait(), reason="asked", at=NOON + timedelta(minutes=1))
    assert await in_order(store, database) == [*names[1:], names[0]]


# Reading


async def test_a_message_comes_back_as_it_was_said(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("m1", "标点“”、emoji 🙂 和\n换行"))).conversation
    told = Message(
        "re:m1", Party.BOT, "**答** 12333", NOON, choices=(Choice("c1", "补缴", entry="e1"), Choice("h", "人工", action="human")),
        sources=(Source("社会保险法", "第十六条", "2011-07-01", "全国", "2026-11-22", "https://flk.npc.gov.cn", ""),),
        card={"kind": "step", "of": [1, 2]}, because="answer", answer_code="ABCD-2345", details={"score": 0.5, "hits": [["e1", 1]]},
    )  # fmt: skip
    await store.reply(turn, told)
    citizen, bot = await store.messages(NAME, after=1)
    assert citizen == replace(said("m1", "标点“”、emoji 🙂 和\n换行"), seq=2)
    assert bot == replace(told, seq=3)
    assert await store.by_code("ABCD-2345") == bot
    assert await store.by_code("ABCD-2346") is None


async def test_a_long_story_is_read_in_pages(store: Conversations) -> None:
    await opened(store)
    await together(*(heard(store, said(f"m{n}")) for n in range(PAGE + 20)))
    conversation, first = await store.listened(NAME, 0)
    _, rest = await store.listened(NAME, first[-1].seq)
    assert [m.seq for m in [*first, *rest]] == list(range(1, conversation.last_seq + 1))
    assert [m.seq for m in await store.messages(NAME, after=5, limit=3)] == [6, 7, 8]


@pytest.mark.parametrize("after", [2, 2**31, 2**80], ids=str)
async def test_who_asks_for_what_comes_after_the_end_gets_nothing(store: Conversations, after: int) -> None:
    await opened(store)
    assert await store.messages(NAME, after=after) == []
    assert (await store.listened(NAME, after))[1] == []


async def test_what_a_listener_reads_amid_writing_ends_with_the_last_number(store: Conversations) -> None:
    await opened(store)
    writing = asyncio.gather(*(heard(store, said(f"m{n}")) for n in range(60)))
    seen = 0
    while seen < 61:
        conversation, fresh = await store.listened(NAME, seen)
        assert [m.seq for m in fresh] == list(range(seen + 1, conversation.last_seq + 1))
        seen = conversation.last_seq
    await writing


async def test_a_reminder_is_given_its_time_however_long_the_silence_was(store: Conversations) -> None:
    await opened(store)
    silent = (await heard(store, said("m1"))).conversation
    late = NOON + timedelta(hours=1)
    await store.change(replace(silent, reminded=True), reason="reminded", at=late)
    assert await store.quiet_since(late, reminded_before=late - timedelta(seconds=1)) == []
    assert [c.id for c in await store.quiet_since(late, reminded_before=late)] == [NAME]


async def test_silence_is_counted_from_the_last_word_or_key(store: Conversations) -> None:
    for name in ("silent", "speaking", "writing", "never-spoke", "queued"):
        await opened(store, name)
    for name in ("silent", "writing", "queued"):
        await heard(store, said("m1"), name)
    await heard(store, said("m1", at=NOON + timedelta(minutes=2)), "speaking")
    await store.touch_typing("writing", NOON + timedelta(minutes=2))
    await store.change((await store.find("queued")).wait(), reason="asked", at=NOON)
    minute = NOON + timedelta(minutes=1)
    quiet = await store.quiet_since(minute)
    assert [c.id for c in quiet] == ["silent"]
    await store.change(replace(quiet[0], reminded=True), reason="reminded", at=NOON)
    assert await store.quiet_since(minute) == []
    assert [c.id for c in await store.quiet_since(minute, reminded_before=minute)] == ["silent"]


# What a killed process left


async def left(store: Conversations, after: timedelta = timedelta(seconds=11)) -> list[tuple[str, str]]:
    return [(c.id, m.id) for c, m in await store.unanswered(NOON + after)]


async def test_messages_without_a_reply_are_found_oldest_first_and_answered_ones_are_not(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    await store.reply(turn, replied("m1"))
    await heard(store, said("m2"))
    await heard(store, said("m3"))
    assert await left(store) == [(NAME, "m2"), (NAME, "m3")]
    assert await left(store, timedelta()) == []


async def test_what_was_said_to_an_agent_is_not_left_to_the_bot(store: Conversations) -> None:
    queued = await waiting(store)
    await heard(store, said("before"))
    held = await store.change((await store.find(queued.id)).claim("amy"), reason="claimed", at=NOON)
    await heard(store, said("to the agent"))
    assert await left(store) == []
    await store.change(held.release(), reason="released", at=NOON)
    assert await left(store) == []
    await heard(store, said("to the bot"))
    assert await left(store) == [(NAME, "to the bot")]


async def test_what_was_left_when_it_was_closed_is_not_answered_when_it_is_opened_again(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("old"))).conversation
    await store.change(turn.close(NOON), reason="closed", at=NOON)
    await heard(store, said("new"))
    assert await left(store) == [(NAME, "new")]


async def test_a_repeated_message_is_not_left_twice(store: Conversations) -> None:
    await opened(store)
    turn = (await heard(store, said("m1"))).conversation
    await heard(store, said("m1"))
    await store.reply(turn, replied("m1"))
    assert await left(store) == []
