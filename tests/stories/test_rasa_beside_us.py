"""The service with Rasa: trained meanwhile, killed, hung, replaced, damaged – and somebody always understands."""

from __future__ import annotations

import asyncio
import itertools
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from bot.nlu import rasa_model
from tests.servers import absent
from tests.stories.service import END_WITHIN, Citizen, Service, crowd, environment
from tests.stories.tree import ROOT, configure, copied

pytestmark = [pytest.mark.rasa, pytest.mark.timeout(600)]
FALLBACKS = "yida_nlu_fallbacks_total"
TRAINED_WITHIN = 300.0  # on a busy machine; some 30 s on a quiet one
SOON = 1.5  # seconds, on a busy machine; Rasa's patience is far longer
NUMBERS = itertools.count(1)


def question() -> str:
    """One that no entry knows word for word, and nobody asked before: search alone does not do."""
    return f"我已经交了{next(NUMBERS)}个月，这样子养老保险最低到底还要交多少年啊"


@pytest.fixture(scope="module")
def own(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not rasa_model.is_installed():
        absent(".venv-rasa is missing: make rasa-setup")
    own = copied(tree, tmp_path_factory.mktemp("rasa") / "project")
    with_rasa(own)
    return own


@pytest.fixture(scope="module")
def service(own: Path, new_home: Callable[[], Path]) -> Iterator[Service]:
    """The tests follow each other: trained, killed, changed, ended."""
    with Service(own, new_home()) as running:
        yield running


def with_rasa(tree: Path, **changed: Any) -> None:
    """With patience: what is looked for here are gaps, not haste."""
    configure(tree, nlu={"engine": "rasa", "rasa": settings_of_rasa() | {"deadline_ms": 20_000} | changed})


def settings_of_rasa() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))["nlu"]["rasa"]
    return found


def engine(service: Service) -> str:
    return str(service.readiness()[1].get("nlu"))


def sidecar(service: Service) -> psutil.Process:
    return next(p for p in service.children("rasa_sidecar") if "serve" in p.cmdline())


async def until(true: Callable[[], object], within: float) -> None:
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_the_local_engine_answers_while_rasa_is_trained(service: Service) -> None:
    assert engine(service).startswith("local")
    async with crowd() as client:
        citizen = await Citizen.at(service.url, client)
        assert (await citizen.ask(question()))["text"]
        await until(lambda: service.children("rasa_sidecar"), 60)
        training = next(p for p in service.children("rasa_sidecar") if "train" in p.cmdline())
        assert service.process
        assert training.nice() == min(psutil.Process(service.process.pid).nice() + 10, 19)
        await until(lambda: engine(service) == "rasa", TRAINED_WITHIN)
        before = service.counter(FALLBACKS)
        for _ in range(5):
            assert (await citizen.ask(question()))["text"]
        assert service.counter(FALLBACKS) == before
    socket = Path((service.home / "rasa" / "socket").read_text())
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700


async def test_the_local_engine_answers_when_rasa_is_killed_in_the_middle_of_a_question(service: Service) -> None:
    await until(lambda: engine(service) == "rasa", TRAINED_WITHIN)
    async with crowd() as client:
        citizen = await Citizen.at(service.url, client)
        killed = sidecar(service)
        killed.suspend()  # so that the question is surely under way
        asking = asyncio.create_task(citizen.ask(question()))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        killed.kill()
        assert (await asking)["text"]
        assert time.monotonic() - began < SOON
        assert engine(service).startswith("local")
        for _ in range(3):
            began = time.monotonic()
            assert (await citizen.ask(question()))["text"]
            assert time.monotonic() - began < SOON
        await until(lambda: engine(service) == "rasa", 120)
        assert sidecar(service).pid != killed.pid


async def test_models_change_without_a_gap_and_a_damaged_one_is_not_taken(own: Path, service: Service) -> None:
    await until(lambda: engine(service) == "rasa" and not service.children("train-rasa"), TRAINED_WITHIN)
    home = service.home
    first, old_model = sidecar(service), rasa_model.newest(home)
    over = asyncio.Event()
    async with crowd() as client:
        citizens = [await Citizen.at(service.url, client) for _ in range(4)]
        before = service.counter(FALLBACKS)

        async def keep_asking(citizen: Citizen) -> int:
            count = 0
            while not over.is_set():
                await citizen.answer(await citizen.say(question()), within=60)
                count += 1
                await asyncio.sleep(0.3)
            return count

        asking = [asyncio.create_task(keep_asking(citizen)) for citizen in citizens]
        damaged = home / "rasa" / "0123456789abcdef.tar.gz"
        assert old_model
        whole = old_model[1].read_bytes()
        damaged.write_bytes(whole[: len(whole) // 2])
        await until(lambda: not damaged.exists(), 120)
        assert damaged.with_name(f"{damaged.name}.refused").exists()
        assert sidecar(service).pid == first.pid

        pipeline = [dict(part) for part in settings_of_rasa()["pipeline"]]
        next(part for part in pipeline if "LogisticRegression" in part["name"])["max_iter"] = 30
        with_rasa(own, pipeline=pipeline)
        training = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "train-rasa", cwd=own, env=environment(home), stderr=asyncio.subprocess.DEVNULL
        )
        assert await training.wait() == 0
        assert rasa_model.newest(home) != old_model
        await until(lambda: not first.is_running(), 120)
        await asyncio.sleep(1)
        over.set()
        assert min(await asyncio.gather(*asking)) > 3
        assert service.counter(FALLBACKS) == before
        assert engine(service) == "rasa"


async def test_with_the_service_its_rasa_ends_too(own: Path, service: Service) -> None:
    await until(lambda: engine(service) == "rasa", TRAINED_WITHIN)
    everyone, socket = service.everyone(), Path((service.home / "rasa" / "socket").read_text())
    assert service.process
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(END_WITHIN) == 0
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert not socket.parent.exists()
    assert "养老保险" not in service.log.read_text("utf-8")
    assert not (own / ".rasa").exists()


def test_without_rasa_installed_it_says_so_and_serves(tree: Path, home: Path, tmp_path: Path) -> None:
    own = copied(tree, tmp_path / "project")
    if (own / ".venv-rasa").is_symlink():
        (own / ".venv-rasa").unlink()
    with_rasa(own)
    with Service(own, home) as service:
        assert "Rasa is not installed" in service.log.read_text("utf-8")
        assert engine(service).startswith("local")
