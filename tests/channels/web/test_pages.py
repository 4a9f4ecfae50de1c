"""The pages that citizens see, and that nothing else is served."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.channels.citizen import problem
from tests.channels.serving import Server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as one:
        yield one


@pytest.mark.parametrize("path", ["/", "/s/hall-3", "/s/%E5%A4%A7%E5%8E%85", "/widget/demo"])
def test_a_page_is_html_and_looked_at_afresh(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code in (200, 304)


def test_a_scene_code_shows_the_station(client: httpx.Client) -> None:
    assert client.get("/s/hall-3").text == client.get("/").text


def test_the_widget_is_a_script(client: httpx.Client) -> None:
    assert client.get("/widget.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/nothing", "/static/nothing.js", "/s/", "/s/a/b", "/api/v1/nothing"])
def test_what_is_not_there_is_a_problem(client: httpx.Client, path: str) -> None:
    assert problem(client.get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["/static/../channel.py", "/static/%2e%2e/channel.py", "/static/..%2fchannel.py", "/assets/..%2fapp.py"]
)
def test_nothing_outside_the_folders_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
