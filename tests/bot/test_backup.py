"""The whole state in one file: taken while serving, given to either kind of store, and to nobody else's."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import threading
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.accounts import Actor
from bot.audit import append
from bot.backup import KIND, PASSING, backup, restore
from bot.bus.memory import MemoryBus
from bot.config import Settings
from bot.contacts import Contacts, contact_key
from bot.conversation import Choice, Message, Party, Source
from bot.errors import NotFound, SettingsError
from bot.holidays import Holidays
from bot.noticeboard import NoticeBoard, Wording
from bot.notices import Kind
from bot.opinions import Opinions
from bot.parent import only_server
from bot.rates import Rates
from bot.staff import Account, Role
from bot.store.conversations import Conversations
from bot.store.database import Database, now_ms, open_database
from bot.store.words import Note, Words
from bot.tables import (
    accounts,
    applied,
    artefacts,
    canned_replies,
    conversations,
    messages,
    metadata,
    moves,
    sessions,
    tickets,
    versions,
    workers,
)
from bot.tickets import Form
from tests.bot.test_tickets import DUE
from tests.parts import Desk, join
from tests.scripted import Clock
from tests.spoken import NAME, NOON, heard, opened, replied, said

Place = Callable[[str], Settings]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """A home of its own, with a store of this kind."""

    def make(kind: str) -> Settings:
        home = tmp_path / f"{kind}-{len(list(tmp_path.iterdir()))}"
        home.mkdir()
        url = f"sqlite:///{home}/yida.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
        return Settings(store=url, home=home)

    return make


def contents(settings: Settings) -> dict[str, list[str]]:
    """Every row that a backup has to keep."""
    database = open_database(settings.store)
    try:
        tables = [t for t in metadata.sorted_tables if t.name not in PASSING and t is not applied]
        return {
            t.name: sorted(str(tuple(row)) for row in database.read_now(lambda c, t=t: c.execute(select(t)).all()))
            for t in tables
        }
    finally:
        database.close()


async def _live(database: Database, home: Path) -> None:
    """Something in every table, with every kind of value."""
    desk = join(database, MemoryBus(), Clock())
    contacts = Contacts(database, contact_key({}, home))
    name = (await desk.switchboard.open("web", address="a", id=NAME)).conversation.id
    desk.switchboard._tickets._contacts = contacts
    rich = Message(
        "re:m1", Party.BOT, "**答**\n“引号”，emoji 🙂", NOON, choices=(Choice("c1", "补缴", entry="e1"),),
        sources=(Source("社会保险法", "第十六条"),), card={"kind": "step", "of": [1, 2]}, answer_code="ABCD-2345", details={"score": 0.5},
    )  # fmt: skip
    turn = await heard(desk.store, said("m1"), name)
    await desk.store.reply(turn.conversation, rich, hand_off=True, reason="asked")
    await desk.store.touch_typing(name, NOON)
    await desk.switchboard.leave_message(name, Form("refund", "请回电", "13800138000", consent=True), id="f1")
    await Opinions(database).mark(name, 3, helpful=False, at=NOON)
    await Opinions(database).rate(name, 4, ["快"], "谢谢", NOON, due=DUE)
    await desk.codes.issue(name, NOON)
    await Rates(database).count("say:a", per_minute=5)
    made = {
        "id": "v1",
        "models": "m1",
        "status": "live",
        "entries": 3,
        "made_at": 1,
        "live_at": 2,
        "report": {"bands": [0.5]},
    }
    await database.write(lambda c: c.execute(versions.insert().values(made)))
    await database.write(lambda c: c.execute(artefacts.insert().values(id="index-v1", content=bytes(range(256)) * 50)))
    pointers = metadata.tables["pointers"]
    await database.write(lambda c: c.execute(pointers.insert().values(name="live", value="v1")))
    account = {
        "username": "li", "name": "李工", "number": "1001", "roles": ["agent"], "skills": [], "capacity": 3, "made_at": 1,
        "password": "digest", "password_from": "own", "must_change": False, "totp": b"\x00\xff", "totp_step": 1, "disabled": False,
    }  # fmt: skip
    await database.write(lambda c: c.execute(accounts.insert().values(account)))
    await database.write(lambda c: append(c, actor="li", action="signed_in", detail={"次": 1}, at=NOON))
    board = NoticeBoard(database, MemoryBus(), Clock())
    await board.post(Wording(Kind.PINNED, "系统周六停机。", ("web", "voice")), Actor("li"))
    await board.switch("wechat", off=True, text="维护中", by=Actor("li"))
    learned = {
        "alarms": {"id": "a", "topic": "t", "at": 1, "count": 20, "usual": 2.5, "sigma": 1.5, "examples": ["怎么报"]},
        "settled": {"conversation_id": name, "seq": 2, "how": "entry", "actor": "li", "at": 1},
        "complaints": {"conversation_id": name, "seq": 3, "remark": "在改"},
        "proposals": {
            "id": "p", "kind": "variant", "text": "怎么报", "questions": ["怎么报"], "status": "open", "made_by": "li",
            "made_at": 1, "remark": "",
        },
    }  # fmt: skip
    learned |= {
        "drafts": {
            "id": "e", "place": 1, "topic": "t", "revision": 2, "state": "approved", "removed": False, "author": "li",
            "changed_at": 1, "content": {"id": "e", "问": ["答"]}, "live": None, "haystack": "问", "pointer": {"页": 3},
            "note": "", "seed": "s",
        },
        "draft_revisions": {
            "entry": "e", "revision": 2, "author": "li", "at": 1, "how": "edit", "removed": False, "content": {}, "note": "",
        },
        "draft_reviews": {
            "entry": "e", "revision": 2, "reviewer": "zhou", "decision": "approved", "reason": "", "at": 1,
        },
        "jobs": {
            "id": "j", "kind": "import", "state": "running", "by": "li", "made_at": 1, "due_at": 1, "told": {"file": "表"},
            "result": {}, "progress": 0.5, "holder": "h", "leased_until": 2, "attempts": 1,
        },
        "uploads": {"job": "j", "content": bytes(range(256))},
        "upload_rows": {
            "job": "j", "number": 0, "row": 2, "status": "error", "entry": "e", "message": "错", "cells": {"id": "e"},
        },
        "regressions": {
            "id": "q", "text": "怎么报", "entry": "e", "outcome": "answer", "must_pass": True, "author": "li", "made_at": 1,
        },
        "marked_documents": {"name": "旧办法", "status": "repealed", "note": "", "by": "li", "at": 1},
    }  # fmt: skip
    learned |= {
        "endpoints": {
            "id": "wx", "channel": "wechat", "account": "default", "sealed": b"\x00\xff", "conversation_id": name,
            "after_seq": 1, "made_at": 1, "seen_at": 2, "called_until": 0, "reachable": True, "words_left": 4,
            "words_until": 3, "event_left": 0, "event_until": 0, "tries": 0, "retry_at": 0,
        },
        "deliveries": {
            "conversation_id": name, "seq": 3, "endpoint_id": "wx", "way": "courier", "state": "sent", "claim": "c",
            "until": 1, "parts": 1, "error": "", "at": 1,
        },
        "reads": {"conversation_id": name, "party": "agent", "seq": 2},
        "used_links": {"digest": "d", "ends_at": 1},
        "calls": {
            "id": "call", "conversation_id": name, "process": "", "purpose": "", "begun": 1, "outcome": "answered",
            "skill": "", "summary": "问养老", "transcript": [{"at": 1, "text": "您好"}],
        },
    }  # fmt: skip
    for table, row in learned.items():
        await database.write(lambda c, t=table, r=row: c.execute(metadata.tables[t].insert().values(r)))
    await _at_the_desk(desk, name)


async def _at_the_desk(desk: Desk, name: str) -> None:
    li = Account("li", "李工", "1001", frozenset({Role.AGENT}), ("pension",), 3, must_change=False)
    await desk.queue.come(li, NOON)
    await desk.queue.set_status("li", "online", NOON)
    await desk.queue.offer([(name, "li")], NOON, NOON + timedelta(seconds=20))
    begins = Message("sys:begins", Party.SYSTEM, "开始", NOON)
    await desk.queue.take(name, "li", NOON, lambda conversation: begins, how="accept")
    await Words(desk.database).note(name, Note(0, "n1", "li", "请回电", whisper=False, at=NOON))
    canned = {"id": "r1", "title": "问好", "text": "您好", "shared": True, "owner": "li", "made_at": 1}
    await desk.database.write(lambda c: c.execute(canned_replies.insert().values(canned)))
    await Holidays(desk.database).replace(2026, [(date(2026, 10, 1), False, "国庆节")])


def fill(settings: Settings) -> None:
    database = open_database(settings.store)
    database.migrate()
    asyncio.run(_live(database, settings.home))
    database.close()


# There and back


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_what_is_restored_is_what_was_backed_up_on_either_kind_of_store(
    place: Place, tmp_path: Path, source: str, target: str, postgres_url: str
) -> None:
    old = place(source)
    fill(old)
    kept = contents(old)
    assert all(kept.values()), "a table is empty, and proves nothing"
    counts = backup(old, tmp_path / "b.tar.gz")
    assert counts == {name: len(rows) for name, rows in kept.items()}
    new = place(target)
    if target == "postgresql" == source:
        database = open_database(new.store)
        database.write_now(lambda c: c.execute(metadata.tables["ratings"].delete()))
        database.close()
    assert restore(new, tmp_path / "b.tar.gz") == counts
    assert contents(new) == kept
    assert (new.home / "contact.key").read_bytes() == (old.home / "contact.key").read_bytes()
    assert (new.home / "contact.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
def test_after_a_restore_life_goes_on(place: Place, tmp_path: Path, target: str) -> None:
    """New rows get numbers that are free, tokens open, and sealed numbers can be read."""
    old = place("sqlite")
    fill(old)
    backup(old, tmp_path / "b.tar.gz")
    new = place(target)
    restore(new, tmp_path / "b.tar.gz")
    database = open_database(new.store)

    async def go_on() -> None:
        store = Conversations(database)
        conversation = await store.find(NAME)
        await store.change(conversation.release(), reason="released", at=NOON)
        assert (await heard(store, said("m2"))).message.seq == conversation.last_seq + 1
        ids = await database.read(lambda c: list(c.scalars(select(moves.c.id).order_by(moves.c.id))))
        assert len(ids) == len(set(ids)) == 3
        contact = await database.read(lambda c: c.scalar(select(tickets.c.contact_id)))
        assert await Contacts(database, contact_key({}, new.home)).reveal(contact) == "13800138000"

    asyncio.run(go_on())
    database.close()


def test_a_restore_replaces_what_was_there(place: Place, tmp_path: Path) -> None:
    old, new = place("sqlite"), place("sqlite")
    fill(old)
    fill(new)
    database = open_database(new.store)
    asyncio.run(_another(database))
    database.close()
    backup(old, tmp_path / "b.tar.gz")
    restore(new, tmp_path / "b.tar.gz")
    assert contents(new) == contents(old)


async def _another(database: Database) -> None:
    await opened(Conversations(database), "conversation-2")


def test_a_backup_of_an_older_release_is_read_and_what_came_later_begins_empty(place: Place, tmp_path: Path) -> None:
    old, new = place("sqlite"), place("sqlite")
    fill(old)
    backup(old, tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "b.tar.gz") as tar:
        members = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    later = ("tables/accounts.jsonl", "tables/audit.jsonl", "tables/audit_head.jsonl")
    kept = {name.replace("/", "__"): told for name, told in members.items() if name not in later}
    packed(tmp_path / "older.tar.gz", **kept | {"kind.json": {"kind": KIND, "changes": ["m001_first_tables"]}})
    fill(new)
    counts = restore(new, tmp_path / "older.tar.gz")
    assert (counts["accounts"], counts["audit"]) == (0, 0)
    before, after = contents(old), contents(new)
    assert {name: rows for name, rows in after.items() if rows} == {
        name: rows for name, rows in before.items() if f"tables/{name}.jsonl" not in later
    }


def test_after_a_restore_everybody_has_to_sign_in_anew(place: Place, tmp_path: Path) -> None:
    settings = place("sqlite")
    fill(settings)
    backup(settings, tmp_path / "b.tar.gz")
    database = open_database(settings.store)
    row = {
        "digest": "d",
        "id": "s",
        "username": "li",
        "address": "",
        "device": "",
        "made_at": 1,
        "seen_at": 1,
        "ends_at": now_ms() * 2,
    }
    database.write_now(lambda c: c.execute(sessions.insert().values(row)))
    restore(settings, tmp_path / "b.tar.gz")
    assert database.read_now(lambda c: c.execute(select(sessions)).all()) == []
    database.close()


# While serving


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_a_backup_while_writing_is_one_consistent_moment(place: Place, tmp_path: Path, source: str) -> None:
    settings = place(source)
    writing, begun, over = open_database(settings.store), threading.Event(), threading.Event()
    writing.migrate()

    async def write() -> None:
        store = Conversations(writing)
        for n in range(100_000):
            name = f"conversation-{n}"
            await opened(store, name)
            for k in range(5):
                told = await heard(store, said(f"m{k}"), name)
                await store.reply(told.conversation, replied(f"m{k}"))
            begun.set()
            if over.is_set():
                return

    thread = threading.Thread(target=lambda: asyncio.run(write()))
    thread.start()
    begun.wait(10)
    try:
        taken = [backup(settings, tmp_path / f"b{n}.tar.gz") for n in range(3)]
    finally:
        over.set()
        thread.join()
        writing.close()
    assert taken[0]["messages"] < taken[2]["messages"]
    new = place("sqlite")
    restore(new, tmp_path / "b1.tar.gz")
    database = open_database(new.store)
    of = messages.c.conversation_id == conversations.c.id
    told = select(conversations.c.last_seq, func.count(), func.max(messages.c.seq)).join(messages, of)
    rows = database.read_now(lambda c: c.execute(told.group_by(conversations.c.id)).all())
    database.close()
    assert len(rows) == taken[1]["conversations"]
    assert all(last == count == highest for last, count, highest in rows)


def test_the_file_appears_whole_and_for_its_owner_only(place: Place, tmp_path: Path) -> None:
    settings = place("sqlite")
    fill(settings)
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "b.tar.gz"
    target.write_text("an older one")
    backup(settings, target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in target.parent.iterdir()] == ["b.tar.gz"]
    told = target.read_bytes()
    assert b"13800138000" not in told


@pytest.mark.parametrize("target", ["absent/b.tar.gz", "a-file/b.tar.gz"])
def test_a_backup_that_cannot_be_written_says_where_and_why(place: Place, tmp_path: Path, target: str) -> None:
    settings = place("sqlite")
    fill(settings)
    (tmp_path / "a-file").write_text("")
    with pytest.raises(SettingsError, match=rf"{target} cannot be written: N"):
        backup(settings, tmp_path / target)


# Refusals


def test_a_restore_is_refused_while_a_server_holds_the_home(place: Place, tmp_path: Path) -> None:
    old, new = place("sqlite"), place("sqlite")
    fill(old)
    backup(old, tmp_path / "b.tar.gz")
    with only_server(new.home), pytest.raises(SettingsError, match="a server is running"):
        restore(new, tmp_path / "b.tar.gz")
    assert not (new.home / "yida.db").exists()


def test_a_restore_is_refused_while_another_machine_uses_the_store(place: Place, tmp_path: Path) -> None:
    settings = place("sqlite")
    fill(settings)
    backup(settings, tmp_path / "b.tar.gz")
    database = open_database(settings.store)

    def worker(seen_at: int) -> None:
        database.write_now(lambda c: c.execute(workers.delete()))
        database.write_now(lambda c: c.execute(workers.insert().values(id="w", loaded="v1", seen_at=seen_at)))

    worker(now_ms())
    with pytest.raises(SettingsError, match="a moment ago"):
        restore(settings, tmp_path / "b.tar.gz")
    worker(now_ms() - int(timedelta(seconds=16).total_seconds() * 1000))
    assert restore(settings, tmp_path / "b.tar.gz")["conversations"] == 1
    database.close()


def packed(path: Path, **files: Any) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, told in files.items():
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            info = tarfile.TarInfo(name.replace("__", "/").replace("_json", ".json"))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


FOREIGN: dict[str, Callable[[Path], object]] = {
    "no file": lambda path: None,
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n" * 100),
    "empty": lambda path: path.write_bytes(b""),
    "another tar": lambda path: packed(path, readme=b"hello"),
    "another kind": lambda path: packed(path, kind_json={"kind": "other", "changes": []}),
    "a newer release": lambda path: packed(
        path, kind_json={"kind": KIND, "changes": ["m001_first_tables", "m999_later"]}
    ),
    "no kind": lambda path: packed(path, kind_json=[1]),
    "no changes": lambda path: packed(path, kind_json={"kind": KIND}),
    "not JSON": lambda path: packed(path, kind_json=b"{"),
    "no tables": lambda path: packed(path, kind_json={"kind": KIND, "changes": []}),
}


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_file_is_refused_and_nothing_changes(place: Place, tmp_path: Path, foreign: str) -> None:
    settings = place("sqlite")
    fill(settings)
    before = contents(settings)
    FOREIGN[foreign](tmp_path / "b.tar.gz")
    with pytest.raises(SettingsError, match="backup"):
        restore(settings, tmp_path / "b.tar.gz")
    assert contents(settings) == before


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("damage", ["cut", "turned"])
def test_a_damaged_backup_is_refused_and_nothing_changes(
    place: Place, tmp_path: Path, damage: str, share: float
) -> None:
    settings, other = place("sqlite"), place("sqlite")
    fill(other)
    path = tmp_path / "b.tar.gz"
    backup(other, path)
    told = bytearray(path.read_bytes())
    at = int(len(told) * share)
    if damage == "cut":
        del told[at:]
    else:
        told[at : at + 8] = b"\xff" * 8
    path.write_bytes(told)
    fill(settings)
    before, key = contents(settings), (settings.home / "contact.key").read_bytes()
    with pytest.raises(SettingsError, match="backup"):
        restore(settings, path)
    assert contents(settings) == before
    assert (settings.home / "contact.key").read_bytes() == key


def test_a_backup_of_a_key_in_the_environment_leaves_the_homes_key_alone(place: Place, tmp_path: Path) -> None:
    old, new = place("sqlite"), place("sqlite")
    fill(old)
    (old.home / "contact.key").unlink()
    backup(old, tmp_path / "b.tar.gz")
    key = contact_key({}, new.home)
    restore(new, tmp_path / "b.tar.gz")
    assert contact_key({}, new.home) == key
    database = open_database(new.store)

    async def reveal() -> None:
        contact = await database.read(lambda c: c.scalar(select(tickets.c.contact_id)))
        with pytest.raises(NotFound, match="another key"):
            await Contacts(database, key).reveal(contact)

    asyncio.run(reveal())
    database.close()
