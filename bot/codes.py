"""Resume codes open a conversation on another device, once: six digits within a quarter of an hour, or twelve letters
and figures within a month for a procedure that takes its time."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection

from bot.errors import Refused
from bot.store.conversations import insert_new, ms
from bot.store.database import Database
from bot.tables import resume_codes, tokens

LIVES = timedelta(minutes=15)
KEPT = timedelta(days=30)
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that look alike; twelve of them cannot be guessed
TRIES = 20  # fresh digits until a free code is found; a city has a few hundred alive


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def _six_digits() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


class Codes:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def issue(self, conversation_id: str, now: datetime, *, long: bool = False) -> str:
        """A code that nobody else has at the moment."""
        ends = now + (KEPT if long else LIVES)

        def job(connection: Connection) -> str:
            connection.execute(resume_codes.delete().where(resume_codes.c.ends_at <= ms(now)))
            for _ in range(TRIES):
                code = "".join(secrets.choice(LETTERS) for _ in range(12)) if long else _six_digits()
                row = {"digest": _digest(code), "conversation_id": conversation_id, "ends_at": ms(ends)}
                if insert_new(connection, resume_codes, row):
                    return code
            raise Refused("too_many_codes", "现在不能生成继续码，请稍后再试。")

        return await self._db.write(job)

    async def redeem(self, code: str, token_digest: str, now: datetime) -> str:
        """Uses a code up and lets the token open its conversation. Raises Refused `bad_code`."""
        bare = re.sub(r"[\s-]", "", code).upper()

        def job(connection: Connection) -> str:
            taken = (
                resume_codes.delete()
                .where(resume_codes.c.digest == _digest(bare), resume_codes.c.ends_at > ms(now))
                .returning(resume_codes.c.conversation_id)
            )
            conversation_id = connection.execute(taken).scalar_one_or_none()
            if conversation_id is None:
                raise Refused("bad_code", "继续码不对，或者已经过期、用过了。")
            connection.execute(
                tokens.insert().values(digest=token_digest, conversation_id=conversation_id, made_at=ms(now))
            )
            return str(conversation_id)

        return await self._db.write(job)
