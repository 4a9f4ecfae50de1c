"""What is pushed: once, in order, within what WeChat allows, and never marked as sent when it was not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.conversation import Message, Party
from bot.deliveries import Claim, Packed, Waiting
from bot.tables import conversations
from bot.tables_endpoints import deliveries, endpoints, shared_tokens
from channels.chores import chores
from channels.wechat.accounts import read_accounts
from channels.wechat.api import WeChatApi
from tests.channels.serving import Server
from tests.channels.wechat.conftest import environment
from tests.channels.wechat.fake_wechat import SEND, TEMPLATE, TOKEN, FakeWeChat
from tests.channels.wechat.follower import Follower

Round = Callable[[], int]
QUESTION = "社保卡丢了怎么办"


class Served:
    """A follower whose question is answered, so that the service may write."""

    def __init__(self, server: Server, follower: Follower) -> None:
        self.server, self.follower = server, follower
        self.name = server.parts.contacts.fingerprint(f"wechat:default:{follower.openid}")

    @property
    def row(self) -> Any:
        (row,) = self.server.rows(select(endpoints).where(endpoints.c.id == self.name))
        return row

    def told(self, text: str, party: Party = Party.SYSTEM) -> int:
        said = Message(f"sys:{text[:40]}", party, text, datetime.now(UTC) - timedelta(seconds=9), because="notice")
        return self.server.call(self.server.parts.switchboard.say(self.row.conversation_id, said)).last_seq

    def states(self) -> dict[int, str]:
        query = select(deliveries).where(deliveries.c.endpoint_id == self.name, deliveries.c.way == "courier")
        return {row.seq: row.state for row in self.server.rows(query)}

    def change(self, **values: Any) -> None:
        self.server.change(update(endpoints).where(endpoints.c.id == self.name).values(**values))

    def reach(self) -> Any:
        return self.server.call(self.server.parts.deliveries.reach(self.row.conversation_id, datetime.now(UTC)))


@pytest.fixture
async def served(wechat: Server, follower: Follower, clean: FakeWeChat) -> Served:
    await follower.say(QUESTION)
    return Served(wechat, follower)


async def test_short_words_are_merged_and_count_as_one(served: Served, clean: FakeWeChat, round: Round) -> None:
    for text in ("您好。", "请带身份证。", "到窗口办。"):
        served.told(text, Party.AGENT)
    assert round() == 1
    assert clean.sent(served.follower.openid) == ["您好。\n\n请带身份证。\n\n到窗口办。"]
    assert served.reach().left == 4


async def test_a_long_text_goes_in_parts_at_sentences_in_order(served: Served, clean: FakeWeChat, round: Round) -> None:
    text = "".join(f"第{n}句，请按这里写的办，不要忘记带上您的材料。" for n in range(80))
    seq = served.told(text, Party.AGENT)
    assert round() > 1
    parts = clean.sent(served.follower.openid)
    assert "".join(parts) == text
    assert all(len(part.encode()) <= 2048 and part.endswith("。") for part in parts)
    assert served.states() == {seq: "sent"}


async def test_the_sixth_waits_for_the_citizen(served: Served, clean: FakeWeChat, round: Round) -> None:
    for n in range(6):
        served.told(f"第{n}条")
        round()
    assert len(clean.sent(served.follower.openid)) == 5
    assert (served.reach().left, served.reach().waiting) == (0, 1)
    assert "第5条" in await served.follower.say(QUESTION)
    assert (served.reach().left, served.reach().waiting) == (5, 0)


async def test_after_48_hours_nothing_is_tried(served: Served, clean: FakeWeChat, round: Round) -> None:
    served.told("太晚了")
    served.change(words_until=int((datetime.now(UTC) - timedelta(seconds=1)).timestamp() * 1000))
    assert round() == 0
    assert clean.sent() == []


async def test_an_event_allows_three(wechat: Server, clean: FakeWeChat, round: Round) -> None:
    follower = Follower(wechat.url)
    await follower.event("subscribe", EventKey="")
    served = Served(wechat, follower)
    assert served.reach().left == 3


@pytest.mark.parametrize("code", [45015, 45047])
async def test_what_wechat_refuses_waits_and_is_never_marked_as_sent(
    served: Served, clean: FakeWeChat, round: Round, code: int
) -> None:
    seq = served.told("请看这条")
    clean.faults[SEND].append(code)
    assert round() == 0
    assert served.states() == {seq: "failed"}
    assert (served.reach().left, served.reach().waiting, served.reach().error) == (0, 1, str(code))
    assert clean.calls(TEMPLATE) == []
    assert round() == 0
    assert "请看这条" in await served.follower.say(QUESTION)
    assert clean.sent(served.follower.openid) == []


@pytest.mark.parametrize("fault", [-1, 502, 45009])
async def test_a_passing_fault_is_tried_again_later(
    served: Served, clean: FakeWeChat, round: Round, fault: int
) -> None:
    served.told("稍后再送")
    clean.faults[SEND].append(fault)
    assert round() == 0
    assert round() == 0, "not before its time"
    assert served.reach().left == 5
    served.change(retry_at=0)
    assert round() == 1
    assert clean.sent(served.follower.openid) == ["稍后再送"]


async def test_a_call_without_answer_is_not_pushed_twice(
    served: Served, clean: FakeWeChat, round: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.wechat.api.TIMEOUT", httpx.Timeout(0.2))
    seq = served.told("也许到了")
    clean.slow = 0.6
    clean.faults[SEND].append("slow")
    assert round() == 0
    await asyncio.sleep(0.6)
    assert served.states() == {seq: "unsure"}
    assert round() == 0
    assert clean.sent(served.follower.openid) == ["也许到了"]
    again = await served.follower.say(QUESTION)
    assert "可能没有送到" in again
    assert "也许到了" in again
    assert "可能没有送到" not in await served.follower.say(QUESTION)


@pytest.mark.parametrize("code", [40001, 42001])
async def test_a_spoilt_token_is_renewed_once_and_the_text_sent_again(
    served: Served, clean: FakeWeChat, round: Round, code: int, wechat: Server
) -> None:
    wechat.change(shared_tokens.update().values(made_at=0))
    served.told(f"换了令牌{code}")
    await_first = clean.tokens
    clean.faults[SEND].append(code)
    assert round() == 1
    assert clean.sent(served.follower.openid) == [f"换了令牌{code}"]
    assert clean.tokens - await_first <= 2
    assert clean.calls(TOKEN)[-1]["force_refresh"] is True


async def test_two_processes_that_race_renew_the_token_once(wechat: Server, clean: FakeWeChat) -> None:
    wechat.change(shared_tokens.delete())
    account = read_accounts(wechat.parts.settings.channels.wechat, environment(clean))["default"]
    before, clean.token_takes = clean.tokens, 0.3

    async def both() -> None:
        async with httpx.AsyncClient(trust_env=False) as one, httpx.AsyncClient(trust_env=False) as other:
            apis = [WeChatApi(client, wechat.parts.shared_tokens) for client in (one, other)]
            await asyncio.gather(*(api.push_menu(account, []) for api in apis * 4))

    try:
        wechat.call(both())
    finally:
        clean.token_takes = 0
    assert clean.tokens == before + 1


# Killed


def whole(waiting: Any) -> Packed | None:
    told: list[Waiting] = list(waiting)
    return Packed(told[0].message.text, (told[0].message.seq,)) if told else None


async def claimed(served: Served) -> Claim:
    claim = served.server.call(served.server.parts.deliveries.claim(served.name, datetime.now(UTC), whole))
    assert claim is not None
    return claim


async def test_what_a_killed_courier_had_claimed_is_sent_by_the_next(
    served: Served, clean: FakeWeChat, round: Round
) -> None:
    seq = served.told("没有送出去")
    await claimed(served)
    assert round() == 0, "its lease goes on"
    served.server.change(deliveries.update().where(deliveries.c.endpoint_id == served.name).values(until=1))
    assert round() == 1
    assert clean.sent(served.follower.openid) == ["没有送出去"]
    assert served.states() == {seq: "sent"}


async def test_what_a_killed_courier_was_sending_is_not_pushed_again(
    served: Served, clean: FakeWeChat, round: Round
) -> None:
    seq = served.told("不知道送到没有")
    claim = await claimed(served)
    assert served.server.call(served.server.parts.deliveries.begin(claim, datetime.now(UTC)))
    served.server.change(deliveries.update().where(deliveries.c.endpoint_id == served.name).values(until=1))
    assert round() == 0
    assert served.states() == {seq: "unsure"}
    assert "不知道送到没有" in await served.follower.say(QUESTION)


async def test_two_couriers_send_it_once(served: Served, clean: FakeWeChat, round: Round) -> None:
    served.told("只要一次")
    made = await asyncio.gather(*(asyncio.to_thread(round) for _ in range(4)))
    assert sum(made) == 1
    assert clean.sent(served.follower.openid) == ["只要一次"]


async def test_an_answer_goes_where_the_citizen_spoke_last(
    served: Served, clean: FakeWeChat, round: Round, wechat: Server
) -> None:
    board = wechat.parts.switchboard
    wechat.call(board.hear(served.row.conversation_id, "我在网页上问", id="web-1"))
    served.told("答在网页上")
    assert round() == 0
    assert served.reach() is None
    told = await served.follower.say(QUESTION)
    assert "答在网页上" not in told
    assert "12333 挂失" in told


async def test_a_reminder_is_not_pushed(served: Served, clean: FakeWeChat, round: Round, wechat: Server) -> None:
    conversation = wechat.call(wechat.parts.conversations.find(served.row.conversation_id))
    wechat.call(wechat.parts.switchboard.remind(conversation))
    assert round() == 0
    assert clean.sent(served.follower.openid) == []


async def test_a_conversation_that_is_over_is_followed_by_a_new_one(
    served: Served, wechat: Server, clean: FakeWeChat, round: Round
) -> None:
    old = served.row.conversation_id
    wechat.call(wechat.parts.switchboard.end(old, None, id="x"))
    wechat.change(update(conversations).where(conversations.c.id == old).values(closed_at=1))
    assert "12333 挂失" in await served.follower.say(QUESTION)
    assert served.row.conversation_id != old


async def test_the_chores_run_the_courier(served: Served, clean: FakeWeChat, wechat: Server) -> None:
    (work,) = chores(wechat.parts, environment(clean))
    assert chores(wechat.parts, {}) == []

    async def start() -> asyncio.Task[None]:
        return asyncio.create_task(work)

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    served.told("由后台送达")
    task = wechat.call(start())
    try:
        async with asyncio.timeout(10):
            while not clean.sent(served.follower.openid):
                await asyncio.sleep(0.05)
    finally:
        wechat.call(stop(task))
    assert clean.sent(served.follower.openid) == ["由后台送达"]
