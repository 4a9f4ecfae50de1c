"""The shelf of versions on disk: builds one aside, loads it without training, switches by one reference."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from knowledge_base.artefact import place
from knowledge_base.calibration import FLAT, fit_join
from knowledge_base.corpus import Corpus
from knowledge_base.encoder import STATIC
from knowledge_base.entry import Circumstances, Entry
from knowledge_base.errors import ArtefactError, NoVersion
from knowledge_base.found import Found
from knowledge_base.index import Index, rows_of, stored_entries, version_of
from knowledge_base.lexical import BM25Arm
from knowledge_base.models import Examples, Models, load_models, models_version, train_models
from knowledge_base.ranking import Bands, Join
from knowledge_base.text import sounds, terms
from knowledge_base.training import Progress
from knowledge_base.vectors import Vectors

NO_PATTERNS: Examples = MappingProxyType({})


def _quiet(stage: str, done: int, of: int) -> None:
    del stage, done, of


def build_index(corpus: Corpus, models: Models, intents: Examples, *, arms: Sequence[str] | None = None) -> Index:
    """All rows into all arms, then the join fitted on held-out wordings; seconds for a city's knowledge."""
    rows = rows_of(corpus.entries)
    version = version_of(corpus, models)
    built = (
        BM25Arm.build(terms, rows.texts),
        Vectors.build(models.encoder.encode(rows.texts)),
        BM25Arm.build(sounds, rows.texts),
    )
    draft = Join(FLAT, FLAT, FLAT, Bands(1.0, 0.0))
    index = Index(version, corpus, models, rows, built, draft)
    return Index(version, corpus, models, rows, built, fit_join(index, rows, intents, arms=arms))


class Library:
    """The versions kept in `home`, and the one in service."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._models: dict[str, Models] = {}
        self._current: Index | None = None

    @property
    def current(self) -> Index:
        """The version in service. Raises NoVersion before the first."""
        if self._current is None:
            raise NoVersion("no knowledge is loaded yet: run `python -m bot publish`")
        return self._current

    def folder(self, version: str) -> Path:
        return self._home / "versions" / version

    def models_folder(self, version: str) -> Path:
        return self._home / "models" / version

    def has(self, version: str) -> bool:
        return self.folder(version).exists()

    def versions(self) -> list[str]:
        """Names of the versions on disk, newest first."""
        shelf = self._home / "versions"
        found = [p for p in shelf.iterdir() if not p.name.startswith(".")] if shelf.exists() else []
        return [p.name for p in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]

    def build(
        self,
        corpus: Corpus,
        intents: Examples,
        *,
        patterns: Examples = NO_PATTERNS,
        encoder: str = STATIC,
        progress: Progress = _quiet,
    ) -> Index:
        """Trains and builds what is missing for this corpus; a folder appears whole or not at all."""
        models = self._trained(corpus, intents, patterns, encoder, progress)
        return self.build_with(models, corpus, intents, progress=progress)

    def _trained(
        self, corpus: Corpus, intents: Examples, patterns: Examples, encoder: str, progress: Progress
    ) -> Models:
        wanted = self.models_folder(models_version(corpus, intents, patterns, encoder))
        if wanted.exists():
            try:
                load_models(wanted)
            except ArtefactError:
                shutil.rmtree(wanted)
        models = train_models(
            corpus, intents, self._home / "models", patterns=patterns, encoder=encoder, progress=progress
        )
        self._models[models.version] = models
        return models

    def build_with(self, models: Models, corpus: Corpus, intents: Examples, *, progress: Progress = _quiet) -> Index:
        """Encodes a corpus with these models and fits the join to it: seconds, where training takes minutes."""
        version = version_of(corpus, models)
        if self.has(version):
            try:
                return self.load(version)
            except ArtefactError:
                shutil.rmtree(self.folder(version))
        progress("index", 0, 1)
        index = build_index(corpus, models, intents)
        shelf = self._home / "versions"
        shelf.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shelf, prefix=".making-") as made:
            draft = Path(made) / version
            draft.mkdir()
            index.save(draft)
            place(draft, self.folder(version))
        progress("index", 1, 1)
        return index

    def load(self, version: str) -> Index:
        """Raises ArtefactError when the version is missing or damaged; the one in service stays."""
        return Index.load(self.folder(version), self._load_models)

    def entries_of(self, version: str) -> tuple[Entry, ...]:
        """What a version on disk is made of, without its arms. Raises ArtefactError."""
        return stored_entries(self.folder(version))

    def serve(self, index: Index) -> None:
        """One reference changes; searches under way finish on the version they began with."""
        self._current = index

    def search(self, question: str, who: Circumstances, *, limit: int = 5) -> Found:
        return self.current.search(question, who, limit=limit)

    def _load_models(self, version: str) -> Models:
        if version not in self._models:
            self._models[version] = load_models(self.models_folder(version))
        return self._models[version]
