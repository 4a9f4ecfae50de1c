"""Contact addresses: numbers given with consent, sealed (AES-GCM), found by fingerprint (HMAC), erased at their end."""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from bot.errors import NotFound, SettingsError
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
        home.mkdir(parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(urlsafe_b64encode(secrets.token_bytes(32)).decode())
        except FileExistsError:
            pass
        told = path.read_text().strip()
    try:
        key = urlsafe_b64decode(told)
    except ValueError as error:
        raise SettingsError(f"{KEY} must be 32 bytes in base64") from error
    if len(key) != 32:
        raise SettingsError(f"{KEY} must be 32 bytes in base64, is {len(key)}")
    return key


class Contacts:
    """Seals and opens contact addresses; only `reveal` ever gives one back."""

    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._box = AESGCM(sha256(b"seal" + key).digest())
        self._finger = sha256(b"finger" + key).digest()

    def fingerprint(self, address: str) -> str:
        """The same for the same address, and no way back."""
        return hmac.new(self._finger, address.encode(), sha256).hexdigest()[:32]

    def keep(self, connection: Connection, address: str, *, purpose: str, at: datetime) -> str:
        """Writes within the caller's transaction; returns the contact's id."""
        name = secrets.token_hex(12)
        nonce = secrets.token_bytes(12)
        connection.execute(
            contacts.insert().values(
                id=name,
                purpose=purpose,
                sealed=nonce + self._box.encrypt(nonce, address.encode(), name.encode()),
                fingerprint=self.fingerprint(address),
                made_at=ms(at),
                erase_at=ms(at + KEPT_FOR),
            )
        )
        return name

    async def reveal(self, contact_id: str) -> str:
        """The address itself. Raises NotFound when it is erased or the key is another."""
        sealed = await self._db.read(
            lambda c: c.scalar(
                contacts.select().with_only_columns(contacts.c.sealed).where(contacts.c.id == contact_id)
            )
        )
        if sealed is None:
            raise NotFound(contact_id)
        try:
            return self._box.decrypt(sealed[:12], sealed[12:], contact_id.encode()).decode()
        except InvalidTag as error:
            raise NotFound(f"{contact_id} was sealed with another key") from error

    async def erase_ended(self, now: datetime) -> int:
        """Removes what has served its purpose; returns how many."""

        def job(connection: Connection) -> int:
            ended = contacts.select().with_only_columns(contacts.c.id).where(contacts.c.erase_at <= ms(now))
            names = list(connection.scalars(ended))
            if names:
                connection.execute(tickets.update().where(tickets.c.contact_id.in_(names)).values(contact_id=None))
                connection.execute(contacts.delete().where(contacts.c.id.in_(names)))
            return len(names)

        return await self._db.write(job)
