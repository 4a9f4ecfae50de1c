"""PROTOCOL 3 over real sockets: who may come in, offers, one owner, words both ways, passing on, supervision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from bot.staff import Role
from bot.tables import accounts, audit
from tests.channels.citizen import Device, dial, fresh_id, opened
from tests.channels.console.colleague import at_work, hired
from tests.channels.console.hall import SOCKET, accepted, asking, desk_of, dispatching, said, seated
from tests.channels.serving import Server

QUESTION = "养老保险最低要交多少年"
CLOSING = {"resolved": True, "code": "answered", "remark": ""}


@pytest.fixture
def hall(own_server: Server) -> Iterator[Server]:
    with dispatching(own_server):
        yield own_server


async def closed_with(server: Server, frame: dict[str, Any] | None = None, **more: Any) -> int:
    async with dial(server, SOCKET, **more) as line:
        if frame is not None:
            await line.send(**frame)
        return await line.closed()


# Who may come in


async def test_the_socket_opens_by_cookie_or_by_its_first_frame(hall: Server) -> None:
    amy = await at_work(hall, Role.AGENT)
    async with desk_of(amy, origin=hall.url) as line:
        assert (await line.next("status"))["value"] == "offline"
    bob = hired(hall, Role.AGENT)
    token = (await bob.sign_in(bearer=True)).json()["token"]
    async with dial(hall, SOCKET) as line:
        await line.send("auth", token=token)
        assert (await line.next("queue"))["count"] == 0


async def test_strangers_and_foreign_pages_are_closed_out_with_the_code_that_says_why(hall: Server) -> None:
    amy, editor = await at_work(hall, Role.AGENT), await at_work(hall, Role.EDITOR)
    cookie = {"Cookie": f"yida_session={amy.cookies['yida_session']}"}
    device = await opened(hall)
    assert await closed_with(hall, {"type": "auth", "token": "nothing"}) == 4401
    assert await closed_with(hall, {"type": "auth", "token": device.token}) == 4401
    assert await closed_with(hall, {"type": "status", "value": "online"}) == 4401
    assert await closed_with(hall, additional_headers=cookie, origin="https://evil.example") == 4403
    foreign = {"Cookie": f"yida_session={editor.cookies['yida_session']}"}
    assert await closed_with(hall, additional_headers=foreign) == 4403


async def test_who_signs_out_is_let_go(hall: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.console.desk.LOOK_AT_SESSION", 0.1)
    amy = await at_work(hall, Role.AGENT)
    async with desk_of(amy) as line:
        assert (await amy.call("DELETE", "/api/v1/session")).status_code == 204
        assert await line.closed() == 4401


async def test_what_an_account_says_anew_counts_while_its_page_is_open(
    hall: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.console.desk.LOOK_AT_SESSION", 0.1)
    async with seated(hall, capacity=1) as (amy, line):
        hall.change(accounts.update().where(accounts.c.username == amy.username).values(capacity=7))
        assert await line.next("status", capacity=7)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("{", "bad_json"), ("[]", "bad_frame"), ('{"type":"dance"}', "unknown_frame"), ('{"type":"accept"}', "bad_frame"),
        ('{"type":"status","value":"asleep"}', "bad_frame"), ('{"type":"accept","conversation":"nothing"}', "not_found"),
        ('{"type":"say","conversation":"c","id":"sys:1","text":"x"}', "bad_frame"),
        ('{"type":"transfer","conversation":"c","to":{}}', "bad_frame"),
        ('{"type":"watch","conversation":"c"}', "forbidden"),
        ('{"type":"note","conversation":"nothing","id":"n","text":"x"}', "not_found"),
        ('{"type":"say","conversation":"c","id":"i","text":"' + "x" * 17_000 + '"}', "too_large"),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_by_name_and_the_socket_stays(
    server: Server, raw: str, code: str
) -> None:
    async with seated(server) as (_, line):
        await line.send_raw(raw)
        assert (await line.next("error"))["code"] == code
        await line.send("ping")
        assert await line.next("pong")


# Offers and ownership


async def test_a_citizen_who_asks_is_offered_accepted_and_answered_by_a_person(hall: Server) -> None:
    async with seated(hall) as (amy, line):
        device = await asking(hall, QUESTION)
        asked_at = datetime.now(UTC)
        async with device.line() as citizen:
            offer = await accepted(line, device)
            assert (datetime.fromisoformat(offer["expires_at"]) - asked_at).total_seconds() < 21
            context = offer["context"]
            assert (context["channel"], context["last_text"], context["priority"]) == ("web", QUESTION, 0)
            assert [a["question"] for a in context["answers"]] == [QUESTION]
            state = await citizen.next("state", stage="agent")
            assert state["agent"] == {"name": amy.me["name"], "number": amy.me["number"]}
            begins = await citizen.next("message", because="human_begins")
            assert amy.me["number"] in begins["text"]
            ack = await said(line, device, "您好，请讲")
            heard = await citizen.next("message", party="agent")
            assert (heard["seq"], heard["text"]) == (ack["seq"], "您好，请讲")
            assert heard["agent"] == {"name": amy.me["name"], "number": amy.me["number"]}
            assert (await line.next("message", party="agent"))["text"] == "您好，请讲"
            await citizen.say("我要补缴")
            assert (await line.next("message", party="citizen"))["text"] == "我要补缴"
            assert (await line.next("suggestions", seq=ack["seq"] + 1))["conversation"] == device.id
            await line.send("close", conversation=device.id, **CLOSING)
            assert (await line.next("unassigned"))["reason"] == "closed"
            assert (await citizen.next("message", because="ask_rating"))["card"] == {"kind": "rate"}
            assert (await citizen.next("state", stage="closed"))["agent"] is None


async def test_of_two_who_accept_at_once_one_is_assigned_and_the_other_told_taken(hall: Server) -> None:
    async with seated(hall) as (_, first), seated(hall) as (_, second):
        for _ in range(5):
            device = await asking(hall)
            await asyncio.gather(*(line.send("accept", conversation=device.id) for line in (first, second)))
            told = await asyncio.gather(
                *(line.next("assigned", "error", conversation=device.id) for line in (first, second))
            )
            assert sorted(t.get("code", t["type"]) for t in told) == ["assigned", "taken"]
            owner = first if told[0]["type"] == "assigned" else second
            await owner.send("close", conversation=device.id, **CLOSING)
            await owner.next("unassigned", conversation=device.id)


async def test_an_offer_that_another_takes_is_gone_and_a_full_agent_takes_no_more(hall: Server) -> None:
    async with seated(hall, capacity=1) as (_, amy), seated(hall, capacity=1) as (other, bob):
        device = await asking(hall)
        ringing = asyncio.create_task(amy.next("offer", within=3)), asyncio.create_task(bob.next("offer", within=3))
        done, rest = await asyncio.wait(ringing, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        rung, free = (amy, bob) if ringing[0] in done else (bob, amy)
        await free.send("accept", conversation=device.id)
        gone = await rung.next("offer_gone", conversation=device.id)
        assert gone["taken_by"] is not None
        second, third = await asking(hall), await asking(hall)
        await free.send("accept", conversation=second.id)
        assert (await free.next("error"))["code"] == "full"
        del third, other


async def test_the_queue_tells_its_order_at_most_twice_a_second(hall: Server) -> None:
    async with seated(hall) as (amy, line):
        await line.send("status", value="away")
        await line.next("status", value="away")
        devices = [await asking(hall) for _ in range(4)]
        while (told := await line.next("queue"))["count"] < 4:
            pass
        assert [w["conversation"] for w in told["waiting"]] == [d.id for d in devices]
        assert [w["position"] for w in told["waiting"]] == [1, 2, 3, 4]
        await devices[0].post("leave_queue", id="l")
        assert [w["conversation"] for w in (await line.next("queue"))["waiting"]] == [d.id for d in devices[1:]]
        assert amy.me["rights"] == ["serve"]


async def test_who_reads_in_large_type_stands_before_who_came_at_the_same_time(hall: Server) -> None:
    async with seated(hall, capacity=1) as (_, line):
        busy = await asking(hall)
        await accepted(line, busy)
        plain, elder = await opened(hall), await opened(hall, client={"elder": True}, scene="hall-3")
        for device in (plain, elder):
            assert (await device.post("human", id=fresh_id())).status_code == 200
        while True:
            queue = await line.next("queue")
            places = [one["conversation"] for one in queue["waiting"]]
            if {plain.id, elder.id} <= set(places):
                break
        assert places.index(elder.id) < places.index(plain.id)
        for device in (plain, elder):
            await device.post("leave_queue", id=fresh_id())
        await line.send("close", conversation=busy.id, **CLOSING)
        await line.next("unassigned", conversation=busy.id)


async def test_a_declined_offer_goes_and_the_citizen_waits_on(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        await line.next("offer")
        await line.send("decline", conversation=device.id)
        assert (await line.next("offer_gone"))["taken_by"] is None
        assert (await device.state())["stage"] == "waiting"


async def test_place_and_wait_are_told_live_and_change_as_others_leave(hall: Server) -> None:
    first, second = await asking(hall), await asking(hall)
    async with seated(hall, capacity=1) as (_, line), second.line() as citizen:
        state = await citizen.next("state", stage="waiting")
        assert state["position"] == 2
        await accepted(line, first)
        closer = await citizen.next("state", position=1)
        assert closer["wait_seconds"] is not None
        assert closer["wait_range"][0] <= closer["wait_seconds"] <= closer["wait_range"][1]


# Words


async def test_after_a_lost_line_a_page_gets_each_later_word_once_and_offers_ring_again(hall: Server) -> None:
    amy = await at_work(hall, Role.AGENT, capacity=5)
    async with desk_of(amy) as line:
        device = await asking(hall)
        await accepted(line, device)
        ack = await said(line, device, "一")
    for text in ("二", "三"):
        await device.say(text)
    async with desk_of(amy, online=False) as line:
        await line.send("open", conversation=device.id, after=ack["seq"])
        assert [m["text"] for m in await line.messages(ack["seq"] + 2)] == ["二", "三"]
        assert (await line.next("state", conversation=device.id))["owed_since"] is not None
        other = await asking(hall)
        await line.next("offer", conversation=other.id)
    async with desk_of(amy, online=False) as line:
        assert (await line.next("offer"))["conversation"] == other.id


async def test_a_page_that_opens_finds_its_own_in_the_queues_frame(hall: Server) -> None:
    amy = await at_work(hall, Role.AGENT)
    async with desk_of(amy) as line:
        device = await asking(hall)
        await accepted(line, device)
        async with dial(
            hall, SOCKET, additional_headers={"Cookie": f"yida_session={amy.cookies['yida_session']}"}
        ) as tab:
            assert [m["conversation"] for m in (await tab.next("queue"))["mine"]] == [device.id]
            await tab.send("open", conversation=device.id)
            assert (await tab.next("message"))["seq"] == 1
            await said(line, device, "两个窗口")
            assert (await tab.next("message", party="agent"))["text"] == "两个窗口"


async def test_a_repeated_word_is_heard_once(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        await accepted(line, device)
        for _ in range(2):
            await line.send("say", conversation=device.id, id="same", text="您好")
        first, second = await line.next("ack", id="same"), await line.next("ack", id="same")
        assert first == second
        assert [m["id"] for m in await device.messages()].count("same") == 1


async def test_a_recalled_word_is_taken_back_on_both_sides(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        async with device.line() as citizen:
            await accepted(line, device)
            ack = await said(line, device, "说错了")
            await citizen.next("message", id=ack["id"])
            await line.send("recall", conversation=device.id, seq=ack["seq"])
            assert (await citizen.next("recalled"))["seq"] == ack["seq"]
            assert (await line.next("recalled"))["seq"] == ack["seq"]
        assert "说错了" not in str(await device.messages())


async def test_notes_reach_colleagues_and_never_the_citizen(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        async with device.line() as citizen:
            await accepted(line, device)
            await line.send("note", conversation=device.id, id="n1", text="内部备注")
            assert (await line.next("ack", id="n1"))["seq"] == 1
            assert (await line.next("note"))["text"] == "内部备注"
            await said(line, device, "您好")
            await citizen.next("message", party="agent")
            assert "内部备注" not in str(await citizen.quiet(0.2))
        assert "内部备注" not in str(await device.messages())


async def test_writing_shows_on_both_sides(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        async with device.line() as citizen:
            await accepted(line, device)
            await citizen.next("state", stage="agent")
            await said(line, device, "您好")
            await line.next("message", party="agent")
            await line.send("typing", conversation=device.id)
            assert (await citizen.next("typing"))["party"] == "agent"
            await citizen.send("typing")
            assert (await line.next("typing"))["party"] == "citizen"


async def test_each_side_sees_how_far_the_other_has_read_and_nobody_else_counts(hall: Server) -> None:
    async with seated(hall) as (_, line), seated(hall, Role.SUPERVISOR) as (_, boss):
        device = await asking(hall)
        async with device.line() as citizen:
            offer = await line.next("offer", conversation=device.id)
            assert offer["conversation"] == device.id
            await line.send("accept", conversation=device.id)
            await line.next("assigned", conversation=device.id)
            await citizen.next("state", stage="agent")
            seq = (await said(line, device, "您好"))["seq"]
            await citizen.send("read", seq=seq)
            assert (await line.next("read"))["seq"] == seq
            asked = await citizen.say("要带什么")
            await boss.send("watch", conversation=device.id)
            await boss.next("message", text="要带什么")
            await boss.send("read", conversation=device.id, seq=asked["seq"])
            await boss.send("ping")
            await boss.next("pong")
            await line.send("read", conversation=device.id, seq=asked["seq"] - 1)
            assert await citizen.next("read") == {"type": "read", "party": "agent", "seq": asked["seq"] - 1}
            await line.send("read", conversation=device.id, seq=1)
            await line.send("read", conversation=device.id, seq=asked["seq"] + 100)
            assert (await citizen.next("read"))["seq"] >= asked["seq"]
        async with device.line() as again:
            assert (await again.next("read"))["party"] == "agent"


async def test_suggestions_for_the_last_words_come_with_the_answer_to_send(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        await accepted(line, device)
        began = asyncio.get_running_loop().time()
        await device.say(QUESTION)
        while not (told := await line.next("suggestions"))["entries"]:
            pass
        assert asyncio.get_running_loop().time() - began < 2
        assert told["entries"][0]["question"] == QUESTION + "？" or "15 年" in told["entries"][0]["text"]


async def test_an_agent_reads_and_says_nothing_in_what_is_not_hers(hall: Server) -> None:
    async with seated(hall) as (_, amy), seated(hall) as (_, bob):
        device = await asking(hall)
        await amy.send("accept", conversation=device.id)
        await amy.next("assigned")
        for frame in ({"type": "open"}, {"type": "say", "id": "x", "text": "您好"}, {"type": "note", "id": "y", "text": "备注"},
                      {"type": "release"}, {"type": "close", **CLOSING}, {"type": "recall", "seq": 2}):  # fmt: skip
            await bob.send(**frame, conversation=device.id)
            assert (await bob.next("error"))["code"] == "not_yours"
        bot_only = await opened(hall)
        await bob.send("open", conversation=bot_only.id)
        assert (await bob.next("error"))["code"] == "not_yours"


async def test_to_a_closed_conversation_nobody_speaks(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        await accepted(line, device)
        await line.send("close", conversation=device.id, **CLOSING)
        await line.next("unassigned")
        assert (await said(line, device, "还在吗"))["code"] == "gone"


# Passing on, and supervision


async def test_a_conversation_is_passed_on_and_the_first_agent_reads_no_further(hall: Server) -> None:
    async with seated(hall) as (_, amy), seated(hall) as (other, bob):
        device = await asking(hall)
        await amy.send("accept", conversation=device.id)
        await amy.next("assigned")
        await amy.send("transfer", conversation=device.id, to={"agent": other.username}, note="问转移")
        assert (await amy.next("unassigned"))["reason"] == "transferred"
        await bob.next("assigned", conversation=device.id)
        await bob.send("open", conversation=device.id)
        assert (await bob.next("note"))["text"] == "问转移"
        await said(bob, device, "我来答您")
        assert not [f for f in await amy.quiet() if f.get("text") == "我来答您"]


async def test_supervisors_watch_unseen_whisper_take_over_and_it_is_all_written_down(hall: Server) -> None:
    async with seated(hall) as (amy, line), seated(hall, Role.SUPERVISOR) as (boss, over):
        device = await asking(hall)
        await line.send("accept", conversation=device.id)
        await line.next("assigned")
        await over.send("watch", conversation=device.id)
        assert (await over.next("message"))["seq"] == 1
        await over.send("whisper", conversation=device.id, id="w1", text="先道歉")
        assert (await line.next("note"))["whisper"]
        await over.send("take_over", conversation=device.id)
        await over.next("assigned", conversation=device.id)
        assert (await line.next("unassigned"))["reason"] == "taken_over"
        await over.send("force_away", agent=amy.username)
        assert (await line.next("status", value="away"))["missed"] == 0
        assert "先道歉" not in str(await device.messages())
    done = hall.rows(select(audit.c.action).where(audit.c.actor == boss.username).order_by(audit.c.seq))
    assert [row.action for row in done][1:] == ["watched", "whispered", "took_over", "forced_away"]


async def test_an_agent_whose_line_is_gone_loses_her_citizens_who_are_told(furnished: Any) -> None:
    with Server(furnished(desk={"grace_seconds": 1})) as hall, dispatching(hall):
        amy = await at_work(hall, Role.AGENT)
        async with desk_of(amy) as line:
            device = await asking(hall)
            await accepted(line, device)
        async with device.line() as citizen:
            assert "断线" in (await citizen.next("message", because="human_ends"))["text"]
            assert (await citizen.next("state", stage="waiting"))["position"] == 1


async def test_cut_sockets_on_both_sides_lose_and_double_nothing(hall: Server) -> None:
    """Both speak while their lines break again and again; what is not acked is said again under its id."""
    amy = await at_work(hall, Role.AGENT)
    async with desk_of(amy) as line:
        device = await asking(hall)
        await accepted(line, device)
    start = (await device.messages())[-1]["seq"]

    async def speak(name: str, connect: Any, send: Any) -> list[str]:
        sent: list[str] = []
        for n in range(12):
            text, id = f"{name}{n}", fresh_id()
            for cut in (True, False):
                async with connect() as line:
                    await send(line, id, text)
                    if not cut or n % 3:
                        assert (await line.next("ack", "error", id=id))["type"] == "ack"
            sent.append(text)
        return sent

    agents, citizens = await asyncio.gather(
        speak(
            "坐席",
            lambda: desk_of(amy, online=False),
            lambda to, i, t: to.send("say", conversation=device.id, id=i, text=t),
        ),
        speak("市民", device.line, lambda to, i, t: to.send("say", id=i, text=t)),
    )
    async with desk_of(amy, online=False) as line:
        last = (await device.messages())[-1]["seq"]
        await line.send("open", conversation=device.id, after=start)
        at_desk = [(m["seq"], m["text"]) for m in await line.messages(last)]
    at_citizen = [(m["seq"], m["text"]) for m in await device.messages(start)]
    assert at_desk == at_citizen
    assert [t for _, t in at_desk if t.startswith("坐席")] == agents
    assert [t for _, t in at_desk if t.startswith("市民")] == citizens
    assert [s for s, _ in at_desk] == list(range(start + 1, last + 1))


async def test_many_who_come_at_once_are_all_served_in_order_and_none_twice(hall: Server) -> None:
    async with AsyncExitStack() as stack:
        lines = [(await stack.enter_async_context(seated(hall, capacity=2)))[1] for _ in range(3)]
        devices = await asyncio.gather(*(asking(hall) for _ in range(12)))
        served: list[str] = []

        async def work(line: Any) -> None:
            while len(served) < len(devices):
                try:
                    offer = await line.next("offer", within=1)
                except TimeoutError:
                    continue
                await line.send("accept", conversation=offer["conversation"])
                told = await line.next("assigned", "error", conversation=offer["conversation"])
                assert told["type"] == "assigned"
                served.append(offer["conversation"])
                await line.send("close", conversation=offer["conversation"], **CLOSING)

        await asyncio.gather(*(work(line) for line in lines))
        assert sorted(served) == sorted(d.id for d in devices)


async def test_a_conversation_of_ten_thousand_messages_opens_in_a_second(hall: Server) -> None:
    from bot.tables import conversations, messages

    async with seated(hall) as (amy, line):
        device = await asking(hall)
        await accepted(line, device)
        row = {
            "conversation_id": device.id,
            "party": "citizen",
            "text": "一句话",
            "at": 0,
            "because": "",
            "answer_code": "",
        }
        first = (await device.state() and (await device.messages())[-1]["seq"]) + 1
        rows = [row | {"seq": first + n, "id": f"old{n}"} for n in range(10_000)]
        hall.call(hall.parts.database.write(lambda c: c.execute(messages.insert(), rows)))
        hall.change(conversations.update().values(last_seq=first + 9_999))
        began = asyncio.get_running_loop().time()
        await line.send("open", conversation=device.id)
        assert len(await line.messages(first + 9_999)) >= 100
        assert asyncio.get_running_loop().time() - began < 1
        page = (await amy.call("GET", f"/api/v1/desk/conversations/{device.id}/messages?before={first}&limit=2")).json()
        assert [m["seq"] for m in page["messages"]] == [first - 2, first - 1]
        assert page["earlier"]


async def told_stage(device: Device) -> str:
    return str((await device.state())["stage"])


async def test_released_the_bot_answers_again(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        await accepted(line, device)
        await device.say("您好")
        assert [m["party"] for m in await device.messages()][-1] == "citizen"
        await line.send("release", conversation=device.id)
        await line.next("unassigned")
        assert await told_stage(device) == "bot"
        assert "15 年" in (await device.ask(QUESTION))["text"]


async def test_a_form_pushed_by_the_agent_is_filled_in_by_the_citizen(hall: Server) -> None:
    async with seated(hall) as (_, line):
        device = await asking(hall)
        async with device.line() as citizen:
            await accepted(line, device)
            await line.send("push", conversation=device.id, id="p1", form="message")
            assert (await citizen.next("message", id="p1"))["card"] == {"kind": "form", "form": "message"}
