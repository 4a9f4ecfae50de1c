"""Whatever goes wrong is a problem document with a stable code, and leaves no words in the log."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from bot.errors import NotFound, Refused, Stale, StoreBusy
from channels.problems import add_problem_handlers, problem
from knowledge_base.errors import Impossible

Raised = Callable[[], Exception]


async def answered(error: Exception) -> httpx.Response:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/")
    async def raises() -> None:
        raise error

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return await client.get("/")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("empty", "空"), 400, "empty"),
        (Refused("not_text", "空"), 400, "not_text"),
        (Refused("unknown_choice", "空"), 400, "unknown_choice"),
        (Refused("unknown_message", "空"), 400, "unknown_message"),
        (Refused("bad_code", "空"), 400, "bad_code"),
        (Refused("bad_phone", "空"), 400, "bad_phone"),
        (Refused("unauthorized", "空"), 401, "unauthorized"),
        (Refused("foreign_origin", "空"), 403, "foreign_origin"),
        (NotFound("c"), 404, "not_found"),
        (Refused("id_taken", "空"), 409, "id_taken"),
        (Refused("wrong_stage", "空"), 409, "wrong_stage"),
        (Stale("c"), 409, "stale"),
        (Refused("gone", "空"), 410, "gone"),
        (Refused("too_long", "空"), 413, "too_long"),
        (Refused("too_large", "空"), 413, "too_large"),
        (Refused("too_often", "空", retry_after=9), 429, "too_often"),
        (Impossible("unreadable", "请写清年和月。", "birth"), 422, "unreadable"),
        (Impossible("unknown_procedure", "没有。"), 404, "unknown_procedure"),
        (Impossible("unknown_calculator", "没有。"), 404, "unknown_calculator"),
        (StoreBusy("OperationalError: database is locked"), 503, "store_busy"),
        (HTTPException(418, "teapot"), 418, "error"),
        (ValueError("330102198001011239"), 500, "internal"),
    ],
)
async def test_an_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    response = await answered(error)
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (response.status_code, told["status"], told["code"]) == (status, status, code)
    assert "330102" not in response.text
    assert "locked" not in response.text


async def test_when_to_come_back_is_a_header() -> None:
    assert (await answered(Refused("too_often", "空", retry_after=9))).headers["retry-after"] == "9"
    assert (await answered(StoreBusy("x"))).headers["retry-after"] == "2"
    assert "retry-after" not in (await answered(Refused("empty", "空"))).headers


async def test_what_http_demands_beside_a_status_stays() -> None:
    response = await answered(HTTPException(405, headers={"Allow": "GET"}))
    assert response.headers["allow"] == "GET"


async def test_whoever_has_no_right_learns_how_to_prove_it() -> None:
    assert (await answered(Refused("unauthorized", "空"))).headers["www-authenticate"] == "Bearer"


def test_a_problem_is_what_the_standard_says() -> None:
    response = problem(400, "empty", "我没看到文字。")
    assert response.media_type == "application/problem+json"
    assert (
        bytes(response.body).decode()
        == '{"type":"about:blank","title":"empty","status":400,"code":"empty","detail":"我没看到文字。"}'
    )
