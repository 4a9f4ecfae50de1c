"""What is asked, and the corpora that are searched."""

from __future__ import annotations

import shutil
from itertools import islice

import pytest

from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.index import rows_of
from knowledge_base.text import question_key
from tests.bench.questions import varied, word_for_word
from tests.bench.synthetic import grown
from tests.knowledge_base.tiny import ENTRIES, FIGURES

ROWS = 130  # about the rows of the small corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora")
    shutil.copy(ENTRIES, folder)
    return read_corpus(folder, FIGURES)


@pytest.fixture(scope="module")
def texts(corpus: Corpus) -> list[str]:
    return [wording for entry in corpus.entries for wording in entry.wordings]


def test_varied_questions_are_distinct_and_stand_nowhere(texts: list[str]) -> None:
    found = list(islice(varied(texts), 2000))
    assert len({question_key(text) for text in found}) == 2000
    assert not {question_key(text) for text in found} & {question_key(text) for text in texts}


def test_varied_questions_come_in_the_same_order_and_end(texts: list[str]) -> None:
    assert list(varied(texts[:2])) == list(varied(texts[:2]))
    assert list(islice(varied(texts), 20)) != list(islice(varied(texts, seed=1), 20))


def test_what_is_known_word_for_word_is_written_differently_each_time(texts: list[str]) -> None:
    found = word_for_word(texts)
    assert len(found) == len(set(found)) > len(texts)
    assert {question_key(text) for text in found} == {question_key(text) for text in texts}


@pytest.mark.parametrize("rows", [1, 20, ROWS, ROWS + 1, 1000])
def test_a_grown_corpus_has_as_many_rows_as_wanted_or_the_rest_of_an_entry_more(corpus: Corpus, rows: int) -> None:
    made = grown(corpus, rows)
    longest = max(len(e.wordings) + len(e.negative_variants) for e in corpus.entries)
    assert rows <= len(rows_of(made.entries).texts) < rows + longest
    assert len({e.id for e in made.entries}) == len(made.entries)


def test_a_grown_corpus_begins_with_the_real_one_and_keeps_lengths(corpus: Corpus) -> None:
    found = grown(corpus, 3 * ROWS)
    assert found.entries[: len(corpus.entries)] == corpus.entries
    for real, made in zip(corpus.entries, found.entries[len(corpus.entries) :], strict=False):
        assert len(made.variants) == len(real.variants)
        assert made.topic == real.topic
    assert grown(corpus, 3 * ROWS) == found
