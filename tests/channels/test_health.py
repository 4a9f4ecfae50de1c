"""Alive, ready and measured: what probes and Prometheus read."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from bot.errors import StoreBusy
from tests.channels.citizen import http, opened
from tests.channels.conftest import Furnish
from tests.channels.serving import Server


async def get(server: Server, path: str) -> httpx.Response:
    async with http(server) as client:
        return await client.get(path)


async def test_alive_asks_nothing(server: Server) -> None:
    response = await get(server, "/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_ready_names_every_part(server: Server) -> None:
    response = await get(server, "/readyz")
    told = response.json()
    assert response.status_code == 200
    assert told == {
        "status": "ready", "store": "ok", "knowledge": "ok", "bus": "ok", "nlu": "local", "accounts": "ok",
        "voice": "off", "version": server.parts.library.current.version,
    }  # fmt: skip


class TestUnready:
    async def assert_unready(self, server: Server, part: str) -> dict[str, Any]:
        response = await get(server, "/readyz")
        told: dict[str, Any] = response.json()
        assert (response.status_code, told["status"]) == (503, "unready")
        assert told[part] != "ok"
        assert (await get(server, "/healthz")).status_code == 200, "a restart would not help"
        return told

    async def test_when_the_file_of_the_store_is_gone(self, own_server: Server) -> None:
        (own_server.settings.home / "yida.db").unlink()
        await self.assert_unready(own_server, "store")

    async def test_when_another_file_took_its_place(self, own_server: Server) -> None:
        path = own_server.settings.home / "yida.db"
        path.rename(path.with_suffix(".old"))
        path.write_bytes(b"")
        await self.assert_unready(own_server, "store")

    async def test_when_its_tables_are_gone(self, own_server: Server) -> None:
        own_server.change(text("DROP TABLE pointers"))
        await self.assert_unready(own_server, "store")

    async def test_when_it_cannot_be_written(self, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        async def full(*told: object) -> None:
            raise StoreBusy("OperationalError: database or disk is full")

        monkeypatch.setattr(own_server.parts.database, "write", full)
        await self.assert_unready(own_server, "store")

    async def test_when_it_takes_too_long(self, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        async def stuck(*told: object) -> None:
            await asyncio.sleep(60)

        monkeypatch.setattr("channels.health.PATIENCE", 0.2)
        monkeypatch.setattr(own_server.parts.database, "write", stuck)
        told = await self.assert_unready(own_server, "store")
        assert told["store"] == "TimeoutError"

    async def test_when_no_version_answers(self, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        async def behind(*told: object) -> None:
            """Nothing can be loaded: the next look does not make it ready again."""

        monkeypatch.setattr(own_server.parts.follower, "_follow", behind)
        monkeypatch.setattr(own_server.parts.follower, "ready", False)
        told = await self.assert_unready(own_server, "knowledge")
        assert told["version"] is None

    async def test_never_starts_without_a_version(self, furnished: Furnish) -> None:
        settings = furnished()
        (settings.home / "yida.db").unlink()
        broken = Server(settings)
        from bot.store.database import open_database

        database = open_database(settings.store)
        database.migrate()
        database.close()
        with pytest.raises(RuntimeError, match="did not start"):
            broken.__enter__()
        broken.__exit__(None, None, None)


async def test_a_bus_that_is_away_is_named_but_serves(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_server.parts.bus, "connected", False)
    response = await get(own_server, "/readyz")
    assert (response.status_code, response.json()["bus"]) == (200, "away: listeners poll")


async def test_metrics_are_what_prometheus_reads(server: Server) -> None:
    device = await opened(server)

    async def figures() -> dict[tuple[str, ...], float]:
        response = await get(server, "/metrics")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain")
        return {
            (s.name, *(v for _, v in sorted(s.labels.items()))): s.value
            for family in text_string_to_metric_families(response.text)
            for s in family.samples
        }

    before = await figures()
    async with device.line() as line:
        await line.next("state")
        await line.ask("养老保险最低要交多少年")
        await line.say("")
        during = await figures()
    grown = {key: value - before.get(key, 0) for key, value in during.items()}
    assert grown[("yida_messages_total", "web", "citizen")] == 1
    assert grown[("yida_messages_total", "web", "bot")] == 1
    assert grown[("yida_answers_total", "exact", "web", "answer")] == 1
    assert grown[("yida_answer_seconds_count",)] == 1
    assert grown[("yida_refusals_total", "empty")] == 1
    assert grown[("yida_sockets",)] == 1
    assert "养老" not in (await get(server, "/metrics")).text


async def test_the_figures_of_several_workers_are_joined(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert (await get(own_server, "/metrics")).status_code == 200
