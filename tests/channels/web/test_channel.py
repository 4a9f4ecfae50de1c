"""PROTOCOL 2 over HTTP: opening, reading, long polling, sending frames, and the pages."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import httpx
import pytest

from bot.store.conversations import ms
from bot.tables import conversations
from channels.web import channel
from tests.channels.citizen import Device, fresh_address, fresh_id, http, opened, problem
from tests.channels.conftest import ALLOWED
from tests.channels.serving import Server

OPEN = "/api/v1/conversations"
QUESTION = "养老保险最低要交多少年"


async def test_an_opening_gives_id_token_greeting_and_state(server: Server) -> None:
    device = await opened(server, channel="web", locale="zh-CN", scene="hall-3", client={"kind": "widget", "n": 1})
    [greeting] = device.opened["messages"]
    assert (greeting["seq"], greeting["party"], greeting["because"]) == (1, "bot", "greeting")
    assert "不是真人" in greeting["text"]
    assert datetime.fromisoformat(greeting["at"]).tzinfo is not None
    state = {"type": "state", "stage": "bot", "position": None, "wait_seconds": None, "wait_range": None, "agent": None}
    assert device.opened["state"] == state
    assert len(device.token) >= 32


async def test_an_opening_needs_nothing_but_an_object(server: Server) -> None:
    assert (await opened(server)).id != (await opened(server)).id


async def test_an_id_made_by_the_client_is_kept(server: Server) -> None:
    name = fresh_id()
    assert (await opened(server, id=name)).id == name


async def test_the_greeting_follows_the_locale(server: Server) -> None:
    [greeting] = (await opened(server, locale="en-US")).opened["messages"]
    assert greeting["text"].isascii() or "machine" in greeting["text"].lower()


async def test_the_same_id_soon_again_is_the_same_conversation_with_a_fresh_token(server: Server) -> None:
    first = await opened(server, id=fresh_id())
    await first.ask(QUESTION)
    again = await opened(server, id=first.id)
    assert again.id == first.id
    assert again.token != first.token
    assert [m["seq"] for m in again.opened["messages"]] == [1, 2, 3]
    for device in (first, again):
        assert (await device.read()).status_code == 200


async def test_thirty_openings_of_one_id_at_once_are_one_conversation(server: Server) -> None:
    name = fresh_id()
    devices = await asyncio.gather(*(opened(server, id=name) for _ in range(30)))
    assert len({d.token for d in devices}) == 30
    assert [m["id"] for m in await devices[0].messages()] == ["greeting"]
    assert {(await d.read()).status_code for d in devices} == {200}


async def test_an_id_of_another_address_is_refused(server: Server) -> None:
    device = await opened(server, id=fresh_id())
    async with http(server, fresh_address()) as client:
        response = await client.post(OPEN, json={"id": device.id})
    assert problem(response) == (409, "id_taken")
    assert device.token not in response.text


async def test_an_id_opened_more_than_ten_minutes_ago_is_refused(server: Server) -> None:
    device = await opened(server, id=fresh_id())
    row = conversations.update().where(conversations.c.id == device.id)
    for minutes, status in ((9, 201), (11, 409)):
        server.change(row.values(opened_at=ms(datetime.now(UTC) - timedelta(minutes=minutes))))
        async with http(server) as client:
            assert (await client.post(OPEN, json={"id": device.id})).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "null", "[]", '"text"', "7", '{"id": 7}', '{"id": "short"}', '{"id": "with space"}',
        '{"id": "../../etc/passwd"}', json.dumps({"id": "x" * 65}), '{"channel": "voice"}', '{"channel": null}',
        '{"locale": "中文"}', json.dumps({"locale": "x" * 17}), '{"locale": 1}', '{"scene": ["a"]}',
        json.dumps({"scene": "x" * 65}), '{"client": "phone"}', '{"client": []}', "{'id': 1}",
    ],
)  # fmt: skip
async def test_a_bad_opening_is_a_problem(server: Server, body: str) -> None:
    async with http(server) as client:
        response = await client.post(OPEN, content=body, headers={"Content-Type": "application/json"})
    assert problem(response) == (400, "bad_request")


async def test_an_opening_may_have_keys_that_we_do_not_know(server: Server) -> None:
    await opened(server, new_in_version_9={"a": [1]})


class TestProof:
    """Which token opens what, and from where."""

    @pytest.fixture(params=["read", "send"])
    def ask(self, request: pytest.FixtureRequest, server: Server) -> Any:
        async def one(device: Device, path: str | None = None, **headers: str) -> httpx.Response:
            async with http(server) as client:
                url = path or f"{device.path}/messages"
                if request.param == "read":
                    return await client.get(url, headers=headers)
                return await client.post(url, json={"type": "say", "id": "x", "text": "你好"}, headers=headers)

        return one

    async def test_no_token(self, ask: Any, device: Device) -> None:
        assert problem(await ask(device)) == (401, "unauthorized")

    @pytest.mark.parametrize("told", ["Bearer", "Bearer wrong", "Basic {}", "{}", "Bearer {} {}", "Token {}"])
    async def test_a_wrong_token(self, ask: Any, device: Device, told: str) -> None:
        assert problem(await ask(device, Authorization=told.replace("{}", device.token))) == (401, "unauthorized")

    async def test_a_token_in_the_address_does_not_count(self, ask: Any, device: Device) -> None:
        path = f"{device.path}/messages?token={device.token}&access_token={device.token}&Authorization=Bearer"
        assert problem(await ask(device, path)) == (401, "unauthorized")

    async def test_a_foreign_conversation(self, ask: Any, server: Server, device: Device) -> None:
        other = await opened(server)
        assert problem(await ask(device, f"{other.path}/messages", **device.bearer)) == (404, "not_found")

    async def test_an_unknown_conversation(self, ask: Any, device: Device) -> None:
        unknown = f"{OPEN}/{fresh_id()}/messages"
        assert problem(await ask(device, unknown, **device.bearer)) == (404, "not_found")

    async def test_a_foreign_origin(self, ask: Any, device: Device) -> None:
        told = {"Origin": "https://evil.example"}
        assert problem(await ask(device, **device.bearer, **told)) == (403, "foreign_origin")

    async def test_our_own_origin_and_none(self, ask: Any, server: Server, device: Device) -> None:
        assert (await ask(device, **device.bearer)).status_code == 200
        assert (await ask(device, **device.bearer, Origin=server.url)).status_code == 200


async def test_opening_from_a_foreign_origin_is_refused_and_from_an_allowed_one_taken(embedded: Server) -> None:
    async with http(embedded, fresh_address()) as client:
        foreign = await client.post(OPEN, json={}, headers={"Origin": "https://evil.example"})
        assert problem(foreign) == (403, "foreign_origin")
        assert (await client.post(OPEN, json={}, headers={"Origin": ALLOWED})).status_code == 201


@pytest.mark.parametrize("origin", ["null", "http://[", "https://", "evil", "http://127.0.0.1.evil.example", ""])
async def test_an_odd_origin_is_foreign(server: Server, origin: str) -> None:
    async with http(server) as client:
        assert problem(await client.post(OPEN, json={}, headers={"Origin": origin})) == (403, "foreign_origin")


class TestReading:
    async def test_gives_what_was_said_after_a_number(self, device: Device) -> None:
        await device.ask(QUESTION)
        for after in range(4):
            assert [m["seq"] for m in await device.messages(after)] == list(range(after + 1, 4))

    async def test_without_wait_answers_at_once(self, device: Device) -> None:
        began = monotonic()
        assert (await device.read(after=1)).json() == {"messages": [], "state": device.opened["state"]}
        assert monotonic() - began < 2

    async def test_waits_for_the_next_message(self, device: Device) -> None:
        reading = asyncio.ensure_future(device.read(after=1, wait=20))
        await asyncio.sleep(0.3)
        assert not reading.done()
        began = monotonic()
        await device.say("你好", "hello")
        told = (await reading).json()
        assert monotonic() - began < 5
        assert told["messages"][0]["id"] == "hello"

    async def test_waits_no_longer_than_asked(self, device: Device) -> None:
        began = monotonic()
        told = (await device.read(after=1, wait=0.4)).json()
        assert told["messages"] == []
        assert told["state"]["stage"] == "bot"
        assert 0.3 < monotonic() - began < 5

    async def test_waits_no_longer_than_proxies_do(self, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
        assert channel.LONGEST_WAIT == 25
        monkeypatch.setattr(channel, "LONGEST_WAIT", 0.2)
        began = monotonic()
        assert (await device.read(after=1, wait=3600)).json()["messages"] == []
        assert monotonic() - began < 5

    async def test_learns_of_a_change_that_is_no_question(self, device: Device) -> None:
        reading = asyncio.ensure_future(device.read(after=1, wait=20))
        await asyncio.sleep(0.2)
        await device.post("end", id="bye")
        told = (await reading).json()
        assert told["state"]["stage"] == "closed"

    async def test_a_poller_misses_nothing(self, device: Device) -> None:
        seen: list[int] = []

        async def poll() -> None:
            while len(seen) < 21:
                told = (await device.read(after=seen[-1] if seen else 0, wait=10)).json()
                seen.extend(m["seq"] for m in told["messages"])

        polling = asyncio.ensure_future(poll())
        for n in range(10):
            await device.say(f"问题 {n}")
        await asyncio.wait_for(polling, 20)
        assert seen == list(range(1, 22))

    @pytest.mark.parametrize(
        "query",
        ["after=x", "after=-1", "after=1.5", "after=99999999999999999999", "after=4294967296", "wait=x", "wait=-1",
         "wait=nan", "after="],
    )  # fmt: skip
    async def test_odd_numbers_are_a_problem(self, server: Server, device: Device, query: str) -> None:
        async with http(server) as client:
            response = await client.get(f"{device.path}/messages?{query}", headers=device.bearer)
        assert problem(response) == (400, "bad_request")

    async def test_is_never_cached(self, device: Device) -> None:
        for response in (await device.read(), await device.say("你好")):
            assert response.headers["cache-control"] == "no-store"


class TestSending:
    async def test_an_end_that_is_repeated_is_acked_again_and_nothing_else_is(self, device: Device) -> None:
        first = (await device.post("end", id="bye")).json()
        again = await device.post("end", id="bye")
        assert (again.status_code, again.json()) == (200, first)
        assert problem(await device.say("您好")) == (401, "unauthorized")
        assert problem(await device.read()) == (401, "unauthorized")

    async def test_the_answer_is_the_ack(self, device: Device) -> None:
        response = await device.say(QUESTION, "q1")
        assert response.status_code == 200
        assert response.json() == {"type": "ack", "id": "q1", "seq": 2}
        assert [m["id"] for m in await device.messages()] == ["greeting", "q1", "re:q1"]

    async def test_a_repeated_frame_is_acked_alike(self, device: Device) -> None:
        first = (await device.say(QUESTION, "q1")).json()
        await device.say("社保卡丢了怎么办", "q2")
        assert (await device.say(QUESTION, "q1")).json() == first
        assert len(await device.messages()) == 5

    async def test_a_ping_is_answered(self, device: Device) -> None:
        assert (await device.post("ping")).json() == {"type": "pong"}

    @pytest.mark.parametrize("frame", [{"type": "typing"}, {"type": "read", "seq": 1}])
    async def test_signs_are_acked(self, device: Device, frame: dict[str, Any]) -> None:
        response = await device.post(**frame)
        assert response.status_code == 200
        assert response.json()["type"] == "ack"
        assert len(await device.messages()) == 1

    async def test_the_content_type_does_not_matter(self, device: Device) -> None:
        raw = json.dumps({"type": "say", "id": "x", "text": "你好"}).encode()
        assert (await device.post_raw(raw, **{"Content-Type": "text/plain"})).status_code == 200

    async def test_501_characters_are_too_long(self, device: Device) -> None:
        assert problem(await device.say("长" * 501)) == (413, "too_long")

    async def test_a_frame_over_16_kb_is_too_large(self, device: Device) -> None:
        assert problem(await device.post("ping", pad="x" * 16_384)) == (413, "too_large")

    async def test_a_body_over_64_kb_is_too_large(self, device: Device) -> None:
        assert problem(await device.post("ping", pad="x" * 70_000)) == (413, "too_large")

    @pytest.mark.parametrize("path", ["open", "send"])
    async def test_a_body_that_does_not_tell_its_length_is_counted(
        self, server: Server, device: Device, path: str
    ) -> None:
        async def pieces() -> Any:
            yield b'{"type":"ping","pad":"'
            for _ in range(80):
                yield b"x" * 1024
            yield b'"}'

        url = OPEN if path == "open" else f"{device.path}/messages"
        async with http(server) as client:
            response = await client.post(
                url, content=pieces(), headers=device.bearer | {"Content-Type": "application/json"}
            )
        assert problem(response) == (413, "too_large")
        assert "content-security-policy" in response.headers

    async def test_too_often_says_when_to_come_back(self, limited: Server) -> None:
        device = await opened(limited, fresh_address())
        for _ in range(30):
            assert (await device.say("你好")).status_code == 200
        response = await device.say("你好")
        assert problem(response) == (429, "too_often")
        assert 1 <= int(response.headers["retry-after"]) <= 60

    async def test_an_unknown_method_says_which_are_known(self, server: Server, device: Device) -> None:
        async with http(server) as client:
            response = await client.put(f"{device.path}/messages", json={}, headers=device.bearer)
        assert problem(response) == (405, "method_not_allowed")
        assert response.headers["allow"]


class TestPerAddress:
    async def test_openings_are_limited(self, embedded: Server) -> None:
        address = fresh_address()
        for _ in range(3):
            await opened(embedded, address)
        async with http(embedded, address) as client:
            response = await client.post(OPEN, json={})
        assert problem(response) == (429, "too_often")
        assert 1 <= int(response.headers["retry-after"]) <= 60
        await opened(embedded, fresh_address())

    async def test_messages_are_limited_over_all_conversations(self, embedded: Server) -> None:
        address = fresh_address()
        devices = [await opened(embedded, address) for _ in range(2)]
        for n in range(10):
            assert (await devices[n % 2].say("你好")).status_code == 200
        assert problem(await devices[0].say("你好")) == (429, "too_often")
        async with devices[1].line() as line:
            error = await line.say("你好")
            assert (error["type"], error["code"]) == ("error", "too_often")
            assert 1 <= error["retry_after"] <= 60
