"""What citizens and bots say in tests, straight into a store."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.conversation import Conversation, Message, Party
from bot.store.conversations import Conversations, Heard

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NAME = "conversation-1"
TEN_MINUTES = 600_000
A_DAY = 86_400_000


def said(id: str, text: str = "您好", at: datetime = NOON) -> Message:
    return Message(id, Party.CITIZEN, text, at)


def replied(to: str, text: str = "答", at: datetime = NOON) -> Message:
    return Message(f"re:{to}", Party.BOT, text, at, because="answer")


async def opened(store: Conversations, name: str = NAME, at: datetime = NOON, address: str = "a" * 32) -> Conversation:
    greeting = Message("greeting", Party.BOT, "您好", at, because="greeting")
    return await store.open(
        Conversation(name, "web", at), greeting, address=address, digest=f"{name}/{at}/{address}"[:64],
        same_within_ms=TEN_MINUTES,
    )  # fmt: skip


async def heard(store: Conversations, message: Message, name: str = NAME) -> Heard:
    return await store.hear(name, message, per_minute=0, reopen_ms=A_DAY)
