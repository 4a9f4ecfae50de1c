"""FAISS over the rows' vectors: every row is looked at up to 200,000 of them, inverted lists above.

Half precision: a scan waits for memory, and half of it comes twice as fast; 1 of 4,000 neighbours differs.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

EXACT_UP_TO = 200_000  # beyond it an exact scan takes longer than a citizen's turn may
HALF = faiss.ScalarQuantizer.QT_fp16
SAMPLE = 200_000  # rows that the cells are learnt from
PROBED = 96  # cells looked into; keeps recall@10 above 0.98


class Vectors:
    """Nearest rows by inner product of unit vectors, that is by cosine."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, matrix: Matrix, *, exact_up_to: int = EXACT_UP_TO) -> Vectors:
        rows, size = matrix.shape
        if rows <= exact_up_to:
            index: faiss.Index = faiss.IndexScalarQuantizer(size, HALF, faiss.METRIC_INNER_PRODUCT)
        else:
            cells = int(4 * rows**0.5)
            index = faiss.IndexIVFScalarQuantizer(
                faiss.IndexFlatIP(size), size, cells, HALF, faiss.METRIC_INNER_PRODUCT, False
            )
            picked = np.random.default_rng(0).permutation(rows)[: min(SAMPLE, rows)]
            index.train(matrix[picked])
            index.nprobe = PROBED
        index.add(matrix)
        return cls(index)

    @property
    def rows(self) -> int:
        return int(self._index.ntotal)

    def search(self, vector: Matrix, limit: int) -> tuple[NDArray[np.int64], Matrix]:
        """Row numbers and cosines of the nearest rows, best first."""
        cosines, rows = self._index.search(vector[None, :], min(limit, self.rows))
        kept = rows[0] >= 0
        return rows[0][kept], cosines[0][kept]

    def vector(self, row: int) -> Matrix:
        return np.asarray(self._index.reconstruct(int(row)), np.float32)

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    @classmethod
    def load(cls, path: Path) -> Vectors:
        return cls(faiss.read_index(str(path)))
