"""The tables, and the numbered changes that make them, each applied once."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateColumn

from bot.metadata import metadata
from bot.tables_announced import notices, switches
from bot.tables_calls import calls
from bot.tables_endpoints import callbacks, deliveries, endpoints, shared_tokens, used_links
from bot.tables_insight import INSIGHT
from bot.tables_knowledge import KNOWLEDGE

applied = Table("applied_changes", metadata, Column("name", String(64), primary_key=True))

# Times are milliseconds since 1970 in UTC: one type that both stores compare alike.
conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("address", String(64), nullable=False),
    Column("locale", String(16), nullable=False),
    Column("scene", String(64), nullable=False),
    Column("stage", String(8), nullable=False),
    Column("agent_id", String(64)),
    Column("topic", String(64)),
    Column("last_entry", String(128)),
    Column("misses", Integer, nullable=False),
    Column("offered", JSON, nullable=False),
    Column("slots", JSON, nullable=False),
    Column("task", JSON),
    Column("last_seq", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger),
    Column("typing_at", BigInteger),
    Column("reminded", Boolean, nullable=False),
    Column("closed_at", BigInteger),
    Column("waiting_since", BigInteger),
    Column("queue_key", BigInteger),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("skill", String(64)),
    Column("last_agent", String(64)),
    Column("owed_since", BigInteger),
    Column("seen_at", BigInteger),
    Column("last_note", Integer, nullable=False, server_default="0"),
    Column("window_from", BigInteger, nullable=False),
    Column("window_count", Integer, nullable=False),
    Column("unanswered", Integer, nullable=False),
    Index("conversations_by_stage", "stage", "heard_at"),
    Index("conversations_waiting", "waiting_since"),
    Index("conversations_by_agent", "agent_id", "stage"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("tokens_by_conversation", "conversation_id"),
)

resume_codes = Table(
    "resume_codes",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("ends_at", BigInteger, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", String(96), nullable=False),
    Column("party", String(8), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("because", String(64), nullable=False),
    Column("answer_code", String(16), nullable=False),
    Column("extra", JSON),
    UniqueConstraint("conversation_id", "id", name="messages_once"),
    Index("messages_by_code", "answer_code"),
    Index("messages_by_time", "at"),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("stage", String(8), nullable=False),
    Column("agent_id", String(64)),
    Column("reason", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("moves_by_conversation", "conversation_id"),
    Index("moves_by_time", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("helpful", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("feedback_by_time", "at"),
)

ratings = Table(
    "ratings",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id"), primary_key=True),
    Column("service_id", Integer, primary_key=True, autoincrement=False, server_default="0"),  # 0: the bot's alone
    Column("stars", Integer, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ratings_by_time", "at"),
)

# How far citizen and agent have read.
reads = Table(
    "reads",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id"), primary_key=True),
    Column("party", String(8), primary_key=True),
    Column("seq", Integer, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("purpose", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("erase_at", BigInteger, nullable=False),
    Index("contacts_by_fingerprint", "fingerprint"),
    Index("contacts_by_end", "erase_at"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("contact_id", String(64)),
    Column("status", String(16), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False, server_default="message"),
    Column("due", String(10)),
    Column("provisional", Boolean, nullable=False, server_default=false()),
    Column("owner", String(64)),
    Column("stars", Integer),
    Column("result", String(16)),
    Column("remark", Text, nullable=False, server_default=""),
    Column("closed_at", BigInteger),
    UniqueConstraint("conversation_id", "client_id", name="tickets_once"),
    Index("tickets_by_status", "status", "made_at"),
)

rates = Table(
    "rates",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("window_from", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("models", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("live_at", BigInteger),
    Column("report", JSON, nullable=False),
)

artefacts = Table(
    "artefacts",
    metadata,
    Column("id", String(48), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

pointers = Table(
    "pointers",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", String(64), nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("loaded", String(32), nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("number", String(16), nullable=False, unique=True),
    Column("roles", JSON, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("password", Text, nullable=False),
    Column("password_from", String(16), nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("topics", JSON),
    Column("totp", LargeBinary),
    Column("totp_offered", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("username", String(64), ForeignKey("accounts.username"), nullable=False),
    Column("address", String(64), nullable=False),
    Column("device", String(200), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index("sessions_by_account", "username"),
    Index("sessions_by_end", "ends_at"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("account", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Index("sign_in_failures_by_age", "since"),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(48), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("detail", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("audit_by_subject", "subject", "seq"),
)

# One row: who appends takes it first, so that rows of the log have one order.
audit_head = Table(
    "audit_head",
    metadata,
    Column("name", String(8), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("number", String(16), nullable=False),
    Column("skills", JSON, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("status", String(8), nullable=False),
    Column("missed", Integer, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("served_at", BigInteger, nullable=False),
)

RINGING = "ringing"
_rings = text(f"state = '{RINGING}'")

# What rings is unique by conversation and by agent, so that a dispatcher that runs twice makes one offer.
offers = Table(
    "offers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("agent_id", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("offers_by_conversation", "conversation_id", "made_at"),
    Index("offers_once", "conversation_id", unique=True, sqlite_where=_rings, postgresql_where=_rings),
    Index("offers_one_each", "agent_id", unique=True, sqlite_where=_rings, postgresql_where=_rings),
)

_goes_on = text("ended_at IS NULL")

# A human stretch of a conversation. That only one goes on is a constraint: two owners cannot be written down.
services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("conversation_id", String(64), ForeignKey("conversations.id"), nullable=False),
    Column("agent_id", String(64), nullable=False),
    Column("waited_ms", BigInteger, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("how", String(32), nullable=False),
    Column("resolved", Boolean),
    Column("code", String(32), nullable=False),
    Column("remark", Text, nullable=False),
    Index("services_by_agent", "agent_id", "began_at"),
    Index("services_by_end", "ended_at"),
    Index("services_by_time", "began_at"),
    Index("services_once", "conversation_id", unique=True, sqlite_where=_goes_on, postgresql_where=_goes_on),
)

notes = Table(
    "notes",
    metadata,
    Column("conversation_id", String(64), ForeignKey("conversations.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("agent_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("whisper", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("conversation_id", "id", name="notes_once"),
)

canned_replies = Table(
    "canned_replies",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Index("canned_replies_by_owner", "owner"),
)

# Days that differ from their weekday. A year without any row is not known yet.
holidays = Table(
    "holidays",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("works", Boolean, nullable=False),
    Column("name", String(64), nullable=False),
)


def m001_first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


def m002_staff(connection: Connection) -> None:
    metadata.create_all(connection, [accounts, sessions, sign_in_failures, audit, audit_head])


def m003_desk(connection: Connection) -> None:
    for table in (conversations, tokens, tickets):
        _add_missing(connection, table)
    metadata.create_all(connection, [agents, offers, services, notes, canned_replies, holidays])


def m004_announced(connection: Connection) -> None:
    metadata.create_all(connection, [notices, switches])


def m005_endpoints(connection: Connection) -> None:
    metadata.create_all(connection, [endpoints, callbacks, deliveries, shared_tokens, used_links])


def m006_calls(connection: Connection) -> None:
    metadata.create_all(connection, [calls])


def m007_knowledge(connection: Connection) -> None:
    _add_missing(connection, accounts)
    metadata.create_all(connection, KNOWLEDGE)


def m008_insight(connection: Connection) -> None:
    for table in (messages, moves, feedback, ratings, services):
        _add_missing(connection, table)
    metadata.create_all(connection, INSIGHT)


def m009_each_service(connection: Connection) -> None:
    """A rating belongs to a service; before, each conversation had one."""
    _add_missing(connection, ratings)
    if "service_id" not in inspect(connection).get_pk_constraint(ratings.name)["constrained_columns"]:
        latest = select(func.max(services.c.id)).where(services.c.conversation_id == ratings.c.conversation_id)
        of = func.coalesce(latest.scalar_subquery(), 0)
        others = [column for column in ratings.c if column.name != "service_id"]
        rows = [dict(row._mapping) for row in connection.execute(select(*others, of.label("service_id")))]
        ratings.drop(connection)
        ratings.create(connection)
        if rows:
            connection.execute(ratings.insert(), rows)
    metadata.create_all(connection, [reads])


def _add_missing(connection: Connection, table: Table) -> None:
    """Columns and indexes that an older release did not make; a fresh database has them already."""
    known = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.c:
        if column.name not in known:
            told = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {told}")
    for index in table.indexes:
        index.create(connection, checkfirst=True)


CHANGES: tuple[Callable[[Connection], None], ...] = (
    m001_first_tables,
    m002_staff,
    m003_desk,
    m004_announced,
    m005_endpoints,
    m006_calls,
    m007_knowledge,
    m008_insight,
    m009_each_service,
)


def migrate(connection: Connection) -> list[str]:
    """Applies what this database has not seen yet; the caller holds a lock and a transaction."""
    if not inspect(connection).has_table(applied.name):
        applied.create(connection)
    done = set(connection.scalars(select(applied.c.name)))
    fresh = [change for change in CHANGES if change.__name__ not in done]
    for change in fresh:
        change(connection)
        connection.execute(applied.insert().values(name=change.__name__))
    return [change.__name__ for change in fresh]
