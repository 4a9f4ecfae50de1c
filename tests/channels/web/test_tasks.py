"""Procedures and calculators over the API: every case of every shipped guide, and whatever can be wrong with an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from channels.web.tasks import answered, current
from knowledge_base.calculators.catalogue import CALCULATORS
from knowledge_base.corpus import read_corpus
from knowledge_base.entry import Validity
from knowledge_base.errors import Impossible
from knowledge_base.fields import Field, Kind, Option
from knowledge_base.procedures.procedure import SECTIONS, cases
from tests.channels.citizen import http, problem
from tests.channels.serving import Server

TODAY = date(2026, 11, 24)
TRANSFER = "/api/v1/procedures/pension_transfer"
RETIREMENT = "/api/v1/calculators/retirement"
SHIPPED = read_corpus().procedures


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with http(server) as one:
        yield one


async def told(client: httpx.AsyncClient, path: str, **answers: str) -> dict[str, Any]:
    response = await client.get(path, params=answers)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    body: dict[str, Any] = response.json()
    return body


class TestProcedures:
    async def test_all_that_hold_today_are_listed_by_group(self, client: httpx.AsyncClient) -> None:
        rows = (await told(client, "/api/v1/procedures"))["procedures"]
        assert {row["id"] for row in rows} == set(current(SHIPPED, datetime.now(UTC).date()))
        transfer = next(row for row in rows if row["id"] == "pension_transfer")
        assert transfer == {
            "id": "pension_transfer", "title": "养老保险关系转移", "group": "养老保险",
            "about": "换了地方参保，把以前的养老保险年限和账户并到一处", "topics": ["pension.transfer", "pension.merge"],
        }  # fmt: skip

    async def test_a_guide_asks_one_question_after_the_other(self, client: httpx.AsyncClient) -> None:
        first = await told(client, TRANSFER)
        assert first["question"]["name"] == "direction"
        assert first["question"]["options"][0] == {"value": "in", "label": "转进杭州"}
        assert (first["answers"], first["given"], first["sections"], first["checklist"]) == ({}, [], [], [])
        second = await told(client, TRANSFER, direction="in")
        assert second["question"]["name"] == "stopped"
        assert second["given"][0]["label"] == "转进杭州"
        assert (await told(client, TRANSFER, direction="out"))["question"]["name"] == "channel"

    async def test_it_ends_with_sections_checklist_basis_and_what_is_not_verified(
        self, client: httpx.AsyncClient
    ) -> None:
        guide = await told(client, TRANSFER, direction="in", stopped="yes", channel="counter")
        assert guide["question"] is None
        sections = {section["name"]: section for section in guide["sections"]}
        assert list(sections) == list(SECTIONS)
        assert sections["materials"]["heading"] == "要带的材料"
        assert sections["materials"]["lines"][:2] == ["身份证", "本人银行卡、社保卡"]
        assert guide["checklist"] == [*sections["materials"]["lines"], *sections["steps"]["lines"]]
        assert guide["sources"][0]["article"] == "第十九条"
        assert guide["sources"][0]["jurisdiction"] == "杭州"
        assert [row for row in guide["confirm"] if "12333" in row]

    @pytest.mark.parametrize("name", list(SHIPPED))
    async def test_every_case_of_every_guide_is_told(self, client: httpx.AsyncClient, name: str) -> None:
        for answers in cases(SHIPPED[name]):
            guide = await told(client, f"/api/v1/procedures/{name}", **answers)
            assert guide["question"] is None
            assert guide["answers"] == answers
            assert guide["checklist"]
            assert guide["sources"]

    async def test_an_answer_may_be_the_label_and_comes_back_in_machine_form(self, client: httpx.AsyncClient) -> None:
        assert (await told(client, TRANSFER, direction="转进杭州"))["answers"] == {"direction": "in"}

    async def test_an_answer_that_another_made_needless_does_not_count(self, client: httpx.AsyncClient) -> None:
        guide = await told(client, TRANSFER, direction="out", stopped="no", channel="online")
        assert guide["answers"] == {"direction": "out", "channel": "online"}

    @pytest.mark.parametrize(
        ("query", "code", "field"),
        [
            ("direction=up", "unreadable", "direction"),
            ("direction=", "unreadable", "direction"),
            ("stopped=maybe&direction=out", "unreadable", "stopped"),
            ("from=singlemessage", "unknown_argument", "from"),
            ("direction=in&direction=out", "repeated_argument", "direction"),
            ("%00=1", "unknown_argument", "\x00"),
        ],
    )
    async def test_what_cannot_be_is_a_problem(
        self, client: httpx.AsyncClient, query: str, code: str, field: str
    ) -> None:
        response = await client.get(f"{TRANSFER}?{query}")
        assert problem(response) == (422, code)
        assert response.json()["field"] == field

    @pytest.mark.parametrize("name", ["nothing", "PENSION_TRANSFER", "%E5%85%BB%E8%80%81"])
    async def test_a_guide_that_is_not_there(self, client: httpx.AsyncClient, name: str) -> None:
        response = await client.get(f"/api/v1/procedures/{name}")
        assert problem(response) == (404, "unknown_procedure")
        assert "重新选" in response.json()["detail"]


class TestCalculators:
    async def test_all_are_listed_by_group(self, client: httpx.AsyncClient) -> None:
        rows = (await told(client, "/api/v1/calculators"))["calculators"]
        assert {row["name"] for row in rows} == set(CALCULATORS)
        groups = [row["group"] for row in rows]
        assert groups == sorted(groups, key=groups.index), "each group stands together"
        assert groups[0] == "养老保险"

    @pytest.mark.parametrize("name", list(CALCULATORS))
    async def test_each_tells_what_it_asks(self, client: httpx.AsyncClient, name: str) -> None:
        form = await told(client, f"/api/v1/calculators/{name}")
        assert [f["name"] for f in form["fields"]] == [f.name for f in CALCULATORS[name].fields]
        assert form["sources"]

    async def test_a_result_has_lines_data_and_basis(self, client: httpx.AsyncClient) -> None:
        result = await told(client, f"{RETIREMENT}/result", birth="1976-08", category="male")
        assert result["data"]["date"] == "2039-07"
        assert "2039 年 7 月" in result["lines"][0]
        assert result["lines"][-2] == result["valid"]
        assert "核定为准" in result["lines"][-1]
        assert result["sources"][0]["effective"] == "2025-01-01"

    @pytest.mark.parametrize(
        ("query", "code", "field"),
        [
            ("birth=1976-13&category=male", "unreadable", "birth"),
            ("birth=2999-01&category=male", "out_of_range", "birth"),
            ("birth=1976-08&category=cat", "unreadable", "category"),
            ("category=male", "missing_argument", "birth"),
            ("birth=1976-08&category=male&name=x", "unknown_argument", "name"),
            ("birth=1976-08&birth=1976-09&category=male", "repeated_argument", "birth"),
        ],
    )
    async def test_what_cannot_be_is_a_problem_beside_its_field(
        self, client: httpx.AsyncClient, query: str, code: str, field: str
    ) -> None:
        response = await client.get(f"{RETIREMENT}/result?{query}")
        assert problem(response) == (422, code)
        assert response.json()["field"] == field
        assert response.json()["detail"]

    async def test_a_calculator_that_is_not_there(self, client: httpx.AsyncClient) -> None:
        for path in ("/api/v1/calculators/nothing", "/api/v1/calculators/nothing/result?a=1"):
            assert problem(await client.get(path)) == (404, "unknown_calculator")


async def test_what_was_answered_stands_in_no_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="channels"):
        await client.get(f"{RETIREMENT}/result?birth=1976-08&category=male")
        await client.get(f"{RETIREMENT}/result?birth=19760800&category=330106197608001234")
    assert "1976" not in caplog.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/procedures", 200), ("/procedures/pension_transfer", 200), ("/procedures/nothing", 404),
        ("/calculators", 200), ("/calculators/retirement", 200), ("/calculators/nothing", 404),
    ],
)  # fmt: skip
async def test_a_page_says_whether_it_is_there(client: httpx.AsyncClient, path: str, status: int) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"


def test_a_guide_that_has_ended_is_not_current() -> None:
    ended = replace(SHIPPED["pension_transfer"], valid=Validity(until=date(2020, 1, 1)))
    assert current({"pension_transfer": ended}, TODAY) == {}


def test_answers_that_hang_on_a_needless_one_go_with_it() -> None:
    options = (Option(value="yes", label="是"), Option(value="no", label="不是"))
    first, second, third = (
        Field(name=name, ask=name, kind=Kind.CHOICE, options=options, when=when)
        for name, when in (("a", {}), ("b", {"a": ("yes",)}), ("c", {"b": ("yes",)}))
    )
    given = {"c": "yes", "b": "yes", "a": "no"}
    assert answered((first, second, third), given, TODAY) == {"a": "no"}
    with pytest.raises(Impossible, match="没有“d”这一项"):
        answered((first,), {"d": "yes"}, TODAY)
