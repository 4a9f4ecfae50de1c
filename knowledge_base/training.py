"""Trains the static encoder: questions of one entry come together, all others apart (contrastive)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge_base.text import features, normalise

DIMENSION = 256  # while training
SERVED = 64  # directions of the sentences' cloud that are kept: as right as all of them, and four times as fast
EPOCHS = 10
BATCH = 256
LEARNING_RATE = 0.02
SCALE = 20.0  # sharpness of the softmax over cosines, the library's usual value
LEAST = 2  # a token seen once teaches nothing about others
LARGEST = 24  # texts of one group in an epoch
SEED = 20261124
TUNED_EPOCHS, TUNED_BATCH, TUNED_RATE = 3, 32, 2e-5  # usual for a pretrained transformer; fits 24 GiB

Progress = Callable[[str, int, int], None]


def train_static(
    groups: Sequence[Sequence[str]], folder: Path, *, progress: Progress, dimension: int = DIMENSION
) -> None:
    """Trains on groups of texts that mean the same and saves a sentence-transformers model."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # the batches are small: a second thread waits more than it works, and spins meanwhile
    chooser = random.Random(SEED)  # noqa: S311 (reproducible, not secret)
    tokenizer, first = _vocabulary(groups, dimension)
    embedding = StaticEmbedding(tokenizer, embedding_weights=first)
    embedding.embedding.sparse = True  # a batch touches a few hundred of many thousand rows
    model = SentenceTransformer(modules=[embedding], device="cpu")
    loss = MultipleNegativesRankingLoss(model, scale=SCALE)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=LEARNING_RATE)
    known = tokenizer.get_vocab()  # unknown tokens are left out, so that [UNK] stays the zero vector
    spoken = [
        [" ".join(t for t in features(text) if t in known) for text in group] for group in groups if len(group) > 1
    ]
    model.train()
    for epoch in range(EPOCHS):
        pairs = [pair for group in spoken for pair in _pairs(group, chooser)]
        batches = _batches(pairs, chooser)
        for step, batch in enumerate(batches):
            optimizer.zero_grad()
            sides = [model.preprocess([pair[side] for pair in batch]) for side in (1, 2)]
            loss(sides, None).backward()
            for group_ in optimizer.param_groups:
                group_["lr"] = LEARNING_RATE * (1 - (epoch + step / len(batches)) / EPOCHS)
            optimizer.step()  # type: ignore[no-untyped-call]
        progress("encoder", epoch + 1, EPOCHS)
    model.eval()
    vectors = model.encode([t for group in spoken for t in group], normalize_embeddings=True, show_progress_bar=False)
    weights = embedding.embedding.weight.detach().numpy() @ _directions(np.asarray(vectors, np.float64))
    served = StaticEmbedding(tokenizer, embedding_weights=weights.astype(np.float32))
    SentenceTransformer(modules=[served], device="cpu").save(str(folder), create_model_card=False)


def _directions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The principal directions of the vectors, as columns; not centred, for cosines are measured from nothing."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)  # the least first
    return np.asarray(directions[:, ::-1][:, :SERVED], np.float64)


def tune(
    name: str, groups: Sequence[Sequence[str]], folder: Path, *, progress: Progress, epochs: int = TUNED_EPOCHS
) -> None:
    """Teaches any sentence-transformers model the groups, by the same loss, and saves it. The same input gives the
    same weights. Raises OSError or ValueError when there is no such model."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    torch.manual_seed(SEED)
    chooser = random.Random(SEED)  # noqa: S311 (reproducible, not secret)
    model = SentenceTransformer(name, device="cpu")
    loss = MultipleNegativesRankingLoss(model, scale=SCALE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=TUNED_RATE)
    spoken = [[normalise(text) for text in group] for group in groups if len(group) > 1]
    model.train()
    for epoch in range(epochs):
        batches = _batches([pair for group in spoken for pair in _pairs(group, chooser)], chooser, TUNED_BATCH)
        for step, batch in enumerate(batches):
            optimizer.zero_grad()
            sides = [model.preprocess([pair[side] for pair in batch]) for side in (1, 2)]
            loss(sides, None).backward()
            optimizer.step()
            progress("encoder", epoch * len(batches) + step + 1, epochs * len(batches))
    model.eval()
    model.save(str(folder), create_model_card=False)


Pair = tuple[int, str, str]


def _pairs(group: Sequence[str], chooser: random.Random) -> list[Pair]:
    """Each text with another of its group; of a large group some, since a batch takes one pair of each."""
    name = hash(group[0])
    order = chooser.sample(list(group), min(len(group), LARGEST))
    return [(name, a, b) for a, b in zip(order, [*order[1:], order[0]], strict=True)]


def _batches(pairs: list[Pair], chooser: random.Random, size: int = BATCH) -> list[list[Pair]]:
    """Batches without two pairs of one group, so that a negative never means the same."""
    chooser.shuffle(pairs)
    batches: list[list[Pair]] = []
    waiting = pairs
    while waiting:
        batch: list[Pair] = []
        seen: set[int] = set()
        later: list[Pair] = []
        for pair in waiting:
            if len(batch) < size and pair[0] not in seen:
                batch.append(pair)
                seen.add(pair[0])
            else:
                later.append(pair)
        batches.append(batch)
        waiting = later
    return batches


def _vocabulary(groups: Sequence[Sequence[str]], dimension: int):  # type: ignore[no-untyped-def]
    """A word-level tokenizer over our features and first vectors from a truncated SVD of tf-idf."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    texts = [features(text) for group in groups for text in group]
    seen = Counter(token for text in texts for token in set(text))
    tokens = sorted(token for token, times in seen.items() if times >= LEAST)
    ids = {"[UNK]": 0} | {token: i + 1 for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token="[UNK]"))  # noqa: S106 (a token of text)
    tokenizer.pre_tokenizer = WhitespaceSplit()
    counted = TfidfVectorizer(analyzer=list, vocabulary=tokens, sublinear_tf=True)
    matrix = counted.fit_transform(texts)
    size = min(dimension, matrix.shape[0] - 1, matrix.shape[1] - 1)
    svd = TruncatedSVD(size, n_iter=2, random_state=SEED).fit(matrix)
    weights = np.zeros((len(ids), dimension), np.float32)
    weights[1:, :size] = svd.components_.T * counted.idf_[:, None]
    weights *= 1.0 / max(float(np.abs(weights).std()), 1e-9) * 0.1
    return tokenizer, weights
