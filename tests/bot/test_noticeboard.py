"""Notices and switches in the store: heard of by every process, audited, and never told twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.accounts import Actor
from bot.audit import rows
from bot.bus.memory import MemoryBus
from bot.errors import NotFound, Refused, Stale
from bot.noticeboard import LONGEST, NoticeBoard, Wording
from bot.notices import CHANNELS, Bulletin, Kind
from bot.store.database import Database
from tests.parts import Desk
from tests.scripted import Clock

HE = Actor("hejing", "10.0.0.3")
PINNED = Wording(Kind.PINNED, "9 月 30 日前完成资格认证。", CHANNELS)
EMERGENCY = Wording(Kind.EMERGENCY, "医保系统正在抢修，预计 14 时恢复。", CHANNELS)


@pytest.fixture
def board(database: Database, clock: Clock) -> NoticeBoard:
    return NoticeBoard(database, MemoryBus(), clock)


async def nothing() -> None:
    pass


async def test_what_one_process_posts_another_tells(board: NoticeBoard, neighbour: Database, clock: Clock) -> None:
    other = NoticeBoard(neighbour, MemoryBus(), clock)
    await board.post(PINNED, HE)
    assert board.greeting_notices("web") == (PINNED.text,)
    await other.look()
    assert other.greeting_notices("wechat") == (PINNED.text,)


async def test_a_bell_is_enough_to_hear_of_a_notice_at_once(database: Database, clock: Clock) -> None:
    bus = MemoryBus()
    here, there, heard = NoticeBoard(database, bus, clock), NoticeBoard(database, bus, clock), asyncio.Event()

    async def announce() -> None:
        heard.set()

    async with there.following(announce):
        await here.post(EMERGENCY, HE)
        async with asyncio.timeout(1.5):  # sooner than the next look
            await heard.wait()
        assert there.greeting_notices("voice") == (EMERGENCY.text,)


async def test_a_notice_posted_twice_is_one(board: NoticeBoard) -> None:
    first = await board.post(PINNED, HE, id="abc")
    again = await board.post(replace(PINNED, text="别的话"), HE, id="abc")
    assert again == first
    assert len(await board.past()) == 1


async def test_who_changes_what_another_changed_meanwhile_is_told(board: NoticeBoard) -> None:
    made = await board.post(PINNED, HE)
    changed = await board.change(made.id, made.revision, replace(PINNED, text="改过的话"), HE)
    assert (changed.text, changed.revision) == ("改过的话", 2)
    with pytest.raises(Stale):
        await board.change(made.id, made.revision, PINNED, HE)
    with pytest.raises(NotFound):
        await board.change("nobody", 1, PINNED, HE)


async def test_ending_twice_is_ending_once(board: NoticeBoard, clock: Clock) -> None:
    made = await board.post(PINNED, HE)
    ended = await board.end(made.id, HE)
    assert board.greeting_notices("web") == ()
    clock.move(minutes=1)
    assert await board.end(made.id, HE) == ended
    with pytest.raises(NotFound):
        await board.end("nobody", HE)


async def test_every_change_is_in_the_audit_log(board: NoticeBoard, database: Database) -> None:
    made = await board.post(PINNED, HE)
    await board.change(made.id, 1, replace(PINNED, text="改过的话"), HE)
    await board.end(made.id, HE)
    await board.switch("web", off=True, text="系统维护", by=HE)
    await board.switch("web", off=False, text="", by=HE)
    log = database.read_now(lambda c: list(rows(c)))
    assert [(row.actor, row.action) for row in log] == [
        ("hejing", "notice_posted"), ("hejing", "notice_changed"), ("hejing", "notice_ended"),
        ("hejing", "channel_switched"), ("hejing", "channel_switched"),
    ]  # fmt: skip
    assert "改过的话" in log[1].detail
    assert "系统维护" in log[3].detail


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (replace(PINNED, text=" "), "empty"),
        (replace(PINNED, text="长" * (LONGEST + 1)), "too_long"),
        (replace(PINNED, kind=Kind.HOT, text="长" * 61), "too_long"),
        (replace(PINNED, text="找小李 13812345678"), "personal_number"),
        (replace(PINNED, channels=()), "bad_channel"),
        (replace(PINNED, channels=("fax",)), "bad_channel"),
    ],
)
async def test_what_cannot_be_announced_is_refused(board: NoticeBoard, told: Wording, code: str) -> None:
    with pytest.raises(Refused) as refused:
        await board.post(told, HE)
    assert refused.value.code == code


async def test_a_notice_cannot_end_before_it_begins_or_now(board: NoticeBoard, clock: Clock) -> None:
    for starts, ends in ((None, clock.now), (clock.now + timedelta(hours=2), clock.now + timedelta(hours=1))):
        with pytest.raises(Refused) as refused:
            await board.post(replace(PINNED, starts_at=starts, ends_at=ends), HE)
        assert refused.value.code == "bad_time"


async def test_a_switch_needs_words_to_be_thrown_and_a_channel_that_there_is(board: NoticeBoard) -> None:
    with pytest.raises(Refused):
        await board.switch("web", off=True, text=" ", by=HE)
    with pytest.raises(NotFound):
        await board.switch("fax", off=True, text="停", by=HE)
    assert board.switch_text("web") is None
    switch = await board.switch("web", off=True, text="系统维护", by=HE)
    assert (switch.off, board.switch_text("web"), board.switch_text("voice")) == (True, "系统维护", None)


async def test_a_resting_channel_says_so_and_hands_nobody_over(desk: Desk) -> None:
    board = NoticeBoard(desk.database, desk.bus, desk.clock)
    desk.switchboard._bulletin = lambda: board.bulletin
    await desk.switchboard.open("web", address="a", id="earlier")
    await board.switch("web", off=True, text="系统维护，请打 12333。", by=HE)
    opened = await desk.switchboard.open("web", address="a", id="later")
    assert (await desk.store.messages("later"))[0].text == "系统维护，请打 12333。"
    await desk.switchboard.receive("earlier", "怎么参保", id="m1")
    await desk.switchboard.answer(*(await desk.switchboard.ask_human("earlier", id="m2")))
    said = await desk.store.messages("earlier", after=1)
    assert [m.text for m in said if m.party == "bot"] == ["系统维护，请打 12333。"] * 2
    assert (await desk.switchboard.find("earlier")).stage == "bot"
    assert (await desk.switchboard.open("voice", address="a", id="call")).conversation.channel == "voice"
    assert "机器" in (await desk.store.messages("call"))[0].text
    await board.switch("web", off=False, text="", by=HE)
    await desk.switchboard.receive(opened.conversation.id, "怎么参保", id="m3")
    assert (await desk.store.messages("later"))[-1].text == "答：怎么参保"


async def test_an_emergency_is_told_once_in_running_conversations_and_in_new_greetings(desk: Desk) -> None:
    board = NoticeBoard(desk.database, desk.bus, desk.clock)
    desk.switchboard._bulletin = lambda: board.bulletin
    await desk.switchboard.open("web", address="a", id="earlier")
    desk.clock.move(seconds=1)
    await board.post(EMERGENCY, HE)
    desk.clock.move(seconds=1)
    await desk.switchboard.open("web", address="a", id="later", notices=board.greeting_notices("web"))
    for name in ("m1", "m2"):
        await desk.switchboard.receive("earlier", "怎么参保", id=f"e{name}")
        await desk.switchboard.receive("later", "怎么参保", id=f"l{name}")
    earlier = [m.text for m in await desk.store.messages("earlier")]
    assert earlier.count(EMERGENCY.text) == 1
    assert earlier.index(EMERGENCY.text) < earlier.index("答：怎么参保")
    later = [m.text for m in await desk.store.messages("later")]
    assert later[0].startswith(EMERGENCY.text)
    assert later.count(EMERGENCY.text) == 0


async def test_whoever_looks_at_a_conversation_is_told_of_an_emergency_without_saying_a_word(desk: Desk) -> None:
    board = NoticeBoard(desk.database, desk.bus, desk.clock)
    desk.switchboard._bulletin = lambda: board.bulletin
    await desk.switchboard.open("web", address="a", id="looking")
    desk.clock.move(seconds=1)
    async with board.following(desk.switchboard.announce), desk.switchboard.listen("looking", after=1) as updates:
        await anext(updates)
        await board.post(EMERGENCY, HE)
        async with asyncio.timeout(5):
            update = await anext(updates)
    assert [m.text for m in update.messages] == [EMERGENCY.text]
    assert update.messages[0].card == {"kind": "notice", "notice": "emergency"}


async def test_a_store_that_fails_for_a_moment_changes_nothing_that_is_told(board: NoticeBoard) -> None:
    await board.post(PINNED, HE)
    board._db.close()
    async with asyncio.timeout(5):
        with pytest.raises(Exception, match="closed"):
            await board.look()
    assert board.greeting_notices("web") == (PINNED.text,)
    assert board.bulletin != Bulletin()
