"""Notices, switches and holidays as the staff's pages call them, and what citizens then see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.staff import RIGHTS, Right, Role
from tests.channels.citizen import http, opened
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.console.hall import accepted, asking, dispatching, said, seated
from tests.channels.serving import Server

NOTICES, SWITCHES, HOLIDAYS = "/api/v1/notices", "/api/v1/switches", "/api/v1/holidays/2027"
PINNED = {"kind": "pinned", "text": "9 月 30 日前完成资格认证。"}
EMERGENCY = {"kind": "emergency", "text": "医保系统正在抢修，预计 14 时恢复。"}
NEEDS: dict[tuple[str, str], tuple[Right, Any]] = {
    ("GET", NOTICES): (Right.ANNOUNCE, None),
    ("POST", NOTICES): (Right.ANNOUNCE, PINNED | {"ends_at": "2020-01-01T00:00:00Z"}),
    ("PUT", f"{NOTICES}/nobody"): (Right.ANNOUNCE, PINNED | {"revision": 1}),
    ("DELETE", f"{NOTICES}/nobody"): (Right.ANNOUNCE, None),
    ("GET", SWITCHES): (Right.ANNOUNCE, None),
    ("PUT", f"{SWITCHES}/fax"): (Right.ANNOUNCE, {"off": True, "text": "停"}),
    ("GET", HOLIDAYS): (Right.MANAGE, None),
    ("PUT", HOLIDAYS): (Right.MANAGE, {"days": []}),
}


@pytest.fixture
async def boss(server: Server) -> AsyncIterator[Colleague]:
    """A supervisor, after whom the hall is as it was."""
    colleague = await at_work(server, Role.SUPERVISOR)
    yield colleague
    for notice in (await colleague.call("GET", NOTICES)).json()["notices"]:
        await colleague.call("DELETE", f"{NOTICES}/{notice['id']}")
    for channel in ("web", "wechat", "voice"):
        await colleague.call("PUT", f"{SWITCHES}/{channel}", {"off": False})


async def station(server: Server) -> dict[str, Any]:
    async with http(server, "127.0.0.1") as client:
        told: dict[str, Any] = (await client.get("/api/v1/station")).json()
        return told


@pytest.mark.parametrize("role", Role)
async def test_every_call_is_for_the_roles_that_have_its_right_and_no_other(server: Server, role: Role) -> None:
    one = await at_work(server, role)
    for (method, path), (right, body) in NEEDS.items():
        status, code = await one.code(method, path, body)
        if right in RIGHTS[role]:
            assert (status, code) in ((200, ""), (404, "not_found"), (400, "bad_time")), (method, path)
        else:
            assert (status, code) == (403, "forbidden"), (method, path)


async def test_without_a_session_nothing_is_told(server: Server) -> None:
    for (method, path), (_, body) in NEEDS.items():
        assert await Colleague(server, "x").code(method, path, body) == (401, "unauthorized")


async def test_a_pinned_notice_and_a_hot_question_stand_on_the_station_page_while_they_hold(
    server: Server, boss: Colleague
) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    made = (await boss.call("POST", NOTICES, PINNED | {"ends_at": ends})).json()
    await boss.call("POST", NOTICES, {"kind": "hot", "text": "资格认证怎么办"})
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    coming = (await boss.call("POST", NOTICES, PINNED | {"text": "明天停机", "starts_at": later})).json()
    told = await station(server)
    assert [(n["kind"], n["text"]) for n in told["notices"]] == [("pinned", PINNED["text"])]
    assert told["hot"][0] == "资格认证怎么办"
    assert (made["stage"], coming["stage"]) == ("now", "coming")
    assert await boss.code("DELETE", f"{NOTICES}/{made['id']}") == (204, "")
    assert (await station(server))["notices"] == []
    assert {n["stage"] for n in (await boss.call("GET", NOTICES)).json()["notices"]} >= {"now", "coming", "over"}


async def test_pressing_twice_posts_once(server: Server, boss: Colleague) -> None:
    for _ in range(2):
        response = await boss.call("POST", NOTICES, EMERGENCY | {"id": "once"})
        assert (response.status_code, response.json()["id"]) == (201, "once")
    assert len((await station(server))["notices"]) == 1


async def test_two_who_change_one_notice_do_not_overwrite_each_other(boss: Colleague) -> None:
    made = (await boss.call("POST", NOTICES, PINNED)).json()
    path = f"{NOTICES}/{made['id']}"
    first = await boss.call("PUT", path, PINNED | {"text": "先改", "revision": made["revision"]})
    assert (first.status_code, first.json()["text"]) == (200, "先改")
    assert await boss.code("PUT", path, PINNED | {"text": "后改", "revision": made["revision"]}) == (409, "stale")


async def test_an_emergency_reaches_an_open_page_and_every_new_conversation(server: Server, boss: Colleague) -> None:
    device = await opened(server)
    async with device.line() as line:
        await line.next("state")
        made = await boss.call("POST", NOTICES, EMERGENCY)
        assert made.json()["channels"] == ["web", "wechat", "voice"]
        told = await line.next("message", because="notice", within=5.0)
        assert (told["party"], told["text"], told["card"]["kind"]) == ("system", EMERGENCY["text"], "notice")
    assert (await opened(server)).opened["messages"][0]["text"].startswith(EMERGENCY["text"])


async def test_a_channel_that_is_switched_off_rests_while_chats_with_agents_go_on(
    server: Server, boss: Colleague
) -> None:
    with dispatching(server):
        async with seated(server) as (_, desk):
            device = await asking(server, "怎么参保")
            await accepted(desk, device)
            switched = await boss.call("PUT", f"{SWITCHES}/web", {"off": True, "text": "系统维护，请打 12333。"})
            assert (switched.status_code, switched.json()["off"]) == (200, True)
            fresh = await opened(server)
            assert fresh.opened["messages"][0]["text"] == "系统维护，请打 12333。"
            assert (await fresh.ask("怎么参保"))["text"] == "系统维护，请打 12333。"
            assert (await station(server))["switched_off"] == "系统维护，请打 12333。"
            assert (await device.say("还在吗")).status_code == 200
            assert (await desk.next("message", conversation=device.id, text="还在吗"))["party"] == "citizen"
            assert (await said(desk, device, "在的，您说"))["type"] == "ack"
            assert (await device.messages())[-1]["text"] == "在的，您说"
    await boss.call("PUT", f"{SWITCHES}/web", {"off": False})
    assert "机器" in (await opened(server)).opened["messages"][0]["text"]
    assert (await station(server))["switched_off"] is None


@pytest.mark.parametrize(
    "body",
    [
        PINNED | {"text": " "},
        PINNED | {"channels": []},
        PINNED | {"channels": ["fax"]},
        PINNED | {"starts_at": "2027-01-01T00:00:00"},  # of which zone?
        PINNED | {"text": "找 13812345678"},
        PINNED | {"kind": "advert"},
    ],
)
async def test_what_cannot_be_announced_is_refused(boss: Colleague, body: dict[str, Any]) -> None:
    status, _ = await boss.code("POST", NOTICES, body)
    assert status == 400
    assert all(n["stage"] == "over" for n in (await boss.call("GET", NOTICES)).json()["notices"])


async def test_the_bureau_keeps_its_own_year_of_holidays_and_it_is_audited(own_server: Server) -> None:
    admin = await at_work(own_server, Role.ADMIN, Role.AUDITOR)
    assert (await admin.call("GET", HOLIDAYS)).json() == {"year": 2027, "known": False, "days": []}
    days = [{"day": "2027-01-01", "works": False, "name": "元旦"}, {"day": "2027-01-03", "works": True, "name": "元旦"}]
    assert (await admin.call("PUT", HOLIDAYS, {"days": days})).json() == {"year": 2027, "known": True, "days": days}
    assert await admin.code("PUT", HOLIDAYS, {"days": [days[0], days[0]]}) == (400, "bad_day")
    assert await admin.code("PUT", HOLIDAYS, {"days": [days[0] | {"day": "2026-01-01"}]}) == (400, "bad_day")
    assert (await admin.call("GET", HOLIDAYS)).json()["days"] == days
    log = (await admin.call("GET", "/api/v1/audit?limit=1")).json()["rows"]
    assert (log[0]["action"], log[0]["subject"]) == ("holidays_changed", "2027")
