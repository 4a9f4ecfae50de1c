"""`python -m bot serve`: one at a time on a home and a port, and none left behind."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers import free_port, has_ipv6
from tests.stories.service import END_WITHIN, Citizen, Service, crowd, run

HOST = "::1" if has_ipv6() else "127.0.0.1"


def gone(processes: list[psutil.Process], within: float) -> list[psutil.Process]:
    """Those that live on."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        processes = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        if not processes:
            return []
        time.sleep(0.05)
    return processes


@pytest.fixture(scope="module")
def service(tree: Path, new_home: Callable[[], Path]) -> Iterator[Service]:
    """On IPv6, where there is it; other stories are on IPv4. The last of those who use it ends it."""
    with Service(tree, new_home(), "--workers", "2", host=HOST) as running:
        yield running


def test_it_prints_where_it_is_reached(service: Service) -> None:
    service.wait_until(lambda: f"{service.url}/\n" in service.log.read_text("utf-8"), 20)
    assert f"{service.url}/widget/demo\n" in service.log.read_text("utf-8")
    told = service.readiness()[1]
    parts = [told[part] for part in ("status", "store", "knowledge", "bus", "nlu")]
    assert parts == ["ready", "ok", "ok", "ok", "local"]


def test_a_parent_keeps_its_children(service: Service) -> None:
    assert len(service.children("web")) == 2
    [chores] = service.children("chores")
    chores.kill()
    service.wait_until(lambda: [p for p in service.children("chores") if p != chores], 30)
    assert service.readiness()[0] == 200


def test_a_second_server_on_the_same_home_is_refused(tree: Path, service: Service) -> None:
    done = run(tree, service.home, "serve", "--port", str(free_port()))
    assert done.returncode == 2
    assert f"a server is running on {service.home}" in done.stderr.replace("\n", "")
    assert "YIDA_HOME" in done.stderr
    assert "Traceback" not in done.stderr
    assert service.readiness()[0] == 200


def test_a_port_that_a_server_holds_is_not_taken_from_it(tree: Path, service: Service) -> None:
    other = service.home.with_name("other")
    done = run(tree, other, "serve", "--host", HOST, "--port", str(service.port))
    assert (done.returncode, "is not free" in done.stderr) == (2, True)
    assert not (other / "yida.db").exists()


def test_a_backup_is_made_while_it_serves_and_restored_where_nothing_does(tree: Path, service: Service) -> None:
    file, other = service.home / "whole.backup", service.home.with_name("restored")
    assert run(tree, service.home, "backup", str(file)).returncode == 0
    refused = run(tree, service.home, "restore", str(file))
    assert (refused.returncode, "a server is running" in refused.stderr) == (2, True)
    assert service.readiness()[0] == 200
    done = run(tree, other, "restore", str(file))
    assert done.returncode == 0, done.stderr
    assert (other / "contact.key").read_bytes() == (service.home / "contact.key").read_bytes()


def test_a_signal_ends_every_process_in_time(service: Service) -> None:
    async def listening() -> None:
        """Somebody waits for a message when the end comes."""
        async with crowd() as client:
            citizen = await Citizen.at(service.url, client)
            waiting = asyncio.create_task(citizen.read(after=1, wait=25, retry=False))
            await asyncio.sleep(0.5)
            assert service.process
            service.process.send_signal(signal.SIGINT)
            await asyncio.wait([waiting], timeout=END_WITHIN)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    everyone = service.everyone()
    began = time.monotonic()
    asyncio.run(listening())
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
    with Service(tree, home) as service:
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


def test_a_taken_port_is_said_and_nothing_is_started(tree: Path, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tree, home, "serve", "--port", str(port))
        assert done.returncode == 2
        assert f"127.0.0.1:{port} is not free" in done.stderr
        assert "--port" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_host_that_is_not_known_is_said_without_a_traceback(tree: Path, home: Path) -> None:
    done = run(tree, home, "serve", "--host", "no.such.host.invalid")
    assert done.returncode == 2
    assert "no.such.host.invalid" in done.stderr
    assert "Traceback" not in done.stderr
