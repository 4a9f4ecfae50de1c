"""A clerk of the knowledge workshop, and the foreman's work done beside the server that the test runs."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from bot.foreman import Foreman
from bot.jobs import Job
from bot.staff import Role
from bot.store.database import open_database
from bot.work import do
from tests.channels.citizen import http
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.serving import Server

KNOWLEDGE = "/api/v1/knowledge"
BASIS = [{"document": "社会保险法", "article": "第十六条", "effective": "2011-07-01"}]


def entry(name: str, question: str, text: str = "答复。", **fields: Any) -> dict[str, Any]:
    told = {
        "id": name, "topic": "pension.min_years", "question": question, "variants": [], "answer": {"text": text},
        "basis": BASIS, "jurisdiction": "全国", "checked": "2026-11-01",
    }  # fmt: skip
    return told | fields


class Clerk:
    def __init__(self, colleague: Colleague) -> None:
        self.name = colleague.username
        self._colleague = colleague

    async def call(self, method: str, path: str, told: Any = None, **headers: str) -> httpx.Response:
        return await self._colleague.call(method, KNOWLEDGE + path, told, **headers)

    async def draft(self, told: dict[str, Any], **more: Any) -> dict[str, Any]:
        response = await self.call("POST", "/entries", told | more)
        assert response.status_code == 201, response.text
        return dict(response.json())

    async def change(self, name: str, **fields: Any) -> dict[str, Any]:
        known = (await self.call("GET", f"/entries/{name}")).json()
        tag = {"If-Match": f'"{known["revision"]}"'}
        response = await self.call("PUT", f"/entries/{name}", known | fields, **tag)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def approve(self, name: str) -> httpx.Response:
        known = (await self.call("GET", f"/entries/{name}")).json()
        return await self.call("POST", f"/reviews/{name}", {"revision": known["revision"], "decision": "approve"})

    async def upload(self, name: str, content: bytes, *, dry_run: bool = False) -> str:
        cookies = "; ".join(f"{key}={value}" for key, value in self._colleague.cookies.items())
        async with http(self._colleague.server, self._colleague.address) as client:
            response = await client.post(
                f"{KNOWLEDGE}/imports", files={"file": (name, content)}, data={"dry_run": str(dry_run).lower()},
                headers={"Cookie": cookies},
            )  # fmt: skip
        assert response.status_code == 202, response.text
        return str(response.json()["job"])

    async def report(self, job: str) -> dict[str, Any]:
        return dict((await self.call("GET", f"/imports/{job}")).json())

    async def built(self, server: Server) -> dict[str, Any]:
        """A version of what is approved, once its gate has judged it."""
        asked = (await self.call("POST", "/versions")).json()
        work(server)
        return dict((await self.call("GET", f"/versions/{asked['id']}")).json())


async def clerk(server: Server, *roles: Role, **more: Any) -> Clerk:
    return Clerk(await at_work(server, *(roles or (Role.EDITOR,)), **more))


def work(server: Server) -> None:
    """All jobs that are due, as the child processes of a foreman would do them."""

    async def here(job: Job) -> bool:
        def done() -> bool:
            database = open_database(server.settings.store)
            try:
                do(server.settings, database, job)
            finally:
                database.close()
            return True

        return await asyncio.to_thread(done)

    async def all_of_them() -> None:
        foreman = Foreman(server.parts.database, server.parts.bus, here)
        while await foreman.once():
            pass

    server.call(all_of_them())
