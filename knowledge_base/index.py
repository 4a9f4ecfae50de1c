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
from knowledge_base.ranking import Bands, Evidence, Join, entry_rows, scope_row, topic_rows
from knowledge_base.text import features, question_key, sounds
from knowledge_base.vectors import Vectors

FORMAT = 4  # raise it when the stored shape or the arms change
ARMS = ("lexical", "dense", "phonetic", "topic")
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
    told = json.dumps(
        [
            FORMAT,
            models.version,
            _told(corpus),
        ],
        ensure_ascii=False,
        sort_keys=True,
    )
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
        self._owner: list[int] = rows.entry.tolist()
        self._negative: list[bool] = rows.negative.tolist()
        keys = ((question_key(t), i) for i, t in enumerate(rows.texts))
        self._exact = {key: i for key, i in reversed(list(keys)) if key}

    def with_join(self, join: Join, used: Sequence[str]) -> Index:
        """The same rows under another join, with some of the arms only: what each of them adds is measured so."""
        return Index(self.version, self.corpus, self.models, self._rows, self._arms, join, used)

    @property
    def bands(self) -> Bands:
        return self.join.bands

    def search(self, question: str, who: Circumstances, *, limit: int = 8) -> Found:
        """The best entries for a question under these circumstances."""
        sensed = self.models.sense(question)
        if not sensed.key:
            return Found((), {}, 0.0, self.version)
        found = [e for e in self.evidence(sensed) if not e.refuted]
        ours = float(self.join.scope.probability(scope_row(found, sensed.topics)))
        exact = self._exact.get(sensed.key)
        entries = self.corpus.entries
        hits: list[Hit] = []
        if exact is not None and not self._negative[exact] and who.admit(entries[self._owner[exact]]):
            hits.append(Hit(entries[self._owner[exact]], 1.0, {"exact": 1.0}))
        admitted = [e for e in found if who.admit(entries[e.entry])]
        if admitted:
            hits.extend(self._ranked(admitted, sensed, limit))
        if exact is not None and hits and "exact" in hits[0].arms:
            hits = [hits[0], *(h for h in hits[1:] if h.entry is not hits[0].entry)]
        return Found(tuple(hits[:limit]), sensed.topics, ours, self.version)

    def _ranked(self, found: list[Evidence], sensed: Sensed, limit: int) -> list[Hit]:
        """Entries by trust in their topic; within a topic the likelier entry first."""
        names, rows = topic_rows(found, sensed.out_of_scope)
        trust = dict(zip(names, self.join.topic.probability(rows).tolist(), strict=True))
        chances = self.join.entry.probability(entry_rows(found)).tolist()
        best: dict[str, float] = {}
        for e, chance in zip(found, chances, strict=True):
            best[e.topic] = max(best.get(e.topic, 1e-9), chance)
        scored = sorted(
            ((trust[e.topic] * chance / best[e.topic], e) for e, chance in zip(found, chances, strict=True)),
            key=lambda pair: (-pair[0], pair[1].entry),
        )
        first: dict[str, tuple[float, Evidence]] = {}
        for pair in scored:
            first.setdefault(pair[1].topic, pair)
        ahead = list(first.values())[:TOPICS_AHEAD]  # of each likely topic its best entry, then what else is likely
        known = {e.entry for _, e in ahead}
        ordered = [*ahead, *(pair for pair in scored if pair[1].entry not in known)]
        return [Hit(self.corpus.entries[e.entry], score, _arms(e)) for score, e in ordered[:limit]]

    def evidence(
        self, sensed: Sensed, *, hidden: Sequence[int] = (), arms: Sequence[str] | None = None
    ) -> list[Evidence]:
        """What each arm says, gathered by entry. `hidden` rows stay unseen (calibration); `arms` limits them."""
        used = self._used if arms is None else arms
        lexical = self._lexical.scores(sensed.text, sensed.features)
        phonetic = self._phonetic.scores(sensed.text, sensed.sounds)
        if "lexical" not in used:
            lexical = np.zeros_like(lexical)
        if "phonetic" not in used:
            phonetic = np.zeros_like(phonetic)
        near, cosines = self._vectors.search(sensed.vector, DEPTH + len(hidden))
        if "dense" not in used:
            near, cosines = near[:0], cosines[:0]
        if len(hidden):
            lexical[hidden] = phonetic[hidden] = -1.0
            seen = ~np.isin(near, hidden)
            near, cosines = near[seen], cosines[seen]
        dense = dict(zip(near.tolist(), cosines.tolist(), strict=True))
        floor = float(cosines[-1]) if len(cosines) else 0.0
        candidates = {*dense, *_best(lexical), *_best(phonetic)}
        candidates.difference_update(hidden)
        rows = list(candidates)
        return self._gather(
            rows,
            lexical[rows].tolist(),
            [dense.get(r, floor) for r in rows],
            phonetic[rows].tolist(),
            sensed.topics if "topic" in used else {},
        )

    def _gather(
        self,
        rows: list[int],
        lexical: list[float],
        dense: list[float],
        phonetic: list[float],
        topics: Mapping[str, float],
    ) -> list[Evidence]:
        best: dict[int, list[float]] = {}
        against: dict[int, float] = {}
        for row, a, b, c in zip(rows, lexical, dense, phonetic, strict=True):
            owner = self._owner[row]
            if self._negative[row]:
                against[owner] = max(against.get(owner, 0.0), a + b)
                continue
            known = best.get(owner)
            if known is None:
                best[owner] = [a, b, c, a + b]
            else:
                best[owner] = [max(known[0], a), max(known[1], b), max(known[2], c), max(known[3], a + b)]
        entries = self.corpus.entries
        return [
            Evidence(
                n, entries[n].topic, a, b, c, topics.get(entries[n].topic, 0.0), n in against and against[n] >= most
            )
            for n, (a, b, c, most) in best.items()
        ]

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
                BM25Arm.load(features, folder / "lexical"),
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


def _present(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Absent fields are left out, as in the files that people write."""
    return [{k: v for k, v in record.items() if v is not None} for record in records]


def _arms(evidence: Evidence) -> dict[str, float]:
    return {
        "lexical": round(evidence.lexical, 4),
        "dense": round(evidence.dense, 4),
        "phonetic": round(evidence.phonetic, 4),
        "topic": round(evidence.topic_probability, 4),
    }


def _best(scores: NDArray[np.float32]) -> list[int]:
    """The rows with the highest scores, in no order."""
    if len(scores) <= DEPTH:
        return [int(i) for i in np.nonzero(scores > 0)[0]]
    top = np.argpartition(scores, -DEPTH)[-DEPTH:]
    return [int(i) for i in top if scores[i] > 0]
