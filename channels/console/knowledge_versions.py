"""Versions of knowledge (PROTOCOL 4): built and gated, published, rolled back; and any of them tried out."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from bot.answering.assistant import Assistant
from bot.assembly import Parts, assistant_over
from bot.drafts import now
from bot.errors import NotFound
from bot.staff import Right
from bot.trial import Kept, tried
from channels.console import bodies
from channels.console import knowledge_described as shown
from channels.console import knowledge_told as told
from channels.console.desk_described import NOTHING, Nothing
from channels.console.door import Door
from channels.console.knowledge_routes import KNOWLEDGE
from channels.console.session import private
from knowledge_base.errors import KnowledgeError

VERSIONS = KNOWLEDGE + "/versions"
ONE = VERSIONS + "/{version_id}"


def routes_of(parts: Parts, door: Door) -> APIRouter:
    api = VersionsApi(parts, door)
    routes = APIRouter(tags=["knowledge"], dependencies=[Depends(private)])

    def add(
        method: str, path: str, call: Any, *statuses: int, model: Any = None, status: int = 200, extra: Any = None,
        body: Any = None,
    ) -> None:  # fmt: skip
        known = bodies.problems(401, 403, *statuses) | (extra or {})
        routes.add_api_route(
            path, call, methods=[method], response_model=model, status_code=status, responses=known, openapi_extra=body
        )

    add("POST", VERSIONS, api.build, model=shown.VersionShown, status=202)
    add("GET", VERSIONS, api.listed, model=shown.VersionList)
    add("GET", ONE, api.one, 404, model=shown.VersionShown)
    publishing = {202: {"description": "a second person must agree", "model": shown.VersionShown}}
    add("POST", ONE + "/publish", api.publish, 400, 404, 409, model=shown.VersionShown, extra=publishing)
    add("POST", ONE + "/rollback", api.roll_back, 404, 409, model=shown.VersionShown)
    add("POST", KNOWLEDGE + "/try", api.attempt, 400, 404, model=shown.Tried)
    add("GET", KNOWLEDGE + "/regressions", api.questions, model=shown.RegressionList)
    add("POST", KNOWLEDGE + "/regressions", api.add_question, 400, 413, model=shown.RegressionShown, status=201)
    add("DELETE", KNOWLEDGE + "/regressions/{question_id}", api.drop_question, 404, status=204)
    return routes


class VersionsApi:
    def __init__(self, parts: Parts, door: Door) -> None:
        self._parts = parts
        self._versions = parts.workshop.versions
        self._regressions = parts.workshop.regressions
        self._door = door
        self._kept = Kept()

    async def build(self, request: Request, body: Nothing = NOTHING) -> Response:
        """Of all that is approved, in the background; the same knowledge is the same version."""
        del body
        session = await self._door.may(request, Right.PUBLISH)
        made = await self._versions.build(session.account)
        return told.private(told.version(made), 202, Location=f"{VERSIONS}/{made.id}")

    async def listed(self, request: Request) -> Response:
        """The newest first: building, failed with reasons, ready, live, retired."""
        await self._door.may(request, Right.PUBLISH)
        return told.private({"versions": [told.version(one) for one in await self._versions.listed()]})

    async def one(self, request: Request, version_id: str) -> Response:
        """With the whole report of its gate: changes, conflicts, failed questions, answers that change."""
        await self._door.may(request, Right.PUBLISH)
        return told.private(told.version(await self._versions.find(version_id), report=True))

    async def publish(self, request: Request, version_id: str, body: told.PublishBody = told.PUBLISH) -> Response:
        """Live on all workers when it returns. A failed gate is overridden by two people, each with a reason."""
        session = await self._door.may(request, Right.PUBLISH)
        done = await self._versions.publish(session.account, version_id, reason=body.reason)
        return told.private(told.version(done), 200 if done.status == "live" else 202)

    async def roll_back(self, request: Request, version_id: str, body: Nothing = NOTHING) -> Response:
        """The version to go back to; what it takes back goes to review again."""
        del body
        session = await self._door.may(request, Right.PUBLISH)
        return told.private(told.version(await self._versions.roll_back(session.account, version_id)))

    async def attempt(self, request: Request, body: told.TryBody) -> Response:
        """What `ask` gives, and why: arms, scores, NLU, bands, rule."""
        await self._door.may(request, Right.EDIT)
        assistant = await self._assistant(body.version)
        return told.private(await tried(assistant, body.text, body.context, body.channel, now()))

    async def questions(self, request: Request) -> Response:
        """What every new version is asked."""
        await self._door.may(request, Right.EDIT)
        return told.private({"questions": [told.regression(one) for one in await self._regressions.all()]})

    async def add_question(self, request: Request, body: told.RegressionBody) -> Response:
        """The same text again replaces what was expected."""
        account = (await self._door.may(request, Right.EDIT)).account
        made = await self._regressions.add(
            account, body.text, entry=body.entry, outcome=body.outcome, must_pass=body.must_pass
        )
        return told.private(told.regression(made), 201)

    async def drop_question(self, request: Request, question_id: str) -> Response:
        """Only by those who may approve: an editor cannot take away what stands in the way."""
        account = (await self._door.may(request, Right.REVIEW)).account
        await self._regressions.remove(account, question_id)
        return Response(status_code=204)

    async def _assistant(self, version: str | None) -> Assistant:
        """The live one itself where no other is named. Raises NotFound."""
        if version is None or version == self._parts.library.current.version:
            return self._parts.assistant
        if (known := self._kept.get(version)) is not None:
            return known
        await self._versions.find(version)
        try:
            index = await asyncio.to_thread(self._parts.shelf.load, version)
        except KnowledgeError as error:
            raise NotFound(version) from error
        made = await asyncio.to_thread(assistant_over, self._parts.settings, index)
        return self._kept.put(version, made)
