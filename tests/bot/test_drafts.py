"""Drafts: decided in the store, so that of two who act at once one is told; and what a release brings."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import drafts
from bot.drafts import APPROVED, IN_REVIEW, Change, Clash, Drafts
from bot.errors import Refused
from bot.staff import Account, Role
from bot.store.database import Database
from knowledge_base.entry import Answer, Entry
from tests.knowledge_base.tiny import entry


def account(name: str) -> Account:
    return Account(name, name, "1", frozenset({Role.REVIEWER}), (), 1, must_change=False)


LI, ZHOU, WANG = account("li"), account("zhou"), account("wang")
FIRST = entry("first", "pension.min_years", "头一个问题")
SECOND = entry("second", "pension.min_years", "第二个问题")


def said(one: Entry, text: str) -> Entry:
    return replace(one, answer=Answer(text=text))


def answering(database: Database) -> dict[str, str]:
    return {e.id: e.answer.text for e in database.read_now(drafts.answering)}


def publishable(database: Database) -> dict[str, str]:
    return {e.id: e.answer.text for e in database.read_now(drafts.publishable)}


def brought(database: Database, *entries: Entry, live: bool = False) -> int:
    waiting: int = database.write_now(lambda c: drafts.take_release(c, entries))
    if live:
        database.write_now(lambda c: drafts.settle(c, entries))
    return waiting


async def test_of_two_who_save_at_once_one_is_kept_and_the_other_sees_both_texts(database: Database) -> None:
    brought(database, FIRST, live=True)
    store = Drafts(database)
    saving = [store.save(who, said(FIRST, f"{who.username} 写的"), expected=1) for who in (LI, ZHOU)]
    done = await asyncio.gather(*saving, return_exceptions=True)
    [kept] = [one for one in done if not isinstance(one, BaseException)]
    [clash] = [one for one in done if isinstance(one, Clash)]
    assert (kept.revision, clash.theirs.content) == (2, kept.content)
    assert clash.mine is not None
    assert clash.mine != kept.content


async def test_what_is_edited_after_its_approval_leaves_what_answers_as_it_was(database: Database) -> None:
    brought(database, FIRST, live=True)
    store = Drafts(database)
    await store.save(LI, said(FIRST, "改一"), expected=1)
    await store.review(ZHOU, "first", revision=2, approve=True, reason="")
    assert publishable(database) == {"first": "改一"}
    await store.save(LI, said(FIRST, "改二"), expected=2)
    assert publishable(database) == {"first": "答"}
    with pytest.raises(Refused, match="own_work"):
        await store.review(LI, "first", revision=3, approve=True, reason="")


async def test_until_the_staff_write_the_files_are_the_knowledge_and_then_never_over_their_text(
    database: Database,
) -> None:
    brought(database, FIRST, SECOND, live=True)
    assert brought(database, said(FIRST, "新版"), SECOND, live=True) == 0
    assert answering(database)["first"] == "新版"
    store = Drafts(database)
    await store.save(LI, said(FIRST, "职员写的"), expected=1)
    await store.review(ZHOU, "first", revision=2, approve=True, reason="")
    third = entry("third", "pension.min_years", "第三个问题")
    assert brought(database, said(FIRST, "又一版"), said(SECOND, "又一版"), third) == 3
    assert publishable(database) == {"first": "新版", "second": "答"}
    found = await store.find("first")
    assert (found.state, found.content["answer"]["text"]) == (IN_REVIEW, "又一版")
    assert brought(database, said(FIRST, "又一版"), said(SECOND, "又一版"), third) == 0


async def test_what_somebody_is_writing_at_is_left_alone_by_a_release_until_it_is_settled(database: Database) -> None:
    brought(database, FIRST, live=True)
    store = Drafts(database)
    await store.save(LI, said(FIRST, "正在写"), expected=1)
    assert brought(database, said(FIRST, "新版")) == 0
    assert (await store.find("first")).content["answer"]["text"] == "正在写"
    await store.review(ZHOU, "first", revision=2, approve=True, reason="")
    assert brought(database, said(FIRST, "新版")) == 1


async def test_going_back_sends_to_review_only_what_is_taken_back(database: Database) -> None:
    brought(database, FIRST, SECOND, live=True)
    store = Drafts(database)
    for who, one in ((LI, FIRST), (LI, SECOND)):
        await store.save(who, said(one, "改"), expected=1)
        await store.review(ZHOU, one.id, revision=2, approve=True, reason="")
    published = (said(FIRST, "改"), SECOND)
    await database.write(lambda c: drafts.settle(c, published))
    await database.write(lambda c: drafts.settle(c, (FIRST, SECOND), back=True))
    assert (await store.find("first")).state == IN_REVIEW
    assert (await store.find("second")).state == APPROVED


async def test_a_release_that_drops_an_entry_asks_for_its_removal(database: Database) -> None:
    brought(database, FIRST, SECOND, live=True)
    store = Drafts(database)
    await store.save(LI, entry("own", "pension.min_years", "自己加的"), expected=None)
    assert brought(database, FIRST) == 1
    assert ((await store.find("second")).removed, answering(database)["second"]) == (True, "答")
    assert not (await store.find("own")).removed


_steps = st.lists(
    st.tuples(st.sampled_from(["save", "approve", "reject", "remove", "publish"]), st.sampled_from([LI, ZHOU, WANG]),
              st.integers(0, 3)),
    max_size=14,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(_steps)
def test_whatever_is_done_nothing_answers_that_its_own_writer_approved(
    sqlite: Database, steps: list[tuple[str, Account, int]]
) -> None:
    sqlite.write_now(
        lambda c: [c.execute(t.delete()) for t in (drafts.draft_reviews, drafts.draft_revisions, drafts.drafts)]
    )
    brought(sqlite, FIRST, live=True)
    store, right = Drafts(sqlite), {"答"}

    async def walk() -> None:
        pending: set[str] = set()
        for number, (step, who, _) in enumerate(steps):
            known = await store.find("first")
            text = known.content["answer"]["text"]
            try:
                if step == "save":
                    await store.save(who, said(FIRST, f"{number}"), expected=known.revision)
                    pending = {who.username} | (pending if known.state != APPROVED else set())
                elif step == "publish":
                    entries = await sqlite.read(drafts.publishable)
                    await sqlite.write(lambda c, made=tuple(entries): drafts.settle(c, made))
                elif step == "remove":
                    await store.remove(who, "first", expected=known.revision)
                else:
                    await store.review(who, "first", revision=known.revision, approve=step == "approve", reason="因")
                    if step == "approve":
                        assert who.username not in pending
                        right.add(text)
                        pending = set()
            except (Refused, Clash):
                continue

    asyncio.run(walk())
    assert set(answering(sqlite).values()) <= right


def test_an_import_takes_whichever_revision_is_there(sqlite: Database) -> None:
    brought(sqlite, FIRST, live=True)
    change = Change(said(FIRST, "表里的"), submit=True)
    kept = sqlite.write_now(lambda c: drafts.keep(c, LI, change, "import", upsert=True))
    again = sqlite.write_now(lambda c: drafts.keep(c, LI, change, "import", upsert=True))
    assert (kept.revision, again.revision, again.state) == (2, 2, IN_REVIEW)
