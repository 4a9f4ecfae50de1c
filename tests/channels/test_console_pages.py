"""The staff's pages are served whole, fresh and without anything that could run what somebody wrote."""

from __future__ import annotations

import io
import re
import tarfile
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256, sha512
from pathlib import Path

import httpx
import pytest

from channels.console.pages import STATIC
from channels.console.vendor import FOLDER, PACKAGES, Package, taken
from tests.channels.serving import Server

OWN = sorted(path for path in STATIC.iterdir() if path.suffix in (".js", ".html"))
# Ways by which words become markup or code, or a style that the policy blocks.
UNSAFE = re.compile(r"innerHTML|outerHTML|insertAdjacent|\beval\(|new Function|document\.write|\sstyle=|javascript:")


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        yield client


@pytest.mark.parametrize("path", ["/console", "/console/tickets", "/console/board", "/console/accounts"])
def test_every_address_of_the_console_gives_the_one_page(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert 'src="/console/static/console.js"' in page.text
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"


def test_all_that_the_page_and_its_modules_name_is_there(client: httpx.Client) -> None:
    named = set(re.findall(r'(?:src|href)="(/[\w./-]+)"', client.get("/console").text))
    for module in OWN:
        named |= {f"/console/static/{name}" for name in re.findall(r"from '\./([\w./-]+)'", module.read_text("utf-8"))}
    assert "/console/static/vendor/preact.js" in named
    for path in sorted(named):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css", "image/svg+xml")), path


def test_nothing_but_the_folder_of_the_pages_is_served(client: httpx.Client) -> None:
    for path in ("../pages.py", "%2e%2e/pages.py", "nothing.js", "vendor"):
        answer = client.get(f"/console/static/{path}")
        assert answer.status_code in (200, 404)
        assert "APIRouter" not in answer.text


@pytest.mark.parametrize("module", OWN, ids=lambda path: path.name)
def test_no_module_can_make_markup_or_code_of_words(module: Path) -> None:
    assert UNSAFE.findall(module.read_text("utf-8")) == []


def test_the_libraries_are_the_pinned_ones_with_their_licences() -> None:
    told = (FOLDER / "README.md").read_text("utf-8")
    for package in PACKAGES:
        assert package.version in told
        for name in package.files.values():
            content = (FOLDER / name).read_bytes()
            assert content
            if name.endswith(".js"):
                assert sha256(content).hexdigest() in told
                assert re.findall(rb'from"(?!\./)', content) == []


def test_a_package_that_is_not_the_pinned_one_is_refused() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    with pytest.raises(ValueError, match="not what was pinned"):
        taken(PACKAGES[0], archive.getvalue())


def test_what_is_taken_names_its_neighbour_by_file() -> None:
    archive = io.BytesIO()
    source = b'import{options as n}from"preact";export{n};\n//# sourceMappingURL=hooks.module.js.map\n'
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        row = tarfile.TarInfo("package/dist/hooks.module.js")
        row.size = len(source)
        tar.addfile(row, io.BytesIO(source))
    pinned = b64encode(sha512(archive.getvalue()).digest()).decode()
    package = Package("hooks", "1.0.0", pinned, {"dist/hooks.module.js": "hooks.js"})
    assert taken(package, archive.getvalue()) == {"hooks.js": b'import{options as n}from"./preact.js";export{n};\n'}
