"""The tail of messages is a shortcut, never the truth: what a listener learns is what the store holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bot.bus.memory import MemoryBus
from bot.conversation import Conversation, Message, Stage
from bot.errors import Stale
from bot.lookout import Lookout
from bot.recent import KEPT, Recent
from bot.store.conversations import Heard
from bot.switchboard import Rules, Switchboard, Update
from tests.parts import SITE
from tests.scripted import Clock, ScriptedAssistant
from tests.spoken import NAME, NOON, said

FRESH = Conversation(NAME, "web", NOON, last_seq=1)


def message(seq: int) -> Message:
    return replace(said(f"m{seq}"), seq=seq)


def at(seq: int, version: int = 0) -> Conversation:
    return replace(FRESH, last_seq=seq, version=version)


# One step at a time


def test_what_was_written_here_needs_no_read() -> None:
    recent = Recent()
    with recent.kept(NAME):
        recent.learn(at(1), [message(1)])
        recent.add(at(2), message(2))
        assert recent.after(NAME, 1) == (at(2), [message(2)])
        assert recent.after(NAME, 0) == (at(2), [message(1), message(2)])
        assert recent.after(NAME, 2) == (at(2), [])


def test_nothing_is_kept_of_a_conversation_that_nobody_listens_to() -> None:
    recent = Recent()
    recent.add(at(2), message(2))
    recent.learn(at(2), [message(2)])
    recent.forget(at(2))
    assert recent.after(NAME, 1) is None
    with recent.kept(NAME), recent.kept(NAME):
        recent.add(at(2), message(2))
    assert recent.after(NAME, 1) is None
    assert recent._tails == {}


def test_a_gap_sends_the_listener_to_the_store() -> None:
    recent = Recent()
    with recent.kept(NAME):
        recent.learn(at(1), [message(1)])
        recent.add(at(3), message(3))
        assert recent.after(NAME, 1) is None
        assert recent.after(NAME, 2) == (at(3), [message(3)])


def test_a_listener_too_far_behind_reads_the_store() -> None:
    recent = Recent()
    with recent.kept(NAME):
        for seq in range(1, KEPT + 4):
            recent.add(at(seq), message(seq))
        assert recent.after(NAME, 2) is None
        told = recent.after(NAME, 3)
        assert told
        assert [m.seq for m in told[1]] == list(range(4, KEPT + 4))


def test_a_long_story_read_in_pages_is_not_taken_for_the_whole() -> None:
    recent = Recent()
    with recent.kept(NAME):
        recent.learn(at(900), [message(n) for n in range(1, 501)])
        assert recent.after(NAME, 500) is None


def test_writes_that_overtake_each_other_hide_neither() -> None:
    recent = Recent()
    with recent.kept(NAME):
        recent.learn(at(1), [message(1)])
        recent.add(at(3), message(3))
        recent.add(at(2), message(2))
        assert recent.after(NAME, 1) is None
        assert recent.after(NAME, 2) is None


@pytest.mark.parametrize("changed", [at(6, 2), at(5, 3)], ids=["notice", "claim"])
def test_a_read_that_began_before_a_change_brings_nothing_new(changed: Conversation) -> None:
    recent = Recent()
    with recent.kept(NAME):
        recent.forget(changed)
        recent.learn(at(5, 2), [message(5)])
        assert recent.after(NAME, 5) is None
        recent.learn(changed, [])
        assert recent.after(NAME, changed.last_seq) == (changed, [])


# The race by construction: old state + updates == state read again


@dataclass
class SlowStore:
    """Commits at once and tells late: `turns` says how many loop turns an answer takes to come back."""

    turns: list[int]
    conversation: Conversation = FRESH
    said: list[Message] = field(default_factory=lambda: [replace(said("greeting"), seq=1)])

    async def _told(self, answer: Any) -> Any:
        for _ in range(self.turns.pop() if self.turns else 0):
            await asyncio.sleep(0)
        return answer

    def _append(self, message: Message) -> Message:
        self.conversation = replace(self.conversation, last_seq=self.conversation.last_seq + 1)
        self.said.append(replace(message, seq=self.conversation.last_seq))
        return self.said[-1]

    async def listened(self, name: str, after: int) -> tuple[Conversation, list[Message]]:
        return await self._told((self.conversation, [m for m in self.said if m.seq > after]))

    async def find(self, name: str) -> Conversation:
        return await self._told(self.conversation)

    async def hear(self, name: str, message: Message, **limits: int) -> Heard:
        kept = self._append(message)
        return await self._told(Heard(self.conversation, kept, fresh=True))

    async def reply(self, turn: Conversation, message: Message, **how: Any) -> Conversation | None:
        if turn.version != self.conversation.version:
            raise Stale(turn.id)
        self.conversation = replace(turn, last_seq=self.conversation.last_seq, version=turn.version + 1)
        self._append(message)
        return await self._told(self.conversation)

    async def change(
        self, wanted: Conversation, *, reason: str, at: datetime, notice: Message | None = None
    ) -> Conversation:
        if wanted.version != self.conversation.version:
            raise Stale(wanted.id)
        self.conversation = replace(wanted, last_seq=self.conversation.last_seq, version=wanted.version + 1)
        if notice is not None:
            self._append(notice)
        return await self._told(self.conversation)


def board(store: SlowStore, bus: MemoryBus) -> Switchboard:
    lookout = Lookout(None, Clock())  # type: ignore[arg-type]  # nobody asks for a place here
    return Switchboard(
        store, lookout, None, bus, ScriptedAssistant(), None, None, SITE, Rules(), Clock(),  # type: ignore[arg-type]
    )  # fmt: skip


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _play(steps: Iterable[tuple[str, int]], delays: list[int], listeners: list[int]) -> None:
    """Two processes over one store; every step begins some turns after the one before."""
    store = SlowStore(delays)
    soon = asyncio.get_running_loop().call_soon
    here = MemoryBus(lambda topic: soon(lambda: there.strike(topic, elsewhere=True)) and None)
    there = MemoryBus(lambda topic: soon(lambda: here.strike(topic, elsewhere=True)) and None)
    here.connected = there.connected = True
    near, far = board(store, here), board(store, there)
    learned: list[list[Update]] = [[] for _ in listeners]

    async def listen(into: list[Update], after: int) -> None:
        async with near.listen(NAME, after) as updates:
            async for update in updates:
                into.append(update)

    async def one(kind: str, n: int) -> None:
        who = far if kind.startswith("far") else near
        match kind.removeprefix("far "):
            case "receive":
                await who.receive(NAME, f"问{n}", id=f"m{n}")
            case "hear":
                await who.hear(NAME, f"问{n}", id=f"m{n}")
            case "wait":
                if store.conversation.stage is Stage.BOT:
                    await store.change(store.conversation.wait(), reason="asked", at=NOON)
                    there.ring(NAME)
            case "leave":
                await who.leave_queue(NAME, id=f"l{n}")
            case "end":
                await who.end(NAME, None, id=f"e{n}")

    listening = [asyncio.create_task(listen(into, after)) for into, after in zip(learned, listeners, strict=True)]
    doing = []
    for n, (kind, pause) in enumerate(steps):
        doing.append(asyncio.create_task(one(kind, n)))
        await turns(pause)
    await asyncio.gather(*doing)
    await turns(400)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    for into, after in zip(learned, listeners, strict=True):
        heard = [m for update in into for m in update.messages]
        assert heard == [m for m in store.said if m.seq > after]
        assert into[-1].conversation.stage == store.conversation.stage


KINDS = some.sampled_from(["receive", "hear", "leave", "end", "far receive", "far hear", "far wait", "far leave"])


@settings(max_examples=150, deadline=None)
@given(
    steps=some.lists(some.tuples(KINDS, some.integers(0, 6)), max_size=12),
    delays=some.lists(some.integers(0, 8), max_size=60),
    listeners=some.lists(some.integers(0, 1), min_size=1, max_size=3),
)
def test_whatever_the_order_of_writes_reads_and_rings_a_listener_has_what_the_store_holds(
    steps: list[tuple[str, int]], delays: list[int], listeners: list[int]
) -> None:
    asyncio.run(_play(steps, delays, listeners))
