"""What the staff say: the owner to the citizen, all of them to each other in notes; masked, kept once, told to all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from bot.answering.wording import say
from bot.audit import append
from bot.bus import Bus
from bot.conversation import Message, Party
from bot.errors import Refused
from bot.privacy import mask
from bot.staff import Account, Right
from bot.store.words import Note, Words
from bot.switchboard import Switchboard
from knowledge_base.text import visible

LONGEST = 2000  # characters of a message or note
RATE = {"kind": "rate"}
Form = Literal["message", "rate"]
FORMS: dict[Form, dict[str, Any]] = {"message": {"kind": "form", "form": "message"}, "rate": RATE}


class Speaking:
    def __init__(self, words: Words, switchboard: Switchboard, bus: Bus, clock: Callable[[], datetime]) -> None:
        self._words = words
        self._switchboard = switchboard
        self._bus = bus
        self._now = clock

    async def speak(
        self, account: Account, conversation: str, text: object, *, id: str, form: Form | None = None
    ) -> Message:
        """The owner speaks, with a form to fill in or not. Raises Refused `not_yours`, `gone`, `empty`, `too_long`."""
        said = _from(account, id, checked(text), self._now(), card=FORMS[form] if form else None, because="agent")
        changed, kept = await self._words.speak(conversation, account.username, said)
        self._switchboard.tell(changed, kept)
        return kept

    async def answer(self, account: Account, conversation: str, text: object, *, id: str) -> Message:
        """An answer to what was left as a message: no ownership is needed, and the conversation may be closed."""
        said = _from(account, id, checked(text), self._now(), because="ticket_answer")
        await self._switchboard.say(conversation, said)
        return said

    async def recall(self, account: Account, conversation: str, seq: int) -> None:
        """Raises Refused `not_yours`, `too_late`."""
        notice = Message(
            f"sys:recall:{seq}", Party.SYSTEM, say("recalled_notice"), self._now(), because="recall",
            details={"recalled": seq},
        )  # fmt: skip
        changed = await self._words.recall(
            conversation, account.username, seq, self._now(), instead=say("recalled"), notice=notice
        )
        self._switchboard.changed(changed, changed)

    async def note(self, account: Account, conversation: str, *, id: str, text: object) -> Note:
        """For the staff alone. Raises NotFound."""
        return await self._noted(account, conversation, id, text, whisper=False)

    async def whisper(self, supervisor: Account, conversation: str, *, id: str, text: object) -> Note:
        """A supervisor's words to the owner, which the citizen never sees. Raises Refused `forbidden`."""
        supervises(supervisor)
        return await self._noted(supervisor, conversation, id, text, whisper=True)

    def typing(self, conversation: str) -> None:
        self._bus.ring(f"typing:{Party.AGENT}:{conversation}")

    async def _noted(self, account: Account, conversation: str, id: str, text: object, *, whisper: bool) -> Note:
        fresh = Note(0, id, account.username, checked(text), whisper, self._now())
        also = noted(account, "whispered", conversation, self._now()) if whisper else None
        kept = await self._words.note(conversation, fresh, also)
        self._bus.ring(conversation)
        return kept


def noted(account: Account, action: str, subject: str, at: datetime, **detail: object) -> Callable[[Connection], None]:
    """A row of the audit log, for the transaction of what it records."""

    def write(connection: Connection) -> None:
        append(connection, actor=account.username, action=action, subject=subject, detail=detail, at=at)

    return write


def supervises(account: Account) -> None:
    """Raises Refused `forbidden`."""
    if not account.may(Right.SUPERVISE):
        raise Refused("forbidden", "这项操作需要班长权限。")


def checked(text: object) -> str:
    """Masked like a citizen's words. Raises Refused `not_text`, `empty`, `too_long`."""
    if not isinstance(text, str):
        raise Refused("not_text", "请发送文字。")
    shown = visible(text).strip()
    if not shown:
        raise Refused("empty", "请先写内容。")
    if len(shown) > LONGEST:
        raise Refused("too_long", f"一次最多 {LONGEST} 个字。")
    return mask(shown).text


def _from(account: Account, id: str, text: str, at: datetime, **more: Any) -> Message:
    who = {"agent": account.username, "name": account.name, "number": account.number}
    return Message(id, Party.AGENT, text, at, details=who, **more)
