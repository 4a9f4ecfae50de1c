"""Nearest rows: exact while there are few, nearly exact when there are many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge_base.vectors import Matrix, Vectors


def unit(matrix: Matrix) -> Matrix:
    rows: Matrix = (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)
    return rows


@pytest.fixture(scope="module")
def clustered() -> Matrix:
    """Twenty thousand rows around two thousand centres, as wordings lie around their entries."""
    chance = np.random.default_rng(1)
    centres = chance.normal(size=(2000, 64))
    return unit(np.repeat(centres, 10, axis=0) + 0.4 * chance.normal(size=(20_000, 64)))


def questions(clustered: Matrix) -> Matrix:
    chance = np.random.default_rng(2)
    near = clustered[chance.permutation(len(clustered))[:200]]
    return unit(near + 0.04 * chance.normal(size=near.shape))


def test_few_rows_are_searched_exactly(clustered: Matrix) -> None:
    rows = clustered[:500]
    vectors = Vectors.build(rows)
    for question in questions(rows):
        found, cosines = vectors.search(question, 10)
        best = np.sort(rows @ question)[::-1][:10]
        np.testing.assert_allclose(cosines, best, atol=5e-4)  # of half precision
        np.testing.assert_allclose(rows[found] @ question, cosines, atol=5e-4)


def test_many_rows_keep_a_recall_of_98_percent(clustered: Matrix) -> None:
    vectors = Vectors.build(clustered, exact_up_to=1000)
    asked = questions(clustered)
    exact = np.argsort(-(asked @ clustered.T), axis=1)[:, :10]
    found = [set(vectors.search(question, 10)[0].tolist()) for question in asked]
    recall = np.mean([len(f & set(e.tolist())) / 10 for f, e in zip(found, exact, strict=True)])
    assert recall >= 0.98


@pytest.mark.parametrize("exact_up_to", [1000, 100])
def test_stored_vectors_find_the_same(clustered: Matrix, tmp_path: Path, exact_up_to: int) -> None:
    vectors = Vectors.build(clustered[:1000], exact_up_to=exact_up_to)
    vectors.save(tmp_path / "vectors.faiss")
    loaded = Vectors.load(tmp_path / "vectors.faiss")
    for question in questions(clustered)[:20]:
        for a, b in zip(vectors.search(question, 10), loaded.search(question, 10), strict=True):
            np.testing.assert_array_equal(a, b)


def test_more_than_there_is_cannot_be_found(clustered: Matrix) -> None:
    found, cosines = Vectors.build(clustered[:3]).search(clustered[0], 10)
    assert sorted(found.tolist()) == [0, 1, 2]
    assert len(cosines) == 3
