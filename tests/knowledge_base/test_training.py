"""How the encoders learn: pairs of one meaning, batches without two of a group, the same weights each time."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from knowledge_base.corpus import Corpus
from knowledge_base.encoder import TransformerEncoder
from knowledge_base.training import BATCH, LARGEST, _batches, _pairs, train_static, tune

GROUP = st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=40, unique=True)


@given(GROUP, st.integers())
def test_a_pair_is_two_texts_of_one_group(group: list[str], seed: int) -> None:
    pairs = _pairs(group, random.Random(seed))
    assert len(pairs) == min(len(group), LARGEST)
    assert len({name for name, _, _ in pairs}) == 1
    assert all(a != b and {a, b} <= set(group) for _, a, b in pairs)
    assert len({a for _, a, _ in pairs}) == len({b for _, _, b in pairs}) == len(pairs)


@given(st.lists(st.integers(0, 30), max_size=400), st.integers(1, 16), st.integers())
def test_a_batch_holds_no_two_pairs_of_a_group_and_no_pair_is_lost(names: list[int], size: int, seed: int) -> None:
    pairs = [(name, str(n), "b") for n, name in enumerate(names)]
    batches = _batches(list(pairs), random.Random(seed), size)
    assert sorted(p for batch in batches for p in batch) == sorted(pairs)
    assert all(0 < len(batch) <= size for batch in batches)
    assert all(len({name for name, _, _ in batch}) == len(batch) for batch in batches)


def test_batches_are_of_the_usual_size_unless_told() -> None:
    pairs = [(n, "a", "b") for n in range(BATCH + 1)]
    assert [len(b) for b in _batches(pairs, random.Random(0))] == [BATCH, 1]


def groups_of(corpus: Corpus) -> list[list[str]]:
    return [list(e.wordings) for e in corpus.entries]


def test_the_same_texts_give_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    for name in ("one", "two"):
        train_static(
            groups_of(corpus),
            tmp_path / name,
            dimension=16,
            progress=lambda stage, done, of: told.append((stage, done, of)),
        )
    one, two = (load_file(tmp_path / name / "model.safetensors")["embedding.weight"] for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)
    assert told[-1] == ("encoder", told[-1][2], told[-1][2])


def nearness(model: Path, groups: list[list[str]]) -> float:
    """How much closer two wordings of an entry lie than wordings of two entries."""
    encoder = TransformerEncoder(str(model))
    a, b = (encoder.encode([g[n] for g in groups]) for n in (0, 1))
    cosines = a @ b.T
    return float(np.diag(cosines).mean() - cosines[~np.eye(len(groups), dtype=bool)].mean())


def test_a_pretrained_model_learns_what_means_the_same(
    pretrained: Path, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge_base.training.TUNED_RATE", 0.01)  # it knows nothing yet
    groups = groups_of(corpus)
    told: list[tuple[int, int]] = []
    tune(str(pretrained), groups, tmp_path / "one", epochs=4, progress=lambda stage, done, of: told.append((done, of)))
    tune(str(pretrained), groups, tmp_path / "two", epochs=4, progress=lambda stage, done, of: None)
    assert nearness(tmp_path / "one", groups) > nearness(pretrained, groups) + 0.1
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]
    texts = [g[0] for g in groups]
    one, two = (TransformerEncoder(str(tmp_path / name)).encode(texts) for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)
