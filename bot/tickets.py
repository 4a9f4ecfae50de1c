"""Messages left for the staff: kept with a number and, by consent, a way to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from bot.contacts import Contacts
from bot.errors import Refused
from bot.privacy import mask, valid_phone
from bot.store.conversations import insert_new, ms
from bot.store.database import Database
from bot.tables import tickets
from knowledge_base.text import visible

LONGEST = 1000


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


class Tickets:
    def __init__(self, database: Database, contacts: Contacts) -> None:
        self._db = database
        self._contacts = contacts

    async def leave(self, conversation_id: str, client_id: str, form: Form, at: datetime) -> str:
        """Keeps the form once; returns the ticket's number, also when it was there. Raises Refused."""
        phone = form.checked()
        number = sha256(f"{conversation_id}/{client_id}".encode()).hexdigest()[:10].upper()

        def job(connection: Connection) -> str:
            fresh = {
                "id": number, "conversation_id": conversation_id, "client_id": client_id,
                "topic": mask(visible(form.topic)).text[:64], "text": mask(visible(form.text)).text, "contact_id": None,
                "status": "open", "made_at": ms(at),
            }  # fmt: skip
            if insert_new(connection, tickets, fresh):
                contact = self._contacts.keep(connection, phone, purpose="message_form", at=at)
                connection.execute(tickets.update().where(tickets.c.id == number).values(contact_id=contact))
            return number

        return await self._db.write(job)
