"""How far citizen and agent have read while they talk: kept in the store, told the other side by a bell."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from sqlalchemy import Connection, func, select

from bot.bus import Bell, Bus
from bot.conversation import Party, Stage
from bot.store.conversations import LAST, upsert
from bot.store.database import Database
from bot.tables import conversations, reads

_C, _R = conversations.c, reads.c


class Reads:
    def __init__(self, database: Database, bus: Bus) -> None:
        self._db = database
        self._bus = bus

    async def read(self, conversation_id: str, party: Party, seq: int, *, owner: str | None = None) -> None:
        """Counts only while an agent owns the conversation, and of the staff only from its owner; never backwards."""
        held = select(_C.last_seq).where(_C.id == conversation_id, _C.stage == Stage.AGENT)
        if owner is not None:
            held = held.where(_C.agent_id == owner)
        last = await self._db.read(lambda c: c.scalar(held))
        if last is None or not 0 < seq <= LAST:
            return
        row = {"conversation_id": conversation_id, "party": party, "seq": min(seq, last)}

        def job(connection: Connection) -> bool:
            told = upsert(connection, reads).values(row)
            further = told.on_conflict_do_update(
                index_elements=["conversation_id", "party"],
                set_={"seq": told.excluded.seq},
                where=_R.seq < told.excluded.seq,
            )
            return connection.scalar(further.returning(_R.seq)) is not None

        if await self._db.write(job):
            self._bus.ring(_bell(conversation_id, party))

    async def up_to(self, conversation_id: str, party: Party) -> int:
        """The number of the last message that this side has read; 0 for none."""
        query = select(func.max(_R.seq)).where(_R.conversation_id == conversation_id, _R.party == party)
        return await self._db.read(lambda c: c.scalar(query)) or 0

    def bell(self, conversation_id: str, party: Party) -> AbstractAsyncContextManager[Bell]:
        return self._bus.subscribe(_bell(conversation_id, party))


def _bell(conversation_id: str, party: Party) -> str:
    return f"read:{party}:{conversation_id}"
