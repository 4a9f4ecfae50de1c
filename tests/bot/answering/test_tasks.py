"""Being led through a procedure: questions, pages, back, correct, interrupted and resumed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.answering import tasks
from bot.answering.rules import decide
from bot.answering.turn import Reply, Turn
from bot.answering.wording import say
from bot.conversation import Choice, Task
from knowledge_base.corpus import read_corpus
from knowledge_base.procedures.procedure import PAGES, Procedure, cases
from tests.bot.answering.turns import actions, entry, hit, turn

SHIPPED = read_corpus().procedures
TRANSFER = SHIPPED["pension_transfer"]
ONLINE = {"direction": "in", "stopped": "yes", "channel": "online"}
MONTHS = entry("months", "unemployment.months")


def said(text: str, task: Task | None = None, *, chosen: Choice | None = None, **more: object) -> Reply:
    asked = turn(text, task=task, chosen=chosen, **more)  # type: ignore[arg-type]
    return decide(replace(asked, procedures=SHIPPED), {})


def at(answers: dict[str, str], page: int = 0) -> Task:
    return Task("procedure", "pension_transfer", answers, page)


def pressed(reply: Reply, label: str) -> Choice:
    return next(choice for choice in reply.choices if choice.label == label)


def test_a_wish_to_be_led_starts_with_the_first_question_that_nothing_said_has_answered() -> None:
    reply = said("带我办养老保险转移", means="procedure_pension_transfer")
    assert (reply.because, reply.outcome, reply.task) == ("task_question", "answer", at({}))
    assert TRANSFER.fields[0].ask in reply.text
    assert [c.label for c in reply.choices][:2] == ["转进杭州", "从杭州转出"]
    assert "1. 转进杭州" in reply.text
    assert said("一步步教我把养老转到杭州", means="procedure_pension_transfer").task == at({"direction": "in"})


def test_an_unsure_wish_is_answered_and_the_lead_is_offered_beside_it() -> None:
    asked = turn(
        "养老保险转移", [hit(entry("how", "pension.transfer"), 0.9)], means="procedure_pension_transfer", sure=0.6
    )
    reply = decide(replace(asked, procedures=SHIPPED), {})
    assert reply.because == "answer"
    assert pressed(reply, say("task_lead", title=TRANSFER.title)).action == "begin:procedure:pension_transfer:"


@pytest.mark.parametrize(
    ("text", "answered"),
    [("转进来", {"direction": "in"}), ("转出", {"direction": "out"}), ("转到外地。", {"direction": "out"})],
)
def test_an_answer_in_ones_own_words_is_understood(text: str, answered: dict[str, str]) -> None:
    assert said(text, at({})).task == at(answered)


def test_a_word_that_says_nothing_is_asked_again_and_one_out_of_range_is_told_why() -> None:
    again = said("嗯嗯嗯啊", at({}))
    assert (again.because, again.task) == ("task_asked_again", at({}))
    born = Task("calculator", "retirement", {})
    early = said("1930年1月", born)
    assert (early.because, early.task) == ("task_asked_again", born)
    assert "1940" in early.text


def test_a_calculator_asks_for_what_is_missing_and_a_date_can_be_given_anew() -> None:
    asked = said("76年8月", Task("calculator", "retirement", {}))
    assert asked.task == Task("calculator", "retirement", {"birth": "1976-08"})
    anew = said("不对，是七五年六月", asked.task)
    assert anew.task == Task("calculator", "retirement", {"birth": "1975-06"})
    result = said("男", asked.task)
    assert (result.because, result.ends_task) == ("calculated", True)
    assert "2039 年 7 月" in result.text
    assert "以参保地社保/医保经办机构核定为准" in result.text
    assert result.card
    assert result.card["result"]["date"] == "2039-07"


@pytest.mark.parametrize("text", ["帮我算一下退休时间", "算下什么时候退休"])
def test_a_wish_to_have_it_counted_opens_the_calculator(text: str) -> None:
    assert said(text, hits=[hit(entry("age", "pension.retire_age"), 0.5)]).task == Task("calculator", "retirement", {})


def test_what_is_estimated_is_named_without_saying_so() -> None:
    told = said("帮我算城乡居民养老金", hits=[hit(entry("raised", "pension.adjust"), 0.6)])
    assert told.task == Task("calculator", "resident_pension", {})


def test_a_question_that_holds_all_is_counted_at_once() -> None:
    told = said("我1976年8月生，男，什么时候退休", hits=[hit(entry("age", "pension.retire_age"), 0.9)])
    assert told.because == "calculated"


def test_buttons_lead_to_the_pages_and_the_last_one_has_the_checklist() -> None:
    reply = said("停了", at({"direction": "in"}))
    reply = said("网上办", reply.task, chosen=pressed(reply, "网上办"))
    assert reply.task == at(ONLINE, 1)
    assert "原来参保的地方已经停保，可以申请。" in reply.text
    assert "身份证" not in reply.text  # of the counter alone
    assert reply.sources[0].title == "中华人民共和国社会保险法"
    for page in range(2, len(PAGES) + 1):
        reply = said("下一步", reply.task, chosen=next(c for c in reply.choices if c.id == "next"))
        assert reply.task == at(ONLINE, page)
    assert reply.card
    assert reply.card["kind"] == "checklist"
    assert reply.card["items"] == [*TRANSFER.lines("materials", ONLINE), *TRANSFER.lines("steps", ONLINE)]
    ended = said("办完了", reply.task, chosen=pressed(reply, say("task_done")))
    assert ended.ends_task


def test_words_do_what_the_buttons_do() -> None:
    assert said("下一步", at(ONLINE, 1)).task == at(ONLINE, 2)
    assert said("继续", at(ONLINE, 2)).task == at(ONLINE, 3)
    assert said("上一步", at(ONLINE, 3)).task == at(ONLINE, 2)
    assert said("上一步", at(ONLINE, 1)).task == at({"direction": "in", "stopped": "yes"})
    assert said("上一步", at({"direction": "in"})).task == at({})
    assert said("清单", at(ONLINE, 1)).task == at(ONLINE, len(PAGES))
    assert said("重新开始", at(ONLINE, 2)).task == at({})
    assert said("不办了", at(ONLINE, 2)).ends_task


def test_an_answer_can_be_corrected_and_the_others_stay() -> None:
    asked = said("改一下", at(ONLINE, 2))
    assert asked.because == "task_change"
    which = next(c for c in asked.choices if c.label.endswith("网上办"))
    again = said(which.label, asked.task, chosen=which)
    assert again.task == at({"direction": "in", "stopped": "yes"})
    assert said("去窗口", again.task).task == at({"direction": "in", "stopped": "yes", "channel": "counter"}, 1)


def test_any_question_may_interrupt_and_is_answered_with_the_way_back() -> None:
    reply = said("失业金能领几个月", at({"direction": "in"}), hits=[hit(MONTHS, 0.9)])
    assert (reply.because, reply.entry, reply.task) == ("answer", "months", None)
    back = reply.choices[-1]
    assert back.label == "继续办理：养老保险关系转移，第 2 步"
    assert f"{back.label}？" in reply.text
    assert said(back.label, at({"direction": "in"}), chosen=back).because == "task_question"
    assert said("继续", at({"direction": "in"})).because == "task_question"


def test_a_wish_for_a_human_comes_first() -> None:
    assert said("转人工", at(ONLINE, 1)).because == "asked_for_human"


@pytest.mark.parametrize(
    "action", ["begin:procedure:nothing:", "fill:procedure:nothing:a=b", "page:calculator:nothing:2"]
)
def test_a_button_of_a_procedure_that_is_gone_leads_nowhere(action: str) -> None:
    reply = said("老按钮", chosen=Choice("x", "老按钮", action=action))
    assert reply.because == "no_match"


def test_a_procedure_withdrawn_under_way_is_not_spoken_of_again() -> None:
    gone = replace(turn("失业金", [hit(MONTHS, 0.9)], task=Task("procedure", "withdrawn", {})), procedures=SHIPPED)
    reply = decide(gone, {})
    assert reply.because == "answer"
    assert "resume" not in {c.id for c in reply.choices}


def test_an_old_button_still_means_what_it_said() -> None:
    first = said("带我办养老保险转移", means="procedure_pension_transfer")
    reply = said("从杭州转出", at(ONLINE, 3), chosen=pressed(first, "从杭州转出"))
    assert reply.task == at({**ONLINE, "direction": "out"}, 1)


@pytest.mark.parametrize("procedure", SHIPPED.values(), ids=lambda p: p.id)
def test_every_case_can_be_walked_from_the_first_question_to_the_checklist(procedure: Procedure) -> None:
    for answers in cases(procedure):
        reply = tasks.present(_turn(), Task("procedure", procedure.id))
        for _ in range(len(procedure.fields)):
            if reply.because != "task_question":
                break
            asked = next(f for f in procedure.fields if f.ask in reply.text)
            label = next(o.label for o in asked.options if o.value == answers[asked.name])
            reply = said(label, reply.task, chosen=pressed(reply, label))
        assert reply.task == Task("procedure", procedure.id, answers, 1)
        for page in range(1, len(PAGES) + 1):
            shown = tasks.present(_turn(), Task("procedure", procedure.id, answers, page))
            assert len(shown.text.encode()) <= 2048, (answers, page)  # one WeChat message
            assert shown.sources
        assert "resume" not in actions(shown)


def _turn() -> Turn:
    return replace(turn("看"), procedures=SHIPPED)
