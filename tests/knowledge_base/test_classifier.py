"""The classifier's numbers are those of scikit-learn's own estimators."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

from knowledge_base import classifier as c
from knowledge_base.classifier import Classifier, train_classifier
from knowledge_base.corpus import Corpus
from knowledge_base.models import Models, examples
from knowledge_base.text import features
from tests.knowledge_base.tiny import INTENTS

ASKED = ["社保卡丢了怎么办", "养老最低交几年", "今天会下雨吗", "失业金失业金失业金", "找人工", "zzz", ""]


@pytest.fixture(scope="module")
def taught(corpus: Corpus) -> tuple[list[str], list[str]]:
    texts, labels = zip(*examples(corpus, INTENTS), strict=True)
    return list(texts), list(labels)


@pytest.fixture(scope="module")
def trained(taught: tuple[list[str], list[str]], models: Models) -> Classifier:
    return train_classifier(*taught, models.encoder)


def asked(classifier: Classifier, models: Models) -> np.ndarray:
    return np.stack([classifier.probabilities(features(t), models.encoder.encode([t])[0]) for t in ASKED])


def test_probabilities_are_the_mean_of_both_estimators(
    taught: tuple[list[str], list[str]], trained: Classifier, models: Models
) -> None:
    texts, labels = taught
    counted = TfidfVectorizer(analyzer=features, sublinear_tf=True, min_df=c.LEAST, dtype=np.float32)
    over_words = SGDClassifier(
        loss="log_loss", alpha=c.PENALTY, max_iter=c.ROUNDS, tol=None, average=True, random_state=c.SEED
    ).fit(counted.fit_transform(texts), labels)
    over_vectors = LogisticRegression(C=c.INVERSE_PENALTY, max_iter=100).fit(models.encoder.encode(texts), labels)
    assert list(over_vectors.classes_) == list(over_words.classes_) == list(trained.labels)
    words = over_words.predict_proba(counted.transform(ASKED))
    vectors = over_vectors.predict_proba(models.encoder.encode(ASKED))
    np.testing.assert_allclose(asked(trained, models), (words + vectors) / 2, atol=1e-4)


def test_probabilities_sum_to_one(trained: Classifier, models: Models) -> None:
    found = asked(trained, models)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    assert found.min() >= 0


def test_what_was_taught_is_known(taught: tuple[list[str], list[str]], trained: Classifier, models: Models) -> None:
    right = [
        trained.labels[int(trained.probabilities(features(t), models.encoder.encode([t])[0]).argmax())] == label
        for t, label in zip(*taught, strict=True)
    ]
    assert np.mean(right) > 0.95


def test_a_stored_classifier_gives_the_same_numbers(trained: Classifier, models: Models, tmp_path: Path) -> None:
    trained.save(tmp_path / "classifier")
    np.testing.assert_array_equal(asked(Classifier.load(tmp_path / "classifier"), models), asked(trained, models))


def test_the_same_examples_give_the_same_numbers(
    taught: tuple[list[str], list[str]], trained: Classifier, models: Models
) -> None:
    np.testing.assert_array_equal(asked(train_classifier(*taught, models.encoder), models), asked(trained, models))
