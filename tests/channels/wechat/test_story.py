"""A whole visit: asked in WeChat, a number, a human at the desk, a rating, and on the web with all that was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
from sqlalchemy import select

from bot.tables import ratings
from bot.tables_endpoints import endpoints
from tests.channels.citizen import Device
from tests.channels.console.hall import dispatching, seated
from tests.channels.serving import Server
from tests.channels.wechat.fake_wechat import FakeWeChat
from tests.channels.wechat.follower import Follower


async def test_a_citizen_in_wechat_and_on_the_web(
    wechat: Server, follower: Follower, clean: FakeWeChat, round: Callable[[], int]
) -> None:
    asked = await follower.say("失业金怎么领")
    assert "1. 失业金在哪里申请" in asked
    assert "依据" in await follower.say("1")
    with dispatching(wechat):
        async with seated(wechat) as (colleague, line):
            assert "转人工" in await follower.say("人工")
            name = wechat.parts.contacts.fingerprint(f"wechat:default:{follower.openid}")
            (conversation,) = wechat.rows(select(endpoints.c.conversation_id).where(endpoints.c.id == name))[0]
            await line.next("offer", conversation=conversation)
            await line.send("accept", conversation=conversation)
            await line.next("assigned", conversation=conversation)
            assert "已接通人工" in await follower.say("我想问怎么补缴")
            for number, text in enumerate(("您好，请问断了几个月？", "可以在浙里办补。")):
                await line.send("say", conversation=conversation, id=f"s{number}", text=text)
                await line.next("ack", id=f"s{number}")
                await asyncio.sleep(1.6)  # she pauses: what is said at once would be one message
                round()
            sent = clean.sent(follower.openid)
            assert sent[-2:] == ["您好，请问断了几个月？", "可以在浙里办补。"]
            response = await colleague.call("GET", f"/api/v1/desk/conversations/{conversation}/reach")
            reach = response.json()["reach"]
            assert (reach["waiting"], reach["reachable"], reach["left"] < 5) == (0, True, True)
            await follower.send("image", PicUrl="http://mmbiz.qpic.cn/x/0", MediaId="card-front", MsgId=1)
            picture = await line.next("message", conversation=conversation, text="〔图片〕")
            clean.media["card-front"] = ("image/jpeg", b"\xff\xd8a picture")
            shown = await colleague.call("GET", picture["media"])
            assert (shown.content, shown.headers["content-type"]) == (b"\xff\xd8a picture", "image/jpeg")
            codes = (await colleague.call("GET", "/api/v1/desk/codes")).json()["codes"]
            await line.send("close", conversation=conversation, resolved=True, code=codes[0]["code"], remark="")
            await line.next("unassigned", conversation=conversation)
    round()
    last = clean.sent(follower.openid)[-1]
    assert "msgmenuid=rate:5" in last
    assert "谢谢您的评价" in await follower.say("5分", bizmsgmenuid="rate:5")
    assert wechat.rows(select(ratings.c.stars).where(ratings.c.conversation_id == conversation)) == [(5,)]
    link = (await follower.say("网页版")).partition("#go=")[2].partition('"')[0]
    async with httpx.AsyncClient(trust_env=False, base_url=wechat.url) as client:
        opened = await client.post("/api/v1/links", json={"link": link})
        again = await client.post("/api/v1/links", json={"link": link})
        forged = await client.post("/api/v1/links", json={"link": f"{link[:-2]}xx"})
    assert (opened.status_code, again.status_code, forged.status_code) == (201, 410, 410)
    told = opened.json()
    assert told["id"] == conversation
    texts = [m["text"] for m in told["messages"]]
    whole = ("失业金怎么领", "我想问怎么补缴", "您好，请问断了几个月？", "可以在浙里办补。", "〔图片〕")
    assert [text for text in texts if text in whole] == list(whole)
    device = Device(wechat, told["id"], told["token"])
    await device.ask("社保卡丢了怎么办")
    assert round() == 0, "the answer is where the citizen spoke last"


async def test_a_link_is_for_five_minutes(wechat: Server) -> None:
    old = wechat.parts.links.sign("conversation", datetime.now(UTC) - timedelta(minutes=6))
    async with httpx.AsyncClient(trust_env=False, base_url=wechat.url) as client:
        assert (await client.post("/api/v1/links", json={"link": old})).status_code == 410
        for odd in ("", "a.b.c.d", "....", "中.1.x.y"):
            assert (await client.post("/api/v1/links", json={"link": odd})).status_code == 410
