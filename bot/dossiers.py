"""What an agent needs to know of a citizen before a word is said: who, why, what the bot said, who came before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, and_, func, select

from bot.conversation import Conversation, Message, Party, Stage
from bot.errors import NotFound
from bot.store.conversations import at_ms, conversation_of, message_of
from bot.store.database import Database
from bot.tables import conversations, messages, moves, ratings, services, tickets

LOOKED_BACK = 60  # messages: what the bot said before is in the story
ANSWERS = 10
LISTED = 50
Scope = Literal["mine", "waiting", "recent"]
_C, _M, _S = conversations.c, messages.c, services.c


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and what the bot made of it."""

    seq: int
    question: str
    text: str
    details: dict[str, Any]
    because: str


@dataclass(frozen=True, slots=True)
class Service:
    """A human stretch of this conversation."""

    agent: str
    began_at: datetime
    ended_at: datetime | None
    how: str
    resolved: bool | None
    code: str
    remark: str


@dataclass(frozen=True, slots=True)
class Brief:
    """A conversation in a list, with its last words."""

    conversation: Conversation
    last_text: str


@dataclass(frozen=True, slots=True)
class Dossier:
    conversation: Conversation
    asked_at: datetime | None
    last_text: str
    answers: tuple[Answered, ...]
    services: tuple[Service, ...]
    tickets: tuple[str, ...]
    stars: int | None


class Dossiers:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def of(self, conversation_id: str) -> Dossier:
        """Raises NotFound."""
        told = await self._db.read(lambda c: self._read(c, conversation_id))
        if told is None:
            raise NotFound(conversation_id)
        return told

    async def listed(self, scope: Scope, agent: str, *, everybody: bool) -> list[Brief]:
        """Her own, those who wait, or the latest that a human served: hers, or with `everybody` of all agents."""
        query = _with_last_words()
        if scope == "waiting":
            query = query.where(_C.stage == Stage.WAITING).order_by(_C.queue_key, _C.id)
        elif scope == "mine":
            query = query.where(_C.stage == Stage.AGENT, _C.agent_id == agent).order_by(_C.owed_since, _C.id)
        else:
            served = _C.last_agent.is_not(None) if everybody else _C.last_agent == agent
            query = query.where(served).order_by(_C.heard_at.desc(), _C.id)
        rows = await self._db.read(lambda c: c.execute(query.limit(LISTED)).all())
        return [Brief(conversation_of(row), row.last_text or "") for row in rows]

    def _read(self, connection: Any, conversation_id: str) -> Dossier | None:
        row = connection.execute(_with_last_words().where(_C.id == conversation_id)).one_or_none()
        if row is None:
            return None
        mine = _M.conversation_id == conversation_id
        latest = select(messages).where(mine).order_by(_M.seq.desc()).limit(LOOKED_BACK)
        story = [message_of(m) for m in reversed(connection.execute(latest).all())]
        asked = select(func.max(moves.c.at)).where(
            moves.c.conversation_id == conversation_id, moves.c.stage == Stage.WAITING
        )
        asked_at = connection.scalar(asked)
        stretches = connection.execute(
            select(services).where(_S.conversation_id == conversation_id).order_by(_S.id)
        ).all()
        numbers = select(tickets.c.id).where(tickets.c.conversation_id == conversation_id).order_by(tickets.c.made_at)
        rated = select(ratings.c.stars).where(ratings.c.conversation_id == conversation_id)
        stars = connection.scalar(rated.order_by(ratings.c.service_id.desc()).limit(1))
        return Dossier(
            conversation_of(row), at_ms(asked_at) if asked_at else None, _last_words(story), tuple(_answered(story)),
            tuple(_service(s) for s in stretches), tuple(connection.scalars(numbers)), stars,
        )  # fmt: skip


def _with_last_words() -> Select[Any]:
    last = and_(_M.conversation_id == _C.id, _M.seq == _C.last_seq)
    return select(conversations, _M.text.label("last_text")).outerjoin(messages, last)


def _last_words(story: list[Message]) -> str:
    """The citizen's, the button for a human aside."""
    said = [m.text for m in story if m.party is Party.CITIZEN]
    told = [text for text in said if text != "转人工"]
    return (told or said or [""])[-1]


def _answered(story: list[Message]) -> list[Answered]:
    said = {m.id: m.text for m in story if m.party is Party.CITIZEN}
    answers = [m for m in story if m.party is Party.BOT and m.details.get("outcome") and m.because != "chose_human"]
    return [
        Answered(m.seq, said.get(m.id.removeprefix("re:"), ""), m.text, m.details, m.because)
        for m in answers[-ANSWERS:]
    ]


def _service(row: Any) -> Service:
    ended = at_ms(row.ended_at) if row.ended_at else None
    return Service(row.agent_id, at_ms(row.began_at), ended, row.how, row.resolved, row.code, row.remark)
