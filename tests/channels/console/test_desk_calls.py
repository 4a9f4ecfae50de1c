"""The desk's calls: who may, lists and stories, canned replies, tickets from form to close, the wall board."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from bot.staff import Role
from bot.tables import audit, conversations
from tests.channels.citizen import Device, fresh_id, opened
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.console.hall import accepted, asking, dispatching, said, seated
from tests.channels.serving import Server

DESK = "/api/v1/desk"
PHONE = "13800138000"
QUESTION = "养老保险最低要交多少年"


@pytest.fixture
def hall(own_server: Server) -> Iterator[Server]:
    with dispatching(own_server):
        yield own_server


async def get(colleague: Colleague, path: str) -> Any:
    response = await colleague.call("GET", f"{DESK}{path}")
    assert response.status_code == 200, response.text
    return response.json()


async def post(colleague: Colleague, path: str, told: Any = None) -> Any:
    response = await colleague.call("POST", f"{DESK}{path}", told or {})
    assert response.status_code in (200, 201), response.text
    return response.json()


async def left(server: Server, device: Device | None = None) -> tuple[Device, str]:
    """A message that a citizen left, and its ticket's number."""
    device = device or await opened(server)
    name = fresh_id()
    done = await device.post("message_form", id=name, topic="退休", text="请回电", phone=PHONE, consent=True)
    assert done.status_code == 200
    text = next(m["text"] for m in await device.messages() if m["id"] == f"form:{name}")
    return device, text.partition("编号 ")[2].partition("。")[0]


# Who may


@pytest.mark.parametrize(
    "path", ["/me", "/agents", "/conversations", "/codes", "/replies", "/tickets", "/search?text=x"]
)
async def test_the_desk_is_for_those_who_serve(server: Server, path: str) -> None:
    editor, agent = await at_work(server, Role.EDITOR), await at_work(server, Role.AGENT)
    assert await editor.code("GET", f"{DESK}{path}") == (403, "forbidden")
    assert (await agent.code("GET", f"{DESK}{path}"))[0] == 200
    stranger = Colleague(server, "nobody")
    assert await stranger.code("GET", f"{DESK}{path}") == (401, "unauthorized")


async def test_the_wall_board_is_for_supervisors(server: Server) -> None:
    assert await (await at_work(server, Role.AGENT)).code("GET", f"{DESK}/board") == (403, "forbidden")
    assert (await (await at_work(server, Role.SUPERVISOR)).code("GET", f"{DESK}/board"))[0] == 200


async def test_a_story_is_read_by_who_has_to_do_with_it_and_by_nobody_else(hall: Server) -> None:
    async with seated(hall) as (amy, line):
        bob, boss = await at_work(hall, Role.AGENT), await at_work(hall, Role.SUPERVISOR)
        device = await asking(hall, QUESTION)
        await accepted(line, device)
        for path in ("", "/messages", "/notes"):
            talk = f"{DESK}/conversations/{device.id}{path}"
            assert (await amy.code("GET", talk))[0] == 200
            assert (await boss.code("GET", talk))[0] == 200
            assert await bob.code("GET", talk) == (404, "not_found")
            assert await amy.code("GET", f"{DESK}/conversations/nothing{path}") == (404, "not_found")
        context = await get(amy, f"/conversations/{device.id}")
        assert (context["last_text"], context["agent"]["username"]) == (QUESTION, amy.username)
        [service] = context["services"]
        assert (service["username"], service["ended_at"]) == (amy.username, None)


async def test_lists_tell_mine_waiting_and_recent(hall: Server) -> None:
    async with seated(hall) as (amy, line):
        held, waiting = await asking(hall), None
        await accepted(line, held)
        await line.send("status", value="away")
        await line.next("status", value="away")
        waiting = await asking(hall)
        for scope, device in (("mine", held), ("waiting", waiting), ("recent", held)):
            told = (await get(amy, f"/conversations?scope={scope}"))["conversations"]
            assert [t["conversation"] for t in told] == [device.id]
        me, agents = await get(amy, "/me"), (await get(amy, "/agents"))["agents"]
        assert (me["status"], me["load"]) == ("away", 1)
        assert [(a["username"], a["here"], a["load"]) for a in agents] == [(amy.username, False, 1)]


async def test_search_gives_answers_to_send(server: Server) -> None:
    agent = await at_work(server, Role.AGENT)
    first = (await get(agent, f"/search?text={QUESTION}"))["entries"][0]
    assert "15 年" in first["text"]
    assert 0 < first["score"] <= 1
    assert (await get(agent, "/search?text=%20"))["entries"] == []


# Canned replies


async def test_an_agent_keeps_changes_and_removes_her_own_replies(server: Server) -> None:
    amy, bob = await at_work(server, Role.AGENT), await at_work(server, Role.AGENT)
    kept = await post(amy, "/replies", {"title": "问好", "text": f"您好，我是{{agent}}，电话{PHONE}"})
    assert PHONE not in kept["text"]
    assert kept in (await get(amy, "/replies"))["replies"]
    assert kept not in (await get(bob, "/replies"))["replies"]
    one, other = f"{DESK}/replies/{kept['id']}", {"title": "再见", "text": "再见"}
    assert await bob.code("PUT", one, other) == (404, "not_found")
    assert await bob.code("DELETE", one) == (404, "not_found")
    assert (await amy.call("PUT", one, other)).json()["text"] == "再见"
    assert (await amy.code("DELETE", one))[0] == 204
    assert await amy.code("DELETE", one) == (404, "not_found")


async def test_shared_replies_are_changed_by_supervisors(server: Server) -> None:
    amy, boss = await at_work(server, Role.AGENT), await at_work(server, Role.SUPERVISOR)
    told = {"title": "等候", "text": "请稍等", "shared": True}
    assert await amy.code("POST", f"{DESK}/replies", told) == (403, "forbidden")
    kept = await post(boss, "/replies", told)
    assert kept in (await get(amy, "/replies"))["replies"]
    assert await amy.code("DELETE", f"{DESK}/replies/{kept['id']}") == (403, "forbidden")
    assert await boss.code("POST", f"{DESK}/replies", {"title": " ", "text": "x"}) == (400, "empty")


# Tickets


async def test_a_message_that_is_left_is_taken_answered_in_its_conversation_and_closed(own_server: Server) -> None:
    amy = await at_work(own_server, Role.AGENT)
    device, number = await left(own_server)
    [ticket] = (await get(amy, "/tickets"))["tickets"]
    assert (ticket["id"], ticket["kind"], ticket["has_phone"], ticket["overdue"]) == (number, "message", True, False)
    assert (await post(amy, f"/tickets/{number}/take"))["owner"] == amy.username
    for _ in range(2):
        await post(amy, f"/tickets/{number}/answer", {"id": "a1", "text": "您好，已为您查明"})
    answers = [m for m in await device.messages() if m["id"] == "a1"]
    assert [(m["party"], m["text"]) for m in answers] == [("agent", "您好，已为您查明")]
    path = f"{DESK}/tickets/{number}/close"
    assert await amy.code("POST", path, {"result": "done"}) == (422, "bad_result")
    assert (await post(amy, f"/tickets/{number}/close", {"result": "answered"}))["status"] == "closed"
    assert (await get(amy, "/tickets"))["tickets"] == []
    assert [t["id"] for t in (await get(amy, "/tickets?status=closed"))["tickets"]] == [number]
    assert await amy.code("POST", f"{DESK}/tickets/NOTHING/take", {}) == (404, "not_found")


async def test_a_telephone_number_needs_a_reason_and_leaves_a_trace(own_server: Server) -> None:
    amy = await at_work(own_server, Role.AGENT)
    _, number = await left(own_server)
    path = f"{DESK}/tickets/{number}/phone"
    assert await amy.code("POST", path, {"reason": " "}) == (422, "no_reason")
    assert (await post(amy, f"/tickets/{number}/phone", {"reason": "回电"}))["phone"] == PHONE
    rows = own_server.rows(select(audit.c.actor, audit.c.subject).where(audit.c.action == "phone_shown"))
    assert [tuple(row) for row in rows] == [(amy.username, number)]


async def test_a_bad_rating_is_to_be_put_right_by_a_call(own_server: Server) -> None:
    amy = await at_work(own_server, Role.AGENT)
    device = await opened(own_server)
    await device.post("rate", id="r", stars=1, reasons=["态度不好"], text="没人理")
    [ticket] = (await get(amy, "/tickets?kind=rectification"))["tickets"]
    assert (ticket["stars"], ticket["text"]) == (1, "态度不好；没人理")
    path = f"{DESK}/tickets/{ticket['id']}/close"
    assert await amy.code("POST", path, {"result": "answered", "remark": "x"}) == (422, "call_first")
    assert await amy.code("POST", path, {"result": "called_back"}) == (422, "remark_missing")
    assert (await amy.call("POST", path, {"result": "called_back", "remark": "已道歉"})).json()["status"] == "closed"


# The wall board


async def test_the_wall_board_counts_what_happened(hall: Server) -> None:
    boss = await at_work(hall, Role.SUPERVISOR)
    async with seated(hall, capacity=1) as (_, line):
        first = await asking(hall)
        await accepted(line, first)
        await said(line, first, "您好")
        second, third = await asking(hall), await asking(hall)
        await third.post("leave_queue", id="l")
        await first.post("rate", id="r", stars=4, reasons=[], text="")
        board = await get(boss, "/board")
        assert (board["waiting"], board["online"], board["serving"], board["places"], board["free"]) == (1, 1, 1, 1, 0)
        today = board["today"]
        assert (today["asked"], today["served"], today["left"], today["within_15_seconds"]) == (3, 1, 1, 1)
        assert (today["rated"], today["average_stars"]) == (1, 4.0)
        assert hall.rows(select(conversations.c.stage).where(conversations.c.id == second.id))[0].stage == "waiting"
