"""`python -m bot serve`: one at a time on a home and a port, and none left behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from tests.servers import free_port
from tests.stories.service import END_WITHIN, Citizen, Service, crowd, run


def gone(processes: list[psutil.Process], within: float) -> list[psutil.Process]:
    """Those that live on."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        processes = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        if not processes:
            return []
        time.sleep(0.05)
    return processes


def test_it_prints_its_addresses_and_a_parent_keeps_its_children(tree: Path, home: Path) -> None:
    with Service(tree, home, "--workers", "2") as service:
        service.wait_until(lambda: f"{service.url}/" in service.log.read_text("utf-8"), 20)
        assert f"{service.url}/widget/demo" in service.log.read_text("utf-8")
        assert len(service.children("web")) == 2
        assert len(service.children("chores")) == 1
        told = service.readiness()[1]
        assert (told["status"], told["store"], told["knowledge"], told["bus"], told["nlu"]) == (
            "ready",
            "ok",
            "ok",
            "ok",
            "local",
        )
        chores = service.children("chores")[0]
        chores.kill()
        service.wait_until(lambda: [p for p in service.children("chores") if p != chores], 30)
        assert service.readiness()[0] == 200


def test_a_signal_ends_every_process_in_time(tree: Path, home: Path) -> None:
    async def listening(service: Service) -> None:
        """Somebody waits for a message when the end comes."""
        async with crowd() as client:
            citizen = await Citizen.at(service.url, client)
            waiting = asyncio.create_task(
                citizen._once("GET", f"/api/v1/conversations/{citizen.id}/messages?after=1&wait=25")
            )
            await asyncio.sleep(0.5)
            assert service.process
            service.process.send_signal(signal.SIGINT)
            await asyncio.wait([waiting], timeout=END_WITHIN)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    with Service(tree, home, "--workers", "2") as service:
        everyone = service.everyone()
        began = time.monotonic()
        asyncio.run(listening(service))
        assert service.process
        assert service.process.wait(END_WITHIN) == 0
        assert gone(everyone, END_WITHIN - (time.monotonic() - began)) == []
        assert "Traceback" not in service.log.read_text("utf-8")


def test_a_signal_during_preparation_ends_it_too(tree: Path, tmp_path: Path) -> None:
    service = Service(tree, tmp_path / "var").start()
    service.wait_until(lambda: service.children("prepare"), 30)
    time.sleep(1)
    everyone = service.everyone()
    assert service.process
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(END_WITHIN) == 0
    assert gone(everyone, 1) == []
    assert "Traceback" not in service.log.read_text("utf-8")


def test_no_child_outlives_a_killed_parent(tree: Path, home: Path) -> None:
    with Service(tree, home, "--workers", "2") as service:
        everyone = service.everyone()
        assert service.process
        service.process.kill()
        assert gone(everyone, END_WITHIN) == []
        left = Path((home / "serve.private").read_text("utf-8"))
        assert left.exists()
        # And the same home serves again at once.
        service.start()
        service.wait_ready()
        assert not left.exists()


def test_a_parent_killed_during_preparation_leaves_nothing(tree: Path, tmp_path: Path) -> None:
    service = Service(tree, tmp_path / "var").start()
    service.wait_until(lambda: service.children("prepare"), 30)
    everyone = service.everyone()
    assert service.process
    service.process.kill()
    service.process.wait(5)
    assert gone(everyone, END_WITHIN) == []


def test_a_second_server_on_the_same_home_is_refused(tree: Path, home: Path) -> None:
    with Service(tree, home) as service:
        done = run(tree, home, "serve", "--port", str(free_port()))
        assert done.returncode == 2
        assert f"a server is running on {home}" in done.stderr.replace("\n", "")
        assert "YIDA_HOME" in done.stderr
        assert "Traceback" not in done.stderr
        assert service.readiness()[0] == 200


def test_a_taken_port_is_said_and_nothing_is_started(tree: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tree, home, "serve", "--port", str(port))
        assert done.returncode == 2
        assert f"127.0.0.1:{port} is not free" in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr
    with Service(tree, home) as service:  # also when our own workers hold it
        other = home.with_name("other")
        done = run(tree, other, "serve", "--port", str(service.port))
        assert (done.returncode, "is not free" in done.stderr) == (2, True)
        assert not (other / "yida.db").exists()


@pytest.mark.parametrize(
    "words", [["--port", "0"], ["--port", "99999"], ["--workers", "0"], ["--host", "no.such.host.invalid"]]
)
def test_impossible_options_are_told_without_a_traceback(tree: Path, home: Path, words: list[str]) -> None:
    done = run(tree, home, "serve", *words)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_on_ipv6_it_is_reached_and_says_so(tree: Path, home: Path) -> None:
    with Service(tree, home, host="::1") as service:
        service.wait_until(lambda: f"{service.url}/\n" in service.log.read_text("utf-8"), 20)
        assert service.url.startswith("http://[::1]:")
