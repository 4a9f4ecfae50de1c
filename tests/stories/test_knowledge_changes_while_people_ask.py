"""`python -m bot publish` under two hundred questions at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stories.service import Citizen, Service, crowd, environment, run
from tests.stories.tree import copied, rewrite

ASKING = 200
QUESTION = "养老保险最低要交多少年"
OLD, NEW = "现在最低交 15 年。", "现在最低交 20 年。"
SETTLED = 5.0  # seconds after `publish` returned, from when on nothing old may be said


@pytest.fixture(scope="module")
def own(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tree, tmp_path_factory.mktemp("own") / "project")


@pytest.fixture(scope="module")
def service(own: Path, new_home: Callable[[], Path]) -> Iterator[Service]:
    with Service(own, new_home(), "--workers", "2") as running:
        yield running


@pytest.mark.timeout(600)
async def test_every_answer_is_the_old_or_the_new_one_and_soon_only_the_new_one(own: Path, service: Service) -> None:
    async with crowd() as client:
        over = asyncio.Event()
        answers: list[tuple[float, str]] = []  # when it was asked, and what was answered

        async def keep_asking() -> None:
            citizen = await Citizen.at(service.url, client)
            while not over.is_set():
                asked = time.monotonic()
                told = await citizen.answer(await citizen.say(QUESTION, retry=False), within=120)
                answers.append((asked, told["text"]))

        asking = [asyncio.create_task(keep_asking()) for _ in range(ASKING)]
        try:
            await until(lambda: len(answers) >= ASKING)
            rewrite(own, OLD, NEW)
            returned = await published(own, service.home)
            await until(lambda: sum(asked > returned + SETTLED for asked, _ in answers) >= ASKING)
        finally:
            over.set()
            told = await asyncio.gather(*asking, return_exceptions=True)
        assert [t for t in told if t is not None] == []
        kinds = {NEW if NEW in text else OLD if OLD in text else text for _, text in answers}
        assert kinds == {OLD, NEW}
        late = [asked - returned for asked, text in answers if OLD in text and asked > returned + SETTLED]
        assert late == []


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(180):
        while not true():
            await asyncio.sleep(0.1)


async def published(tree: Path, home: Path) -> float:
    """When the command had returned."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "publish", cwd=tree, env=environment(home), stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return time.monotonic()


def test_a_broken_entry_is_told_and_the_old_knowledge_answers_on(own: Path, service: Service) -> None:
    version = service.readiness()[1]["version"]
    rewrite(own, "id: min_years_short", "id: min_years")
    done = run(own, service.home, "publish")
    assert done.returncode == 2
    assert "already used" in done.stderr
    assert "Traceback" not in done.stderr
    assert service.readiness()[1]["version"] == version


@pytest.mark.timeout(400)
def test_a_new_wording_is_live_before_anything_is_trained_on_it(tree: Path, home: Path) -> None:
    """The models in service read it within seconds; those trained on it follow."""
    mine = copied(tree, home.parent / "project")
    rewrite(mine, "variants: [养老年限不够怎么办", "variants: [差一截没交满可咋整, 养老年限不够怎么办")
    done = run(mine, home, "publish", within=300)
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(home / "yida.db")) as database:
        made = database.execute("SELECT models FROM versions WHERE live_at IS NOT NULL ORDER BY live_at").fetchall()
    before, at_once, trained = (models for (models,) in made)
    assert before == at_once != trained
    told = run(mine, home, "ask", stdin='{"id": 1, "text": "差一截没交满可咋整"}\n')
    assert json.loads(told.stdout)["entry"] == "min_years_short"
