"""What a question is about: a probability for each topic and intent, from scikit-learn's logistic regression.

Trained with scikit-learn, served from its numbers: one sparse row needs a few additions, not a pipeline.
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
VECTOR_WEIGHT = 1.5  # of the sentence vector beside the tf-idf row
INVERSE_PENALTY = 12.0
LEAST = 2


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """The numbers of a trained regression: rows of `by_token` are tokens, columns labels."""

    labels: tuple[str, ...]
    ids: dict[str, int]
    idf: Matrix
    by_token: Matrix
    by_vector: Matrix
    intercept: Matrix

    def probabilities(self, found: list[str], vector: Matrix) -> Matrix:
        """One probability a label; they sum to one."""
        logits = self.intercept + (VECTOR_WEIGHT * vector) @ self.by_vector
        counts: dict[int, int] = {}
        for token in found:
            at = self.ids.get(token)
            if at is not None:
                counts[at] = counts.get(at, 0) + 1
        if counts:
            rows = np.fromiter(counts, np.int64, len(counts))
            times = np.fromiter(counts.values(), np.float32, len(counts))
            weights = (1.0 + np.log(times)) * self.idf[rows]
            weights /= np.sqrt(weights @ weights)
            logits = logits + weights @ self.by_token[rows]
        logits = np.exp(logits - logits.max())
        result: Matrix = logits / logits.sum()
        return result

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = {"labels": self.labels, "tokens": sorted(self.ids, key=self.ids.__getitem__)}
        (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False), "utf-8")
        np.savez(
            folder / "weights.npz",
            idf=self.idf, by_token=self.by_token, by_vector=self.by_vector, intercept=self.intercept,
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path) -> Classifier:
        names = json.loads((folder / "names.json").read_text("utf-8"))
        ids = {token: i for i, token in enumerate(names["tokens"])}
        with np.load(folder / "weights.npz") as numbers:
            return cls(tuple(names["labels"]), ids, **{name: numbers[name] for name in numbers.files})


def train_classifier(texts: Sequence[str], labels: Sequence[str], encoder: Encoder) -> Classifier:
    """Needs two labels or more; the same input gives the same numbers."""
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    found = [features(text) for text in texts]
    counted = TfidfVectorizer(analyzer=list, sublinear_tf=True, min_df=LEAST, dtype=np.float32)
    rows = counted.fit_transform(found)
    vectors = VECTOR_WEIGHT * encoder.encode(texts)
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=60, class_weight="balanced")
    regression.fit(sparse.hstack([rows, sparse.csr_matrix(vectors)]).tocsr(), list(labels))
    tokens = len(counted.vocabulary_)
    weights = regression.coef_.T.astype(np.float32)
    return Classifier(
        labels=tuple(regression.classes_),
        ids={token: int(i) for token, i in counted.vocabulary_.items()},
        idf=counted.idf_.astype(np.float32),
        by_token=np.ascontiguousarray(weights[:tokens]),
        by_vector=np.ascontiguousarray(weights[tokens:]),
        intercept=regression.intercept_.astype(np.float32),
    )
