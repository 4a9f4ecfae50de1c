"""What the service station lists."""

from __future__ import annotations

from tests.channels.citizen import http
from tests.channels.serving import Server


async def test_the_station_lists_what_has_an_answer_today(server: Server) -> None:
    async with http(server) as client:
        response = await client.get("/api/v1/station")
    assert response.status_code == 200
    told = response.json()
    assert (told["name"], told["city"]) == ("社保易答", "杭州")
    keys = [group["key"] for group in told["topics"]]
    assert keys == ["pension", "contribution", "unemployment", "injury", "medical", "maternity", "card"]
    questions = {q for group in told["topics"] for q in group["questions"]}
    assert "养老保险最低要交多少年" in questions
    assert "阶段性减免社保费有哪些" not in questions, "its answer has ended"
    assert set(told["hot"]) <= questions


async def test_every_listed_question_is_answered_word_for_word(server: Server) -> None:
    from tests.channels.citizen import opened

    async with http(server) as client:
        told = (await client.get("/api/v1/station")).json()
    device = await opened(server)
    for group in told["topics"]:
        for question in group["questions"]:
            assert (await device.ask(question))["because"] == "exact"


async def test_it_lists_procedures_and_calculators_that_have_a_page(server: Server) -> None:
    async with http(server) as client:
        told = (await client.get("/api/v1/station")).json()
        assert {"id": "pension_transfer", "title": "养老保险关系转移"} in told["procedures"]
        assert {"name": "retirement", "title": "退休时间测算"} in told["calculators"]
        pages = [f"/procedures/{row['id']}" for row in told["procedures"]]
        pages += [f"/calculators/{row['name']}" for row in told["calculators"]]
        for page in pages:
            assert (await client.get(page)).status_code == 200
