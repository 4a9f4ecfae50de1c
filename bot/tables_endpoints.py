"""The tables of citizens reached by an address: endpoints, calls heard once, deliveries, shared tokens, links."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from bot.metadata import metadata

# `id` is the fingerprint of channel, account and address. The address itself is sealed, and empty once erased.
endpoints = Table(
    "endpoints",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("account", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("conversation_id", String(64), nullable=False),
    Column("after_seq", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("called_until", BigInteger, nullable=False),
    Column("reachable", Boolean, nullable=False),
    Column("words_left", Integer, nullable=False),
    Column("words_until", BigInteger, nullable=False),
    Column("event_left", Integer, nullable=False),
    Column("event_until", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Index("endpoints_by_conversation", "conversation_id"),
    Index("endpoints_by_time", "seen_at"),
)

# A call of the channel's server. `reply` is null until it is decided, then the same for every repetition.
callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("stamp", String(64), nullable=False, unique=True),
    Column("endpoint_id", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reply", Text),
    Index("callbacks_by_time", "at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("conversation_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("endpoint_id", String(64), nullable=False),
    Column("way", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("claim", String(32), nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("error", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("deliveries_by_endpoint", "endpoint_id", "state"),
)

shared_tokens = Table(
    "shared_tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("barred_until", BigInteger, nullable=False),
)

used_links = Table(
    "used_links",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("ends_at", BigInteger, nullable=False),
)
