"""The real knowledge, built once a session where `make run` keeps it, and our own questions asked of it."""

from __future__ import annotations

import asyncio
import os

import faiss
import pytest

from bot.answering.assistant import Assistant
from bot.assembly import open_assistant, open_library
from bot.config import read_settings
from bot.evaluation.measures import Asked
from bot.evaluation.questions import Question, read_questions
from bot.evaluation.run import OWN, ask_all
from bot.nlu.examples import TRAINING, read_training
from bot.nlu.patterns import read_patterns
from knowledge_base.corpus import read_corpus
from tests.quality.dialogues import MORNING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for one another on a busy machine are slower
BUILT_WITHIN = 900  # seconds; training takes some minutes where nothing is prepared


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "quality" in item.path.parts:
            item.add_marker(pytest.mark.quality)
            item.add_marker(pytest.mark.timeout(BUILT_WITHIN))


@pytest.fixture(scope="session")
def assistant() -> Assistant:
    """With the local engine, as no parent runs Rasa here: what is measured does not depend on its load."""
    faiss.omp_set_num_threads(1)  # it was loaded before
    settings = read_settings()
    library = open_library(settings)
    library.serve(
        library.build(
            read_corpus(),
            read_training().taught(),
            patterns=read_patterns(TRAINING / "patterns.yml").examples(),
            encoder=settings.knowledge.encoder,
        )
    )
    return open_assistant(settings, library)[1]


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    return read_questions(OWN)


@pytest.fixture(scope="session")
def asked(assistant: Assistant, questions: list[Question]) -> list[Asked]:
    return asyncio.run(ask_all(assistant, questions, MORNING))
