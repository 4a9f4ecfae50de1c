"""What citizens say about an answer (有用/没用) and about the service (one to five stars), each once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from bot.conversation import Party
from bot.errors import Refused
from bot.privacy import mask
from bot.store.conversations import LAST, insert_new, ms, upsert
from bot.store.database import Database
from bot.tables import feedback, messages, ratings, services, tickets
from bot.tickets import rectification
from bot.working_days import Day
from knowledge_base.text import visible

LONGEST = 500
BAD = 2  # stars and fewer


class Opinions:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def mark(self, conversation_id: str, seq: int, *, helpful: bool, at: datetime) -> None:
        """Helpful or not; a changed mind counts. Raises Refused when `seq` is no message of the service."""
        spoken = select(messages.c.party).where(messages.c.conversation_id == conversation_id, messages.c.seq == seq)

        def job(connection: Connection) -> None:
            if not 0 < seq <= LAST or connection.scalar(spoken) not in (Party.BOT, Party.AGENT):
                raise Refused("unknown_message", "没有找到这条答复。")
            told = upsert(connection, feedback).values(
                conversation_id=conversation_id, seq=seq, helpful=helpful, at=ms(at)
            )
            connection.execute(
                told.on_conflict_do_update(
                    index_elements=["conversation_id", "seq"], set_={"helpful": helpful, "at": ms(at)}
                )
            )

        await self._db.write(job)

    async def rate(
        self, conversation_id: str, stars: int, reasons: list[str], text: str, at: datetime, *, due: Day
    ) -> None:
        """One rating a service, the latest one that people gave, else the bot's; a second one changes nothing.

        A bad one is to be put right until `due`.
        """
        masked = [mask(visible(reason)).text for reason in reasons]
        words = mask(visible(text)[:LONGEST]).text
        told = {"conversation_id": conversation_id, "stars": stars, "reasons": masked, "text": words, "at": ms(at)}
        latest = select(func.max(services.c.id)).where(services.c.conversation_id == conversation_id)

        def job(connection: Connection) -> None:
            service = connection.scalar(latest) or 0
            if insert_new(connection, ratings, told | {"service_id": service}) and stars <= BAD:
                complaint = "；".join(filter(None, [*masked, words]))
                insert_new(connection, tickets, rectification(conversation_id, service, stars, complaint, at, due))

        await self._db.write(job)
