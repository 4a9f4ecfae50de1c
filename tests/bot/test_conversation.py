"""Who holds a conversation: the legal moves, walked in every order, and the code that a citizen quotes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.conversation import MOVES, Choice, Conversation, Stage, answer_code
from bot.errors import WrongStage
from tests.spoken import NOON

FRESH = Conversation("c1", "web", NOON)
BY_NAME = {
    "wait": lambda c: c.wait(),
    "leave_queue": lambda c: c.leave_queue(),
    "claim": lambda c: c.claim("amy"),
    "release": lambda c: c.release(),
    "close": lambda c: c.close(NOON),
    "reopen": lambda c: c.reopen(),
}
LEGAL = {
    (Stage.BOT, "wait"): Stage.WAITING,
    (Stage.BOT, "close"): Stage.CLOSED,
    (Stage.WAITING, "leave_queue"): Stage.BOT,
    (Stage.WAITING, "release"): Stage.BOT,
    (Stage.WAITING, "claim"): Stage.AGENT,
    (Stage.WAITING, "close"): Stage.CLOSED,
    (Stage.AGENT, "release"): Stage.BOT,
    (Stage.AGENT, "wait"): Stage.WAITING,
    (Stage.AGENT, "close"): Stage.CLOSED,
    (Stage.CLOSED, "reopen"): Stage.BOT,
}


@pytest.mark.parametrize(("stage", "move"), list(product(Stage, BY_NAME)))
def test_each_move_is_legal_from_its_stages_and_from_no_other(stage: Stage, move: str) -> None:
    conversation = replace(FRESH, stage=stage)
    if (stage, move) in LEGAL:
        assert BY_NAME[move](conversation).stage is LEGAL[stage, move]
    else:
        with pytest.raises(WrongStage):
            BY_NAME[move](conversation)


class Walk(RuleBasedStateMachine):
    """Any moves in any order: a wrong one changes nothing, a legal one goes where the table says."""

    @initialize()
    def begin(self) -> None:
        self.conversation = replace(FRESH, offered=(Choice("c1", "补缴"),), misses=1)

    @rule(move=some.sampled_from(sorted(BY_NAME)))
    def go(self, move: str) -> None:
        before = self.conversation
        try:
            self.conversation = BY_NAME[move](before)
        except WrongStage:
            assert (before.stage, move) not in LEGAL
            assert self.conversation is before
            return
        assert self.conversation.stage is LEGAL[before.stage, move]
        assert self.conversation.stage in MOVES[before.stage]

    @invariant()
    def only_a_closed_conversation_has_its_time_and_only_a_held_one_its_agent(self) -> None:
        told = self.conversation
        assert told.closed_at == (NOON if told.stage is Stage.CLOSED else None)
        assert told.agent_id == ("amy" if told.stage is Stage.AGENT else None)
        assert told.offered == () or told.stage is not Stage.CLOSED

    @invariant()
    def what_it_is_never_changes(self) -> None:
        told = self.conversation
        assert (told.id, told.channel, told.opened_at, told.last_seq) == ("c1", "web", NOON, 0)


def test_no_order_of_moves_leads_where_it_should_not() -> None:
    run_state_machine_as_test(Walk)


@given(some.text(), some.text(min_size=1))
def test_an_answer_code_is_short_and_has_no_characters_that_look_alike(conversation: str, message: str) -> None:
    code = answer_code(conversation, message)
    assert len(code) == 9
    assert code[4] == "-"
    assert set(code) <= set("23456789ABCDEFGHJKLMNPQRSTUVWXYZ-")
    assert code == answer_code(conversation, message)


def test_ten_thousand_answers_have_ten_thousand_codes() -> None:
    codes = {answer_code(f"c{n // 10}", f"re:m{n}") for n in range(10_000)}
    assert len(codes) == 10_000
