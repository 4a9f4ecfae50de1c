"""What a question is about: a probability for each topic and intent, from two scikit-learn regressions.

One looks at words and characters, one at the sentence vector; their mean is right more often than either.
Trained with scikit-learn, served from the numbers: a sparse row needs a few additions, not a pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge_base.encoder import Encoder
from knowledge_base.text import features

Matrix = NDArray[np.float32]
PENALTY = 1e-5  # of the regression over words
INVERSE_PENALTY = 2.0  # of the one over vectors
ROUNDS = 20
LEAST = 2
SEED = 20261124


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """The numbers of both regressions; rows of `by_token` are tokens, columns labels."""

    labels: tuple[str, ...]
    ids: dict[str, int]
    idf: Matrix
    by_token: Matrix
    token_bias: Matrix
    by_vector: Matrix
    vector_bias: Matrix

    def probabilities(self, found: list[str], vector: Matrix) -> Matrix:
        """One probability a label; they sum to one."""
        return np.asarray((self._from_tokens(found) + self._from_vector(vector)) / 2, np.float32)

    def _from_tokens(self, found: list[str]) -> Matrix:
        """One against the rest for each label, then shared out."""
        counts: dict[int, int] = {}
        for token in found:
            at = self.ids.get(token)
            if at is not None:
                counts[at] = counts.get(at, 0) + 1
        logits: NDArray[np.floating] = self.token_bias
        if counts:
            rows = np.fromiter(counts, np.int64, len(counts))
            times = np.fromiter(counts.values(), np.float32, len(counts))
            weights = (1.0 + np.log(times)) * self.idf[rows]
            weights /= np.sqrt(weights @ weights)
            logits = logits + weights @ self.by_token[rows]
        chances = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
        return np.asarray(chances / chances.sum(), np.float32)

    def _from_vector(self, vector: Matrix) -> Matrix:
        logits = vector @ self.by_vector + self.vector_bias
        chances = np.exp(logits - logits.max())
        return np.asarray(chances / chances.sum(), np.float32)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = {"labels": self.labels, "tokens": sorted(self.ids, key=self.ids.__getitem__)}
        (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        np.savez(
            folder / "weights.npz",
            idf=self.idf, by_token=self.by_token, token_bias=self.token_bias,
            by_vector=self.by_vector, vector_bias=self.vector_bias,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        names = json.loads((folder / "names.json").read_text("utf-8"))
        ids = {token: i for i, token in enumerate(names["tokens"])}
        with np.load(folder / "weights.npz") as numbers:
            return cls(tuple(names["labels"]), ids, **{name: numbers[name] for name in numbers.files})


def train_classifier(texts: Sequence[str], labels: Sequence[str], encoder: Encoder) -> Classifier:
    """Needs three labels or more; the same input gives the same numbers."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    counted = TfidfVectorizer(analyzer=features, sublinear_tf=True, min_df=LEAST, dtype=np.float32)
    rows = counted.fit_transform(texts)
    over_words = SGDClassifier(
        loss="log_loss", alpha=PENALTY, max_iter=ROUNDS, tol=None, average=True, random_state=SEED, n_jobs=2
    )
    over_words.fit(rows, list(labels))
    over_vectors = LogisticRegression(C=INVERSE_PENALTY, max_iter=100)
    over_vectors.fit(encoder.encode(texts), list(labels))
    return Classifier(
        labels=tuple(over_words.classes_),
        ids={token: int(i) for token, i in counted.vocabulary_.items()},
        idf=counted.idf_.astype(np.float32),
        by_token=np.ascontiguousarray(over_words.coef_.T, np.float32),
        token_bias=over_words.intercept_.astype(np.float32),
        by_vector=np.ascontiguousarray(over_vectors.coef_.T, np.float32),
        vector_bias=over_vectors.intercept_.astype(np.float32),
    )
