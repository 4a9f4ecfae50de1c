"""The tables of what is counted and what is learned. Times are milliseconds since 1970 in UTC."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, Text

from bot.metadata import metadata

# Counts by local day and hour, made from messages, moves, services and opinions, and made anew at will. `subject` is
# empty for all, `t:` a topic, `e:` an entry, `p:` a procedure, `a:` an agent.
tallies = Table(
    "tallies",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("subject", String(160), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Index("tallies_by_subject", "subject", "day"),
)

tallied = Table(
    "tallied",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("topic", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("usual", Float, nullable=False),
    Column("sigma", Float, nullable=False),
    Column("examples", JSON, nullable=False),
    Index("alarms_by_time", "at"),
)

# The clusters of the latest round; what was settled does not come back.
clusters = Table(
    "clusters",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("topic", String(64), nullable=False),
    Column("entry", String(128)),
    Column("why", JSON, nullable=False),
    Column("questions", JSON, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

settled = Table(
    "settled",
    metadata,
    Column("conversation_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("how", String(16), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

proposals = Table(
    "proposals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("entry", String(128)),
    Column("topic", String(64)),
    Column("questions", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("decided_by", String(64)),
    Column("decided_at", BigInteger),
    Column("remark", Text, nullable=False),
    Index("proposals_by_status", "status", "made_at"),
)

# Who looks after a 没用, and what came of it; one without a row has nobody yet.
complaints = Table(
    "complaints",
    metadata,
    Column("conversation_id", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("owner", String(64)),
    Column("result", String(16)),
    Column("entry", String(128)),
    Column("remark", Text, nullable=False),
    Column("closed_at", BigInteger),
)

INSIGHT = (tallies, tallied, alarms, clusters, settled, proposals, complaints)
