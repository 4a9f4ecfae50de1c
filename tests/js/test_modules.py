"""The window's pure modules, tested in Node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OLDEST = 18


def test_the_modules_keep_their_promises() -> None:
    node = shutil.which("node")
    if node is None or _major(node) < OLDEST:
        reason = f"node {OLDEST} or newer is not on this machine: apt-get install nodejs"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    files = sorted(str(path) for path in HERE.glob("*.test.js"))
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def _major(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    return int(told.lstrip("v").split(".")[0])
