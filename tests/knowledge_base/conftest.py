"""The tiny knowledge, trained and built once a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.index import Index
from knowledge_base.library import Library
from knowledge_base.models import Models
from tests.knowledge_base.tiny import ENTRIES, FIGURES, INTENTS

os.environ.setdefault("OMP_NUM_THREADS", "1")  # training such a small model on several threads is slower


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "tiny.yml").write_text(ENTRIES.read_text("utf-8"), "utf-8")
    return read_corpus(folder, FIGURES)


@pytest.fixture(scope="session")
def home(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one version lies. Tests that hurt it take a copy."""
    folder = tmp_path_factory.mktemp("home")
    Library(folder).build(corpus, INTENTS)
    return folder


@pytest.fixture(scope="session")
def index(home: Path) -> Index:
    library = Library(home)
    return library.load(library.versions()[0])


@pytest.fixture(scope="session")
def models(index: Index) -> Models:
    return index.models


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes entries as `one.yml` into a folder of their own."""

    def into_folder(text: str) -> Path:
        folder = tmp_path / "written"
        folder.mkdir()
        (folder / "one.yml").write_text(text, "utf-8")
        return folder

    return into_folder
