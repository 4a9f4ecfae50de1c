"""Search and the whole answer path at many sizes: time, memory of a process that only serves, recall of inverted lists.

Each size is built by one child process and measured by another, so that nothing of the building is left in it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import monotonic, perf_counter, thread_time
from typing import Any

import faiss
import numpy as np
import psutil
from numpy.typing import NDArray

from bot.assembly import open_assistant
from bot.config import ROOT, Settings, read_settings
from bot.preparation import live_index
from bot.talk import fresh, say
from knowledge_base.corpus import read_corpus
from knowledge_base.encoder import Encoder
from knowledge_base.entry import Circumstances
from knowledge_base.index import Index, rows_of
from knowledge_base.lexical import BM25Arm, Tokens
from knowledge_base.library import Library
from knowledge_base.models import load_models
from knowledge_base.text import features, sounds
from knowledge_base.vectors import EXACT_UP_TO, Vectors
from tests.bench.client import share
from tests.bench.machine import MB, rss_mb
from tests.bench.questions import varied, wordings
from tests.bench.server import environment
from tests.bench.synthetic import grown

ASKED = 400  # questions timed at each size, after WARM others
WARM = 40
RECALL_ASKED = 300
NEAREST = 10
NEAR = 1e-5  # two cosines this close are one: rows that say the same word for word
VERSION = "bench"
PATIENCE = 3600.0  # seconds for a child
LOOK = 0.5  # seconds between looks at a child's memory
MEMORY_MB = 10 * 1024  # the most that a child may hold, and no more than
FREE = 0.8  # of what the machine has free
CHUNK = 20_000  # rows encoded between two lines of progress

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds, by the clock and of the processor."""

    p50: float
    p95: float
    cpu50: float
    cpu95: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One size. Memory and disk in MB; `path` is perceive and decide; `recall` only where inverted lists serve."""

    rows: int
    entries: int
    built_s: float
    loaded_s: float
    disk: float
    memory: float
    memory_models: float
    recall: float | None
    search: Times
    path: Times


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A size that was not measured, and why."""

    rows: int
    reason: str


class Sizes:
    """Measures a size when it is first asked for; the temporary versions lie in `folder`."""

    def __init__(self, prepared: Path, folder: Path, say: Say, *, memory_mb: float = MEMORY_MB) -> None:
        self._prepared = prepared
        self._folder = folder
        self._say = say
        self._memory_mb = memory_mb
        self._known: dict[int, Measured | LeftOut] = {}

    def of(self, rows: int) -> Measured | LeftOut:
        if rows not in self._known:
            self._known[rows] = self._measured(rows)
        return self._known[rows]

    def _measured(self, rows: int) -> Measured | LeftOut:
        self._say(f"search at {rows:,} rows")
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as made:
                built = self._child("build", made, str(rows))
                served = self._child("serve", made)
        except (RuntimeError, OSError) as error:
            self._say(f"  left out: {error}")
            return LeftOut(rows, str(error))
        found = Measured(**built | served | {"search": Times(*served["search"]), "path": Times(*served["path"])})
        self._say(f"  search p95 {found.search.p95:.2f} ms, answer p95 {found.path.p95:.2f} ms, {found.memory:.0f} MB")
        return found

    def _child(self, *told: str) -> dict[str, Any]:
        """What a child found. Raises RuntimeError when it failed, took too long or too much memory."""
        command = [sys.executable, "-m", "tests.bench.search", *told]
        limit = min(self._memory_mb, psutil.virtual_memory().available / MB * FREE)
        deadline = monotonic() + PATIENCE
        with subprocess.Popen(
            command, cwd=ROOT, env=environment(self._prepared), stdout=subprocess.PIPE, text=True
        ) as child:
            try:
                while True:
                    try:
                        answer = child.communicate(timeout=LOOK)[0]
                        break
                    except subprocess.TimeoutExpired:
                        pass
                    if rss_mb([child.pid]) > limit:
                        raise RuntimeError(f"to {told[0]} it takes more than {limit / 1024:.1f} GiB of memory")
                    if monotonic() > deadline:
                        raise RuntimeError(f"to {told[0]} it takes longer than {PATIENCE / 60:.0f} minutes")
            finally:
                child.kill()
        if child.returncode:
            raise RuntimeError(f"to {told[0]} it failed with {child.returncode}")
        found: dict[str, Any] = json.loads(answer.splitlines()[-1])
        return found


def whole() -> int:
    """The rows of the corpus as it is."""
    return sum(len(e.wordings) + len(e.negative_variants) for e in read_corpus().entries)


def build(settings: Settings, folder: Path, rows: int) -> dict[str, object]:
    """Writes a version of so many rows, with the encoder, classifier and join of the version in service."""
    live = live_index(settings, lambda *_: None)
    corpus = grown(read_corpus(), rows)
    texts = rows_of(corpus.entries)
    began = perf_counter()
    lexical = BM25Arm.build(_counting(features, len(texts.texts), "words"), texts.texts)
    matrix = _encoded(live.models.encoder, texts.texts)
    vectors = Vectors.build(matrix)
    phonetic = BM25Arm.build(_counting(sounds, len(texts.texts), "sounds"), texts.texts)
    index = Index(VERSION, corpus, live.models, texts, (lexical, vectors, phonetic), live.join)
    taken = perf_counter() - began
    _tell("saving")
    (folder / VERSION).mkdir()
    index.save(folder / VERSION)
    disk = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / MB
    asked = live.models.encoder.encode(list(islice(varied(wordings(), seed=7), RECALL_ASKED)))
    recall = recall_of(vectors, matrix, asked) if len(matrix) > EXACT_UP_TO else None
    return {"rows": len(matrix), "entries": len(corpus.entries), "built_s": taken, "disk": disk, "recall": recall}


def _encoded(encoder: Encoder, texts: Sequence[str]) -> NDArray[np.float32]:
    """In parts, each with a line of progress."""
    parts = range(0, len(texts), CHUNK)
    matrix = np.empty((len(texts), encoder.encode(texts[:1]).shape[1]), np.float32)
    for start in parts:
        matrix[start : start + CHUNK] = encoder.encode(texts[start : start + CHUNK])
        _tell_part("vectors", start + CHUNK, len(texts))
    return matrix


def _counting(tokens: Tokens, total: int, stage: str) -> Tokens:
    """The same tokens, each kept once: millions of equal strings would need more memory than all else."""
    done = 0

    def counted(text: str) -> list[str]:
        nonlocal done
        done += 1
        if done % CHUNK == 0 or done == total:
            _tell_part(stage, done, total)
        return [sys.intern(token) for token in tokens(text)]

    return counted


def _tell_part(stage: str, done: int, total: int) -> None:
    if total > CHUNK:
        _tell(f"{stage} {min(done, total):,}/{total:,}")


def _tell(text: str) -> None:
    print(f"  {text}, {psutil.Process().memory_info().rss / MB:.0f} MB", file=sys.stderr, flush=True)


def recall_of(vectors: Vectors, matrix: NDArray[np.float32], asked: NDArray[np.float32]) -> float:
    """The share of the exact ten nearest rows that `vectors` finds too; rows equally near count as found."""
    exact = faiss.IndexFlatIP(matrix.shape[1])
    exact.add(matrix)
    truth, _ = exact.search(asked, NEAREST)
    hits = 0
    for question, best in zip(asked, truth, strict=True):
        rows, _ = vectors.search(question, NEAREST)
        hits += int(np.sum(matrix[rows] @ question >= best[-1] - NEAR))
    return min(1.0, hits / (NEAREST * len(asked)))


def serve(settings: Settings, folder: Path) -> dict[str, object]:
    """Loads a version as a worker does and asks it one question after another, in one thread."""
    facts = json.loads((folder / VERSION / "manifest.json").read_text("utf-8"))
    library = Library(settings.home / "knowledge")
    models = load_models(library.models_folder(facts["models"]))
    process = psutil.Process()
    before, began = process.memory_info().rss, perf_counter()
    index = Index.load(folder / VERSION, lambda _: models)
    loaded = perf_counter() - began
    questions = varied(wordings(), seed=11)
    who = Circumstances(now=datetime.now(UTC))
    searched = _timed(lambda text: index.search(text, who), questions)
    memory = process.memory_info().rss
    library.serve(index)
    return {
        "loaded_s": loaded, "memory": memory / MB, "memory_models": before / MB,
        "search": searched, "path": asyncio.run(_path(settings, library, questions)),
    }  # fmt: skip


async def _path(settings: Settings, library: Library, questions: Iterator[str]) -> list[float]:
    """From a citizen's words to the reply that would be kept: masked, perceived with the local engine, decided."""
    assistant = open_assistant(settings, library)[1]
    conversation = fresh()
    watch = Watch()
    for number, text in enumerate(islice(questions, WARM + ASKED)):
        with watch.running(counts=number >= WARM):
            await say(assistant, conversation, text)
    return watch.read()


def _timed(work: Callable[[str], object], questions: Iterator[str]) -> list[float]:
    watch = Watch()
    for number, text in enumerate(islice(questions, WARM + ASKED)):
        with watch.running(counts=number >= WARM):
            work(text)
    return watch.read()


class Watch:
    """Stops the time of many pieces of work, by the clock and of this thread's processor."""

    def __init__(self) -> None:
        self._taken: list[float] = []
        self._worked: list[float] = []

    @contextmanager
    def running(self, *, counts: bool) -> Iterator[None]:
        began, work = perf_counter(), thread_time()
        yield
        if counts:
            self._taken.append(perf_counter() - began)
            self._worked.append(thread_time() - work)

    def read(self) -> list[float]:
        """The fields of Times."""
        return [share(sorted(times), part) for times in (self._taken, self._worked) for part in (0.5, 0.95)]


def main(verb: str, folder: Path, rows: int = 0) -> dict[str, object]:
    faiss.omp_set_num_threads(1)
    settings = read_settings()
    return build(settings, folder, rows) if verb == "build" else serve(settings, folder)


if __name__ == "__main__":
    answer = main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:]))
    sys.stdout.write(json.dumps(answer) + "\n")
