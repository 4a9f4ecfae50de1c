"""The service with Rasa: trained meanwhile, killed, hung, replaced, damaged – and somebody always understands."""

from __future__ import annotations

import asyncio
import itertools
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from bot.nlu import rasa_model
from tests.servers import absent
from tests.stories.service import Citizen, Service, crowd, environment, run
from tests.stories.tree import ROOT, configure, copied

pytestmark = [pytest.mark.rasa, pytest.mark.timeout(600)]
FALLBACKS = "yida_nlu_fallbacks_total"
TRAINED_WITHIN = 300.0  # on a busy machine; some 30 s on a quiet one
NUMBERS = itertools.count(1)


def question() -> str:
    """One that no entry knows word for word, and nobody asked before: search alone does not do."""
    return f"我已经交了{next(NUMBERS)}个月，这样子养老保险最低到底还要交多少年啊"


@pytest.fixture(scope="module")
def own(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not rasa_model.is_installed():
        absent(".venv-rasa is missing: make rasa-setup")
    return copied(tree, tmp_path_factory.mktemp("rasa") / "project")


@pytest.fixture(scope="module")
def trained(own: Path, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Rasa's model is trained too."""
    home = tmp_path_factory.mktemp("rasa-home") / "var"
    with_rasa(own)
    (home / "rasa").mkdir(parents=True)
    done = run(own, home, "train-rasa", within=TRAINED_WITHIN)
    assert done.returncode == 0, done.stderr
    return home / "rasa"


def with_rasa(tree: Path, **changed: Any) -> None:
    nlu = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))["nlu"]
    configure(tree, nlu={"engine": "rasa", "rasa": nlu["rasa"] | changed})


def engine(service: Service) -> str:
    return str(service.readiness()[1].get("nlu"))


def sidecar(service: Service) -> psutil.Process:
    return next(p for p in service.children("rasa_sidecar") if "serve" in p.cmdline())


async def until(true: Callable[[], object], within: float) -> None:
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_the_local_engine_answers_while_rasa_is_trained_and_after_it_was_killed(own: Path, home: Path) -> None:
    with_rasa(own)
    with Service(own, home) as service:
        async with crowd() as client:
            assert engine(service).startswith("local")
            citizen = await Citizen.at(service.url, client)
            assert (await citizen.ask(question()))["text"]
            await until(lambda: service.children("rasa_sidecar"), 30)
            training = next(p for p in service.children("rasa_sidecar") if "train" in p.cmdline())
            assert training.nice() == 10
            await until(lambda: engine(service) == "rasa", TRAINED_WITHIN)

            socket = Path((home / "rasa" / "socket").read_text())
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
            before = service.counter(FALLBACKS)
            for _ in range(5):
                assert (await citizen.ask(question()))["text"]
            assert service.counter(FALLBACKS) - before <= 1  # a deadline may pass on a busy machine

            # Killed while it thinks: it hangs first, so that the question is surely under way.
            killed = sidecar(service)
            killed.suspend()
            began = time.monotonic()
            asking = asyncio.create_task(citizen.ask(question()))
            await asyncio.sleep(0.1)
            killed.kill()
            assert (await asking)["text"]
            took = time.monotonic() - began
            assert took < 1.5  # 0.3 s for Rasa, the rest for a busy machine
            assert engine(service).startswith("local")
            for _ in range(3):
                began = time.monotonic()
                assert (await citizen.ask(question()))["text"]
                assert time.monotonic() - began < 1.5
            await until(lambda: engine(service) == "rasa", 120)
            assert sidecar(service).pid != killed.pid

            everyone = service.everyone()
        assert service.process
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(15) == 0
        assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
        assert not socket.parent.exists()
        assert "养老保险" not in service.log.read_text("utf-8")
    assert not (own / ".rasa").exists()


async def test_models_change_without_a_gap_and_a_damaged_one_is_not_taken(own: Path, home: Path, trained: Path) -> None:
    with_rasa(own, deadline_ms=20_000)  # what is looked for here is a gap, not haste
    (home / "rasa").mkdir()
    for model in trained.glob("*.tar.gz"):
        (home / "rasa" / model.name).write_bytes(model.read_bytes())
    with Service(own, home) as service:
        await until(lambda: engine(service) == "rasa", 120)
        await until(lambda: not service.children("train-rasa"), 60)  # it makes its own model the newest
        first, old_model = sidecar(service), rasa_model.newest(home)
        over = asyncio.Event()
        async with crowd() as client:
            citizens = [await Citizen.at(service.url, client) for _ in range(4)]
            await citizens[0].ask(question())
            before = service.counter(FALLBACKS)

            async def keep_asking(citizen: Citizen) -> int:
                count = 0
                while not over.is_set():
                    await citizen.answer(await citizen.say(question()), within=60)
                    count += 1
                    await asyncio.sleep(0.1)
                return count

            asking = [asyncio.create_task(keep_asking(citizen)) for citizen in citizens]
            damaged = home / "rasa" / "0123456789abcdef.tar.gz"
            assert old_model
            whole = old_model[1].read_bytes()
            damaged.write_bytes(whole[: len(whole) // 2])
            await until(lambda: not damaged.exists(), 120)
            assert damaged.with_name(f"{damaged.name}.refused").exists()
            assert sidecar(service).pid == first.pid

            pipeline = [
                dict(part)
                for part in yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))["nlu"]["rasa"]["pipeline"]
            ]
            next(part for part in pipeline if "LogisticRegression" in part["name"])["max_iter"] = 30
            with_rasa(own, deadline_ms=20_000, pipeline=pipeline)
            training = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "train-rasa",
                cwd=own,
                env=environment(home),
                stderr=asyncio.subprocess.DEVNULL,
            )
            assert await training.wait() == 0
            assert rasa_model.newest(home) != old_model
            await until(lambda: not first.is_running(), 120)
            await asyncio.sleep(1)
            over.set()
            assert min(await asyncio.gather(*asking)) > 3
            assert service.counter(FALLBACKS) == before
            assert engine(service) == "rasa"

        # And with the parent goes the sidecar, even when the parent is killed.
        everyone = service.everyone()
        assert service.process
        service.process.kill()
        await until(lambda: not [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 15)


def test_without_rasa_installed_it_says_so_and_serves(tree: Path, home: Path, tmp_path: Path) -> None:
    own = copied(tree, tmp_path / "project")
    if (own / ".venv-rasa").is_symlink():
        (own / ".venv-rasa").unlink()
    with_rasa(own)
    with Service(own, home) as service:
        assert "Rasa is not installed" in service.log.read_text("utf-8")
        assert engine(service).startswith("local")
