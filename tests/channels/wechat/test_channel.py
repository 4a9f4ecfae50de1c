"""What a follower writes and what comes back, over real sockets, with `wechatpy` on the other side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.conversation import Message, Party
from bot.tables import messages
from bot.tables_endpoints import deliveries, endpoints
from tests.channels.serving import Server
from tests.channels.wechat.conftest import connected
from tests.channels.wechat.fake_wechat import FakeWeChat
from tests.channels.wechat.follower import Follower, message, read, sealed, signed

QUESTION = "社保卡丢了怎么办"


def story(server: Server, openid: str) -> list[Any]:
    """All that was said in the follower's conversation."""
    name = server.parts.contacts.fingerprint(f"wechat:default:{openid}")
    of = select(endpoints.c.conversation_id).where(endpoints.c.id == name).scalar_subquery()
    return server.rows(select(messages).where(messages.c.conversation_id == of).order_by(messages.c.seq))


def delivered(server: Server, openid: str) -> list[tuple[int, str, str]]:
    name = server.parts.contacts.fingerprint(f"wechat:default:{openid}")
    query = select(deliveries).where(deliveries.c.endpoint_id == name).order_by(deliveries.c.seq)
    return [(row.seq, row.way, row.state) for row in server.rows(query)]


@pytest.mark.parametrize("mode", ["plain", "safe", "compatible"])
async def test_a_question_is_answered_in_the_reply_and_a_number_chooses(wechat: Server, mode: str) -> None:
    follower = Follower(wechat.url, mode)
    told = await follower.say("失业金怎么领")
    assert "机器自动应答" in told
    assert "1. 失业金在哪里申请" in told
    answer = await follower.say("1")
    assert "机器自动应答" not in answer
    assert "依据" in answer
    assert [row.party for row in story(wechat, follower.openid)] == ["bot", "citizen", "bot", "citizen", "bot"]


async def test_a_tapped_choice_is_that_choice(follower: Follower, wechat: Server) -> None:
    told = await follower.say("失业金怎么领")
    menu = told.partition("msgmenuid=")[2].partition('"')[0]
    await follower.say("失业金在哪里申请", bizmsgmenuid=menu)
    assert story(wechat, follower.openid)[-1].because == "chosen"


async def test_the_address_is_checked_with_the_echo(wechat: Server) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        right = await client.get(f"{wechat.url}/wechat", params=signed() | {"echostr": "20260<b>"})
        wrong = await client.get(f"{wechat.url}/wechat", params=signed(token="other") | {"echostr": "2026"})
        none = await client.get(f"{wechat.url}/wechat")
    assert (right.text, right.headers["content-type"]) == ("20260<b>", "text/plain; charset=utf-8")
    assert [wrong.status_code, none.status_code] == [403, 403]


async def test_each_account_has_its_own_token_and_conversations(wechat: Server) -> None:
    one, other = (Follower(wechat.url, path=path, openid="o-both") for path in ("/wechat", "/wechat/xihu"))
    xml = message("text", "o-both", Content=QUESTION, MsgId=1)
    assert "12333 挂失" in read(await one.post(xml))
    assert (await other.post(xml)).status_code == 403
    assert "机器自动应答" in read(await other.post(xml, signed(token="of-xihu")))
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"{wechat.url}/wechat/nobody", params=signed(), content=xml)).status_code == 404


@pytest.mark.parametrize("age", [-301, 301, 86_400])
async def test_a_call_signed_more_than_five_minutes_ago_is_refused(follower: Follower, age: int) -> None:
    response = await follower.post(
        message("text", follower.openid, Content="晚了", MsgId=1), signed(at=time.time() - age)
    )
    assert response.status_code == 403


async def test_a_signature_serves_one_message_only(follower: Follower) -> None:
    query = signed()
    first = message("text", follower.openid, Content=QUESTION, MsgId=5)
    told = read(await follower.post(first, query))
    assert read(await follower.post(first, query)) == told
    forged = message("text", follower.openid, Content="换一句", MsgId=6)
    assert (await follower.post(forged, query)).status_code == 403


async def test_repeated_tries_are_heard_once_and_told_the_same(follower: Follower, wechat: Server) -> None:
    xml = message("text", follower.openid, Content=QUESTION, MsgId=77)
    told = await asyncio.gather(*(follower.post(xml) for _ in range(3)))
    again = await follower.post(xml)
    assert len({read(response) for response in (*told, again)}) == 1
    assert [row.party for row in story(wechat, follower.openid)] == ["bot", "citizen", "bot"]
    assert delivered(wechat, follower.openid) == [(1, "passive", "sent"), (3, "passive", "sent")]


async def test_two_followers_with_one_message_id_are_both_answered(wechat: Server) -> None:
    followers = [Follower(wechat.url) for _ in range(8)]
    told = await asyncio.gather(*(f.say(QUESTION, MsgId=4242) for f in followers))
    assert all("12333 挂失" in text for text in told)


async def test_an_event_repeated_is_heard_once_and_another_key_is_another_event(
    follower: Follower, wechat: Server
) -> None:
    at = int(time.time())
    for _ in range(3):
        await follower.event("CLICK", at=at, EventKey=f"ask:{QUESTION}")
    await follower.event("CLICK", at=at, EventKey="ask:怎么办社保卡")
    said = [row.text for row in story(wechat, follower.openid) if row.party == "citizen"]
    assert said == [QUESTION, "怎么办社保卡"]


async def test_a_call_is_known_again_by_another_process(furnished: Any, fake: FakeWeChat, tmp_path: Any) -> None:
    xml = message("text", "o-restart", Content=QUESTION, MsgId=9)
    with connected(furnished, fake) as first:
        told = read(await Follower(first.url).post(xml))
        settings = first.settings
    with connected(lambda **_: settings, fake) as second:
        assert read(await Follower(second.url).post(xml)) == told
        assert [row.party for row in story(second, "o-restart")] == ["bot", "citizen", "bot"]


# Late answers


async def test_a_slow_answer_comes_once_by_the_courier(
    follower: Follower, wechat: Server, clean: FakeWeChat, round: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    perceive = wechat.parts.assistant.perceive

    async def slowly(*args: Any) -> Any:
        await asyncio.sleep(6)
        return await perceive(*args)

    monkeypatch.setattr(type(wechat.parts.assistant), "perceive", lambda self, *args: slowly(*args))
    xml = message("text", follower.openid, Content=QUESTION, MsgId=6000)
    began = time.monotonic()
    first = await follower.post(xml)
    took = time.monotonic() - began
    assert (read(first), took < 4.5) == ("success", True)
    round()
    assert clean.sent() == []
    assert read(await follower.post(xml)) == "success"
    while story(wechat, follower.openid)[-1].party != "bot":
        await asyncio.sleep(0.1)
    round()
    assert round() == 0
    (told,) = clean.sent(follower.openid)
    assert "12333 挂失" in told
    assert "机器自动应答" in told
    assert [row.party for row in story(wechat, follower.openid)] == ["bot", "citizen", "bot"]
    assert {way for _, way, _ in delivered(wechat, follower.openid)} == {"courier"}


async def test_whoever_has_no_right_to_push_tells_the_late_answer_at_the_next_message(
    follower: Follower, wechat: Server, clean: FakeWeChat, round: Callable[[], int]
) -> None:
    await follower.say("你好")
    conversation = story(wechat, follower.openid)[0].conversation_id
    told = _notice(wechat, conversation, "社保中心的新通知。")
    clean.faults["/cgi-bin/message/custom/send"].append(48001)
    assert round() == 0
    assert (told, "courier", "failed") in delivered(wechat, follower.openid)
    assert round() == 0
    assert clean.sent() == []
    answer = await follower.say(QUESTION)
    assert answer.index("社保中心的新通知。") < answer.index("12333 挂失")
    wechat.call(wechat.parts.shared_tokens.bar("default", datetime(2020, 1, 1, tzinfo=UTC)))


def _notice(server: Server, conversation: str, text: str) -> int:
    """Words of the service that answer nothing; gives their number."""
    said = Message(f"sys:test:{text}", Party.SYSTEM, text, datetime.now(UTC), because="notice")
    return server.call(server.parts.switchboard.say(conversation, said)).last_seq


# Events


async def test_who_follows_is_greeted_by_a_machine_that_says_so(follower: Follower) -> None:
    told = await follower.event("subscribe", EventKey="")
    assert "机器自动应答，不是真人" in told
    assert "不用告诉我身份证号" in told
    assert "机器自动应答" not in await follower.say(QUESTION)


async def test_a_scanned_place_greets_in_its_own_words(wechat: Server) -> None:
    new, known = Follower(wechat.url), Follower(wechat.url)
    assert "这里是三号窗口。" in await new.event("subscribe", EventKey="qrscene_hall-3", Ticket="t")
    await known.say(QUESTION)
    assert await known.event("SCAN", EventKey="hall-3", Ticket="t") == "这里是三号窗口。"
    assert story(wechat, new.openid)[0].text.startswith("这里是三号窗口")


async def test_who_unsubscribes_is_forgotten_and_gets_nothing(
    follower: Follower, wechat: Server, clean: FakeWeChat, round: Callable[[], int]
) -> None:
    await follower.say(QUESTION)
    conversation = story(wechat, follower.openid)[0].conversation_id
    assert await follower.event("unsubscribe") == "success"
    _notice(wechat, conversation, "不该收到")
    assert round() == 0
    assert clean.sent(follower.openid) == []
    name = wechat.parts.contacts.fingerprint(f"wechat:default:{follower.openid}")
    assert wechat.rows(select(endpoints.c.sealed).where(endpoints.c.id == name)) == [(b"",)]


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("image", {"PicUrl": "http://x/1", "MediaId": "m"}, "图片我看不懂"),
        ("video", {"MediaId": "m", "ThumbMediaId": "t"}, "图片我看不懂"),
        ("location", {"Location_X": "30.2", "Location_Y": "120.1", "Scale": "15", "Label": "西湖区"}, "位置收到了"),
        ("link", {"Title": "新闻", "Description": "d", "Url": "http://x"}, "链接我打不开"),
        ("music", {}, "这种消息我看不懂"),
    ],
)
async def test_what_has_no_words_is_answered_politely(
    follower: Follower, kind: str, more: dict[str, str], told: str
) -> None:
    assert told in await follower.send(kind, MsgId=1, **more)


@pytest.mark.parametrize("event", ["VIEW", "LOCATION", "TEMPLATESENDJOBFINISH", "something_new", "kf_create_session"])
async def test_events_that_only_tell_get_no_words(follower: Follower, event: str) -> None:
    assert await follower.event(event, EventKey="x") == "success"


# Voice


async def test_a_voice_message_surely_heard_is_answered_with_what_was_heard(follower: Follower) -> None:
    told = await follower.send("voice", MediaId="m", Format="amr", Recognition="社保卡丢了怎么办。", MsgId=1)
    assert told.startswith("您问的是：“社保卡丢了怎么办。”")
    assert "12333 挂失" in told


@pytest.mark.parametrize(("said", "expected"), [("是", "依据"), ("不是", "我听错了")])
async def test_a_voice_message_that_may_mean_something_else_is_read_back(
    follower: Follower, said: str, expected: str
) -> None:
    told = await follower.send("voice", MediaId="m", Format="amr", Recognition="卡丢掉咧", MsgId=1)
    assert "您问的是“卡丢掉咧”吗" in told
    answer = await follower.say(said)
    assert expected in answer or (said == "是" and "回复数字" in answer)


async def test_a_voice_message_without_words_asks_for_text(follower: Follower) -> None:
    assert "请打字发给我" in await follower.send("voice", MediaId="m", Format="amr", MsgId=1)


# Bad input


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no xml", b"<xml>", b"<xml></xml>", b"<xml><a></xml>", b"<xml><FromUserName>o</FromUserName></xml>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><FromUserName>&a;</FromUserName></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><MsgType>text</MsgType></xml>',
        b"<xml>" + b"<a>" * 50 + b"</a>" * 50 + b"</xml>", b"<xml>" + b"<a/>" * 5000 + b"</xml>",
        b"<xml><Content>" + b"x" * 40_000 + b"</Content></xml>", b"\xff\xfe<\x00x\x00", b"<xml>\x00</xml>",
    ],
)  # fmt: skip
async def test_what_is_no_message_is_refused(wechat: Server, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        response = await client.post(f"{wechat.url}/wechat", params=signed(), content=body)
    assert (response.status_code, response.json()["code"]) == (400, "bad_xml")


async def test_a_billion_laughs_cost_nothing(wechat: Server) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 20))
    bomb = f'<!DOCTYPE b [<!ENTITY l0 "ha">{laughs}]><xml><MsgType>&l19;</MsgType></xml>'.encode()
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"{wechat.url}/wechat", params=signed(), content=bomb)).status_code == 400
    assert time.monotonic() - began < 1


async def test_of_a_wrongly_signed_call_nothing_is_logged(
    follower: Follower, wechat: Server, caplog: pytest.LogCaptureFixture
) -> None:
    xml = message("text", follower.openid, Content="我的身份证", MsgId=1)
    response = await follower.post(xml, signed(token="guessed"))
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert "身份证" not in caplog.text
    assert follower.openid not in caplog.text
    assert story(wechat, follower.openid) == []


async def test_a_sealed_message_with_another_signature_or_app_is_refused(wechat: Server) -> None:
    follower = Follower(wechat.url, "safe")
    query, raw = sealed(message("text", follower.openid, Content="x", MsgId=1), signed(), "safe")
    async with httpx.AsyncClient(trust_env=False) as client:
        for changed in ({"msg_signature": "0" * 40}, {"encrypt_type": "raw"}, {"msg_signature": ""}):
            told = await client.post(f"{wechat.url}/wechat", params=query | changed, content=raw)
            assert told.status_code == 403
        assert (await client.post(f"{wechat.url}/wechat", params=query, content=raw)).status_code == 200


async def test_a_long_text_is_told_to_be_shorter_and_not_kept(follower: Follower, wechat: Server) -> None:
    assert "请说短一些" in await follower.say("问" * 600)
    assert [row.party for row in story(wechat, follower.openid)] == ["bot"]


@pytest.mark.parametrize("text", ["😀👍🏽🇨🇳", "]]>", "<a href='x'>&amp;", "𠮷野家社保", "养老\u0301"])
async def test_odd_characters_come_and_go_whole(follower: Follower, wechat: Server, text: str) -> None:
    assert await follower.say(text) != "success"
    assert story(wechat, follower.openid)[1].text == text


async def test_personal_numbers_are_masked(follower: Follower, wechat: Server) -> None:
    told = await follower.say("我的身份证330106194910011219能办吗")
    assert "号码已自动隐去" in told
    assert "330106194910011219" not in story(wechat, follower.openid)[1].text


async def test_a_mini_program_logs_in_and_finds_its_conversation_again(wechat: Server, clean: FakeWeChat) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=wechat.url) as client:
        first = await client.post("/api/v1/wechat/login", json={"code": "good"})
        again = (await client.post("/api/v1/wechat/login", json={"code": "good"})).json()
        wrong = await client.post("/api/v1/wechat/login", json={"code": "bad"})
        told = first.json()
        path, bearer = f"/api/v1/conversations/{told['id']}/messages", {"Authorization": f"Bearer {told['token']}"}
        await client.post(path, json={"type": "say", "id": "m1", "text": QUESTION}, headers=bearer)
        shown = (await client.get(path, headers={"Authorization": f"Bearer {again['token']}"})).json()["messages"]
    assert (first.status_code, wrong.status_code, again["id"]) == (201, 401, told["id"])
    assert [m["party"] for m in shown] == ["bot", "citizen", "bot"]
    assert "never-tell" not in first.text
