"""Signed links: whoever opens one within five minutes goes on with that conversation on this device, once.

Signing costs no write: the store is asked only when one is opened.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection

from bot.errors import Refused
from bot.store.conversations import insert_new, ms
from bot.store.database import Database
from bot.tables import tokens
from bot.tables_endpoints import used_links

LIVES = timedelta(minutes=5)
MAC = 16  # bytes
LONGEST = 200  # characters


class Links:
    def __init__(self, database: Database, key: bytes) -> None:
        self._db = database
        self._key = sha256(b"links" + key).digest()

    def sign(self, conversation_id: str, now: datetime) -> str:
        told = f"{conversation_id}.{int((now + LIVES).timestamp())}.{secrets.token_urlsafe(9)}"
        return f"{told}.{_coded(self._mac(told))}"

    async def follow(self, link: str, now: datetime) -> tuple[str, str]:
        """Uses it up; gives the conversation and a new token that opens it. Raises Refused `bad_link`."""
        conversation_id = self._read(link, now)
        token = secrets.token_urlsafe(32)

        def job(connection: Connection) -> bool:
            connection.execute(used_links.delete().where(used_links.c.ends_at < ms(now)))
            used = {"digest": sha256(link.encode()).hexdigest(), "ends_at": ms(now + LIVES)}
            if not insert_new(connection, used_links, used):
                return False
            opens = {"digest": sha256(token.encode()).hexdigest(), "conversation_id": conversation_id}
            connection.execute(tokens.insert().values(opens | {"made_at": ms(now)}))
            return True

        if not await self._db.write(job):
            raise _bad()
        return conversation_id, token

    def _read(self, link: str, now: datetime) -> str:
        told, _, mac = link.rpartition(".")
        if len(link) > LONGEST or not told or not hmac.compare_digest(self._mac(told), _decoded(mac)):
            raise _bad()
        conversation_id, ends, _ = told.split(".")
        if int(ends) < now.timestamp():
            raise _bad()
        return conversation_id

    def _mac(self, told: str) -> bytes:
        return hmac.new(self._key, told.encode(), sha256).digest()[:MAC]


def _coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode() + b"==")
    except (BadBase64, ValueError):
        return b""


def _bad() -> Refused:
    return Refused("bad_link", "这个链接已经过期，或者用过了。请回到微信里再取一个。")
