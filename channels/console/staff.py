"""Accounts of the staff and the audit log (PROTOCOL 3), for those who manage and those who keep watch."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from bot.accounts import Actor, Change, Listed
from bot.assembly import Parts
from bot.passwords import one_time
from bot.staff import Right
from channels.console import bodies
from channels.console.door import Door
from channels.console.session import PRIVATE, private

STAFF = "/api/v1/staff"
ONE = STAFF + "/{username}"


def staff_routes(parts: Parts, door: Door) -> APIRouter:
    api = StaffApi(parts, door)
    routes = APIRouter(tags=["staff"], dependencies=[Depends(private)])

    def add(method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200) -> None:
        told = bodies.problems(401, 403, *statuses)
        routes.add_api_route(path, call, methods=[method], response_model=model, status_code=status, responses=told)

    add("POST", STAFF, api.create, 400, 409, 422, model=bodies.AccountMade, status=201)
    add("GET", STAFF, api.everybody, model=bodies.Staff)
    add("PATCH", ONE, api.change, 400, 404, 409, model=bodies.AccountShown)
    add("DELETE", ONE, api.disable, 404, 409, status=204)
    add("POST", ONE + "/password", api.reset, 400, 404, 422, model=bodies.OneTime)
    add("DELETE", ONE + "/totp", api.drop_totp, 404, status=204)
    add("GET", "/api/v1/audit", api.audit, 400, model=bodies.AuditPage)
    return routes


class StaffApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._accounts = parts.accounts
        self._log = parts.audit_log
        self._door = door

    async def create(self, request: Request, told: bodies.NewAccount) -> Response:
        """A new account; its password must be changed first unless `must_change` is false. Without one, one is made."""
        by = await self._manager(request)
        fresh = {} if told.password else {"password": one_time(), "must_change": True}
        made = await self._accounts.create(**told.model_dump() | fresh, by=by)
        shown = bodies.shown(Listed(made, disabled=False, second_factor=False)).model_dump(mode="json")
        return JSONResponse(shown | {k: v for k, v in fresh.items() if k == "password"}, 201, PRIVATE)

    async def everybody(self, request: Request) -> bodies.Staff:
        """All accounts, disabled ones too."""
        await self._manager(request)
        return bodies.Staff(staff=[bodies.shown(listed) for listed in await self._accounts.everybody()])

    async def change(self, request: Request, username: str, told: bodies.AccountChange) -> bodies.AccountShown:
        """Roles count from the next request on; who is disabled is signed out at once."""
        by = await self._manager(request)
        return bodies.shown(await self._accounts.change(username, told.change(), by=by))

    async def disable(self, request: Request, username: str) -> Response:
        """Closes the account; what its person did stays named."""
        by = await self._manager(request)
        await self._accounts.change(username, Change(disabled=True), by=by)
        return Response(status_code=204)

    async def reset(self, request: Request, username: str, told: bodies.Reset = bodies.NO_PASSWORD) -> Response:
        """A password for once; unlocks, takes the second factor away, ends all sessions."""
        by = await self._manager(request)
        password = await self._accounts.reset(username, by=by, password=told.password)
        return JSONResponse({"password": password}, headers=PRIVATE)

    async def drop_totp(self, request: Request, username: str) -> Response:
        """For somebody whose telephone is lost."""
        by = await self._manager(request)
        await self._accounts.drop_second_factor(username, by=by)
        return Response(status_code=204)

    async def audit(
        self,
        request: Request,
        before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> bodies.AuditPage:
        """Who did what, the newest first."""
        await self._door.may(request, Right.AUDIT)
        return bodies.audit_page(await self._log.latest(before=before, limit=limit), limit)

    async def _manager(self, request: Request) -> Actor:
        return self._door.actor(request, await self._door.may(request, Right.MANAGE))
