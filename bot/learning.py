"""What was not answered well: gathered, grouped, settled by somebody and proposed; never taken in by itself.

Gathering and grouping are for a process of their own (`gather`); everything else is quick.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, and_, select

from bot.accounts import Actor
from bot.audit import append
from bot.clustering import SHOWN, Cluster, Gap, clusters, distinct, seen
from bot.conversation import Party
from bot.errors import NotFound, Refused
from bot.holidays import Holidays
from bot.privacy import mask
from bot.store.conversations import at_ms, insert_new, ms, upsert
from bot.store.database import Database, alone
from bot.tables import conversations, feedback, messages
from bot.tables_insight import clusters as kept
from bot.tables_insight import complaints, proposals, settled
from knowledge_base.models import Models
from knowledge_base.text import visible

LOOKED_BACK = timedelta(days=30)
HOWS = ("entry", "variant", "synonym", "out_of_scope", "dismissed")
DECIDED = ("synonym", "out_of_scope")  # by a reviewer here; entries and variants are reviewed as drafts
RESULTS = ("changed", "right_as_is", "not_ours")
LONGEST = 500
PAGE = 50
RECALLED = 1_000  # conversations at once
_M, _K, _P, _F, _O = messages.c, kept.c, proposals.c, feedback.c, complaints.c


@dataclass(frozen=True, slots=True)
class Complaint:
    """A 没用 with what was asked and answered, who looks after it, and until when."""

    conversation: str
    seq: int
    channel: str
    question: str
    answer: str
    entry: str | None
    at: datetime
    due: date
    provisional: bool
    owner: str | None
    result: str | None
    remark: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """One who was given an answer."""

    conversation: str
    seq: int
    channel: str
    at: datetime
    version: str
    answer_code: str


class Learning:
    def __init__(self, database: Database, holidays: Holidays, zone: ZoneInfo, days: int) -> None:
        self._db = database
        self._holidays = holidays
        self._zone = zone
        self._days = days

    async def unanswered(self) -> list[Any]:
        """The clusters of the latest round, the most frequent and recent first."""
        return await self._db.read(lambda c: list(c.execute(select(kept).order_by(_K.place)).all()))

    async def settle(self, cluster: str, how: str, text: str, entry: str | None, by: Actor, at: datetime) -> str | None:
        """Its questions do not come back; all but `dismissed` leave a proposal, whose id is given.

        Raises NotFound, Refused `bad_how`, `empty`.
        """
        words = mask(visible(text).strip()).text[:LONGEST]
        if how not in HOWS:
            raise Refused("bad_how", "请选择怎样处理。")
        if how != "dismissed" and not words:
            raise Refused("empty", "请写上要加的话。")

        def job(connection: Connection) -> str | None:
            row = connection.execute(select(kept).where(_K.id == cluster).with_for_update()).one_or_none()
            if row is None:
                raise NotFound(cluster)
            for told in row.questions:
                done = {"conversation_id": told["conversation"], "seq": told["seq"], "how": how}
                insert_new(connection, settled, done | {"actor": by.username, "at": ms(at)})
            connection.execute(kept.delete().where(_K.id == cluster))
            proposal = None if how == "dismissed" else secrets.token_hex(8)
            if proposal is not None:
                connection.execute(proposals.insert().values(
                    id=proposal, kind=how, text=words, entry=entry, topic=row.topic or None, made_by=by.username,
                    questions=list(dict.fromkeys(q["text"] for q in row.questions))[:SHOWN], made_at=ms(at), remark="",
                    status="open" if how in DECIDED else "drafted",
                ))  # fmt: skip
            _note(connection, by, "question_settled", cluster, at, how=how, text=words, entry=entry)
            return proposal

        return await self._db.write(job)

    async def propose(self, id: str, text: str, question: str, by: Actor, at: datetime) -> None:
        """What an agent misses in the knowledge; said twice it is one proposal. Raises Refused `empty`."""
        words, asked = (mask(visible(told).strip()).text[:LONGEST] for told in (text, question))
        if not words:
            raise Refused("empty", "请写上建议的内容。")

        def job(connection: Connection) -> None:
            row = {
                "id": sha256(f"{by.username} {id}".encode()).hexdigest()[:32], "kind": "desk", "text": words,
                "questions": [asked] if asked else [], "status": "open", "made_by": by.username, "made_at": ms(at),
                "remark": "",
            }  # fmt: skip
            if insert_new(connection, proposals, row):
                _note(connection, by, "proposed", str(row["id"]), at, text=words)

        await self._db.write(job)

    async def proposals(self, status: str) -> list[Any]:
        query = select(proposals).where(_P.status == status).order_by(_P.made_at.desc(), _P.id).limit(PAGE * 4)
        return await self._db.read(lambda c: list(c.execute(query).all()))

    async def decide(self, id: str, *, accept: bool, remark: str, by: Actor, at: datetime) -> None:
        """Not by whoever proposed it. Raises NotFound, Refused `own_proposal`, `decided`."""

        def job(connection: Connection) -> None:
            row = connection.execute(select(proposals).where(_P.id == id).with_for_update()).one_or_none()
            if row is None:
                raise NotFound(id)
            if row.made_by == by.username:
                raise Refused("own_proposal", "自己提的建议要由别人审定。")
            if row.status != "open":
                raise Refused("decided", "这条建议已经审定过了。")
            told = {"decided_by": by.username, "decided_at": ms(at), "remark": mask(visible(remark)).text[:LONGEST]}
            status = "accepted" if accept else "rejected"
            connection.execute(proposals.update().where(_P.id == id).values(status=status, **told))
            _note(connection, by, "proposal_decided", id, at, status=status, kind=row.kind, text=row.text)

        await self._db.write(job)

    async def inbox(self, *, closed: bool = False) -> list[Complaint]:
        """没用 marks with what they were about; the oldest open first, or the latest that were closed."""
        asked = messages.alias("asked")
        about = and_(_M.conversation_id == _F.conversation_id, _M.seq == _F.seq)
        question = and_(asked.c.conversation_id == _F.conversation_id, "re:" + asked.c.id == _M.id)
        state = and_(_O.conversation_id == _F.conversation_id, _O.seq == _F.seq)
        query = (
            select(
                _F.conversation_id, _F.seq, _F.at, _M.text, _M.extra, asked.c.text.label("question"),
                conversations.c.channel, _O.owner, _O.result, _O.remark,
            )
            .join(messages, about)
            .join(conversations, conversations.c.id == _F.conversation_id)
            .outerjoin(asked, question)
            .outerjoin(complaints, state)
            .where(_F.helpful.is_(False), _O.closed_at.is_not(None) if closed else _O.closed_at.is_(None))
            .order_by(_O.closed_at.desc() if closed else _F.at, _F.conversation_id, _F.seq)
            .limit(PAGE * 4)
        )  # fmt: skip
        rows = await self._db.read(lambda c: c.execute(query).all())
        calendar = await self._holidays.calendar()
        found = []
        for r in rows:
            due = calendar.after(at_ms(r.at).astimezone(self._zone).date(), self._days)
            entry = ((r.extra or {}).get("details") or {}).get("entry")
            found.append(Complaint(
                r.conversation_id, r.seq, r.channel, r.question or "", r.text, entry, at_ms(r.at), due.day,
                due.provisional, r.owner, r.result, r.remark or "",
            ))  # fmt: skip
        return found

    async def take(self, conversation: str, seq: int, by: Actor, at: datetime) -> None:
        """Whoever takes it last looks after it. Raises NotFound."""
        await self._attend(conversation, seq, {"owner": by.username}, by, at, "feedback_taken")

    async def close(
        self, conversation: str, seq: int, *, result: str, entry: str | None, remark: str, by: Actor, at: datetime
    ) -> None:
        """With the entry that was changed, or the reason why none was. Raises NotFound, Refused."""
        words = mask(visible(remark).strip()).text[:LONGEST]
        if result not in RESULTS:
            raise Refused("bad_result", "请选择处理结果。")
        if result == "changed" and not entry:
            raise Refused("entry_missing", "请写明改了哪一条知识。")
        if result != "changed" and not words:
            raise Refused("remark_missing", "请写明为什么不用改。")
        told = {"owner": by.username, "result": result, "entry": entry, "remark": words, "closed_at": ms(at)}
        await self._attend(conversation, seq, told, by, at, "feedback_closed")

    async def recall(self, entry: str, first: datetime, last: datetime, by: Actor, at: datetime) -> list[Recalled]:
        """Who was given this answer between two moments, the latest first; it is audited."""
        query = (
            select(_M.conversation_id, _M.seq, _M.at, _M.answer_code, _M.extra, conversations.c.channel)
            .join(conversations, conversations.c.id == _M.conversation_id)
            .where(_M.at.between(ms(first), ms(last)), _M.party == Party.BOT, _entry_of() == entry)
            .order_by(_M.at.desc(), _M.conversation_id, _M.seq)
            .limit(RECALLED)
        )
        rows = await self._db.read(lambda c: c.execute(query).all())
        span = {"from": first.isoformat(), "to": last.isoformat(), "found": len(rows)}
        await self._db.write(lambda c: _note(c, by, "answers_recalled", entry, at, **span))
        return [
            Recalled(
                r.conversation_id, r.seq, r.channel, at_ms(r.at), str(r.extra["details"]["version"]), r.answer_code
            )
            for r in rows
        ]

    async def _attend(
        self, conversation: str, seq: int, told: dict[str, Any], by: Actor, at: datetime, action: str
    ) -> None:
        def job(connection: Connection) -> None:
            marked = select(_F.seq).where(_F.conversation_id == conversation, _F.seq == seq, _F.helpful.is_(False))
            if connection.scalar(marked) is None:
                raise NotFound(conversation)
            fresh = upsert(connection, complaints).values(
                **({"conversation_id": conversation, "seq": seq, "remark": ""} | told)
            )
            connection.execute(fresh.on_conflict_do_update(index_elements=["conversation_id", "seq"], set_=told))
            _note(connection, by, action, f"{conversation}/{seq}", at, result=told.get("result"))

        await self._db.write(job)


def gather(database: Database, models: Models, now: datetime) -> list[Cluster]:
    """The gaps of a month in clusters, kept in place of the last round's."""
    gaps = database.read_now(lambda c: list(gaps_since(c, ms(now - LOOKED_BACK))))
    texts = distinct(gaps)
    found = clusters(gaps, texts, _seen(models, texts), ms(now)) if texts else []
    rows = [
        {
            "id": c.id, "place": n, "count": c.count, "last_at": c.gaps[0].at, "topic": c.topic, "entry": c.entry,
            "why": c.why, "made_at": ms(now),
            "questions": [{"conversation": g.conversation, "seq": g.seq, "text": g.text} for g in c.gaps],
        }
        for n, c in enumerate(found)
    ]  # fmt: skip

    def job(connection: Connection) -> None:
        alone(connection, "clusters")
        connection.execute(kept.delete())
        if rows:
            connection.execute(kept.insert(), rows)

    database.write_now(job)
    return found


def gaps_since(connection: Connection, since: int) -> Iterator[Gap]:
    """Questions refused, marked 没用, or whose choices were all wrong (都不是), but for those that were settled."""
    done = {(r.conversation_id, r.seq) for r in connection.execute(select(settled.c.conversation_id, settled.c.seq))}
    marked = select(_F.conversation_id, _F.seq).where(_F.at >= since, _F.helpful.is_(False))
    bad = {(r.conversation_id, r.seq) for r in connection.execute(marked)}
    query = (
        select(_M.conversation_id, _M.seq, _M.id, _M.party, _M.text, _M.at, _M.because, _M.extra)
        .where(_M.at >= since, _M.party.in_((Party.BOT, Party.CITIZEN)))
        .order_by(_M.conversation_id, _M.seq)
    )
    rows = connection.execution_options(yield_per=2_000).execute(query)
    for _, story in groupby(rows, key=lambda row: row.conversation_id):
        yield from (gap for gap in _gaps_of(list(story), bad) if (gap.conversation, gap.seq) not in done)


def _gaps_of(story: Sequence[Any], bad: set[tuple[str, int]]) -> Iterator[Gap]:
    asked = {row.id: row for row in story if row.party == Party.CITIZEN}
    clarified = None
    for row in story:
        if row.party != Party.BOT:
            continue
        details = (row.extra or {}).get("details") or {}
        why, about = "", asked.get(row.id.removeprefix("re:"))
        if row.because == "none_of_these":
            why, about = "none", clarified
        elif (row.conversation_id, row.seq) in bad:
            why = "unhelpful"
        elif row.because == "refuse":
            why = "unanswered"
        if details.get("outcome") == "clarify":
            clarified = about
        if why and about is not None:
            entry = details.get("entry") if why == "unhelpful" else None
            yield Gap(about.conversation_id, about.seq, about.text, why, row.at, details.get("topic") or "", entry)


def _seen(models: Models, texts: Sequence[str]) -> Any:
    shares = [models.sense(text).topics for text in texts]
    names = sorted({name for share in shares for name in share})
    topics = np.array([[share.get(name, 0.0) for name in names] for share in shares], dtype=np.float32)
    return seen(np.asarray(models.encoder.encode(texts), dtype=np.float32), topics)


def _entry_of() -> Any:
    return messages.c.extra["details"]["entry"].as_string()


def _note(connection: Connection, by: Actor, action: str, subject: str, at: datetime, **detail: Any) -> None:
    append(connection, actor=by.username, action=action, at=at, subject=subject, detail=detail, address=by.address)
