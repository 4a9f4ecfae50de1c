"""The small project, trained once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stories.service import run
from tests.stories.tree import furnished, plant


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))  # whole services start in them, beside other tests


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared: a test that edits it takes a copy."""
    return plant(tmp_path_factory.mktemp("tree") / "project")


@pytest.fixture(scope="session")
def template(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tables, models and a published version, made by the command that makes them."""
    home = tmp_path_factory.mktemp("template") / "var"
    done = run(tree, home, "prepare", within=300)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="session")
def new_home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Homes of their own, with everything trained and published."""
    return lambda: furnished(template, tmp_path_factory.mktemp("home") / "var")


@pytest.fixture
def home(new_home: Callable[[], Path]) -> Path:
    return new_home()
