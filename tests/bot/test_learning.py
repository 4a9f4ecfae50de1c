"""What was not answered well comes to the editors, grouped; nothing is taken in by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from bot.accounts import Actor
from bot.answering.turn import Reply
from bot.audit import rows
from bot.bus.memory import MemoryBus
from bot.clustering import Gap, clusters, distinct, groups
from bot.conversation import Choice
from bot.errors import NotFound, Refused
from bot.holidays import Holidays, seed
from bot.learning import Learning, gather
from bot.opinions import Opinions
from bot.store.database import Database
from tests.parts import Desk, join
from tests.scripted import Clock

HE, WU = Actor("hejing"), Actor("wumin")
REFUSED = Reply("没有收录", "refuse", "refuse")
CLARIFY = Reply("哪一种？", "clarify", "clarify", choices=(Choice("none", "都不是", action="none"),))
NONE = Reply("请换个说法", "none_of_these", "refuse", missed=True)


@dataclass
class Sense:
    topics: dict[str, float]


class ScriptedModels:
    """Two directions: what has 车 in it, and all else."""

    encoder: ScriptedModels

    def __init__(self) -> None:
        self.encoder = self

    def sense(self, text: str) -> Sense:
        return Sense({"travel": 1.0} if "车" in text else {"pension": 1.0})

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([[1.0, 0.0] if "车" in t else [0.0, 1.0] for t in texts], dtype=np.float32)


async def asked(desk: Desk, name: str, *texts: str) -> None:
    await desk.switchboard.open("web", address="a", id=name)
    for n, text in enumerate(texts):
        await desk.switchboard.receive(name, text, id=f"m{n}")


@pytest.fixture
async def desk(database: Database, clock: Clock) -> Desk:
    """Refused three times, wrong choices once, 没用 once, and once answered well."""
    made = join(database, MemoryBus(), clock)
    made.assistant.replies = {
        "坐车报销吗": REFUSED, "车费能报吗": REFUSED, "领多少": REFUSED, "转移": CLARIFY, "都不是": NONE,
        "几年": Reply("十五年", "answer", "answer", entry="years", topic="pension.years"),
    }  # fmt: skip
    await asked(made, "one", "坐车报销吗", "领多少")
    await asked(made, "two", "车费能报吗", "转移", "都不是")
    await asked(made, "three", "几年")
    await Opinions(database).mark("three", 3, helpful=False, at=clock.now)
    await asked(made, "four", "几年")
    return made


@pytest.fixture
def learning(database: Database) -> Learning:
    seed(database)
    return Learning(database, Holidays(database), ZoneInfo("Asia/Shanghai"), 3)


def gathered(desk: Desk) -> dict[str, int]:
    found = gather(desk.database, ScriptedModels(), desk.clock.now)  # type: ignore[arg-type]
    return {question: c.count for c in found for question in c.questions}


async def test_refused_unhelpful_and_none_of_these_are_gathered_and_good_answers_are_not(desk: Desk) -> None:
    found = gather(desk.database, ScriptedModels(), desk.clock.now)  # type: ignore[arg-type]
    assert [(sorted(c.questions), c.why) for c in found] == [
        (["几年", "转移", "领多少"], {"unhelpful": 1, "none": 1, "unanswered": 1}),
        (["坐车报销吗", "车费能报吗"], {"unanswered": 2}),
    ]
    assert (found[0].entry, found[1].entry) == ("years", None)


async def test_what_was_settled_does_not_come_back_and_leaves_a_proposal(desk: Desk, learning: Learning) -> None:
    gathered(desk)
    fares = next(c for c in await learning.unanswered() if c._mapping["count"] == 2)
    made = await learning.settle(fares.id, "out_of_scope", "交通费报销", None, HE, desk.clock.now)
    assert made is not None
    assert "车费能报吗" not in gathered(desk)
    await asked(desk, "five", "车费能报吗")
    assert gathered(desk)["车费能报吗"] == 1
    (proposal,) = await learning.proposals("open")
    assert (proposal.kind, proposal.text, proposal.made_by) == ("out_of_scope", "交通费报销", "hejing")
    with pytest.raises(NotFound):
        await learning.settle(fares.id, "dismissed", "", None, HE, desk.clock.now)


async def test_who_proposes_does_not_decide(desk: Desk, learning: Learning) -> None:
    gathered(desk)
    (first, *_) = await learning.unanswered()
    made = await learning.settle(first.id, "synonym", "养老金=退休金", None, HE, desk.clock.now)
    assert made is not None
    with pytest.raises(Refused, match="own_proposal"):
        await learning.decide(made, accept=True, remark="", by=HE, at=desk.clock.now)
    await learning.decide(made, accept=True, remark="好", by=WU, at=desk.clock.now)
    with pytest.raises(Refused, match="decided"):
        await learning.decide(made, accept=False, remark="", by=WU, at=desk.clock.now)
    assert [p.id for p in await learning.proposals("accepted")] == [made]
    log = desk.database.read_now(lambda c: [row.action for row in rows(c)])
    assert log == ["question_settled", "proposal_decided"]


@pytest.mark.parametrize(("how", "text", "code"), [("magic", "x", "bad_how"), ("variant", " ", "empty")])
async def test_a_settlement_that_cannot_be_changes_nothing(
    desk: Desk, learning: Learning, how: str, text: str, code: str
) -> None:
    before = gathered(desk)
    (first, *_) = await learning.unanswered()
    with pytest.raises(Refused, match=code):
        await learning.settle(first.id, how, text, None, HE, desk.clock.now)
    assert gathered(desk) == before


async def test_every_unhelpful_mark_is_in_the_inbox_at_once_with_its_due_day(desk: Desk, learning: Learning) -> None:
    (one,) = await learning.inbox()
    assert (one.question, one.answer, one.entry, one.owner) == ("几年", "十五年", "years", None)
    assert one.due > one.at.date()
    await learning.take(one.conversation, one.seq, HE, desk.clock.now)
    assert (await learning.inbox())[0].owner == "hejing"
    told = {"remark": "", "by": HE, "at": desk.clock.now}
    with pytest.raises(Refused, match="entry_missing"):
        await learning.close(one.conversation, one.seq, result="changed", entry=None, **told)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="remark_missing"):
        await learning.close(one.conversation, one.seq, result="right_as_is", entry=None, **told)  # type: ignore[arg-type]
    await learning.close(one.conversation, one.seq, result="changed", entry="years", **told)  # type: ignore[arg-type]
    assert await learning.inbox() == []
    (closed,) = await learning.inbox(closed=True)
    assert (closed.result, closed.owner) == ("changed", "hejing")
    with pytest.raises(NotFound):
        await learning.take("four", 3, HE, desk.clock.now)


async def test_who_got_an_answer_between_two_moments_is_found_and_the_look_is_audited(
    desk: Desk, learning: Learning
) -> None:
    now = desk.clock.now
    found = await learning.recall("years", now - timedelta(hours=1), now, HE, now)
    assert {r.conversation for r in found} == {"three", "four"}
    assert all(r.version == "v1" and r.answer_code for r in found)
    assert await learning.recall("years", now - timedelta(hours=2), now - timedelta(hours=1), HE, now) == []
    log = desk.database.read_now(lambda c: list(rows(c)))
    assert [(row.action, row.subject) for row in log] == [("answers_recalled", "years")] * 2


def test_groups_join_what_is_alike_and_keep_apart_what_is_not() -> None:
    near, far = np.array([1.0, 0.1]), np.array([0.0, 1.0])
    vectors = np.array([v / np.linalg.norm(v) for v in (near, near, far)], dtype=np.float32)
    first, second, third = groups(vectors)
    assert first == second != third
    assert groups(vectors[:1]) == [0]
    assert groups(vectors[:0]) == []


def test_the_frequent_and_recent_come_first_and_the_order_is_the_same_each_time() -> None:
    day = 86_400_000
    gaps = [Gap("c", n, "新问题", "unanswered", 100 * day) for n in range(3)]
    gaps += [Gap("d", n, "旧问题", "unanswered", 70 * day) for n in range(9)]
    vectors = np.eye(2, dtype=np.float32)
    texts = distinct(gaps)
    told = clusters(gaps, texts, vectors, 100 * day)
    assert [c.questions[0] for c in told] == ["新问题", "旧问题"]
    assert clusters(list(reversed(gaps)), texts, vectors, 100 * day) == told


async def test_what_an_agent_misses_is_proposed_once_masked_and_decided_by_somebody_else(
    learning: Learning, clock: Clock
) -> None:
    for _ in range(2):
        await learning.propose("p1", "缺少 110101199003074477 这种情况", "断缴怎么办", HE, clock())
    [proposal] = await learning.proposals("open")
    assert (proposal.kind, proposal.questions) == ("desk", ["断缴怎么办"])
    assert "110101199003074477" not in proposal.text
    with pytest.raises(Refused, match="own_proposal"):
        await learning.decide(proposal.id, accept=True, remark="", by=HE, at=clock())
    await learning.decide(proposal.id, accept=True, remark="已补", by=WU, at=clock())
    with pytest.raises(Refused, match="empty"):
        await learning.propose("p2", "  ", "", HE, clock())
