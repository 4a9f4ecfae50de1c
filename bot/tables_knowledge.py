"""The tables of the knowledge workshop. Times are milliseconds since 1970 in UTC, entries records as in the files."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from bot.metadata import metadata

# `content` is what is being written, `live` what answers now; `seed` is the hash of what the last release brought.
drafts = Table(
    "drafts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("topic", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("author", String(64), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
    Column("live", JSON(none_as_null=True)),
    Column("haystack", Text, nullable=False),
    Column("pointer", JSON(none_as_null=True)),
    Column("note", Text, nullable=False),
    Column("seed", String(64), nullable=False),
    Index("drafts_by_topic", "topic", "id"),
    Index("drafts_by_state", "state", "changed_at"),
)

draft_revisions = Table(
    "draft_revisions",
    metadata,
    Column("entry", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("author", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("how", String(16), nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("content", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Index("draft_revisions_by_author", "author"),
)

draft_reviews = Table(
    "draft_reviews",
    metadata,
    Column("entry", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("reviewer", String(64), nullable=False),
    Column("decision", String(8), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Work that takes a processor for long: whoever claims a job holds it as long as the lease is renewed.
jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("by", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("told", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("progress", Float, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("leased_until", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("jobs_by_state", "state", "due_at"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

upload_rows = Table(
    "upload_rows",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("row", Integer, nullable=False),
    Column("status", String(8), nullable=False),
    Column("entry", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("cells", JSON, nullable=False),
)

regressions = Table(
    "regressions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("text", Text, nullable=False),
    Column("entry", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("must_pass", Boolean, nullable=False),
    Column("author", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

marked_documents = Table(
    "marked_documents",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

KNOWLEDGE = (drafts, draft_revisions, draft_reviews, jobs, uploads, upload_rows, regressions, marked_documents)
