"""The machine a run was made on, and who used its processors meanwhile."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import psutil

from bot.config import ROOT

PACKAGES = (
    "fastapi", "uvicorn", "uvloop", "websockets", "SQLAlchemy", "orjson", "numpy", "faiss-cpu", "bm25s", "jieba",
)  # fmt: skip
MB = 1 << 20


def processor() -> str:
    """As the kernel names it; `platform` knows only the architecture."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Those that we may use."""
    return len(os.sched_getaffinity(0))


def facts(folder: Path) -> str:
    """One line; `folder` lies on the disk that stores."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"{cores()} × {processor()}, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}; one small fsync takes {fsync_ms(folder):.1f} ms (median)"
    )


def versions() -> str:
    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def commit() -> str:
    """The revision measured, with + when files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=10
    )
    return told.stdout.strip() or "no revision"


def fsync_ms(folder: Path, times: int = 60) -> float:
    """Every transaction waits for this at least once."""
    taken = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for n in range(times):
            os.pwrite(file.fileno(), b"x" * 4096, n * 4096)
            began = perf_counter()
            os.fsync(file.fileno())
            taken.append((perf_counter() - began) * 1000)
    return sorted(taken)[times // 2]


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds of each group of processes, and of everyone on the machine, in `seconds`."""

    seconds: float
    groups: dict[str, float]
    everyone: float


class Meter:
    """Counts from its making to `read`."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = {name: list(pids) for name, pids in groups.items()}
        self._began = perf_counter()
        self._before = {name: _cpu_seconds(pids) for name, pids in self._groups.items()}
        self._everyone = _everyone()

    def read(self) -> Used:
        used = {name: _cpu_seconds(pids) - self._before[name] for name, pids in self._groups.items()}
        return Used(perf_counter() - self._began, used, _everyone() - self._everyone)


def _cpu_seconds(pids: Sequence[int]) -> float:
    total = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _everyone() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.steal - times.guest - times.guest_nice


def rss_mb(pids: Sequence[int]) -> float:
    """What these processes hold together; pages that they share count for each."""
    held = 0
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            held += psutil.Process(pid).memory_info().rss
    return held / MB
