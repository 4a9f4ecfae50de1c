"""Search at many sizes: time of the full path, memory of a process that only serves it, recall of inverted lists.

Each size is built by one child process and measured by another, so that nothing of the building is left in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, thread_time

import faiss
import numpy as np
import psutil

from bot.config import ROOT, read_settings
from bot.preparation import live_index
from knowledge_base.corpus import read_corpus
from knowledge_base.entry import Circumstances
from knowledge_base.index import Index, rows_of
from knowledge_base.lexical import BM25Arm
from knowledge_base.models import load_models
from knowledge_base.text import features, sounds
from knowledge_base.vectors import EXACT_UP_TO, Vectors
from tests.bench.client import share
from tests.bench.machine import MB
from tests.bench.questions import varied, wordings
from tests.bench.synthetic import grown

ASKED = 400  # questions timed at each size, after WARM others
WARM = 40
RECALL_ASKED = 300
NEAREST = 10
VERSION = "bench"
PATIENCE = 3600
NEAR = 1e-5  # two cosines this close are one: rows that say the same word for word


@dataclass(frozen=True, slots=True)
class Measured:
    """One size. Times in milliseconds, by the clock and of the processor; memory in MB; `recall` only where inverted lists serve."""

    rows: int
    built_s: float
    loaded_s: float
    p50: float
    p95: float
    cpu50: float
    cpu95: float
    memory: float
    memory_before: float
    disk: float
    recall: float | None


def measure(sizes: Sequence[int], say: Callable[[str], None]) -> list[Measured]:
    """Every size in its own processes; one that takes too long or too much memory is left out, and said."""
    found = []
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="yida-bench-") as made:
            try:
                built = _child("build", str(rows), made)
                told = _child("serve", made)
            except (subprocess.SubprocessError, json.JSONDecodeError) as error:
                say(f"search at {rows:,} rows was not measured: {error}")
                continue
        found.append(Measured(**built, **told))
        say(f"  {found[-1].rows:,} rows: p50 {found[-1].p50:.2f} ms, p95 {found[-1].p95:.2f} ms")
    return found


def _child(*told: str) -> dict[str, float]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}  # as in a worker
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.search", *told],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def build(rows: int, folder: Path) -> dict[str, float]:
    """Writes a version of so many rows, with the encoder, classifier and join of the version in service."""
    live = live_index(read_settings(), lambda *_: None)
    corpus = grown(read_corpus(), rows)
    texts = rows_of(corpus.entries)
    began = perf_counter()
    arms = (
        BM25Arm.build(features, texts.texts),
        Vectors.build(live.models.encoder.encode(texts.texts)),
        BM25Arm.build(sounds, texts.texts),
    )
    index = Index(VERSION, corpus, live.models, texts, arms, live.join)
    taken = perf_counter() - began
    (folder / VERSION).mkdir()
    index.save(folder / VERSION)
    disk = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / MB
    recall = _recall(live, arms[1]) if arms[1].rows > EXACT_UP_TO else None
    return {"rows": len(texts.texts), "built_s": taken, "disk": disk, "recall": recall}  # type: ignore[dict-item]


def _recall(live: Index, vectors: Vectors) -> float:
    """The share of the exact ten nearest rows that inverted lists find too; rows equally near count as found."""
    matrix = np.stack([vectors.vector(row) for row in range(vectors.rows)])
    exact = faiss.IndexFlatIP(matrix.shape[1])
    exact.add(matrix)
    asked = live.models.encoder.encode(varied(wordings(), RECALL_ASKED, seed=7))
    truth, _ = exact.search(asked, NEAREST)
    hits = 0
    for question, best in zip(asked, truth, strict=True):
        rows, _ = vectors.search(question, NEAREST)
        hits += int(np.sum(matrix[rows] @ question >= best[-1] - NEAR))
    return min(1.0, hits / (NEAREST * len(asked)))


def serve(folder: Path) -> dict[str, float]:
    """Loads a version as a worker does and asks it one question after another, in one thread."""
    settings = read_settings()
    facts = json.loads((folder / VERSION / "manifest.json").read_text("utf-8"))
    models = load_models(settings.home / "knowledge" / "models" / facts["models"])
    process = psutil.Process()
    before, began = process.memory_info().rss, perf_counter()
    index = Index.load(folder / VERSION, lambda _: models)
    loaded = perf_counter() - began
    who = Circumstances(now=datetime.now(UTC))
    questions = varied(wordings(), WARM + ASKED, seed=11)
    for question in questions[:WARM]:
        index.search(question, who)
    taken, worked = [], []
    for question in questions[WARM:]:
        began, work = perf_counter(), thread_time()
        index.search(question, who)
        taken.append(perf_counter() - began)
        worked.append(thread_time() - work)
    taken.sort()
    worked.sort()
    return {
        "loaded_s": loaded, "p50": share(taken, 0.5), "p95": share(taken, 0.95),
        "cpu50": share(worked, 0.5), "cpu95": share(worked, 0.95),
        "memory": process.memory_info().rss / MB, "memory_before": before / MB,
    }  # fmt: skip


if __name__ == "__main__":
    faiss.omp_set_num_threads(1)
    if sys.argv[1] == "build":
        answer = build(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        answer = serve(Path(sys.argv[2]))
    sys.stdout.write(json.dumps(answer) + "\n")
