"""The rounds: reminders, closings, answers that a killed process left, and erasures; twice is once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from sqlalchemy import select

from bot import caretaker as module
from bot.bus.memory import MemoryBus
from bot.contacts import KEPT_FOR
from bot.conversation import Stage
from bot.errors import StoreBusy
from bot.store.database import Database
from bot.tables import contacts
from tests.parts import Desk, join
from tests.scripted import Clock
from tests.spoken import NAME


async def asked(desk: Desk, name: str = NAME) -> str:
    """A conversation in which one question was asked and answered."""
    await desk.switchboard.open("web", address="a", id=name)
    await desk.switchboard.receive(name, "交多少年", id="m1")
    return name


async def told(desk: Desk, name: str = NAME) -> list[str]:
    return [m.because for m in await desk.store.messages(name, after=3)]


# Silence


@pytest.mark.parametrize(
    ("seconds", "because"),
    [(0, []), (180, []), (181, ["reminder"]), (299, ["reminder"])],
)
async def test_after_three_minutes_of_silence_the_citizen_is_reminded(
    desk: Desk, seconds: int, because: list[str]
) -> None:
    await asked(desk)
    desk.clock.move(seconds=seconds)
    await desk.caretaker.round()
    await desk.caretaker.round()
    assert await told(desk) == because


async def test_after_five_minutes_of_silence_the_conversation_ends(desk: Desk) -> None:
    await asked(desk)
    desk.clock.move(seconds=181)
    await desk.caretaker.round()
    desk.clock.move(seconds=119)
    await desk.caretaker.round()
    assert (await desk.store.find(NAME)).stage is Stage.BOT
    desk.clock.move(seconds=2)
    await desk.caretaker.round()
    assert (await desk.store.find(NAME)).stage is Stage.CLOSED
    assert await told(desk) == ["reminder", "closed_quiet"]


async def test_typing_postpones_reminder_and_end(desk: Desk) -> None:
    await asked(desk)
    desk.clock.move(seconds=170)
    await desk.switchboard.typing(NAME)
    desk.clock.move(seconds=170)
    await desk.caretaker.round()
    assert await told(desk) == []
    desk.clock.move(seconds=11)
    await desk.caretaker.round()
    await desk.switchboard.typing(NAME)
    desk.clock.move(seconds=290)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder"]
    desk.clock.move(seconds=11)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder", "closed_quiet"]


async def test_a_word_after_the_reminder_begins_the_time_anew(desk: Desk) -> None:
    await asked(desk)
    desk.clock.move(seconds=200)
    await desk.caretaker.round()
    await desk.switchboard.receive(NAME, "在的", id="m2")
    desk.clock.move(seconds=170)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder", "", "answer"]
    desk.clock.move(seconds=11)
    await desk.caretaker.round()
    assert (await told(desk))[-1] == "reminder"


async def test_after_an_outage_nobody_is_closed_without_time_to_react(desk: Desk) -> None:
    await asked(desk)
    desk.clock.move(hours=2)
    await desk.caretaker.round()
    desk.clock.move(seconds=115)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder"]
    desk.clock.move(seconds=10)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder", "closed_quiet"]


async def test_who_waits_for_a_human_or_never_spoke_is_left_in_peace(desk: Desk) -> None:
    await asked(desk, "waiting-1")
    await desk.store.change((await desk.store.find("waiting-1")).wait(), reason="asked", at=desk.clock())
    await desk.switchboard.open("web", address="a", id="silent-1")
    desk.clock.move(hours=1)
    await desk.caretaker.round()
    assert await told(desk, "waiting-1") == []
    assert (await desk.store.find("silent-1")).last_seq == 1


async def test_two_caretakers_at_once_remind_and_close_once(desk: Desk) -> None:
    await asked(desk)
    desk.clock.move(seconds=200)
    await asyncio.gather(*(desk.caretaker.round() for _ in range(6)))
    desk.clock.move(seconds=200)
    await asyncio.gather(*(desk.caretaker.round() for _ in range(6)))
    assert await told(desk) == ["reminder", "closed_quiet"]


async def test_a_word_said_while_the_caretaker_looks_keeps_the_conversation_open(desk: Desk) -> None:
    await asked(desk)
    quiet = await desk.store.find(NAME)
    desk.clock.move(minutes=4)
    await desk.switchboard.receive(NAME, "在的", id="m2")
    await desk.switchboard.remind(quiet)
    await desk.switchboard.close_quiet(quiet)
    assert await told(desk) == ["", "answer"]


# Killed processes


async def test_what_a_killed_process_left_is_answered_exactly_once(
    database: Database, neighbour: Database, clock: Clock
) -> None:
    """Two caretakers, and the process that was thought dead speaks after all."""
    desk, other = (join(of, MemoryBus(), clock) for of in (database, neighbour))
    await asked(desk)
    heard, perceived = await desk.switchboard.hear(NAME, "还在吗", id="m2")
    await desk.switchboard.hear(NAME, "喂", id="m3")
    clock.move(seconds=9)
    await desk.caretaker.round()
    assert (await desk.store.find(NAME)).last_seq == 5
    clock.move(seconds=2)
    await asyncio.gather(
        desk.caretaker.round(),
        other.caretaker.round(),
        desk.switchboard.answer(heard, perceived),
        desk.caretaker.round(),
    )
    kept = [m.id for m in await desk.store.messages(NAME, after=5)]
    assert sorted(kept) == ["re:m2", "re:m3"]
    await desk.caretaker.round()
    assert (await desk.store.find(NAME)).last_seq == 7


async def test_what_was_said_to_an_agent_is_not_answered_by_the_bot_afterwards(desk: Desk) -> None:
    await asked(desk)
    waiting = await desk.store.change((await desk.store.find(NAME)).wait(), reason="asked", at=desk.clock())
    held = await desk.store.change(waiting.claim("amy"), reason="claimed", at=desk.clock())
    await desk.switchboard.receive(NAME, "谢谢您", id="m2")
    await desk.store.change(held.release(), reason="released", at=desk.clock())
    desk.clock.move(minutes=1)
    await desk.caretaker.round()
    assert [m.id for m in await desk.store.messages(NAME, after=3)] == ["m2"]


async def test_one_conversation_that_fails_does_not_keep_the_others_waiting(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(desk)
    await desk.switchboard.open("web", address="a", id="broken-1")
    await desk.switchboard.hear("broken-1", "坏", id="m1")
    understood = desk.assistant.perceive

    async def breaks(text: str, *more: Any) -> Any:
        if text == "坏":
            raise RuntimeError("rules")
        return await understood(text, *more)

    desk.assistant.perceive = breaks  # type: ignore[method-assign]
    desk.clock.move(seconds=200)
    await desk.caretaker.round()
    assert await told(desk) == ["reminder"]
    assert "broken-1" in caplog.text
    assert "坏" not in caplog.text


# The round itself


async def test_rounds_go_on_after_one_that_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "ROUND", 0.01)
    await asked(desk)
    desk.clock.move(seconds=200)
    faults: list[Exception] = [StoreBusy("locked"), RuntimeError("unforeseen")]
    looks = desk.store.unanswered

    async def fails_twice(*more: Any) -> Any:
        if faults:
            raise faults.pop(0)
        return await looks(*more)

    desk.store.unanswered = fails_twice  # type: ignore[method-assign]
    running = asyncio.create_task(desk.caretaker.run())
    async with asyncio.timeout(5):
        while await told(desk) != ["reminder"]:
            await asyncio.sleep(0.02)
    running.cancel()
    assert [r.levelno for r in caplog.records] == [logging.WARNING, logging.ERROR]


async def test_what_has_served_its_purpose_is_erased_in_the_rounds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROUND", 0.01)
    await desk.database.write(lambda c: desk.contacts.keep(c, "13800138000", purpose="message_form", at=desk.clock()))
    desk.clock.now += KEPT_FOR
    running = asyncio.create_task(desk.caretaker.run())
    async with asyncio.timeout(5):
        while await desk.database.read(lambda c: c.execute(select(contacts)).all()):
            await asyncio.sleep(0.02)
    running.cancel()
