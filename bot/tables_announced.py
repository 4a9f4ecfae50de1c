"""The tables of notices and switches. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from bot.metadata import metadata

notices = Table(
    "notices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("channels", JSON, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Index("notices_by_end", "ends_at"),
)

switches = Table(
    "switches",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("off", Boolean, nullable=False),
    Column("text", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
)
