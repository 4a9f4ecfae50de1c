"""The table of calls by telephone. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from bot.metadata import metadata

calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("conversation_id", String(64)),
    Column("process", String(160), nullable=False),
    Column("contact_id", String(64)),
    Column("purpose", String(64), nullable=False),
    Column("announced_at", BigInteger),
    Column("began_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("begun", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("skill", String(64), nullable=False),
    Column("summary", Text, nullable=False),
    Column("transcript", JSON, nullable=False),
    Index("calls_by_conversation", "conversation_id"),
    Index("calls_by_end", "ended_at"),
)
