"""The last messages of conversations that someone in this process listens to: a bell rung here needs no read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.conversation import Conversation, Message

KEPT = 8  # messages; a listener that is farther behind reads the store


@dataclass(slots=True)
class _Tail:
    listeners: int = 0
    conversation: Conversation | None = None
    messages: list[Message] = field(default_factory=list)
    newest: tuple[int, int] = (0, 0)  # last_seq and version of the latest state heard of; neither ever falls

    def is_old(self, conversation: Conversation) -> bool:
        return conversation.last_seq < self.newest[0] or conversation.version < self.newest[1]

    def note(self, conversation: Conversation) -> None:
        self.newest = max(self.newest[0], conversation.last_seq), max(self.newest[1], conversation.version)


class Recent:
    """Never the truth, only a shortcut to it: a gap or doubt empties it, and the store is asked."""

    def __init__(self) -> None:
        self._tails: dict[str, _Tail] = {}

    @contextmanager
    def kept(self, conversation_id: str) -> Iterator[None]:
        """While inside, this conversation's tail is remembered."""
        tail = self._tails.setdefault(conversation_id, _Tail())
        tail.listeners += 1
        try:
            yield
        finally:
            tail.listeners -= 1
            if not tail.listeners:
                self._tails.pop(conversation_id, None)

    def conversations(self) -> list[str]:
        """Those that somebody in this process listens to."""
        return list(self._tails)

    def add(self, conversation: Conversation, message: Message) -> None:
        """A message that this process wrote, and the conversation right after it."""
        tail = self._tails.get(conversation.id)
        if tail is None:
            return
        if tail.is_old(conversation):
            self.forget(conversation)  # two writes overtook each other on the way back
            return
        tail.note(conversation)
        follows = bool(tail.messages) and message.seq == tail.messages[-1].seq + 1
        tail.messages = [*tail.messages[-(KEPT - 1) :], message] if follows else [message]
        tail.conversation = conversation

    def learn(self, conversation: Conversation, messages: Sequence[Message]) -> None:
        """What a read of the store brought; one that began before the latest change brings nothing new."""
        tail = self._tails.get(conversation.id)
        if tail is None or tail.is_old(conversation):
            return
        tail.note(conversation)
        tail.conversation = conversation
        tail.messages = list(messages[-KEPT:])

    def forget(self, changed: Conversation) -> None:
        """The conversation became this without a message at hand: the next listener reads."""
        tail = self._tails.get(changed.id)
        if tail is not None:
            tail.note(changed)
            tail.conversation, tail.messages = None, []

    def after(self, conversation_id: str, seq: int) -> tuple[Conversation, list[Message]] | None:
        """The messages after `seq` up to the last, or None when not all of them are here."""
        tail = self._tails.get(conversation_id)
        if tail is None or tail.conversation is None:
            return None
        last = tail.conversation.last_seq
        if seq == last:
            return tail.conversation, []
        if not tail.messages or tail.messages[-1].seq != last or tail.messages[0].seq > seq + 1:
            return None
        return tail.conversation, [m for m in tail.messages if m.seq > seq]
