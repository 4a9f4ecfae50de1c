"""One immutable version of the knowledge: entries, four arms, and the join that was fitted with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from knowledge_base.artefact import seal, verify
from knowledge_base.corpus import Corpus
from knowledge_base.entry import Circumstances, Entry
from knowledge_base.errors import ArtefactError
from knowledge_base.figures import Figure
from knowledge_base.found import Found, Hit
from knowledge_base.lexical import BM25Arm
from knowledge_base.models import Models, Sensed
from knowledge_base.procedures.procedure import Procedure
from knowledge_base.ranking import (
    ARMS,
    Bands,
    Evidence,
    Integers,
    Join,
    Numbers,
    entry_rows,
    scope_row,
    topic_rows,
)
from knowledge_base.text import question_key, sounds, terms
from knowledge_base.vectors import Vectors

FORMAT = 6  # raise it when the stored shape or the arms change
TOPICS_AHEAD = 3  # topics whose best entries come first among the hits
DEPTH = 40  # rows taken from each arm; the right entry's best row lies well within
_ENTRIES = TypeAdapter(tuple[Entry, ...])
_FIGURES = TypeAdapter(tuple[Figure, ...])
_PROCEDURES = TypeAdapter(tuple[Procedure, ...])


@dataclass(frozen=True, slots=True)
class Rows:
    """The wordings as the arms number them: text, entry, and whether it is a negative one."""

    texts: tuple[str, ...]
    entry: NDArray[np.int32]
    negative: NDArray[np.bool_]


def rows_of(entries: Sequence[Entry]) -> Rows:
    told = [(w, n, False) for n, e in enumerate(entries) for w in e.wordings]
    told.extend((w, n, True) for n, e in enumerate(entries) for w in e.negative_variants)
    texts, owner, negative = zip(*told, strict=True)
    return Rows(texts, np.array(owner, np.int32), np.array(negative, bool))


def version_of(corpus: Corpus, models: Models) -> str:
    return version_named(corpus, models.version)


def version_named(corpus: Corpus, models: str) -> str:
    """The name of what these models make of this knowledge, known before it is built."""
    told = json.dumps([FORMAT, models, _told(corpus)], ensure_ascii=False, sort_keys=True)
    return sha256(told.encode()).hexdigest()[:16]


class Index:
    """Answers searches; nothing in it changes after it is made."""

    def __init__(
        self, version: str, corpus: Corpus, models: Models, rows: Rows,
        arms: tuple[BM25Arm, Vectors, BM25Arm], join: Join, used: Sequence[str] = ARMS,
    ) -> None:  # fmt: skip
        self.version = version
        self.corpus = corpus
        self.models = models
        self.join = join
        self._used = used
        self._arms = arms
        self.entries = {e.id: e for e in corpus.entries}
        self.titles = {e.id: e.question for e in corpus.entries}
        self._rows = rows
        self._lexical, self._vectors, self._phonetic = arms
        self.topics = tuple(dict.fromkeys(e.topic for e in corpus.entries))
        numbers = {topic: n for n, topic in enumerate(self.topics)}
        self._topic_of = np.array([numbers[e.topic] for e in corpus.entries], np.int64)
        self._exact: dict[str, list[int]] = {}  # several: an entry and its successor
        for row, text in enumerate(rows.texts):
            self._exact.setdefault(question_key(text), []).append(row)
        self._exact.pop("", None)

    def with_join(self, join: Join, used: Sequence[str]) -> Index:
        """The same rows under another join, with some of the arms only: what each of them adds is measured so."""
        return Index(self.version, self.corpus, self.models, self._rows, self._arms, join, used)

    @property
    def bands(self) -> Bands:
        return self.join.bands

    def search(self, question: str, who: Circumstances, *, limit: int = 8) -> Found:
        """The best entries for a question under these circumstances."""
        key = question_key(self.models.read(question))
        if not key:
            return Found((), {}, 0.0, self.version)
        known = self._known_as(key)
        exact = next((entry for entry in known if who.admit(entry)), None)
        if exact is not None:
            return Found((Hit(exact, 1.0, {"exact": 1.0}),)[:limit], {exact.topic: 1.0}, 1.0, self.version)
        sensed = self.models.sense(question)
        found = self.evidence(sensed)
        ours = float(self.join.scope.probability(scope_row(found, sensed.business)))
        ended = next((entry for entry in known if who.is_past(entry)), None)
        return Found(tuple(self._ranked(found, sensed, who, limit)), sensed.topics, ours, self.version, ended)

    def _known_as(self, key: str) -> list[Entry]:
        """The entries that are asked for word for word, whenever they hold; mostly one or none."""
        rows = (row for row in self._exact.get(key, ()) if not self._rows.negative[row])
        return [self.corpus.entries[self._rows.entry[row]] for row in rows]

    def _ranked(self, found: Evidence, sensed: Sensed, who: Circumstances, limit: int) -> list[Hit]:
        """Entries by trust in their topic; within a topic the likelier entry first."""
        entries = self.corpus.entries
        found = found.only(np.array([who.admit(entries[n]) for n in found.entries.tolist()], bool))
        if not len(found):
            return []
        topics, place, rows = topic_rows(found, sensed.business.foreign)
        chance = self.join.entry.probability(entry_rows(found))
        best = np.full(len(topics), 1e-9)
        np.maximum.at(best, place, chance)
        score = self.join.topic.probability(rows)[place] * chance / best[place]
        order = np.lexsort((found.entries, -score))
        _, first = np.unique(place[order], return_index=True)
        ahead = np.sort(first)[:TOPICS_AHEAD]  # of each likely topic its best entry, then what else is likely
        order = np.concatenate([order[ahead], np.delete(order, ahead)])[:limit]
        return [
            Hit(entries[entry], s, dict(zip(ARMS, arms, strict=True)))
            for entry, s, arms in zip(
                found.entries[order].tolist(), score[order].tolist(), found.scores[order].round(4).tolist(), strict=True
            )
        ]

    def evidence(self, sensed: Sensed, *, hidden: Sequence[int] = (), arms: Sequence[str] | None = None) -> Evidence:
        """What each arm says, gathered by entry, without entries that a negative variant of theirs speaks against.

        `hidden` rows stay unseen (calibration); `arms` limits them.
        """
        used = self._used if arms is None else arms
        lexical = self._lexical.scores(sensed.text, sensed.terms)
        phonetic = self._phonetic.scores(sensed.text, sensed.sounds)
        if "lexical" not in used:
            lexical[:] = 0.0
        if "phonetic" not in used:
            phonetic[:] = 0.0
        near, cosines = self._vectors.search(sensed.vector, DEPTH + len(hidden))
        if "dense" not in used:
            near, cosines = near[:0], cosines[:0]
        if len(hidden):
            lexical[hidden] = phonetic[hidden] = 0.0
            seen = ~np.isin(near, hidden)
            near, cosines = near[seen], cosines[seen]
        rows = np.array(sorted({*near.tolist(), *_best(lexical).tolist(), *_best(phonetic).tolist()}), np.int64)
        dense = np.full(len(rows), cosines[-1] if len(cosines) else 0.0, np.float64)
        dense[np.searchsorted(rows, near)] = cosines
        return self._gathered(rows, lexical[rows], dense, phonetic[rows], sensed.topics if "topic" in used else {})

    def _gathered(
        self, rows: Integers, lexical: Numbers, dense: Numbers, phonetic: Numbers, topics: Mapping[str, float]
    ) -> Evidence:
        """The best of each entry's rows. An entry is refuted by a negative row that is as near as its best wording."""
        owners, place = np.unique(self._rows.entry[rows], return_inverse=True)
        against = self._rows.negative[rows]
        nearest = np.full((2, len(owners)), -1.0)
        np.maximum.at(nearest, (against.astype(int), place), lexical + dense)
        scores = np.zeros((len(owners), len(ARMS)))
        np.maximum.at(scores[:, :3], place[~against], np.column_stack([lexical, dense, phonetic])[~against])
        about = self._topic_of[owners]
        scores[:, 3] = [topics.get(self.topics[n], 0.0) for n in about.tolist()]
        return Evidence(owners.astype(np.int64), about, scores).only(nearest[0] > nearest[1])

    def save(self, folder: Path) -> None:
        """Writes the version into an empty folder and seals it."""
        (folder / "corpus.json").write_text(json.dumps(_told(self.corpus), ensure_ascii=False), "utf-8")
        self._lexical.save(folder / "lexical")
        self._phonetic.save(folder / "phonetic")
        self._vectors.save(folder / "vectors.faiss")
        (folder / "join.json").write_text(json.dumps(self.join.as_json()), "utf-8")
        facts = {"kind": "index", "version": self.version, "models": self.models.version, "entries": len(self.entries)}
        seal(folder, facts)

    @classmethod
    def load(cls, folder: Path, models: Callable[[str], Models]) -> Index:
        """Reads a sealed version without training anything. Raises ArtefactError when it is damaged."""
        facts = verify(folder, kind="index")
        try:
            told = json.loads((folder / "corpus.json").read_text("utf-8"))
            corpus = Corpus(
                _ENTRIES.validate_python(_present(told["entries"])),
                {f.name: f for f in _FIGURES.validate_python(told["figures"])},
                {p.id: p for p in _PROCEDURES.validate_python(told["procedures"])},
            )
            arms = (
                BM25Arm.load(terms, folder / "lexical"),
                Vectors.load(folder / "vectors.faiss"),
                BM25Arm.load(sounds, folder / "phonetic"),
            )
            join = Join.from_json(json.loads((folder / "join.json").read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ArtefactError(f"{folder.name} cannot be read: {error}") from error
        return cls(facts["version"], corpus, models(facts["models"]), rows_of(corpus.entries), arms, join)


def _told(corpus: Corpus) -> dict[str, Any]:
    procedures = tuple(corpus.procedures.values())
    return {
        "entries": _ENTRIES.dump_python(corpus.entries, mode="json", by_alias=True),
        "figures": _FIGURES.dump_python(tuple(corpus.figures.values()), mode="json", by_alias=True),
        "procedures": _PROCEDURES.dump_python(procedures, mode="json", by_alias=True, exclude_defaults=True),
    }


def stored_entries(folder: Path) -> tuple[Entry, ...]:
    """The entries of a version, also of an older make. Raises ArtefactError."""
    try:
        told = json.loads((folder / "corpus.json").read_text("utf-8"))
        return _ENTRIES.validate_python(_present(told["entries"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{folder.name} cannot be read: {error}") from error


def _present(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Absent fields are left out, as in the files that people write."""
    return [{k: v for k, v in record.items() if v is not None} for record in records]


def _best(scores: Numbers) -> Integers:
    """The rows with the highest scores, in no order."""
    top = np.flatnonzero(scores > scores.max(initial=0.0) / 2)  # most rows share a frequent character and no more
    if len(top) < DEPTH:
        top = np.flatnonzero(scores > 0)
    return top if len(top) <= DEPTH else top[np.argpartition(scores[top], -DEPTH)[-DEPTH:]]
