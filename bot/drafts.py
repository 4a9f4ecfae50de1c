"""Drafts of the knowledge in the store: written by one, approved by another, changed by compare-and-set.

An entry's `content` is what is being written; `live` is what answers now. A version takes `content` where its revision
is approved, and `live` everywhere else: whatever is edited after an approval stays out until it is approved again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from bot.audit import append
from bot.errors import BotError, NotFound, Refused
from bot.staff import Account
from bot.store.conversations import insert_new, ms
from bot.store.database import Database, alone
from bot.tables_knowledge import draft_reviews, draft_revisions, drafts
from knowledge_base.entry import Entry
from knowledge_base.written import Record, fingerprint, flat, read_entry, told

DRAFT, IN_REVIEW, APPROVED, REJECTED = "draft", "in_review", "approved", "rejected"
STATES = (DRAFT, IN_REVIEW, APPROVED, REJECTED)
RELEASE = "(release)"  # brought by an installed version; no account can have this name
LAST = 2**31 - 1  # the place of what came after the files: behind them, in the order of ids
PAGE = 50
MOST = 500
_D = drafts.c


@dataclass(frozen=True, slots=True)
class Draft:
    """One entry as it is being written."""

    id: str
    revision: int
    state: str
    removed: bool
    author: str
    changed_at: int
    content: Record
    live: Record | None
    pointer: Record | None
    note: str

    @property
    def topic(self) -> str:
        return str(self.content.get("topic", ""))

    @property
    def pending(self) -> bool:
        """Approved, and other than what answers now."""
        return self.state == APPROVED and (self.live is not None if self.removed else self.content != self.live)


class Clash(BotError):
    """Somebody else changed the entry first: both texts."""

    def __init__(self, mine: Record | None, theirs: Draft) -> None:
        super().__init__(theirs.id)
        self.mine = mine
        self.theirs = theirs


@dataclass(frozen=True, slots=True)
class Asked:
    """Which drafts to list; empty fields do not narrow."""

    topic: str = ""
    state: str = ""
    text: str = ""
    pending: bool = False
    ids: tuple[str, ...] = field(default=())


class Drafts:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def seed(self, entries: Sequence[Entry]) -> None:
        """At first use: what answers now is what was approved. Another process may do the same at once."""
        if not await self._db.read(is_empty):
            return
        records = [told(entry) for entry in entries]

        def job(connection: Connection) -> None:
            alone(connection, "drafts")
            if is_empty(connection):
                _seed(connection, records)

        await self._db.write(job)

    async def page(self, asked: Asked, *, after: str = "", limit: int = PAGE) -> tuple[list[Draft], str | None]:
        """In the order of topics and ids; `after` is the cursor that the page before gave."""
        query = select(drafts).order_by(_D.topic, _D.id).where(*_wanted(asked))
        if after:
            topic, _, name = after.partition("|")
            query = query.where(or_(_D.topic > topic, (_D.topic == topic) & (_D.id > name)))
        rows = await self._db.read(lambda c: c.execute(query.limit(limit + 1)).all())
        found = [_draft(row) for row in rows[:limit]]
        return found, f"{found[-1].topic}|{found[-1].id}" if len(rows) > limit else None

    async def every(self) -> list[Draft]:
        """All that are not removed for good, in the order of the corpus."""
        return await self._db.read(every)

    async def counts(self) -> dict[str, Any]:
        """How many of each topic, in each state, and approved but not live yet."""

        def job(connection: Connection) -> dict[str, Any]:
            kept = or_(_D.removed.is_(False), _D.live.is_not(None))
            topics = connection.execute(select(_D.topic, func.count()).where(kept).group_by(_D.topic)).all()
            states = connection.execute(select(_D.state, func.count()).where(kept).group_by(_D.state)).all()
            approved = connection.execute(select(drafts).where(_D.state == APPROVED)).all()
            pending = sum(_draft(row).pending for row in approved)
            return {"topics": dict(map(tuple, topics)), "states": dict(map(tuple, states)), "pending": pending}

        return await self._db.read(job)

    async def find(self, id: str) -> Draft:
        """Raises NotFound."""
        return await self._db.read(lambda c: _find(c, id))

    async def save(
        self,
        account: Account,
        entry: Entry,
        *,
        expected: int | None,
        submit: bool = False,
        note: str = "",
    ) -> Draft:
        """Another revision; a new entry where `expected` is None. The same text again changes nothing.

        Raises Clash, NotFound, Refused `id_taken` and `not_your_topic`.
        """
        change = Change(entry, expected=expected, submit=submit, note=note)

        def job(connection: Connection) -> Draft:
            saved = keep(connection, account, change, "edit")
            append(
                connection, actor=account.username, action="draft_saved", subject=entry.id, at=now(),
                detail={"revision": saved.revision, "state": saved.state},
            )  # fmt: skip
            return saved

        return await self._db.write(job)

    async def remove(self, account: Account, id: str, *, expected: int | None, note: str = "") -> Draft:
        """Drafts the removal, for somebody else to approve. Raises Clash, NotFound, Refused `not_your_topic`."""

        def job(connection: Connection) -> Draft:
            known = _find(connection, id)
            check_topic(account, known.topic)
            if expected is not None and expected != known.revision:
                raise Clash(None, known)
            if known.removed:
                return known
            revised = _revise(connection, known, account.username, "remove", removed=True, state=IN_REVIEW, note=note)
            append(connection, actor=account.username, action="draft_removed", subject=id, at=now())
            return revised

        return await self._db.write(job)

    async def submit(self, account: Account, id: str, *, expected: int) -> Draft:
        """Asks for a review of this revision. Raises Clash, NotFound, Refused `not_your_topic`, `wrong_state`."""

        def job(connection: Connection) -> Draft:
            known = _find(connection, id)
            check_topic(account, known.topic)
            if known.revision != expected:
                raise Clash(None, known)
            if known.state not in (DRAFT, IN_REVIEW):
                raise Refused("wrong_state", "这一稿已经审过，没有可送审的改动。")
            _set(connection, known, state=IN_REVIEW)
            return _find(connection, id)

        return await self._db.write(job)

    async def review(self, account: Account, id: str, *, revision: int, approve: bool, reason: str) -> Draft:
        """Decides on one revision, which nobody may whose words are in it.

        Raises NotFound, Clash, Refused `own_work`, `reason_missing`, `wrong_state`, `not_your_topic`.
        """
        if not approve and not reason.strip():
            raise Refused("reason_missing", "退回时请写明原因，方便编辑修改。")

        def job(connection: Connection) -> Draft:
            known = _find(connection, id)
            check_topic(account, known.topic)
            if known.revision != revision:
                raise Clash(None, known)
            decision = APPROVED if approve else REJECTED
            if known.state not in (DRAFT, IN_REVIEW):
                if known.state == decision:
                    return known
                raise Refused("wrong_state", "这一稿已经审过。")
            if account.username in writers(connection, id):
                raise Refused("own_work", "自己写的内容要由另一位同事审核。")
            row = {
                "entry": id, "revision": revision, "reviewer": account.username, "decision": decision,
                "reason": reason.strip(), "at": ms(now()),
            }  # fmt: skip
            connection.execute(
                draft_reviews.delete().where(draft_reviews.c.entry == id, draft_reviews.c.revision == revision)
            )
            connection.execute(draft_reviews.insert().values(row))
            _set(connection, known, state=decision)
            append(
                connection, actor=account.username, action=f"draft_{decision}", subject=id, at=now(),
                detail={"revision": revision, "reason": reason.strip()},
            )  # fmt: skip
            return _find(connection, id)

        return await self._db.write(job)

    async def history(self, id: str) -> tuple[list[Row[Any]], list[Row[Any]]]:
        """Its revisions, the newest first, and its reviews. Raises NotFound."""

        def job(connection: Connection) -> tuple[list[Row[Any]], list[Row[Any]]]:
            _find(connection, id)
            r, v = draft_revisions.c, draft_reviews.c
            made = connection.execute(select(draft_revisions).where(r.entry == id).order_by(r.revision.desc())).all()
            reviews = connection.execute(select(draft_reviews).where(v.entry == id).order_by(v.revision.desc())).all()
            return list(made), list(reviews)

        return await self._db.read(job)

    async def recheck(self, account: Account, ids: Iterable[str], note: str) -> list[str]:
        """Sends entries to review as they stand, because something they rest on has changed."""

        def job(connection: Connection) -> list[str]:
            sent = []
            for name in ids:
                known = _find(connection, name)
                if not known.removed:
                    _revise(connection, known, account.username, "recheck", state=IN_REVIEW, note=note)
                    sent.append(name)
            append(
                connection, actor=account.username, action="drafts_rechecked", subject=note[:128], at=now(),
                detail={"entries": sent},
            )  # fmt: skip
            return sent

        return await self._db.write(job)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be kept of one entry."""

    entry: Entry
    expected: int | None = None
    submit: bool = False
    note: str = ""
    pointer: Record | None = None


def keep(connection: Connection, account: Account, change: Change, how: str, *, upsert: bool = False) -> Draft:
    """One more revision of an entry, or a new entry; `upsert` takes whichever revision is there.

    Raises Clash, NotFound, Refused `id_taken`, `not_your_topic`.
    """
    record = told(change.entry)
    check_topic(account, change.entry.topic)
    row = connection.execute(select(drafts).where(_D.id == change.entry.id)).one_or_none()
    if row is None:
        if change.expected is not None:
            raise NotFound(change.entry.id)
        return _create(connection, account.username, record, change, how)
    known = _draft(row)
    check_topic(account, known.topic)
    same = record == known.content and not known.removed
    if change.expected is None and not upsert and not (same and known.author == account.username):
        if not (known.removed and known.live is None):
            raise Refused("id_taken", f"编号 {change.entry.id} 已经有了。")
    elif change.expected not in (None, known.revision):
        raise Clash(record, known)
    if same:
        if change.submit and known.state == DRAFT:
            _set(connection, known, state=IN_REVIEW)
            return _find(connection, known.id)
        return known
    state = IN_REVIEW if change.submit else DRAFT
    return _revise(
        connection, known, account.username, how, content=record, removed=False, state=state, note=change.note,
        pointer=change.pointer or known.pointer,
    )  # fmt: skip


def check_topic(account: Account, topic: str) -> None:
    """Raises Refused `not_your_topic` for a topic of another department."""
    if not account.writes(topic):
        raise Refused("not_your_topic", "这个主题由别的科室负责。")


def writers(connection: Connection, id: str) -> set[str]:
    """Whose words are in it since it was last approved."""
    r, v = draft_revisions.c, draft_reviews.c
    approved = select(func.coalesce(func.max(v.revision), 0)).where(v.entry == id, v.decision == APPROVED)
    query = select(r.author).where(r.entry == id, r.revision > approved.scalar_subquery())
    return set(connection.scalars(query))


def every(connection: Connection) -> list[Draft]:
    """All that are not removed for good, in the order of the corpus."""
    kept = or_(_D.removed.is_(False), _D.live.is_not(None))
    return [_draft(row) for row in connection.execute(select(drafts).where(kept).order_by(_D.place, _D.id))]


def publishable(connection: Connection) -> list[Entry]:
    """What a version is made of: what is approved, and what answers now where nothing newer is."""
    found = []
    for draft in every(connection):
        record = draft.live if draft.state != APPROVED else None if draft.removed else draft.content
        if record is not None:
            found.append(read_entry(record))
    return found


def answering(connection: Connection) -> list[Entry]:
    """What answers now."""
    return [read_entry(draft.live) for draft in every(connection) if draft.live is not None]


def is_empty(connection: Connection) -> bool:
    return connection.scalar(select(_D.id).limit(1)) is None


def in_use(connection: Connection) -> bool:
    """Whether the staff have written anything yet; until then the files are the knowledge."""
    r = draft_revisions.c
    return connection.scalar(select(r.entry).where(r.author != RELEASE).limit(1)) is not None


def settle(connection: Connection, entries: Sequence[Entry], *, back: bool = False) -> None:
    """Notes what answers now. With `back`, what was live and is so no more goes to review again."""
    records = {entry.id: told(entry) for entry in entries}
    rows = {row.id: _draft(row) for row in connection.execute(select(drafts))}
    for name, known in rows.items():
        live = records.get(name)
        if live == known.live:
            continue
        values: dict[str, Any] = {"live": live}
        was_live = known.state == APPROVED and (known.live is None if known.removed else known.content == known.live)
        if back and was_live:
            values |= {"state": IN_REVIEW, "note": "已回退，请重新审核"}
        connection.execute(drafts.update().where(_D.id == name).values(values))
    missing = [record for name, record in records.items() if name not in rows]
    if missing:
        _seed(connection, missing)


def take_release(connection: Connection, entries: Sequence[Entry]) -> int:
    """What the files say: the knowledge itself until the staff have written, then drafts for review.

    Returns how many wait for review because of it. An entry that somebody is writing at is left for later.
    """
    alone(connection, "drafts")
    used = in_use(connection)
    records = {entry.id: told(entry) for entry in entries}
    rows = {row.id: row for row in connection.execute(select(drafts))}
    places = {name: place for place, name in enumerate(records)}
    waiting = 0
    if not used:
        for table in (draft_reviews, draft_revisions, drafts):
            connection.execute(table.delete())
        _seed(connection, list(records.values()), live={name: row.live for name, row in rows.items()})
        return 0
    for name, record in records.items():
        mark = fingerprint([record])
        row = rows.get(name)
        if row is None:
            change = Change(read_entry(record))
            made = _create(connection, RELEASE, record, change, "release", state=IN_REVIEW)
            connection.execute(drafts.update().where(_D.id == made.id).values(seed=mark, place=places[name]))
            waiting += 1
        elif row.seed != mark and row.state in (APPROVED, REJECTED):
            known = _draft(row)
            if record != known.content or known.removed:
                _revise(
                    connection, known, RELEASE, "release", content=record, removed=False, state=IN_REVIEW,
                    note="新版本带来的改动",
                )  # fmt: skip
                waiting += 1
            connection.execute(drafts.update().where(_D.id == name).values(seed=mark))
    for name, row in rows.items():
        if row.seed and name not in records and row.state in (APPROVED, REJECTED) and not row.removed:
            _revise(
                connection, _draft(row), RELEASE, "release", removed=True, state=IN_REVIEW, note="新版本删除了这一条"
            )
            connection.execute(drafts.update().where(_D.id == name).values(seed=""))
            waiting += 1
    return waiting


def now() -> datetime:
    return datetime.now(UTC)


def _seed(connection: Connection, records: Sequence[Record], live: dict[str, Record | None] | None = None) -> None:
    first = is_empty(connection)
    at = ms(now())
    rows, revisions = [], []
    for number, record in enumerate(records):
        mark = fingerprint([record])
        rows.append(
            _columns(record) | {
                "id": record["id"], "place": number if first else LAST, "revision": 1, "state": APPROVED,
                "removed": False, "author": RELEASE, "changed_at": at, "pointer": None, "note": "", "seed": mark,
                "live": record if live is None else live.get(record["id"]),
            }
        )  # fmt: skip
        revisions.append(_revision(record, 1, RELEASE, at, "release", removed=False, note=""))
    if rows:
        connection.execute(drafts.insert(), rows)
        connection.execute(draft_revisions.insert(), revisions)


def _create(
    connection: Connection, author: str, record: Record, change: Change, how: str, *, state: str | None = None
) -> Draft:
    at = ms(now())
    state = state or (IN_REVIEW if change.submit else DRAFT)
    row = _columns(record) | {
        "id": record["id"], "place": LAST, "revision": 1, "state": state, "removed": False, "author": author,
        "changed_at": at, "live": None, "pointer": change.pointer, "note": change.note, "seed": "",
    }  # fmt: skip
    if not insert_new(connection, drafts, row):
        raise Refused("id_taken", f"编号 {record['id']} 已经有了。")
    connection.execute(
        draft_revisions.insert().values(_revision(record, 1, author, at, how, removed=False, note=change.note))
    )
    return Draft(record["id"], 1, state, False, author, at, record, None, change.pointer, change.note)


def _revise(
    connection: Connection,
    known: Draft,
    author: str,
    how: str,
    *,
    state: str,
    content: Record | None = None,
    removed: bool | None = None,
    note: str = "",
    pointer: Record | None = None,
) -> Draft:
    """The next revision, if nobody else made it meanwhile. Raises Clash."""
    at = ms(now())
    record = content or known.content
    gone = known.removed if removed is None else removed
    values = _columns(record) | {
        "revision": known.revision + 1, "state": state, "removed": gone, "author": author, "changed_at": at,
        "note": note, "pointer": pointer or known.pointer,
    }  # fmt: skip
    changed = connection.execute(drafts.update().where(_D.id == known.id, _D.revision == known.revision).values(values))
    if changed.rowcount != 1:
        raise Clash(content, _find(connection, known.id))
    connection.execute(
        draft_revisions.insert().values(_revision(record, known.revision + 1, author, at, how, removed=gone, note=note))
    )
    return _find(connection, known.id)


def _set(connection: Connection, known: Draft, **values: Any) -> None:
    changed = connection.execute(drafts.update().where(_D.id == known.id, _D.revision == known.revision).values(values))
    if changed.rowcount != 1:
        raise Clash(None, _find(connection, known.id))


def _columns(record: Record) -> dict[str, Any]:
    words = "\n".join(flat(record).values())
    return {"topic": record.get("topic", ""), "content": record, "haystack": words.lower()}


def _revision(
    record: Record, number: int, author: str, at: int, how: str, *, removed: bool, note: str
) -> dict[str, Any]:
    return {
        "entry": record["id"], "revision": number, "author": author, "at": at, "how": how, "removed": removed,
        "content": record, "note": note,
    }  # fmt: skip


def _wanted(asked: Asked) -> list[Any]:
    found: list[Any] = [or_(_D.removed.is_(False), _D.live.is_not(None))]
    if asked.topic:
        found.append(or_(_D.topic == asked.topic, _D.topic.startswith(asked.topic + ".", autoescape=True)))
    if asked.state:
        found.append(_D.state == asked.state)
    if asked.ids:
        found.append(_D.id.in_(asked.ids))
    if asked.pending:
        found.append((_D.state == APPROVED) & (_D.author != RELEASE))
    found.extend(_D.haystack.contains(word, autoescape=True) for word in asked.text.lower().split()[:8])
    return found


def _find(connection: Connection, id: str) -> Draft:
    row = connection.execute(select(drafts).where(_D.id == id)).one_or_none()
    if row is None:
        raise NotFound(id)
    return _draft(row)


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        row.id, row.revision, row.state, row.removed, row.author, row.changed_at, row.content, row.live, row.pointer,
        row.note,
    )  # fmt: skip
