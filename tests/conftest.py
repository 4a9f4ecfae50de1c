"""Fresh stores on both kinds of database, real servers, and the parts joined over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from bot.bus.memory import MemoryBus
from bot.metadata import metadata
from bot.store.conversations import Conversations
from bot.store.database import Database, open_database
from bot.tables import applied
from tests.parts import Desk, join
from tests.scripted import Clock
from tests.servers import RedisServer, new_database, postgres_server

# The machine is shared, so no example has a deadline; the gate tries the same examples each time.
settings.register_profile("here", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("here")

TOGETHER = ("browser", "quality")  # folders whose files share what is dear to make

OTHERS = "pid <> pg_backend_pid()"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Beside each other run files, each whole in one process."""
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    item.add_marker(pytest.mark.xdist_group(folder if folder in TOGETHER else str(item.path)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The socket folder of a PostgreSQL with a database `ready`, whose tables are made."""
    with postgres_server() as host:
        _run(host, "CREATE DATABASE ready")
        database = open_database(_url(host, "ready"))
        database.migrate()
        database.close()
        yield host


@pytest.fixture
def postgres_url(postgres: str) -> str:
    """The database `ready`, as empty as after the first start."""
    tables = [t.name for t in reversed(metadata.sorted_tables) if t is not applied]
    emptied = "; ".join(f"DELETE FROM {name}" for name in tables)
    _run(postgres, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ready' AND {OTHERS}")
    _run(postgres, f"{emptied}; ALTER SEQUENCE moves_id_seq RESTART", "ready")
    return _url(postgres, "ready")


@pytest.fixture
def empty_postgres_url(postgres: str) -> str:
    """A database without tables."""
    return new_database(postgres)


def _run(host: str, statements: str, name: str = "postgres") -> None:
    with psycopg.connect(host=host, user="postgres", dbname=name, autocommit=True) as connection:
        connection.execute(statements)


def _url(host: str, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={host}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store of this test's own lies, once on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/yida.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    opened = open_database(store_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def neighbour(database: Database, store_url: str) -> Iterator[Database]:
    """The same store, opened as another process would open it."""
    opened = open_database(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """For what does not depend on the kind of store."""
    opened = open_database(f"sqlite:///{tmp_path}/yida.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> Conversations:
    return Conversations(database)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Shared: a test that hurts Redis starts its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(sqlite: Database, clock: Clock) -> Desk:
    return join(sqlite, MemoryBus(), clock)
