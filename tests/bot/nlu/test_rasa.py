"""Rasa as a neighbour that is late, broken, busy or gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from bot.errors import NeighbourError
from bot.nlu import rasa
from bot.nlu.entities import EntityFinder
from bot.nlu.examples import TrainingData
from bot.nlu.rasa import Busy, RasaClient, RasaNLU
from bot.understanding import Entity, Understanding
from tests.bot.nlu.sidecars import echo, parsed, scripted_rasa

SOON = 0.3


class ScriptedLocal:
    """As much of the local engine as stands behind Rasa."""

    entities = EntityFinder.of(TrainingData(()))

    def understand_now(self, text: str) -> Understanding:
        return Understanding("here", 1.0, engine="local")


CLIENTS: list[RasaClient] = []


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def neighbour(path: Path, deadline: float = SOON) -> tuple[RasaNLU, list[int]]:
    fallbacks: list[int] = []
    CLIENTS.append(RasaClient(path, deadline=deadline))
    return RasaNLU(CLIENTS[-1], ScriptedLocal(), on_fallback=lambda: fallbacks.append(1)), fallbacks  # type: ignore[arg-type]


async def broken(request: Mapping[str, Any]) -> bytes:
    return b"{not json\n"


class TestClient:
    async def test_one_connection_serves_many_questions(self, path: Path) -> None:
        async with scripted_rasa(path) as server:
            client = RasaClient(path, deadline=SOON)
            assert [(await client.ask({"text": str(n)}))["intent"]["name"] for n in range(20)] == [
                str(n) for n in range(20)
            ]
            assert server.connections == 1
            client.close()

    async def test_questions_at_once_get_each_its_own_answer(self, path: Path) -> None:
        async with scripted_rasa(path):
            client = RasaClient(path, deadline=SOON)
            told = await asyncio.gather(*(client.ask({"text": str(n)}) for n in range(rasa.QUEUE)))
            assert [t["intent"]["name"] for t in told] == [str(n) for n in range(rasa.QUEUE)]
            client.close()

    async def test_a_late_answer_is_an_error_within_the_deadline(self, path: Path) -> None:
        async def late(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(0.2 if request["text"] == "late" else 0)
            return await echo(request)

        async with scripted_rasa(path, late):
            client = RasaClient(path, deadline=0.05)
            began = monotonic()
            with pytest.raises(NeighbourError, match="TimeoutError"):
                await client.ask({"text": "late"})
            assert monotonic() - began < 0.15
            # The late answer is not taken for the next question's.
            assert (await client.ask({"text": "next"}))["intent"]["name"] == "next"
            client.close()

    async def test_who_gives_up_waiting_leaves_the_others_alone(self, path: Path) -> None:
        async def slow(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(0.06)
            return await echo(request)

        async with scripted_rasa(path, slow) as server:
            client = RasaClient(path, deadline=0.1)
            told = await asyncio.gather(*(client.ask({"text": str(n)}) for n in range(2)), return_exceptions=True)
            assert [type(t) for t in told] == [dict, NeighbourError]
            assert server.asked[0] == {"text": "0"}
            client.close()

    async def test_a_cancelled_question_does_not_shift_the_answers(self, path: Path) -> None:
        async def slow(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(0.05)
            return await echo(request)

        async with scripted_rasa(path, slow):
            client = RasaClient(path, deadline=SOON)
            first = asyncio.create_task(client.ask({"text": "first"}))
            await asyncio.sleep(0.01)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            assert (await client.ask({"text": "second"}))["intent"]["name"] == "second"
            client.close()

    @pytest.mark.parametrize(
        "told", [b"{not json\n", b"[]\n", b'"text"\n', b"", b"{", b"\xff\xfe\n", b"x" * (1 << 21) + b"\n"]
    )
    async def test_a_broken_answer_is_an_error(self, path: Path, told: bytes) -> None:
        async def answer(request: Mapping[str, Any]) -> bytes:
            return told

        async with scripted_rasa(path, answer):
            client = RasaClient(path, deadline=0.1)
            with pytest.raises(NeighbourError):
                await client.ask({"text": "x"})
            client.close()

    async def test_nobody_there_is_an_error_at_once(self, path: Path) -> None:
        client = RasaClient(path, deadline=SOON)
        assert not client.there
        began = monotonic()
        with pytest.raises(NeighbourError, match="FileNotFoundError"):
            await client.ask({"text": "x"})
        assert monotonic() - began < 0.05

    async def test_a_connection_closed_meanwhile_is_opened_anew_without_an_error(self, path: Path) -> None:
        async with scripted_rasa(path) as server:
            client = RasaClient(path, deadline=SOON)
            await client.ask({"text": "1"})
            await server.hang_up()
            assert (await client.ask({"text": "2"}))["intent"]["name"] == "2"
            assert server.connections == 2
            client.close()

    async def test_a_newer_process_in_the_sockets_place_is_asked_next(self, path: Path) -> None:
        async with scripted_rasa(path) as old, scripted_rasa(path.with_name("new")) as new:
            client = RasaClient(path, deadline=SOON)
            await client.ask({"text": "1"})
            path.with_name("new").rename(path)
            await client.ask({"text": "2"})
            assert [r["text"] for r in old.asked] == ["1"]
            assert [r["text"] for r in new.asked] == ["2"]
            client.close()

    async def test_more_than_enough_questions_are_turned_away_at_once(self, path: Path) -> None:
        async def slow(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(0.005)
            return await echo(request)

        async with scripted_rasa(path, slow):
            client = RasaClient(path, deadline=SOON)
            told = await asyncio.gather(*(client.ask({"text": str(n)}) for n in range(200)), return_exceptions=True)
            assert sum(isinstance(t, dict) for t in told) == rasa.QUEUE
            assert sum(isinstance(t, Busy) for t in told) == 200 - rasa.QUEUE
            assert (await client.ask({"text": "after"}))["intent"]["name"] == "after"
            client.close()


class TestNLU:
    async def test_rasa_answers_in_our_normal_forms(self, path: Path) -> None:
        async def answer(request: Mapping[str, Any]) -> bytes:
            entities = [{"entity": "age", "value": "五十", "start": 2, "end": 4}] * 2  # two extractors found it
            return json.dumps(parsed("", entities=entities)).encode() + b"\n"

        async with scripted_rasa(path, answer) as server:
            nlu, fallbacks = neighbour(path)
            told = await nlu.understand("　我滿五十了　")
            assert told == Understanding("ask", 0.9, (Entity("age", "50", 2, 4),), "rasa")
            assert server.asked == [{"text": "我满五十了"}]  # as retrieval sees it
            assert nlu.healthy
            assert not fallbacks

    async def test_a_long_text_is_cut(self, path: Path) -> None:
        async with scripted_rasa(path) as server:
            nlu, _ = neighbour(path)
            await nlu.understand("社保" * 500)
            assert len(server.asked[0]["text"]) == rasa.LONGEST

    @pytest.mark.parametrize("text", ["", "   ", "\u200b"])
    async def test_nothing_said_is_not_sent(self, path: Path, text: str) -> None:
        async with scripted_rasa(path) as server:
            nlu, _ = neighbour(path)
            assert (await nlu.understand(text)).engine == "local"
            assert not server.asked

    async def test_before_a_sidecar_is_there_the_local_engine_answers(self, path: Path) -> None:
        nlu, fallbacks = neighbour(path)
        for _ in range(rasa.FAILURES * 2):
            assert (await nlu.understand("x")).engine == "local"
        assert len(fallbacks) == rasa.FAILURES * 2
        assert not nlu.healthy
        async with scripted_rasa(path):
            assert nlu.healthy  # nobody has to ask in vain first
            assert (await nlu.understand("x")).engine == "rasa"

    @pytest.mark.parametrize(
        "told",
        [
            {"model_id": "m1", "error": "ValueError"},
            {"model_id": "m1"},
            {"intent": None, "entities": []},
            {"intent": {"name": "a"}, "entities": []},
            {"intent": {"name": "a", "confidence": "much"}, "entities": []},
            {"intent": {"name": "a", "confidence": 1}, "entities": None},
            {"intent": {"name": "a", "confidence": 1}, "entities": [{"entity": "city"}]},
            {"intent": "a", "entities": []},
        ],
    )
    async def test_an_answer_of_another_shape_is_no_answer(self, path: Path, told: dict[str, Any]) -> None:
        async def answer(request: Mapping[str, Any]) -> bytes:
            return json.dumps(told).encode() + b"\n"

        async with scripted_rasa(path, answer):
            nlu, fallbacks = neighbour(path)
            assert (await nlu.understand("x")).engine == "local"
            assert fallbacks

    async def test_a_late_answer_costs_no_more_than_the_deadline(self, path: Path) -> None:
        async def late(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(5)
            return b""

        async with scripted_rasa(path, late):
            nlu, _ = neighbour(path, deadline=0.1)
            began = monotonic()
            assert (await nlu.understand("x")).engine == "local"
            assert monotonic() - began < 0.2

    async def test_the_circuit_opens_after_five_failures_and_one_question_tries_later(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rasa, "REST", 0.2)
        async with scripted_rasa(path, broken) as server:
            nlu, _ = neighbour(path)
            for n in range(rasa.FAILURES):
                assert nlu.healthy, n
                await nlu.understand("x")
            assert not nlu.healthy
            asked = len(server.asked)
            for _ in range(10):
                assert (await nlu.understand("x")).engine == "local"
            assert len(server.asked) == asked  # it rests
            await asyncio.sleep(0.25)
            await asyncio.gather(*(nlu.understand("x") for _ in range(10)))
            assert len(server.asked) == asked + 1  # one tries, in vain
            server.answer = echo
            await asyncio.sleep(0.25)
            assert (await nlu.understand("x")).engine == "rasa"
            assert nlu.healthy
            told = await asyncio.gather(*(nlu.understand("x") for _ in range(rasa.QUEUE)))
            assert {t.engine for t in told} == {"rasa"}

    async def test_a_single_success_closes_the_count(self, path: Path) -> None:
        async with scripted_rasa(path, broken) as server:
            nlu, _ = neighbour(path)
            for _ in range(3):
                for _ in range(rasa.FAILURES - 1):
                    await nlu.understand("x")
                server.answer = echo
                assert (await nlu.understand("x")).engine == "rasa"
                server.answer = broken
            assert nlu.healthy

    async def test_two_hundred_at_once_are_answered_soon_and_say_nothing_against_rasa(self, path: Path) -> None:
        async def slow(request: Mapping[str, Any]) -> bytes:
            await asyncio.sleep(0.005)
            return await echo(request)

        async with scripted_rasa(path, slow):
            nlu, fallbacks = neighbour(path)
            began = monotonic()
            told = await asyncio.gather(*(nlu.understand(str(n)) for n in range(200)))
            assert monotonic() - began < 0.3
            assert sum(t.engine == "rasa" for t in told) == rasa.QUEUE
            assert len(fallbacks) == 200 - rasa.QUEUE
            assert nlu.healthy

    async def test_a_steady_stream_goes_to_rasa_whole(self, path: Path) -> None:
        async with scripted_rasa(path):
            nlu, fallbacks = neighbour(path)

            async def citizen(n: int) -> None:
                for turn in range(20):
                    assert (await nlu.understand(f"{n}/{turn}")).intent == f"{n}/{turn}"

            await asyncio.gather(*(citizen(n) for n in range(rasa.QUEUE)))
            assert not fallbacks
