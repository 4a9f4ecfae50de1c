"""Roles × endpoints of the knowledge: who may call what, for every endpoint that the document names."""

from __future__ import annotations

import re

import pytest

from bot.staff import Role
from tests.channels.citizen import http
from tests.channels.console.clerk import KNOWLEDGE
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.serving import Server

EDITORS = {Role.EDITOR, Role.REVIEWER, Role.ADMIN}
REVIEWERS = {Role.REVIEWER, Role.ADMIN}
# What is not named here is for all who edit.
NARROWER = {
    ("POST", "/reviews/{}"): REVIEWERS,
    ("DELETE", "/regressions/{}"): REVIEWERS,
    ("POST", "/versions"): REVIEWERS,
    ("GET", "/versions"): REVIEWERS,
    ("GET", "/versions/{}"): REVIEWERS,
    ("POST", "/versions/{}/publish"): REVIEWERS,
    ("POST", "/versions/{}/rollback"): REVIEWERS,
}
OURS = re.compile(
    "/(overview|entries|reviews|bulk|preview|documents|alerts|watch|imports|template|export|versions|try|regressions)"
)  # the learning loop has a test of its own


def endpoints(server: Server) -> list[tuple[str, str]]:
    """Every method and path below the knowledge, an id as `{}`."""
    found = []
    for path, operations in server.app.openapi()["paths"].items():
        if path.startswith(KNOWLEDGE):
            short = re.sub(r"\{\w+\}", "{}", path.removeprefix(KNOWLEDGE))
            found += [(method.upper(), short) for method in operations if OURS.match(short)]
    return found


@pytest.mark.parametrize("role", list(Role))
async def test_every_endpoint_lets_in_whom_it_is_for_and_nobody_else(serving_rights: Server, role: Role) -> None:
    colleague: Colleague = await at_work(serving_rights, role)
    known = endpoints(serving_rights)
    assert len(known) >= 28
    wrong = []
    for method, path in known:
        body = {} if method in ("POST", "PUT") else None
        response = await colleague.call(method, KNOWLEDGE + path.replace("{}", "nobody"), body)
        allowed = role in NARROWER.get((method, path), EDITORS)
        # A body that lacks everything is refused before or after the door, with 400: both are no way in.
        fits = response.status_code != 403 if allowed else response.status_code in (400, 403)
        if not fits or response.status_code >= 500:
            wrong.append((method, path, response.status_code))
    assert wrong == []


async def test_nobody_comes_in_without_a_session_or_from_a_foreign_page(serving_rights: Server) -> None:
    async with http(serving_rights, "127.0.0.1") as client:
        for method, path in endpoints(serving_rights):
            body = {} if method in ("POST", "PUT") else None
            response = await client.request(method, KNOWLEDGE + path.replace("{}", "nobody"), json=body)
            assert response.status_code in (400, 401), (method, path)
    stranger = await at_work(serving_rights, Role.ADMIN)
    stranger.origin = "https://elsewhere.example"
    assert await stranger.code("POST", f"{KNOWLEDGE}/versions") == (403, "foreign_origin")


@pytest.fixture(scope="module")
def serving_rights(server: Server) -> Server:
    """Nothing is changed by these calls: the one that all share."""
    return server
