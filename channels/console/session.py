"""One's own session (PROTOCOL 3): sign in and out, password, second factor, and where else one is signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from bot.assembly import Parts
from bot.sessions import Session
from channels.console import bodies
from channels.console.door import COOKIE, Door
from channels.security import is_secure

SESSION = "/api/v1/session"
PRIVATE = {"Cache-Control": "no-store"}


def private(response: Response) -> None:
    """Nothing that the staff are told is kept on the way or by a browser."""
    response.headers.update(PRIVATE)


def session_routes(parts: Parts, door: Door) -> APIRouter:
    api = SessionApi(parts, door)
    routes = APIRouter(tags=["session"], dependencies=[Depends(private)])

    def add(method: str, path: str, call: Any, *statuses: int, model: Any = None, empty: bool = True) -> None:
        told = bodies.problems(*statuses) | ({204: bodies.DONE} if model is bodies.Offered else {})
        routes.add_api_route(
            SESSION + path, call, methods=[method], response_model=model, status_code=204 if empty else 200,
            responses=told,
        )  # fmt: skip

    add("POST", "", api.sign_in, 400, 401, 403, 429, model=bodies.Me, empty=False)
    add("GET", "", api.who, 401, 403, model=bodies.Me, empty=False)
    add("DELETE", "", api.sign_out, 401, 403)
    add("PUT", "/password", api.change_password, 400, 401, 403, 422, 429)
    add("POST", "/totp", api.add_totp, 400, 401, 403, 409, 429, model=bodies.Offered, empty=False)
    add("DELETE", "/totp", api.drop_totp, 400, 401, 403, 429)
    add("GET", "/places", api.places, 401, 403, model=bodies.Places, empty=False)
    add("DELETE", "/places", api.end_others, 401, 403)
    add("DELETE", "/places/{session_id}", api.end_other, 401, 403, 404)
    return routes


class SessionApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._sessions = parts.sessions
        self._credentials = parts.credentials
        self._door = door
        self._trusted = parts.settings.server.trusted_proxies
        self._idle = parts.settings.staff.idle_minutes

    async def sign_in(self, request: Request, told: bodies.SigningIn) -> Response:
        """A session in a cookie, and as a token where `bearer` is set."""
        self._door.check_origin(request)
        token, session = await self._sessions.sign_in(
            told.username, told.password, told.code, address=self._door.address(request), device=_device(request)
        )
        response = self._me(session, token if told.bearer else None)
        response.set_cookie(
            COOKIE, token, path="/", httponly=True, samesite="strict", secure=is_secure(request, self._trusted)
        )
        return response

    async def who(self, request: Request) -> Response:
        """Who is signed in; also told while the password must be changed."""
        return self._me(await self._door.signed_in(request))

    async def sign_out(self, request: Request) -> Response:
        """Ends this session."""
        session = await self._door.signed_in(request)
        await self._sessions.end(session, address=self._door.address(request))
        response = Response(status_code=204)
        response.delete_cookie(
            COOKIE, path="/", httponly=True, samesite="strict", secure=is_secure(request, self._trusted)
        )
        return response

    async def change_password(self, request: Request, told: bodies.PasswordChange) -> Response:
        """Ends all other sessions of this person."""
        session = await self._door.signed_in(request)
        await self._credentials.change_password(
            session.account, told.old, told.new, keeps=session.id, address=self._door.address(request)
        )
        return Response(status_code=204)

    async def add_totp(self, request: Request, told: bodies.Enrolling) -> Response:
        """With the password a secret and its address for an authenticator; with the first code (204) it is on."""
        session, address = await self._door.session(request), self._door.address(request)
        if told.code is None:
            offer = await self._credentials.offer_totp(session.account, told.password, address=address)
            return JSONResponse({"secret": offer.secret, "uri": offer.uri}, headers=PRIVATE)
        await self._credentials.confirm_totp(session.account, told.code, address=address)
        return Response(status_code=204)

    async def drop_totp(self, request: Request, told: bodies.Proof) -> Response:
        """Only with the password, and the code where it is given."""
        session = await self._door.session(request)
        await self._credentials.drop_totp(
            session.account, told.password, told.code, address=self._door.address(request)
        )
        return Response(status_code=204)

    async def places(self, request: Request) -> bodies.Places:
        """Where else one is signed in."""
        session = await self._door.session(request)
        return bodies.places(await self._sessions.places(session.account.username), session.id)

    async def end_others(self, request: Request) -> Response:
        """Ends all sessions of this person but this one."""
        session = await self._door.session(request)
        await self._sessions.end_others(session, address=self._door.address(request))
        return Response(status_code=204)

    async def end_other(self, request: Request, session_id: str) -> Response:
        """Ends one session of this person."""
        session = await self._door.session(request)
        await self._sessions.end(session, session_id, address=self._door.address(request))
        return Response(status_code=204)

    def _me(self, session: Session, token: str | None = None) -> JSONResponse:
        told = bodies.me(session, self._idle, token).model_dump(mode="json", exclude_none=True)
        return JSONResponse(told, headers=PRIVATE)


def _device(request: Request) -> str:
    return "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())
