"""Sentences as unit vectors, without torch, and the same as with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge_base.corpus import Corpus
from knowledge_base.encoder import STATIC, StaticEncoder, TransformerEncoder, open_encoder
from knowledge_base.models import Models
from knowledge_base.text import features


@pytest.fixture(scope="module")
def folder(home: Path, models: Models) -> Path:
    return home / "models" / models.version / "encoder"


def test_our_encoder_and_the_library_of_the_model_give_the_same_vectors(folder: Path, corpus: Corpus) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = StaticEncoder(folder)
    theirs = SentenceTransformer(str(folder), device="cpu")
    texts = [w for e in corpus.entries for w in e.wordings][:60]
    vocabulary = set(encoder._ids)
    spoken = [" ".join(t for t in features(text) if t in vocabulary) for text in texts]
    expected = theirs.encode(spoken, normalize_embeddings=True, show_progress_bar=False)
    cosines = (encoder.encode(texts) * expected).sum(axis=1)
    assert len(cosines) >= 50
    assert cosines.min() > 0.9999


def test_vectors_have_unit_length_and_unknown_words_none(folder: Path) -> None:
    encoder = open_encoder(STATIC, folder)
    lengths = np.linalg.norm(encoder.encode(["社保卡丢了怎么办", "失业金", "zzz", ""]), axis=1)
    np.testing.assert_allclose(lengths, [1, 1, 0, 0], atol=1e-5)


def test_wordings_of_one_entry_lie_closer_than_those_of_others(models: Models, corpus: Corpus) -> None:
    vectors = models.encoder.encode([w for e in corpus.entries for w in e.wordings])
    owner = np.repeat(np.arange(len(corpus.entries)), [len(e.wordings) for e in corpus.entries])
    cosines = vectors @ vectors.T
    same = owner[:, None] == owner[None, :]
    assert cosines[same].mean() > cosines[~same].mean() + 0.3


def test_any_sentence_transformers_model_will_do(folder: Path) -> None:
    encoder = open_encoder(str(folder), folder)
    assert isinstance(encoder, TransformerEncoder)
    one = encoder.encode_features("ABC　社保", [])
    np.testing.assert_allclose(one, encoder.encode(["abc 社保"])[0], atol=1e-6)
