"""PROTOCOL 2 over the socket: who may listen, what arrives, and how it ends."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from contextlib import closing
from time import monotonic
from typing import Any

import pytest

from bot.bus.memory import MemoryBus
from bot.errors import StoreBusy
from bot.tables import conversations, messages
from channels.web import sockets
from tests.channels.citizen import Device, Line, dial, eventually, fresh_address, fresh_id, opened
from tests.channels.conftest import ALLOWED
from tests.channels.serving import Server

QUESTION = "养老保险最低要交多少年"
NO_TOKEN, FOREIGN = 4401, 4403


class TestProof:
    @pytest.mark.parametrize("auth", ["", "wrong", None, 7, ["x"], "x" * 200, "令牌"])
    async def test_a_wrong_token_closes_with_4401(self, device: Device, auth: Any) -> None:
        assert await device.refusal(auth=auth) == NO_TOKEN

    @pytest.mark.parametrize(
        "first",
        ['{"type":"auth"}', '{"type":"say","id":"1","text":"x"}', '{"type":"ping"}', "{", "[]", "", "auth", b"\xff"],
    )  # fmt: skip
    async def test_any_other_first_frame_closes_with_4401(self, device: Device, first: str | bytes) -> None:
        async with device.line(auth=False) as line:
            await line.send_raw(first)
            assert await line.closed() == NO_TOKEN
            assert not line.unread

    async def test_a_token_in_the_address_does_not_count(self, server: Server, device: Device) -> None:
        path = f"{device.path}/socket?after=0&token={device.token}"
        async with dial(server, path, additional_headers=device.bearer) as line:
            await line.send("auth")
            assert await line.closed() == NO_TOKEN

    async def test_five_seconds_of_silence_close_with_4401(self, device: Device) -> None:
        began = monotonic()
        assert await device.refusal(auth=False) == NO_TOKEN
        assert 4.5 < monotonic() - began < 15

    async def test_a_foreign_conversation_closes_with_4403(self, server: Server, device: Device) -> None:
        other = await opened(server)
        assert await device.refusal(auth=other.token) == FOREIGN

    async def test_an_unknown_conversation_closes_with_4403(self, server: Server, device: Device) -> None:
        nowhere = Device(server, fresh_id(), device.token)
        assert await nowhere.refusal() == FOREIGN

    @pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1.evil.example"])
    async def test_a_foreign_origin_closes_with_4403(self, device: Device, origin: str) -> None:
        assert await device.refusal(additional_headers={"Origin": origin}) == FOREIGN

    async def test_a_foreign_origin_is_refused_before_it_says_anything(self, device: Device) -> None:
        assert await device.refusal(auth=False, additional_headers={"Origin": "https://evil.example"}) == FOREIGN

    async def test_our_own_origin_is_allowed(self, device: Device) -> None:
        async with device.line(additional_headers={"Origin": device.server.url}) as line:
            assert (await line.next("message"))["id"] == "greeting"

    async def test_a_configured_origin_is_allowed(self, embedded: Server) -> None:
        device = await opened(embedded, fresh_address())
        async with device.line(additional_headers={"Origin": ALLOWED}) as line:
            assert (await line.next("message"))["id"] == "greeting"

    async def test_an_app_without_origin_is_allowed(self, line: Line) -> None:
        assert (await line.next("message"))["id"] == "greeting"

    async def test_auth_is_taken_once(self, device: Device, line: Line) -> None:
        await line.send("auth", token=device.token)
        assert (await line.next("error"))["code"] == "unknown_frame"
        assert (await line.say("你好"))["type"] == "ack"

    @pytest.mark.parametrize("how", ["abort", "close"])
    async def test_a_client_that_leaves_before_auth_is_no_fault(
        self, own_server: Server, caplog: pytest.LogCaptureFixture, how: str
    ) -> None:
        device = await opened(own_server)
        async with device.line(auth=False) as line:
            if how == "abort":
                line.connection.transport.abort()
            else:
                await line.connection.close()
        await asyncio.sleep(0.2)
        own_server.__exit__(None, None, None)
        assert not [r for r in caplog.records if r.levelname == "ERROR"]


class TestListening:
    async def test_begins_with_everything_and_the_state(self, device: Device) -> None:
        await device.ask(QUESTION)
        async with device.line() as line:
            frames = await line.quiet()
        assert [(f["type"], f.get("seq")) for f in frames] == [
            ("message", 1),
            ("message", 2),
            ("message", 3),
            ("state", None),
        ]

    async def test_own_words_come_back_and_the_answer_follows(self, line: Line) -> None:
        ack = await line.say(QUESTION, "q1")
        assert ack == {"type": "ack", "id": "q1", "seq": 2}
        answer = await line.answer("q1")
        assert answer["seq"] == 3
        assert "15 年" in answer["text"]
        own = await line.next("message", id="q1")
        assert (own["seq"], own["party"], own["text"]) == (2, "citizen", QUESTION)

    async def test_an_answer_shows_basis_reason_and_code(self, line: Line) -> None:
        answer = await line.ask(QUESTION)
        [source] = answer["sources"]
        assert source["title"] == "关于实施渐进式延迟法定退休年龄的决定"
        assert (source["article"], source["effective"], source["checked"]) == ("第二条", "2025-01-01", "2026-11-01")
        assert source["jurisdiction"] == "全国"
        assert source["url"].startswith("https://www.gov.cn/")
        assert answer["because"] == "exact"
        assert len(answer["answer_code"]) == 9
        assert answer["choices"] == [
            {"id": "r1.2", "label": "我什么时候可以退休"}, {"id": "r2.2", "label": "养老保险断了能不能补缴"},
            {"id": "count.2", "label": "帮我算：养老金最低缴费年限测算"},
        ]  # fmt: skip

    async def test_an_ack_means_that_it_is_on_disk(self, server: Server, device: Device, line: Line) -> None:
        """Whoever opens the file at that moment finds it, at the number of the ack."""
        with closing(sqlite3.connect(server.settings.home / "yida.db")) as another:
            for n in range(20):
                seq = (await line.say(QUESTION, f"q{n}"))["seq"]
                found = another.execute(
                    "SELECT id FROM messages WHERE conversation_id = ? AND seq = ?", (device.id, seq)
                )
                assert found.fetchall() == [(f"q{n}",)]

    async def test_after_gives_every_later_message_once_then_the_state(self, device: Device) -> None:
        for n in range(5):
            await device.say(f"问题 {n}")
        for after in (0, 1, 6, 10, 11):
            async with device.line(after) as line:
                await line.next("state")
                assert [f["seq"] for f in line.unread] == list(range(after + 1, 12))

    @pytest.mark.parametrize("after", ["-5", "x", "", "1e3", "99999999999999999999999"])
    async def test_an_odd_after_does_not_keep_anyone_out(self, server: Server, device: Device, after: str) -> None:
        async with dial(server, f"{device.path}/socket?after={after}") as line:
            await line.send("auth", token=device.token)
            assert (await line.next("state"))["stage"] == "bot"
            assert (await line.say("你好"))["type"] == "ack"

    async def test_without_after_everything_comes(self, server: Server, device: Device) -> None:
        async with dial(server, f"{device.path}/socket") as line:
            await line.send("auth", token=device.token)
            assert (await line.next("message"))["seq"] == 1

    async def test_all_devices_see_all_messages(self, server: Server, device: Device) -> None:
        second = await opened(server, id=device.id)
        async with device.line() as one, second.line() as two:
            await one.say(QUESTION, "q1")
            await two.say("社保卡丢了怎么办", "q2")
            await device.say("异地就医怎么备案", "q3")
            for line in (one, two):
                messages = await line.messages(7)
                assert [m["seq"] for m in messages] == [1, 2, 3, 4, 5, 6, 7]

    async def test_whoever_leaves_and_returns_at_any_moment_misses_nothing(self, device: Device) -> None:
        """Drops the line at random moments while messages are sent; what each line gave joins without gap or repeat."""
        chooser = random.Random(7)
        seen: list[int] = []

        async def listen() -> None:
            while True:
                async with device.line(seen[-1] if seen else 0) as line:
                    for _ in range(chooser.randint(1, 9)):
                        seen.append((await line.next("message"))["seq"])
                        if seen[-1] == 41:
                            return
                    if chooser.random() < 0.5:
                        line.connection.transport.abort()

        listening = asyncio.ensure_future(listen())
        for n in range(20):
            await device.say(f"问题 {n}", f"q{n}")
        await asyncio.wait_for(listening, 30)
        assert seen == list(range(1, 42))

    async def test_a_change_of_stage_is_told(self, line: Line) -> None:
        await line.send("human", id="h")
        state = await line.next("state")
        assert (state["stage"], state["agent"]) == ("waiting", None)
        assert state["position"] >= 1

    async def test_one_conversation_hears_nothing_of_another(self, server: Server, line: Line) -> None:
        other = await opened(server)
        await other.ask(QUESTION)
        assert [f["id"] for f in await line.quiet()] == ["greeting"]


class TestFrames:
    async def test_ping(self, line: Line) -> None:
        await line.send("ping")
        assert await line.next("pong") == {"type": "pong"}

    async def test_a_binary_frame_is_read_like_text(self, line: Line) -> None:
        await line.send_raw(json.dumps({"type": "say", "id": "b", "text": "你好"}).encode())
        assert (await line.told("b"))["type"] == "ack"
        await line.send_raw(b"\xff\xfe\x00")
        assert (await line.next("error"))["code"] == "bad_json"
        assert (await line.say("还在吗"))["type"] == "ack"

    async def test_a_frame_in_pieces_is_one_frame(self, line: Line) -> None:
        raw = json.dumps({"type": "say", "id": "p", "text": "分段"})
        await line.connection.send([raw[:10], raw[10:20], raw[20:]])
        assert (await line.told("p"))["type"] == "ack"

    async def test_an_error_names_the_frame_and_the_line_goes_on(self, line: Line) -> None:
        error = await line.say("", "e1")
        assert (error["type"], error["code"], error["id"]) == ("error", "empty", "e1")
        assert error["message"]
        assert (await line.say("你好"))["seq"] == 2

    async def test_64_kb_close_the_line_with_1009(self, line: Line) -> None:
        await line.send("ping", pad="x" * 70_000)
        assert await line.closed() == 1009

    async def test_typing_is_kept_without_a_word(self, server: Server, device: Device, line: Line) -> None:
        await line.quiet()
        for _ in range(50):
            await line.send("typing")
        await line.send("read", seq=1)
        assert await line.quiet() == []
        [row] = server.rows(conversations.select().where(conversations.c.id == device.id))
        assert row.typing_at is not None

    async def test_a_slow_answer_shows_that_the_bot_writes(self, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "TYPING_AFTER", 0.0)
        await line.say(QUESTION, "q1")
        assert (await line.next("typing"))["party"] == "bot"
        await line.answer("q1")

    async def test_a_fault_of_ours_refuses_the_frame_and_keeps_the_line(
        self, own_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A frame that always fails must not make its client reconnect and send it for ever."""

        async def broken(*told: object, **more: object) -> None:
            raise ValueError("秘密的话")

        device = await opened(own_server)
        async with device.line() as line:
            monkeypatch.setattr(own_server.parts.opinions, "mark", broken)
            await line.send("feedback", id="f", seq=1, helpful=True)
            error = await line.told("f")
            assert (error["type"], error["code"]) == ("error", "internal")
            assert "秘密" not in error["message"]
            assert (await line.say("你好"))["type"] == "ack"


class TestEnd:
    async def test_a_client_that_says_nothing_for_too_long_is_let_go(
        self, device: Device, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "IDLE", 0.3)
        async with device.line() as line:
            assert await line.closed() == 1001

    async def test_whoever_leaves_after_asking_is_answered_all_the_same(
        self, own_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        device = await opened(own_server)
        quick = own_server.parts.switchboard.answer

        async def slow(*told: Any) -> None:
            await asyncio.sleep(0.5)
            await quick(*told)

        monkeypatch.setattr(own_server.parts.switchboard, "answer", slow)
        async with device.line() as line:
            await line.say(QUESTION, "q")
            line.connection.transport.abort()
        await device.post("human", id="h")  # the server tries to tell it, and learns that the line is dead
        answers = messages.select().where(messages.c.conversation_id == device.id, messages.c.id == "re:q")
        await eventually(lambda: bool(own_server.rows(answers)))

    async def test_pings_keep_a_silent_line(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "IDLE", 1.5)
        async with device.line() as line:
            for _ in range(4):
                await line.send("ping")
                await line.next("pong")
                await asyncio.sleep(0.5)

    async def test_a_client_that_does_not_read_is_let_go(
        self, own_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it missed it gets when it comes back."""
        monkeypatch.setattr(sockets, "SLOW", 0.5)
        device = await opened(own_server)
        await _said(own_server, device, 6000)  # more than the system's buffers hold
        async with device.line(compression=None) as line:
            transport = line.connection.transport
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            await eventually(lambda: _listening(own_server) == 1)
            await eventually(lambda: own_server.connections == 0)
            transport.resume_reading()
            await line.closed()
        async with device.line(5000) as line:
            assert [m["seq"] for m in await line.messages(6001)] == list(range(5001, 6002))

    async def test_a_server_that_stops_says_that_it_comes_back(self, own_server: Server) -> None:
        device = await opened(own_server)
        async with device.line() as line:
            await line.next("state")
            await asyncio.to_thread(own_server.__exit__, None, None, None)
            assert await line.closed() == 1012

    async def test_a_store_that_is_away_does_not_make_the_device_forget(
        self, own_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """4401 and 4403 would: the line is closed with 1013, come again."""

        async def away(*told: object) -> None:
            raise StoreBusy("OperationalError: database is locked")

        device = await opened(own_server)
        monkeypatch.setattr(own_server.parts.switchboard, "holder", away)
        assert await device.refusal() == 1013
        monkeypatch.undo()
        monkeypatch.setattr(own_server.parts.conversations, "listened", away)
        async with device.line() as line:
            assert await line.closed() == 1013


async def _said(server: Server, device: Device, count: int) -> None:
    """As if the citizen had said so much."""
    rows = [
        {"conversation_id": device.id, "seq": n, "id": f"m{n}", "party": "citizen", "text": "长" * 500, "at": 0,
         "because": "", "answer_code": ""}
        for n in range(2, count + 2)
    ]  # fmt: skip
    server.call(server.parts.database.write(lambda c: c.execute(messages.insert(), rows)))
    server.change(conversations.update().where(conversations.c.id == device.id).values(last_seq=count + 1))


def _listening(server: Server) -> int:
    """How many wait for the bell of a conversation there."""
    bus = server.parts.bus
    assert isinstance(bus, MemoryBus)
    return sum(len(bells) for topic, bells in bus._bells.items() if topic != "knowledge")
