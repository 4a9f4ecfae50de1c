"""Encoder and classifier: one immutable version, trained together, named by the hash of what it was trained on."""

from __future__ import annotations

import json
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from knowledge_base.artefact import place, seal, verify
from knowledge_base.classifier import Classifier, train_classifier
from knowledge_base.corpus import Corpus
from knowledge_base.encoder import STATIC, Encoder, open_encoder
from knowledge_base.errors import ArtefactError
from knowledge_base.pinyin import PinyinReader
from knowledge_base.ranking import Business
from knowledge_base.text import features, normalise, question_key, sounds, terms_in, vocabulary
from knowledge_base.topics import intent_of_topic, topic_of_intent
from knowledge_base.training import Progress, train_static

RECIPE = 5  # raise it when training itself changes, so that stored models are made anew
HELD_OUT = 0.15
REMEMBERED = 2048  # questions sensed lately; rules, search and NLU sense the same one
Matrix = NDArray[np.float32]
Examples = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Sensed:
    """A question as every arm needs it, worked out once."""

    text: str
    key: str
    terms: list[str]
    sounds: list[str]
    vector: Matrix
    intent: str
    confidence: float
    topics: dict[str, float]
    business: Business


class Models:
    """Senses questions. Safe to share between threads: nothing changes but a cache."""

    def __init__(self, version: str, encoder: Encoder, classifier: Classifier, pinyin: PinyinReader) -> None:
        self.version = version
        self.encoder = encoder
        self.classifier = classifier
        self.pinyin = pinyin
        topics = [topic_of_intent(label) for label in classifier.labels]
        self._topic_at = [(n, topic) for n, topic in enumerate(topics) if topic is not None]
        self._foreign = np.array([t is not None and t.startswith("out_of_scope") for t in topics])
        self._ours = np.array([t is not None for t in topics]) & ~self._foreign
        self._lately: OrderedDict[str, Sensed] = OrderedDict()

    def read(self, text: str) -> str:
        """The text as all arms see it: normalised, pinyin in characters."""
        bare = normalise(text)
        spelt = self.pinyin.read(bare)
        return bare if spelt == bare else normalise(spelt)

    def sense(self, text: str) -> Sensed:
        known = self._lately.get(text)
        if known is not None:
            return known
        bare = self.read(text)
        found = features(bare)
        vector = self.encoder.encode_features(bare, found)
        shares = self.classifier.probabilities(found, vector)
        ours = shares[self._ours]
        business = Business(float(shares[self._foreign].sum()), float(ours.sum()), float(ours.max(initial=0.0)))
        first, told = int(shares.argmax()), shares.tolist()
        sensed = Sensed(
            bare, question_key(bare), terms_in(found), sounds(bare), vector, self.classifier.labels[first], told[first],
            {topic: told[n] for n, topic in self._topic_at}, business,
        )  # fmt: skip
        self._lately[text] = sensed
        if len(self._lately) > REMEMBERED:
            self._lately.popitem(last=False)
        return sensed


def held_out(text: str) -> bool:
    """Chosen by hash: this wording stays out of training, so that calibration sees new words."""
    return int.from_bytes(sha256(question_key(text).encode()).digest()[:4]) / 2**32 < HELD_OUT


def examples(corpus: Corpus, intents: Examples) -> list[tuple[str, str]]:
    """(text, label) of all wordings and of all intents' examples, in a fixed order."""
    found = [(w, intent_of_topic(e.topic)) for e in corpus.entries for w in e.wordings]
    found.extend((text, intent) for intent, texts in sorted(intents.items()) for text in texts)
    return found


def models_version(corpus: Corpus, intents: Examples, patterns: Examples, encoder: str) -> str:
    """The hash of everything that training depends on."""
    groups = [[e.id, *e.wordings] for e in corpus.entries]
    told = json.dumps(
        [RECIPE, encoder, vocabulary().digest, groups, sorted(intents.items()), sorted(patterns.items())],
        ensure_ascii=False,
    )
    return sha256(told.encode()).hexdigest()[:16]


def train_models(
    corpus: Corpus,
    intents: Examples,
    home: Path,
    *,
    patterns: Examples = MappingProxyType({}),
    encoder: str = STATIC,
    progress: Progress = lambda stage, done, of: None,
) -> Models:
    """Trains what is not on disk yet; a folder appears whole or not at all.

    `patterns` are composed sentences by intent: taught, but never used to calibrate, for nobody talks quite so.
    """
    version = models_version(corpus, intents, patterns, encoder)
    target = home / version
    if target.exists():
        return load_models(target)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".making-") as made:
        folder = Path(made) / "models"
        folder.mkdir()
        if encoder == STATIC:
            groups = [[w for w in e.wordings if not held_out(w)] for e in corpus.entries]
            groups.extend([t for t in texts if not held_out(t)] for texts in intents.values())
            groups.extend(list(texts) for texts in patterns.values())
            train_static(groups, folder / "encoder", progress=progress)
        opened = open_encoder(encoder, folder / "encoder")
        progress("classifier", 0, 1)
        kept = [(t, label) for t, label in examples(corpus, intents) if not held_out(t)]
        kept.extend((text, intent) for intent, texts in sorted(patterns.items()) for text in texts)
        classifier = train_classifier([t for t, _ in kept], [label for _, label in kept], opened)
        classifier.save(folder / "classifier")
        texts = [normalise(t) for t, _ in examples(corpus, intents) if not held_out(t)]
        (folder / "pinyin.json").write_text(PinyinReader.of(texts).as_json(), "utf-8")
        progress("classifier", 1, 1)
        seal(folder, {"kind": "models", "version": version, "encoder": encoder})
        place(folder, target)
    return load_models(target)


def load_models(folder: Path) -> Models:
    """Raises ArtefactError when anything in the folder is not as it was sealed."""
    facts = verify(folder, kind="models")
    try:
        encoder = open_encoder(facts["encoder"], folder / "encoder")
        pinyin = PinyinReader.from_json((folder / "pinyin.json").read_text("utf-8"))
        return Models(facts["version"], encoder, Classifier.load(folder / "classifier"), pinyin)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{folder.name} cannot be read: {error}") from error
