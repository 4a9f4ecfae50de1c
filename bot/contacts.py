"""Contact addresses: numbers given with consent, sealed (AES-GCM), found by fingerprint (HMAC), erased at their end."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, select

from bot.errors import NotFound, SettingsError
from bot.seal import Seal
from bot.store.conversations import ms
from bot.store.database import Database
from bot.tables import contacts, tickets

KEY = "YIDA_CONTACT_KEY"
KEPT_FOR = timedelta(days=90)  # after a message form; long enough to call back, and to answer a complaint about it


def contact_key(environment: Mapping[str, str], home: Path) -> bytes:
    """32 bytes from YIDA_CONTACT_KEY, else from a 0600 file made at the first start."""
    told = environment.get(KEY)
    path = home / "contact.key"
    if not told:
        if not path.exists():
            _make_key(path)
        told = path.read_text().strip()
    try:
        key = urlsafe_b64decode(told)
    except ValueError as error:
        raise SettingsError(f"{KEY} must be 32 bytes in base64") from error
    if len(key) != 32:
        raise SettingsError(f"{KEY} must be 32 bytes in base64, is {len(key)}")
    return key


def _make_key(path: Path) -> None:
    """The file appears whole: processes that start at once all read the same key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(urlsafe_b64encode(secrets.token_bytes(32)).decode())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(making)
    finally:
        making.unlink(missing_ok=True)


class Contacts:
    """Seals and opens contact addresses; only `reveal` ever gives one back."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._seal = Seal(key, b"seal")
        self._finger = sha256(b"finger" + key).digest()

    def fingerprint(self, address: str) -> str:
        """The same for the same address, and no way back."""
        return hmac.new(self._finger, address.encode(), sha256).hexdigest()[:32]

    def sealed(self, address: str, name: str) -> bytes:
        """For tables that keep an address themselves, under the name of its row."""
        return self._seal.close(address, name)

    def opened(self, sealed: bytes, name: str) -> str:
        """Raises NotFound when the key or the name is another."""
        return self._seal.open(sealed, name)

    def keep(self, connection: Connection, address: str, *, purpose: str, at: datetime) -> str:
        """Writes within the caller's transaction; returns the contact's id."""
        name = secrets.token_hex(12)
        connection.execute(
            contacts.insert().values(
                id=name,
                purpose=purpose,
                sealed=self._seal.close(address, name),
                fingerprint=self.fingerprint(address),
                made_at=ms(at),
                erase_at=ms(at + KEPT_FOR),
            )
        )
        return name

    async def reveal(self, contact_id: str) -> str:
        """The address itself. Raises NotFound when it is erased or the key is another."""
        sealed = await self._db.read(lambda c: c.scalar(select(contacts.c.sealed).where(contacts.c.id == contact_id)))
        if sealed is None:
            raise NotFound(contact_id)
        return self._seal.open(sealed, contact_id)

    async def erase_ended(self, now: datetime) -> int:
        """Removes what has served its purpose; returns how many."""

        def job(connection: Connection) -> int:
            over = contacts.c.erase_at <= ms(now)
            ended = select(contacts.c.id).where(over)
            connection.execute(tickets.update().where(tickets.c.contact_id.in_(ended)).values(contact_id=None))
            return connection.execute(contacts.delete().where(over)).rowcount

        return await self._db.write(job)
