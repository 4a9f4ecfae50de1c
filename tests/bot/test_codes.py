"""Resume codes: six digits, a quarter of an hour, once."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.codes import KEPT, LIVES, Codes
from bot.errors import Refused
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.tables import resume_codes
from tests.spoken import NAME, NOON, opened


@pytest.fixture
async def codes(database: Database) -> Codes:
    await opened(Conversations(database))
    return Codes(database)


async def test_a_code_has_six_digits_and_opens_its_conversation(codes: Codes, store: Conversations) -> None:
    code = await codes.issue(NAME, NOON)
    assert len(code) == 6
    assert code.isdigit()
    assert await codes.redeem(code, "d" * 64, NOON + LIVES - timedelta(milliseconds=1)) == NAME
    assert await store.holder("d" * 64) == NAME


async def test_a_procedure_gets_a_code_for_a_month_that_may_be_written_in_groups(codes: Codes) -> None:
    code = await codes.issue(NAME, NOON, long=True)
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{12}", code)
    written = f"{code[:4]}-{code[4:8]} {code[8:]}".lower()
    assert await codes.redeem(written, "d" * 64, NOON + KEPT - timedelta(milliseconds=1)) == NAME
    late = await codes.issue(NAME, NOON, long=True)
    with pytest.raises(Refused, match="bad_code"):
        await codes.redeem(late, "e" * 64, NOON + KEPT)


async def test_a_code_is_kept_as_a_digest_only(codes: Codes, database: Database) -> None:
    code = await codes.issue(NAME, NOON)
    kept = await database.read(lambda c: c.execute(select(resume_codes)).one())
    assert code not in str(kept)


async def test_a_code_works_once_even_when_two_devices_try_at_once(
    codes: Codes, neighbour: Database, store: Conversations
) -> None:
    code = await codes.issue(NAME, NOON)
    other = Codes(neighbour)
    told = await asyncio.gather(
        *(by.redeem(code, f"{n}", NOON) for n in range(3) for by in (codes, other)), return_exceptions=True
    )
    assert told.count(NAME) == 1
    assert [t.code for t in told if isinstance(t, Refused)] == ["bad_code"] * 5


@pytest.mark.parametrize("later", [LIVES, LIVES + timedelta(hours=1)])
async def test_after_a_quarter_of_an_hour_a_code_is_over(codes: Codes, later: timedelta) -> None:
    code = await codes.issue(NAME, NOON)
    with pytest.raises(Refused, match="bad_code"):
        await codes.redeem(code, "d", NOON + later)


@pytest.mark.parametrize("wrong", ["", "000000x", "12345", "一二三四五六", "' OR 1=1 --"])
async def test_a_wrong_code_opens_nothing(codes: Codes, store: Conversations, wrong: str) -> None:
    await codes.issue(NAME, NOON)
    with pytest.raises(Refused, match="bad_code"):
        await codes.redeem(wrong, "d", NOON)
    assert await store.holder("d") is None


async def test_codes_issued_at_once_differ_and_dead_ones_are_cleared(codes: Codes, database: Database) -> None:
    issued = await asyncio.gather(*(codes.issue(NAME, NOON) for _ in range(30)))
    assert len(set(issued)) == 30
    await codes.issue(NAME, NOON + LIVES)
    assert len(await database.read(lambda c: c.execute(select(resume_codes)).all())) == 1


async def test_a_number_that_is_taken_is_drawn_again(codes: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([7, 7, 7, 8])
    monkeypatch.setattr("bot.codes.secrets.randbelow", lambda below: next(drawn))
    assert [await codes.issue(NAME, NOON) for _ in range(2)] == ["000007", "000008"]


async def test_when_every_number_is_taken_the_citizen_is_told(codes: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.codes.secrets.randbelow", lambda below: 7)
    await codes.issue(NAME, NOON)
    with pytest.raises(Refused, match="too_many_codes"):
        await codes.issue(NAME, NOON)
