"""Wrong passwords, counted in the database so that all workers count together.

Ten for one account from one address lock it for that address, fifty from anywhere lock it for all, each for a quarter
of an hour; also the right password is then refused. Names that do not exist are counted alike. Sessions go on.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, and_, case, func, or_, select

from bot.store.conversations import upsert
from bot.tables import sign_in_failures

PER_ADDRESS = 10
PER_ACCOUNT = 50
LOCKED_MS = 15 * 60_000
DAY_MS = 86_400_000  # after which a count begins anew: slips of the finger do not add up for ever


def locked_until(connection: Connection, username: str, address: str, now: int) -> int:
    """Milliseconds since 1970, or 0 where it is not locked."""
    names = [name for name, _ in _counts(username, address)]
    query = select(func.max(sign_in_failures.c.locked_until)).where(sign_in_failures.c.name.in_(names))
    until = int(connection.scalar(query) or 0)
    return until if until > now else 0


def count_failure(connection: Connection, username: str, address: str, now: int) -> int:
    """One more; returns how many are left before it locks. Less than 0 where others were faster and locked it."""
    account = _name(username)
    left = [limit - _one_more(connection, name, account, limit, now) for name, limit in _counts(username, address)]
    over = select(sign_in_failures.c.name).where(sign_in_failures.c.since <= now - DAY_MS)
    without_waiting = over.with_for_update(skip_locked=True)
    connection.execute(sign_in_failures.delete().where(sign_in_failures.c.name.in_(without_waiting)))
    return min(left)


def forgive(connection: Connection, username: str, address: str) -> None:
    """After the right password; what others tried from elsewhere stays counted."""
    (mine, _), _ = _counts(username, address)
    connection.execute(sign_in_failures.delete().where(sign_in_failures.c.name == mine))


def unlock(connection: Connection, username: str) -> None:
    """For every address: who set a new password starts anew."""
    connection.execute(sign_in_failures.delete().where(sign_in_failures.c.account == _name(username)))


def _counts(username: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """The two counters, always in this order: whoever waits for the second holds the first."""
    return (_name(username, address), PER_ADDRESS), (_name(username), PER_ACCOUNT)


def _name(*parts: str) -> str:
    return sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _one_more(connection: Connection, name: str, account: str, limit: int, now: int) -> int:
    table = sign_in_failures
    fresh = upsert(connection, table).values(name=name, account=account, count=1, since=now, locked_until=0)
    over = or_(table.c.since <= now - DAY_MS, and_(table.c.locked_until > 0, table.c.locked_until <= now))
    again = fresh.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "count": case((over, 1), else_=table.c.count + 1),
            "since": case((over, now), else_=table.c.since),
            "locked_until": case((over, 0), (table.c.count + 1 == limit, now + LOCKED_MS), else_=table.c.locked_until),
        },
    )
    return int(connection.execute(again.returning(table.c.count)).scalar_one())
