"""The application as one: its pages of documentation, and that the document tells the truth."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from channels.app import DOCS
from channels.web import wire
from tests.channels.citizen import Device, Line, opened
from tests.channels.serving import Server
from tests.channels.truth import assert_described

# Only where WeChat is connected: a login that docs/channels/wechat.md describes, and a file of any kind.
APART = {"/api/v1/wechat/login", "/api/v1/desk/conversations/{conversation_id}/media/{seq}"}


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as one:
        yield one


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/openapi.json").json()
    return told


def every_route(app: Any) -> Iterator[Any]:
    """Also those of routers that were included."""
    for route in app.routes:
        router = getattr(route, "original_router", None)
        yield from every_route(router) if router is not None else (route,)


class TestDocument:
    def test_it_is_openapi(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1")
        assert document["info"]["title"] == "社保易答"

    def test_it_names_every_call_of_the_api_and_no_other(self, server: Server, document: dict[str, Any]) -> None:
        served = {
            (route.path, method.lower())
            for route in every_route(server.app)
            if isinstance(route, APIRoute) and route.path not in APART
            for method in route.methods
        }
        sockets = {(route.path, "get") for route in every_route(server.app) if isinstance(route, APIWebSocketRoute)}
        told = {(path, method) for path, methods in document["paths"].items() for method in methods}
        assert {call for call in served if call[0].startswith("/api/")} <= told <= served | sockets
        assert {path for path, _ in told if not path.startswith("/api/")} == set()

    def test_it_names_conversations_messages_frames_and_problems(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        assert {
            "OpenedConversation",
            "Story",
            "MessageFrame",
            "StateFrame",
            "ClientFrame",
            "ServerFrame",
            "Problem",
        } <= set(schemas)
        assert set(schemas["ClientFrame"]["discriminator"]["mapping"]) == {
            "say", "choose", "human", "leave_queue", "message_form", "resume", "rate", "feedback", "end", "typing",
            "read", "ping",
        }  # fmt: skip
        assert set(schemas["ServerFrame"]["discriminator"]["mapping"]) == {
            "message", "ack", "recalled", "state", "typing", "read", "pong", "resumed", "error",
        }  # fmt: skip
        assert schemas["Say"]["required"] == ["type", "id", "text"]
        assert schemas["Rate"]["properties"]["stars"] == {
            "maximum": 5,
            "minimum": 1,
            "title": "Stars",
            "type": "integer",
        }

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        refs = set(re.findall(r'"#/components/schemas/([\w-]+)"', json.dumps(document)))
        assert refs <= set(document["components"]["schemas"])
        unused = set(document["components"]["schemas"]) - refs
        assert not unused

    def test_every_call_tells_its_body_answer_and_problems(self, document: dict[str, Any]) -> None:
        for methods in document["paths"].values():
            for method, operation in methods.items():
                if method == "post" and "requestBody" in operation:  # taking something needs no more than its name
                    content = operation["requestBody"]["content"]
                    told = content.get("application/json", {}).get("schema", {}).get("$ref")
                    assert told or "multipart/form-data" in content
                for status, response in operation["responses"].items():
                    if status >= "400":
                        assert list(response["content"]) == ["application/problem+json"]
                    elif status not in ("101", "204"):
                        assert all(content["schema"] for content in response["content"].values())

    def test_it_tells_where_the_token_goes(self, document: dict[str, Any]) -> None:
        messages = document["paths"]["/api/v1/conversations/{conversation_id}/messages"]
        assert messages["get"]["security"] == messages["post"]["security"] == [{"token": []}]
        assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
        assert "security" not in document["paths"]["/api/v1/conversations"]["post"]

    def test_whatever_is_left_out_is_no_api(self, server: Server) -> None:
        hidden = {
            route.path
            for route in every_route(server.app)
            if isinstance(route, APIRoute) and not route.include_in_schema
        }
        assert {path for path in hidden if path.startswith("/api/")} <= APART


def frames_for(seq: int) -> list[dict[str, Any]]:
    form = {"topic": "退休", "text": "请回电", "phone": "13800138000", "consent": True}
    return [
        {"type": "say", "text": "养老保险最低要交多少年"},
        {"type": "choose", "choice": "r1.2"},
        {"type": "choose", "choice": "nothing"},
        {"type": "say", "text": "13800138000 怎么办社保卡"},
        {"type": "human"},
        {"type": "leave_queue"},
        {"type": "message_form", **form},
        {"type": "message_form", **(form | {"consent": False})},
        {"type": "rate", "stars": 5, "reasons": ["清楚"], "text": "谢谢"},
        {"type": "feedback", "seq": seq, "helpful": True},
        {"type": "resume", "code": "000000"},
        {"type": "typing"},
        {"type": "read", "seq": 1},
        {"type": "ping"},
        {"type": "nonsense"},
        {"type": "say", "text": "再见"},
    ]


async def test_the_document_is_true_of_every_frame(document: dict[str, Any], device: Device, line: Line) -> None:
    """What a client may send is described as it is sent, and what comes back as it comes."""
    schemas = document["components"]["schemas"]
    sent = frames_for(1)
    for n, frame in enumerate(sent):
        await line.send(**frame, id=f"f{n}")
        if frame["type"] not in ("typing", "read"):
            await line.next("ack", "error", "pong") if frame["type"] == "ping" else await line.told(f"f{n}")
        line.unread.append({"type": "pong"})
    code = (await device.ask("我想换个手机继续"))["text"].partition("继续码：")[2][:6]
    await line.send("resume", id="r", code=code)
    line.unread.append(await line.next("resumed"))
    told = await line.quiet()
    assert {f["type"] for f in told} >= {"message", "state", "resumed", "pong"}
    for frame in told:
        assert_described(schemas["ServerFrame"], frame)
    names = {get_args(m.model_fields["type"].annotation)[0]: m for m in get_args(wire.ClientFrame)}
    assert set(names) <= {f["type"] for f in sent} | {"end"}


async def test_the_document_is_true_of_every_call(server: Server) -> None:
    """The devices of all tests hold what they get against it; here each kind of frame goes by REST."""
    device = await opened(server)
    for n, frame in enumerate(frames_for(1)):
        response = await device.post(**frame, id=f"f{n}")
        assert response.status_code in (200, 400)
    assert (await device.read()).status_code == 200
    assert (await device.post("end", id="e")).status_code == 200
    assert (await device.read()).status_code == 401


class TestPage:
    def test_everything_it_loads_is_ours(self, client: httpx.Client) -> None:
        page = client.get("/docs")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert "/assets/docs.js" in links
        for link in links:
            assert link.startswith("/")
            assert client.get(link).status_code == 200
        assert "<script>" not in page.text
        assert "style=" not in page.text

    def test_the_vendored_parts_come_with_their_licences(self) -> None:
        folder = DOCS / "swagger"
        told = (folder / "README.md").read_text()
        from hashlib import sha256

        for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
            assert sha256((folder / name).read_bytes()).hexdigest() in told
        for name in ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
            assert (folder / name).stat().st_size

    @pytest.mark.browser
    def test_it_draws_the_calls_under_the_strict_policy(self, server: Server) -> None:
        playwright = pytest.importorskip("playwright.sync_api")
        from shutil import which

        chromium = which("chromium")
        if chromium is None:
            pytest.skip("chromium is not installed")
        with playwright.sync_playwright() as tools:
            browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text))
            page.on("request", lambda request: said.append(request.url) if server.host not in request.url else None)
            page.goto(f"{server.url}/docs")
            page.get_by_text("/api/v1/conversations", exact=True).first.wait_for()
            assert page.locator(".opblock").count() == sum(map(len, server.app.openapi()["paths"].values()))
            browser.close()
        assert not [text for text in said if not text.startswith("data:")]
