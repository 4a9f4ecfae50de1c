"""A short path for sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def path() -> Iterator[Path]:
    """Short: a socket's path has 108 bytes."""
    with TemporaryDirectory(prefix="yida-") as folder:
        yield Path(folder) / "rasa"
