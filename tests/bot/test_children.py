"""Child processes: started again when they end, asked to finish, killed when they don't, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from bot import children as module
from bot.children import Child

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(module, "GRACE", 0.5)


def child(code: str, *arguments: object) -> Child:
    return Child("web", [PYTHON, "-c", code, *map(str, arguments)], os.environ)


@asynccontextmanager
async def kept(one: Child) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(one.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 10)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


SLEEPS = "import time; time.sleep(60)"
TELLS_AND_SLEEPS = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text('up'); time.sleep(60)"
FINISHES = """
import pathlib, signal, sys, time
def finish(*told):
    pathlib.Path(sys.argv[1]).write_text("finished"); sys.exit()
signal.signal(signal.SIGTERM, finish)
pathlib.Path(sys.argv[1]).write_text("up")
time.sleep(60)
"""
STUBBORN = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = os.fork()
if grandchild: pathlib.Path(sys.argv[1]).write_text(str(grandchild))
time.sleep(60)
"""


async def test_a_child_that_ends_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    one = child("raise SystemExit(3)")
    async with kept(one):
        await until(lambda: one.starts >= 3)
    assert one.pid is None
    assert "web ended with 3" in caplog.text


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    one = child(TELLS_AND_SLEEPS, tmp_path / "up")
    async with kept(one):
        await until((tmp_path / "up").exists)
        first = one.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: one.starts == 2 and one.pid not in (None, first))
        second = one.pid
    assert second
    assert not lives(second)


async def test_the_pause_before_the_next_start_grows_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)
    async with kept(child("")) as running:
        await until(lambda: len(caplog.records) >= 4)
        assert not running.done()
    pauses = [record.args[2] for record in caplog.records if record.args]  # type: ignore[index]
    assert pauses[:4] == [0.04, 0.08, 0.1, 0.1]


async def test_a_child_that_lived_long_is_started_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "STEADY", 0.0)
    async with kept(child("")):
        await until(lambda: len(caplog.records) >= 3)
    assert {record.args[2] for record in caplog.records if record.args} == {0.02}  # type: ignore[index]


async def test_a_child_that_is_stopped_may_finish_what_it_does(tmp_path: Path) -> None:
    async with kept(child(FINISHES, tmp_path / "told")):
        await until((tmp_path / "told").exists)
        await asyncio.sleep(0.05)
    assert (tmp_path / "told").read_text() == "finished"


async def test_a_child_that_does_not_finish_is_killed_with_what_it_started(tmp_path: Path) -> None:
    one = child(STUBBORN, tmp_path / "told")
    async with kept(one):
        await until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text())
        pid, grandchild = one.pid, int((tmp_path / "told").read_text())
        assert pid
        assert lives(grandchild)
    await until(lambda: not lives(pid) and not lives(grandchild))


async def test_what_an_ended_process_left_on_its_output_ends_too() -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", "sleep 60 & echo $!", stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdout
    left = int(await process.stdout.readline())
    await until(lambda: process.returncode == 0)
    assert lives(left)
    await module.end(process, "web")
    await until(lambda: not lives(left))


async def test_a_child_that_cannot_be_started_is_tried_again_later(tmp_path: Path) -> None:
    program = tmp_path / "program"
    one = Child("web", [str(program)], os.environ)
    async with kept(one) as running:
        await asyncio.sleep(0.1)
        assert not running.done()
        assert one.starts == 0
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o700)
        await until(lambda: one.pid)


@pytest.mark.parametrize("turns", range(12))
async def test_stopping_while_it_starts_leaves_nothing_behind(turns: int, tmp_path: Path) -> None:
    before = {p.pid for p in psutil.Process().children()}
    async with kept(child(SLEEPS)):
        for _ in range(turns):
            await asyncio.sleep(0)
    assert {p.pid for p in psutil.Process().children() if lives(p.pid)} <= before


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_parent_however_it_ends(sign: signal.Signals) -> None:
    code = (
        "import asyncio, os, sys; from bot.children import Child\n"
        "one = Child('web', [sys.executable, '-c', 'import time; time.sleep(60)'], os.environ)\n"
        "async def run():\n"
        "    task = asyncio.create_task(one.run())\n"
        "    while not one.pid: await asyncio.sleep(0.01)\n"
        "    print(one.pid, flush=True)\n"
        "    await task\n"
        "asyncio.run(run())"
    )
    with subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert lives(pid)
        parent.send_signal(sign)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not lives(pid)
