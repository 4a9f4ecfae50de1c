"""Numbers given with consent: sealed, found by fingerprint, opened only with the key, erased at their end."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.contacts import KEPT_FOR, Contacts, contact_key
from bot.errors import NotFound, SettingsError
from bot.store.conversations import Conversations
from bot.store.database import Database
from bot.tables import contacts, tickets
from bot.tickets import Form, Tickets
from tests.bot.test_tickets import DUE
from tests.parts import KEY
from tests.spoken import NAME, NOON, opened

PHONE = "13800138000"


@pytest.fixture
def kept(database: Database) -> Contacts:
    return Contacts(database, KEY)


async def keep(database: Database, kept: Contacts, phone: str = PHONE) -> str:
    return await database.write(lambda c: kept.keep(c, phone, purpose="message_form", at=NOON))


async def test_a_number_is_sealed_and_comes_back_with_the_key(database: Database, kept: Contacts) -> None:
    name = await keep(database, kept)
    row = await database.read(lambda c: c.execute(select(contacts)).one())
    assert PHONE.encode() not in row.sealed
    assert PHONE not in str(row)
    assert await kept.reveal(name) == PHONE


async def test_the_same_number_has_the_same_fingerprint_but_never_the_same_seal(
    database: Database, kept: Contacts
) -> None:
    first, again = [await keep(database, kept) for _ in range(2)]
    rows = await database.read(lambda c: {r.id: r for r in c.execute(select(contacts))})
    assert rows[first].fingerprint == rows[again].fingerprint == kept.fingerprint(PHONE)
    assert rows[first].sealed != rows[again].sealed
    assert kept.fingerprint("13800138001") != kept.fingerprint(PHONE)
    assert Contacts(database, b"x" * 32).fingerprint(PHONE) != kept.fingerprint(PHONE)


async def test_another_key_or_a_number_moved_to_another_contact_opens_nothing(
    database: Database, kept: Contacts
) -> None:
    name, other = [await keep(database, kept, phone) for phone in (PHONE, "13900139000")]
    with pytest.raises(NotFound, match="another key"):
        await Contacts(database, b"x" * 32).reveal(name)
    sealed = await database.read(lambda c: c.scalar(select(contacts.c.sealed).where(contacts.c.id == other)))
    await database.write(lambda c: c.execute(contacts.update().where(contacts.c.id == name).values(sealed=sealed)))
    with pytest.raises(NotFound, match="another key"):
        await kept.reveal(name)


async def test_at_its_end_a_number_is_erased_and_its_ticket_stays_without_it(
    database: Database, kept: Contacts
) -> None:
    await opened(Conversations(database))
    await Tickets(database, kept).leave(NAME, "f1", Form("", "请回电", PHONE, consent=True), NOON, DUE)
    name = await database.read(lambda c: c.scalar(select(tickets.c.contact_id)))
    assert await kept.erase_ended(NOON + KEPT_FOR - timedelta(seconds=1)) == 0
    assert await kept.reveal(name) == PHONE
    assert await kept.erase_ended(NOON + KEPT_FOR) == 1
    with pytest.raises(NotFound):
        await kept.reveal(name)
    left = await database.read(lambda c: c.execute(select(tickets)).one())
    assert (left.contact_id, left.text) == (None, "请回电")
    assert await kept.erase_ended(NOON + KEPT_FOR) == 0


async def test_after_a_long_pause_any_number_of_them_is_erased_at_once(database: Database, kept: Contacts) -> None:
    """More than a statement takes values."""
    row = {"purpose": "message_form", "sealed": b"x", "fingerprint": "f", "made_at": 0, "erase_at": 1}
    await database.write(lambda c: c.execute(contacts.insert(), [{**row, "id": f"{n}"} for n in range(33_000)]))
    assert await kept.erase_ended(NOON) == 33_000
    assert await database.read(lambda c: c.scalar(select(func.count()).select_from(contacts))) == 0


# The key


def test_the_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "var"
    key = contact_key({}, home)
    assert len(key) == 32
    assert contact_key({}, home) == key
    assert (home / "contact.key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in home.iterdir()] == ["contact.key"]
    assert contact_key({}, tmp_path / "other") != key


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    for n in range(10):
        with ThreadPoolExecutor(16) as pool:
            keys = set(pool.map(lambda _, home=tmp_path / str(n): contact_key({}, home), range(16)))
        assert len(keys) == 1


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    told = urlsafe_b64encode(b"k" * 32).decode()
    assert contact_key({"YIDA_CONTACT_KEY": told}, tmp_path) == b"k" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("told", ["short", "a" * 64, "密钥", "%%%%"])
def test_a_key_that_is_none_is_refused_with_its_name_and_not_its_value(told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="YIDA_CONTACT_KEY must be 32 bytes in base64") as refused:
        contact_key({"YIDA_CONTACT_KEY": told}, tmp_path)
    assert told not in str(refused.value)
