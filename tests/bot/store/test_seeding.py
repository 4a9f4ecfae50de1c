"""What seeds or replaces a whole table, begun by two machines at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Connection, create_engine, func, select, text

from bot.drafts import take_release
from bot.holidays import seed_in
from bot.store.database import open_database
from bot.tables import holidays
from bot.tables_knowledge import drafts
from tests.knowledge_base.tiny import entry

ENTRIES = (entry("a"), entry("b"))


@pytest.mark.parametrize(
    ("work", "table"),
    [(seed_in, holidays), (partial(take_release, entries=ENTRIES), drafts)],
    ids=["holidays", "drafts"],
)
def test_the_second_waits_for_the_first_and_finds_it_done(
    work: Callable[[Connection], int], table: object, postgres_url: str
) -> None:
    engine, second = (
        create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:")),
        open_database(postgres_url),
    )
    failed: list[BaseException] = []

    def late() -> None:
        try:
            second.write_now(work)
        except BaseException as error:
            failed.append(error)

    with engine.connect() as connection, connection.begin():
        work(connection)
        thread = threading.Thread(target=late)
        thread.start()
        with engine.connect() as watching:
            while not watching.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert thread.is_alive()
        rows = connection.scalar(select(func.count()).select_from(table))  # type: ignore[arg-type]
    thread.join()
    assert failed == []
    assert second.read_now(lambda c: c.scalar(select(func.count()).select_from(table))) == rows > 0  # type: ignore[arg-type]
    second.close()
    engine.dispose()
