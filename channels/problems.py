"""Errors at the edge: RFC 9457 problems for HTTP, each with a stable code and what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import NotFound, Refused, Stale, StoreBusy
from bot.measure import REFUSALS
from knowledge_base.errors import Impossible

log = logging.getLogger(__name__)

# All others are 400. To citizens 401, 403 and 404 mean that the conversation is not this device's (any more).
STATUS = {
    "too_often": 429, "too_long": 413, "too_large": 413, "gone": 410, "id_taken": 409, "wrong_stage": 409,
    "unauthorized": 401, "no_voice": 503, "foreign_origin": 403, "bad_link": 410,
    "wrong_credentials": 401, "code_required": 401, "wrong_code": 401, "locked": 429, "weak_password": 422,
    "password_change_required": 403, "forbidden": 403, "username_taken": 409, "number_taken": 409, "last_admin": 409,
    "totp_active": 409, "totp_not_offered": 409, "taken": 409, "full": 409, "not_online": 409, "nobody_there": 409,
    "not_yours": 403, "too_late": 409, "bad_result": 422, "call_first": 422, "remark_missing": 422,
    "no_reason": 422, "entry_missing": 422,
    "not_your_topic": 403, "own_work": 403, "own_override": 403, "reason_missing": 422, "wrong_state": 409,
    "gate_failed": 409, "not_ready": 409, "never_live": 409, "publishing": 409, "precondition_required": 428,
}  # fmt: skip
NO_SUCH = ("unknown_procedure", "unknown_calculator")  # other answers that cannot be are 422
BUSY = "系统正忙，您的话还没有保存，请稍后再发一次。"
FAULT = "系统出错了，请稍后再试，或打 12333。"


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    field: str = "",
    retry_after: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    headers = dict(headers or {})
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, str | int] = {
        "type": "about:blank", "title": code, "status": status, "code": code, "detail": detail,
    }  # fmt: skip
    if field:
        body["field"] = field
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def refused(error: Refused) -> Response:
    REFUSALS.labels(error.code).inc()
    return problem(STATUS.get(error.code, 400), error.code, error.sentence, retry_after=error.retry_after)


def add_problem_handlers(app: FastAPI) -> None:
    """Turns what is raised within into what clients are told."""
    app.add_middleware(LastResort)

    @app.exception_handler(Refused)
    async def _(request: Request, error: Refused) -> Response:
        return refused(error)

    @app.exception_handler(Impossible)
    async def _(request: Request, error: Impossible) -> Response:
        return problem(404 if error.code in NO_SUCH else 422, error.code, error.message, field=error.field)

    @app.exception_handler(NotFound)
    async def _(request: Request, error: NotFound) -> Response:
        return problem(404, "not_found", "没有找到。")

    @app.exception_handler(Stale)
    async def _(request: Request, error: Stale) -> Response:
        return problem(409, "stale", "别人刚刚改动过，请再试一次。")

    @app.exception_handler(StoreBusy)
    async def _(request: Request, error: StoreBusy) -> Response:
        log.error("store: %s", error)
        return problem(503, "store_busy", BUSY, retry_after=2)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        where = "; ".join(".".join(map(str, e["loc"])) + ": " + e["msg"] for e in error.errors())
        return problem(400, "bad_request", where)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
        return problem(error.status_code, code, str(error.detail), headers=error.headers)


class LastResort:
    """A fault of ours becomes a problem here, inside the layers that set headers on every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request failed")
            if begun:
                raise
            await problem(500, "internal", FAULT)(scope, receive, send)
