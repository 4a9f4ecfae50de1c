"""Turns questions into unit vectors: our own static model, or any sentence-transformers model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from knowledge_base.text import features, normalise

Matrix = NDArray[np.float32]
STATIC = "static"


class Encoder(Protocol):
    """Rows of unit length, one a text."""

    def encode(self, texts: Sequence[str]) -> Matrix: ...

    def encode_features(self, text: str, found: list[str]) -> Matrix: ...


class StaticEncoder:
    """Serves a trained `StaticEmbedding` model without torch: the mean of its tokens' vectors.

    Reads what sentence-transformers wrote; a test holds both to the same vectors.
    """

    def __init__(self, folder: Path) -> None:
        module = folder if (folder / "tokenizer.json").exists() else folder / "0_StaticEmbedding"
        self._ids: dict[str, int] = Tokenizer.from_file(str(module / "tokenizer.json")).get_vocab()
        self._weights: Matrix = load_file(module / "model.safetensors")["embedding.weight"]

    def encode(self, texts: Sequence[str]) -> Matrix:
        return np.stack([self.encode_features(text, features(text)) for text in texts])

    def encode_features(self, text: str, found: list[str]) -> Matrix:
        del text  # its features say all
        ids = [self._ids[token] for token in found if token in self._ids]
        if not ids:
            return np.zeros(self._weights.shape[1], np.float32)
        summed: Matrix = self._weights[ids].sum(axis=0)
        return summed / max(float(np.sqrt(summed @ summed)), 1e-9)


class TransformerEncoder:
    """Any sentence-transformers model, from a folder or a hub."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(name, device="cpu")

    def encode(self, texts: Sequence[str]) -> Matrix:
        return np.asarray(
            self._model.encode([normalise(t) for t in texts], normalize_embeddings=True, show_progress_bar=False),
            np.float32,
        )

    def encode_features(self, text: str, found: list[str]) -> Matrix:
        del found  # it has a tokenizer of its own
        vector: Matrix = self.encode([text])[0]
        return vector


def open_encoder(name: str, folder: Path) -> Encoder:
    """`static` reads the model trained into `folder`; any other name is a sentence-transformers model."""
    return StaticEncoder(folder) if name == STATIC else TransformerEncoder(name)
