"""Figures, records and the learning loop as the staff's pages call them: for whose role allows it, and audited."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.archive import cell
from bot.learning import gather
from bot.staff import RIGHTS, Right, Role
from bot.tallies import Tallies
from tests.channels.citizen import opened
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.serving import Server

TODAY = datetime.now(UTC).date()
DAYS = f"first={TODAY - timedelta(days=1)}&last={TODAY + timedelta(days=1)}"
KNOWLEDGE = "/api/v1/knowledge"
MOMENTS = f"first={TODAY - timedelta(days=2)}T00:00:00Z&last={TODAY + timedelta(days=2)}T00:00:00Z"
NEEDS: dict[tuple[str, str], tuple[set[Right], Any]] = {
    ("GET", f"/api/v1/figures?{DAYS}"): ({Right.MEASURE}, None),
    ("GET", f"/api/v1/figures/export?{DAYS}"): ({Right.MEASURE}, None),
    ("GET", f"/api/v1/figures/agents?{DAYS}"): ({Right.MEASURE, Right.SERVE}, None),
    ("GET", f"/api/v1/figures/procedures?{DAYS}"): ({Right.MEASURE}, None),
    ("GET", f"/api/v1/figures/knowledge?{DAYS}"): ({Right.MEASURE, Right.EDIT}, None),
    ("GET", f"/api/v1/records?{DAYS}"): ({Right.MEASURE}, None),
    ("GET", f"/api/v1/records/export?{DAYS}"): ({Right.MEASURE}, None),
    ("POST", "/api/v1/records/nobody"): ({Right.MEASURE}, {"reason": "投诉"}),
    ("GET", f"{KNOWLEDGE}/unanswered"): ({Right.EDIT}, None),
    ("POST", f"{KNOWLEDGE}/unanswered/nobody/settle"): ({Right.EDIT}, {"how": "dismissed"}),
    ("GET", f"{KNOWLEDGE}/proposals"): ({Right.EDIT}, None),
    ("POST", f"{KNOWLEDGE}/proposals/nobody/decide"): ({Right.REVIEW}, {"accept": True}),
    ("GET", f"{KNOWLEDGE}/feedback"): ({Right.EDIT}, None),
    ("POST", f"{KNOWLEDGE}/feedback/nobody/1/take"): ({Right.EDIT}, None),
    ("POST", f"{KNOWLEDGE}/feedback/nobody/1/close"): ({Right.EDIT}, {"result": "not_ours", "remark": "转医保"}),
    ("GET", f"{KNOWLEDGE}/recall?entry=x&{MOMENTS}"): ({Right.REVIEW}, None),
}


def counted(server: Server) -> None:
    """What the chores would do by now."""
    now = datetime.now(UTC)
    Tallies(server.parts.database, server.parts.settings.site.zone).bring_up(now)
    gather(server.parts.database, server.parts.library.current.models, now)


async def table(colleague: Colleague, path: str) -> list[list[str]]:
    response = await colleague.call("GET", path)
    assert response.status_code == 200
    assert response.headers["content-disposition"].startswith("attachment")
    text = response.content.decode("utf-8-sig")
    assert response.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(text)))


async def log(server: Server) -> list[tuple[str, str]]:
    auditor = await at_work(server, Role.AUDITOR)
    return [(r["actor"], r["action"]) for r in (await auditor.call("GET", "/api/v1/audit?limit=50")).json()["rows"]]


@pytest.mark.parametrize("role", Role)
async def test_every_call_is_for_the_roles_that_have_its_right_and_no_other(server: Server, role: Role) -> None:
    one = await at_work(server, role)
    for (method, path), (allowed, body) in NEEDS.items():
        status, code = await one.code(method, path, body)
        if allowed & RIGHTS[role]:
            assert (status, code) in ((200, ""), (404, "not_found")), (method, path, status, code)
        else:
            assert (status, code) == (403, "forbidden"), (method, path)


async def test_without_a_session_nothing_is_told(server: Server) -> None:
    for (method, path), (_, body) in NEEDS.items():
        assert await Colleague(server, "x").code(method, path, body) == (401, "unauthorized")


async def test_figures_stand_beside_their_definitions_and_count_what_happened(own_server: Server) -> None:
    boss = await at_work(own_server, Role.SUPERVISOR)
    device = await opened(own_server)
    question = own_server.parts.library.current.corpus.entries[0].question
    await device.ask(question)
    counted(own_server)
    told = (await boss.call("GET", f"/api/v1/figures?{DAYS}")).json()
    figures = {f["name"]: f for f in told["figures"]}
    assert figures["visits"]["value"] == 1
    assert figures["resolved_rate"]["value"] == 1
    assert all(f["definition"] for f in told["figures"])
    assert told["topics"][0]["counts"]["questions"] == 1
    assert told["counted_at"]
    empty = (await boss.call("GET", f"/api/v1/figures?{DAYS}&channel=voice")).json()
    assert next(f for f in empty["figures"] if f["name"] == "resolved_rate")["value"] is None
    rows = await table(boss, f"/api/v1/figures/export?{DAYS}")
    assert rows[0] == ["日期", "渠道", "主题", "项目", "数量"]
    assert ["web", "", "visits", "1"] in [row[1:] for row in rows]
    health = (await boss.call("GET", f"/api/v1/figures/knowledge?{DAYS}")).json()
    assert own_server.parts.library.current.corpus.entries[0].id not in {
        e["entry"] for e in health["entries"] if "never_shown" in e["faults"]
    }
    assert (boss.username, "figures_exported") in await log(own_server)


async def test_records_are_found_masked_and_exported_and_every_look_is_audited(own_server: Server) -> None:
    boss = await at_work(own_server, Role.SUPERVISOR)
    device = await opened(own_server)
    await device.say("=1+1 我的手机 13812345678 怎么改")
    found = (await boss.call("GET", f"/api/v1/records?{DAYS}&text=怎么改")).json()["records"]
    assert [r["conversation"] for r in found if r["party"] == "citizen"] == [device.id]
    rows = await table(boss, f"/api/v1/records/export?{DAYS}")
    said = next(row for row in rows if row[4] == "市民")
    assert said[5].startswith("'=1+1")
    assert "13812345678" not in str(rows) + str(found)
    path = f"/api/v1/records/{device.id}"
    assert await boss.code("POST", path, {"reason": " "}) == (422, "no_reason")
    story = (await boss.call("POST", path, {"reason": "投诉核查"})).json()
    assert [m["seq"] for m in story["messages"]] == [1, 2, 3]
    actions = [action for _, action in await log(own_server)]
    assert {"conversations_searched", "conversations_exported", "conversation_read"} <= set(actions)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_is_calculated(value: str) -> None:
    assert cell(value) == "'" + value
    assert cell("正常") == "正常"


@pytest.mark.parametrize(
    "days", ["first=2026-01-02&last=2026-01-01", "first=2020-01-01&last=2026-01-01", "first=x&last=y"]
)
async def test_days_that_cannot_be_are_refused(server: Server, days: str) -> None:
    boss = await at_work(server, Role.SUPERVISOR)
    assert (await boss.code("GET", f"/api/v1/figures?{days}"))[0] == 400


async def test_an_agent_sees_her_own_load_and_no_other(server: Server) -> None:
    agent = await at_work(server, Role.AGENT)
    told = (await agent.call("GET", f"/api/v1/figures/agents?{DAYS}")).json()
    assert {a["agent"] for a in told["agents"]} <= {agent.username}


async def test_an_unanswered_question_is_settled_once_and_decided_by_another(own_server: Server) -> None:
    editor, reviewer = await at_work(own_server, Role.EDITOR), await at_work(own_server, Role.REVIEWER)
    device = await opened(own_server)
    answer = await device.ask("犀牛能不能坐船去火星养蜂")
    await device.post("feedback", id="f", seq=answer["seq"], helpful=False)
    inbox = (await editor.call("GET", f"{KNOWLEDGE}/feedback")).json()["feedback"]
    assert [(f["question"], f["owner"], f["overdue"]) for f in inbox] == [("犀牛能不能坐船去火星养蜂", None, False)]
    one = f"{KNOWLEDGE}/feedback/{device.id}/{answer['seq']}"
    assert await editor.code("POST", f"{one}/take") == (204, "")
    assert await editor.code("POST", f"{one}/close", {"result": "changed"}) == (422, "entry_missing")
    assert await editor.code("POST", f"{one}/close", {"result": "not_ours", "remark": "与社保无关"}) == (204, "")
    counted(own_server)
    (cluster,) = (await editor.call("GET", f"{KNOWLEDGE}/unanswered")).json()["clusters"]
    assert cluster["questions"][0]["text"] == "犀牛能不能坐船去火星养蜂"
    path = f"{KNOWLEDGE}/unanswered/{cluster['id']}/settle"
    made = (await editor.call("POST", path, {"how": "out_of_scope", "text": "火星养蜂"})).json()["proposal"]
    assert await editor.code("POST", path, {"how": "dismissed"}) == (404, "not_found")
    decide = f"{KNOWLEDGE}/proposals/{made}/decide"
    assert await editor.code("POST", decide, {"accept": True}) == (403, "forbidden")
    assert await reviewer.code("POST", decide, {"accept": True}) == (204, "")
    told = (await reviewer.call("GET", f"{KNOWLEDGE}/proposals?status=accepted")).json()["proposals"]
    assert [(p["id"], p["made_by"], p["decided_by"]) for p in told] == [(made, editor.username, reviewer.username)]
