"""The tiny knowledge, trained and built once a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.index import Index
from knowledge_base.library import Library
from knowledge_base.models import Models
from tests.knowledge_base.tiny import ENTRIES, FIGURES, INTENTS

settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")  # cores are shared: slowness of a moment is no fault
os.environ.setdefault("OMP_NUM_THREADS", "1")  # training such a small model on several threads is slower


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "tiny.yml").write_text(ENTRIES.read_text("utf-8"), "utf-8")
    return read_corpus(folder, FIGURES)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one version lies. Tests that hurt it take a copy."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def built(corpus: Corpus, home: Path) -> Index:
    """The version as it was built, before it was ever stored and read."""
    return Library(home).build(corpus, INTENTS)


@pytest.fixture(scope="session")
def index(built: Index, home: Path) -> Index:
    """The version as it is read from disk."""
    return Library(home).load(built.version)


@pytest.fixture(scope="session")
def models(index: Index) -> Models:
    return index.models


@pytest.fixture(scope="session")
def pretrained(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer as small as they come, with characters for tokens: what a hub would give."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    characters = sorted({c for e in corpus.entries for w in e.wordings for c in w})
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters]), "utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(characters) + 5,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder / "plain")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "plain")
    words = Transformer(str(folder / "plain"))
    model = SentenceTransformer(modules=[words, Pooling(32)], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes entries as `one.yml` into a folder of their own."""

    def into_folder(text: str) -> Path:
        folder = tmp_path / "written"
        folder.mkdir()
        (folder / "one.yml").write_text(text, "utf-8")
        return folder

    return into_folder
