"""BM25 over any kind of tokens: words and characters, or pairs of syllables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

Tokens = Callable[[str], list[str]]

K1, B = 1.2, 0.5  # short questions: term frequency and length say little


class BM25Arm:
    """Scores rows by the tokens they share with a question, as a share of what a perfect row would get."""

    def __init__(self, tokens: Tokens, model: bm25s.BM25) -> None:
        self._tokens = tokens
        self._model = model
        self._ids: dict[str, int] = model.vocab_dict
        self._starts: list[int] = model.scores["indptr"].tolist()
        self._holding: NDArray[np.int32] = model.scores["indices"]
        self._worth: NDArray[np.float32] = model.scores["data"]
        counts = np.diff(model.scores["indptr"])
        rows = self._rows = int(model.scores["num_docs"])
        ceiling = np.log1p((rows - counts + 0.5) / (counts + 0.5)) / (1 + K1)
        self._ceiling: list[float] = ceiling.tolist()
        self._unknown = float(np.log1p((rows - 0.5) / 1.5) / (1 + K1))

    @classmethod
    def build(cls, tokens: Tokens, texts: Sequence[str]) -> BM25Arm:
        model = bm25s.BM25(method="lucene", k1=K1, b=B)
        model.index([tokens(text) or [""] for text in texts], show_progress=False)
        return cls(tokens, model)

    def scores(self, question: str, tokens: list[str] | None = None) -> NDArray[np.float64]:
        """One score in 0…1 for each row; words that no row has pull all scores down."""
        found = self._tokens(question) if tokens is None else tokens
        known = [self._ids[t] for t in found if t in self._ids]
        if not known:
            return np.zeros(self._rows, np.float64)
        best = sum(self._ceiling[i] for i in known) + self._unknown * (len(found) - len(known))
        spans = [slice(self._starts[i], self._starts[i + 1]) for i in known]
        holding = np.concatenate([self._holding[span] for span in spans])
        worth = np.concatenate([self._worth[span] for span in spans])
        shares = np.bincount(holding, worth, self._rows) / best
        return np.asarray(np.minimum(shares, 1.0, out=shares), np.float64)

    def save(self, folder: Path) -> None:
        self._model.save(str(folder))

    @classmethod
    def load(cls, tokens: Tokens, folder: Path) -> BM25Arm:
        return cls(tokens, bm25s.BM25.load(str(folder), load_vocab=True))
