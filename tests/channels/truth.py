"""Holds every response that a test gets against the OpenAPI document: status, kind and each field."""

from __future__ import annotations

import re
from typing import Any

import httpx
from pydantic import TypeAdapter

from channels.console import (
    bodies,
    desk_described,
    figure_routes,
    holiday_routes,
    knowledge_described,
    learning_routes,
    notice_routes,
)
from channels.voice import routes as calls
from channels.web import described, described_tasks
from tests.channels.serving import Server


class Truth:
    """An httpx hook."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def __call__(self, response: httpx.Response) -> None:
        app = getattr(self._server, "app", None)
        if app is None:
            return  # another process
        operation = _operation(app.openapi(), response.request)
        if operation is None:
            return
        await response.aread()
        told = operation["responses"]
        assert str(response.status_code) in told, f"{response.status_code} is not documented: {response.text}"
        if response.status_code == 204:
            return
        content = told[str(response.status_code)]["content"]
        assert response.headers["content-type"] in content
        if "json" not in response.headers["content-type"]:
            return  # a file
        if response.headers["content-type"].startswith("text/csv"):
            return
        assert_described(content[response.headers["content-type"]]["schema"], response.json())


def assert_described(schema: dict[str, Any], told: Any) -> None:
    """One of the models of this schema has exactly these fields."""
    names = re.findall(rf"{described.REF}(\w+)", str(schema))
    ours = (figure_routes, holiday_routes, learning_routes, notice_routes)
    places = (described, described_tasks, bodies, desk_described, knowledge_described, calls, *ours)
    models = [getattr(place, name) for name in names for place in places if hasattr(place, name)]
    assert models, schema
    read = []
    for model in models:
        try:
            read.append(TypeAdapter(model).validate_python(told).model_dump(by_alias=True, exclude_unset=True))
        except ValueError as error:
            read.append(error)
    assert told in read, read


def _operation(document: dict[str, Any], request: httpx.Request) -> Any:
    for template, path in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), request.url.path):
            return path.get(request.method.lower())
    return None
