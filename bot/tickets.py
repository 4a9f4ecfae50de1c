"""Tickets: messages left for the staff, and bad ratings to be put right; each with its last working day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from bot.contacts import Contacts
from bot.errors import NotFound, Refused
from bot.privacy import mask, valid_phone
from bot.store.conversations import at_ms, insert_new, ms
from bot.store.database import Database
from bot.tables import tickets
from bot.working_days import Day
from knowledge_base.text import visible

LONGEST = 1000
PAGE = 50
Kind = Literal["message", "rectification"]
RESULTS = {
    "answered": "已在线答复", "called_back": "已电话回复", "unreachable": "多次联系不上", "invalid": "无效或重复",
}  # fmt: skip
CALLED = ("called_back", "unreachable")  # what a bad rating ends with: somebody has rung up
_T = tickets.c
Also = Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Form:
    """What a citizen filled in."""

    topic: str
    text: str
    phone: str
    consent: bool

    def checked(self) -> str:
        """The bare phone number. Raises Refused with what to mend."""
        if not self.text.strip():
            raise Refused("empty", "请写下要留言的内容。")
        if len(self.text) > LONGEST:
            raise Refused("too_long", f"留言请不要超过 {LONGEST} 个字。")
        if not self.consent:
            raise Refused("no_consent", "请勾选同意，工作人员才能用这个电话联系您。")
        phone = valid_phone(self.phone)
        if phone is None:
            raise Refused("bad_phone", "请检查电话号码：手机 11 位，座机请带区号。")
        return phone


@dataclass(frozen=True, slots=True)
class Ticket:
    """One thing the staff owe a citizen. `due` is provisional while that year's holidays are not known."""

    id: str
    kind: Kind
    conversation: str
    topic: str
    text: str
    status: Literal["open", "closed"]
    owner: str | None
    made_at: datetime
    due: date | None
    provisional: bool
    contact: str | None
    stars: int | None
    result: str | None
    remark: str
    closed_at: datetime | None


class Tickets:
    def __init__(self, database: Database, contacts: Contacts) -> None:
        self._db = database
        self._contacts = contacts

    async def leave(self, conversation_id: str, client_id: str, form: Form, at: datetime, due: Day) -> str:
        """Keeps the form once; returns the ticket's number, also when it was there. Raises Refused."""
        phone = form.checked()
        topic, text = mask(visible(form.topic)).text[:64], mask(visible(form.text)).text
        fresh = _fresh(conversation_id, client_id, "message", topic, text, at, due)

        def job(connection: Connection) -> str:
            if insert_new(connection, tickets, fresh):
                contact = self._contacts.keep(connection, phone, purpose="message_form", at=at)
                connection.execute(tickets.update().where(_T.id == fresh["id"]).values(contact_id=contact))
            return str(fresh["id"])

        return await self._db.write(job)

    async def page(
        self, *, status: str = "open", kind: str | None = None, after: str | None = None
    ) -> tuple[list[Ticket], str | None]:
        """A page, what is due first at the top; and where the next page begins, None at the end."""
        start = int(after) if after and after.isdecimal() else 0
        query = select(tickets).where(_T.status == status)
        if kind is not None:
            query = query.where(_T.kind == kind)
        latest = _T.closed_at.desc() if status == "closed" else func.coalesce(_T.due, "9999")
        query = query.order_by(latest, _T.made_at, _T.id).offset(start).limit(PAGE + 1)
        rows = await self._db.read(lambda c: c.execute(query).all())
        return [_ticket(row) for row in rows[:PAGE]], str(start + PAGE) if len(rows) > PAGE else None

    async def find(self, number: str) -> Ticket:
        """Raises NotFound."""
        row = await self._db.read(lambda c: c.execute(select(tickets).where(_T.id == number)).one_or_none())
        if row is None:
            raise NotFound(number)
        return _ticket(row)

    async def of(self, conversation_id: str) -> list[Ticket]:
        query = select(tickets).where(_T.conversation_id == conversation_id).order_by(_T.made_at)
        return [_ticket(row) for row in await self._db.read(lambda c: c.execute(query).all())]

    async def count(self, today: date) -> tuple[int, int]:
        """How many are open, and how many of them are overdue."""
        late = func.count().filter(_T.due < today.isoformat())
        row = await self._db.read(lambda c: c.execute(select(func.count(), late).where(_T.status == "open")).one())
        return int(row[0]), int(row[1])

    async def take(self, number: str, agent: str) -> Ticket:
        """Whoever takes it last works on it: she has seen whose it was. Raises NotFound."""
        return await self._change(number, {"owner": agent}, None)

    async def close(
        self, number: str, agent: str, *, result: str, remark: str, at: datetime, also: Also | None = None
    ) -> Ticket:
        """Raises NotFound; Refused `bad_result`, `call_first` for a bad rating without a call, `remark_missing`."""
        ticket = await self.find(number)
        remark = mask(visible(remark).strip()).text[:LONGEST]
        if result not in RESULTS:
            raise Refused("bad_result", "请选择处理结果。")
        if ticket.kind == "rectification" and result not in CALLED:
            raise Refused("call_first", "差评整改要先电话回访，再登记结果。")
        if ticket.kind == "rectification" and not remark:
            raise Refused("remark_missing", "请写明回访情况和整改措施。")
        done = {"status": "closed", "owner": agent, "result": result, "remark": remark, "closed_at": ms(at)}
        return await self._change(number, done, also)

    async def reveal(self, number: str, also: Also) -> str:
        """The telephone number, once it is written down who saw it and why. Raises NotFound."""
        ticket = await self.find(number)
        if ticket.contact is None:
            raise NotFound(number)
        await self._db.write(also)
        return await self._contacts.reveal(ticket.contact)

    async def _change(self, number: str, values: dict[str, Any], also: Also | None) -> Ticket:
        changed = tickets.update().where(_T.id == number, _T.status == "open").values(values)

        def job(connection: Connection) -> Ticket | None:
            row = connection.execute(changed.returning(*_T)).one_or_none()
            if row is not None and also is not None:
                also(connection)
            return _ticket(row) if row is not None else None

        ticket = await self._db.write(job)
        return ticket if ticket is not None else await self.find(number)


def rectification(conversation_id: str, service: int, stars: int, text: str, at: datetime, due: Day) -> dict[str, Any]:
    """The row of a bad rating that is to be put right."""
    return _fresh(conversation_id, f"sys:rating:{service}", "rectification", "", text, at, due) | {"stars": stars}


def _fresh(
    conversation_id: str, client_id: str, kind: Kind, topic: str, text: str, at: datetime, due: Day
) -> dict[str, Any]:
    number = sha256(f"{conversation_id}/{client_id}".encode()).hexdigest()[:10].upper()
    return {
        "id": number, "conversation_id": conversation_id, "client_id": client_id, "topic": topic, "text": text,
        "contact_id": None, "status": "open", "made_at": ms(at), "kind": kind, "due": due.day.isoformat(),
        "provisional": due.provisional, "owner": None, "stars": None, "result": None, "remark": "", "closed_at": None,
    }  # fmt: skip


def _ticket(row: Any) -> Ticket:
    return Ticket(
        row.id, row.kind, row.conversation_id, row.topic, row.text, row.status, row.owner, at_ms(row.made_at),
        date.fromisoformat(row.due) if row.due else None, row.provisional, row.contact_id, row.stars, row.result,
        row.remark, at_ms(row.closed_at) if row.closed_at else None,
    )  # fmt: skip
