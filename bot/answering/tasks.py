"""Leads through a procedure or a calculator: one question at a time, then pages; back, correct, go on (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from bot.answering.turn import Reply, Turn
from bot.answering.wording import basis_sources, confirmation, say
from bot.conversation import Choice, Task
from bot.nlu.field_values import fill, read
from knowledge_base.calculators.catalogue import CALCULATORS, Calculator
from knowledge_base.errors import Impossible, Unreadable
from knowledge_base.fields import Field, check, next_field, settled
from knowledge_base.fields import Kind as Asks
from knowledge_base.procedures.procedure import PAGES, Procedure
from knowledge_base.text import normalise

Kind = Literal["procedure", "calculator"]
PAGE_NAMES = ("bring", "where", "steps", "after")  # of the keys of what comes next
_COMMANDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("next", re.compile(r"(继续|接着)(办理?|说|来|算)?|下一(步|页)|然后呢?|好了|办好了|往下")),
    ("back", re.compile(r"上一(步|页)|返回|退回|回(到)?上一步")),
    ("quit", re.compile(r"(先)?不办了|不算了|退出|算了|先这样|先到这里|结束办理")),
    ("again", re.compile(r"重新(开始|来|选|填|办|算)|重来|从头(来|开始)|再来一遍")),
    ("change", re.compile(r"(改|更正|修改)(一下)?(前面的?)?(回答|答案)?|(填|选|说|点)错了?")),
    ("last", re.compile(r"(看|给我)?(办理)?清单|打印(清单)?")),
)
_QUESTION = re.compile(r"[?？]|怎么|什么|为啥|为何|多久|多少钱|哪里|哪儿|如何|能不能|可不可以|吗$|呢$")
DATED = (Asks.MONTH, Asks.DATE)
COUNT = re.compile(r"(帮|给|替)(我|忙)(算|测算|计算)|算(一)?(下|算)|测算")
SURE = 0.6  # of an intent: it was meant as something else
WORD_OR_TWO = 6
LONGEST_ANSWER = 24  # characters; a longer sentence asks something of its own


def led(turn: Turn) -> Reply | None:
    """Goes on with the task; None when what was said has nothing to do with it."""
    if turn.chosen is not None:
        return _acted(turn, turn.chosen.action or "")
    task = turn.conversation.task
    if task is None or not exists(turn, task):
        return None
    bare = normalise(turn.text).strip("。.！!，, ")
    for command, pattern in _COMMANDS:
        if pattern.fullmatch(bare):
            return _commanded(turn, task, command)
    asked = next_field(_fields(turn, task), task.answers)
    if asked is None or task.page or len(bare) > LONGEST_ANSWER or _QUESTION.search(bare):
        return None
    return _told(turn, task, asked, bare)


def _told(turn: Turn, task: Task, asked: Field, bare: str) -> Reply | None:
    """An answer to what is asked, else a date given anew, else a word or two that say nothing."""
    dated = (f for f in _fields(turn, task) if f.kind in DATED and f.name in task.answers)
    for field in (asked, *dated):
        value = read(field, bare, turn.understanding.entities, turn.now.date())
        if value is None:
            continue
        try:
            return present(turn, _answered(task, field.name, check(field, value, turn.now.date())))
        except Unreadable as error:
            return _asked_again(turn, task, error.message)
    return _asked_again(turn, task, say("task_unclear")) if _means_nothing_else(turn, bare) else None


def begin(turn: Turn, kind: Kind, name: str) -> Reply:
    """Starts at the first question that nothing said so far has answered."""
    task = Task(kind, name)
    known = fill(_fields(turn, task), turn.understanding.entities, turn.text, turn.now.date(), turn.conversation.slots)
    return present(turn, replace(task, answers=known))


def present(turn: Turn, task: Task) -> Reply:
    """The question to be asked, else the page, else the result."""
    asked = next_field(_fields(turn, task), task.answers)
    if asked is not None:
        return _question(turn, replace(task, page=0), asked)
    if task.kind == "calculator":
        return _result(turn, task)
    procedure = turn.procedures[task.name]
    return _page(turn, replace(task, page=min(max(task.page, 1), len(PAGES))), procedure)


def calculator_for(turn: Turn, topic: str) -> Calculator | None:
    """The calculator that was asked for; or that of the topic, when the question itself holds all it needs but one
    choice at most."""
    if COUNT.search(turn.text):
        named = (c for c in CALCULATORS.values() if c.title.removesuffix("测算").removesuffix("估算") in turn.text)
        topics = (topic, *(hit.entry.topic for hit in turn.found.hits))
        fitting = (c for t in topics for c in CALCULATORS.values() if t in c.topics)
        return next(named, next(fitting, None))
    for calculator in CALCULATORS.values():
        if topic != calculator.topics[0]:
            continue
        known = fill(calculator.fields, turn.understanding.entities, turn.text, turn.now.date())
        missing = [f for f in calculator.fields if f.required and not settled(f, known)]
        if known and (not missing or (len(missing) == 1 and missing[0].options)):
            return calculator
    return None


def offers(turn: Turn, topic: str) -> tuple[Choice, ...]:
    """The procedure and the calculator that an answer of this topic leads to."""
    led = [p for p in turn.procedures.values() if p.topics[0] == topic and p.holds(turn.now.date())]
    counted = [c for c in CALCULATORS.values() if c.topics[0] == topic]
    return (
        *(Choice("lead", say("task_lead", title=p.title), action=f"begin:procedure:{p.id}:") for p in led[:1]),
        *(Choice("count", say("task_count", title=c.title), action=f"begin:calculator:{c.name}:") for c in counted[:1]),
    )


def _means_nothing_else(turn: Turn, bare: str) -> bool:
    """A word or two that search and NLU make nothing of was meant as an answer."""
    known = turn.best is not None and (turn.found.exact or turn.best.score >= turn.bands.answer)
    meant = turn.understanding
    said_to_us = meant.confidence >= SURE and not meant.intent.startswith("faq_")
    return len(bare) <= WORD_OR_TWO and not known and not said_to_us


def _asked_again(turn: Turn, task: Task, why: str) -> Reply:
    asked = present(turn, task)
    return replace(asked, text=f"{why}\n{asked.text}", because="task_asked_again")


def label(task: Task, title: str) -> str:
    """`继续办理：养老保险关系转移，第 2 步`."""
    return say("task_resume", title=title, step=len(task.answers) + max(task.page, 1))


def title(turn: Turn, task: Task) -> str:
    return _walked(turn, task).title


def exists(turn: Turn, task: Task) -> bool:
    """A version without this procedure may have been published meanwhile."""
    return task.name in (CALCULATORS if task.kind == "calculator" else turn.procedures)


def _walked(turn: Turn, task: Task) -> Calculator | Procedure:
    return CALCULATORS[task.name] if task.kind == "calculator" else turn.procedures[task.name]


def _fields(turn: Turn, task: Task) -> Sequence[Field]:
    return _walked(turn, task).fields


def _acted(turn: Turn, action: str) -> Reply | None:
    """A button. It names its task, so an old one still means what it said."""
    verb, _, rest = action.partition(":")
    if verb not in ("begin", "fill", "page", "change", "task"):
        return None
    kind, _, rest = rest.partition(":")
    name, _, told = rest.partition(":")
    task = Task("calculator" if kind == "calculator" else "procedure", name)
    if not exists(turn, task):
        return None
    if verb == "begin":
        return begin(turn, task.kind, name)
    current = turn.conversation.task
    if current is not None and (current.kind, current.name) == (task.kind, name):
        task = current
    if verb == "fill":
        field, _, value = told.partition("=")
        return present(turn, _answered(task, field, value))
    if verb == "page":
        return present(turn, replace(task, page=int(told)))
    if verb == "change":
        return present(turn, _without(task, told))
    return _commanded(turn, task, told)


def _commanded(turn: Turn, task: Task, command: str) -> Reply:
    if command == "quit":
        text = say("task_quit", title=title(turn, task))
        return Reply(text, "task_quit", "smalltalk", ends_task=True)
    if command == "again":
        return present(turn, Task(task.kind, task.name))
    if command == "change" and task.answers:
        return _which_to_change(turn, task)
    if command == "back":
        return present(turn, _back(turn, task))
    if command == "last" and not next_field(_fields(turn, task), task.answers):
        return present(turn, replace(task, page=len(PAGES)))
    following = task.page + 1 if task.page and command == "next" else task.page
    return present(turn, replace(task, page=following))


def _back(turn: Turn, task: Task) -> Task:
    """The page before; from the first page or a question, the question before."""
    if task.page > 1:
        return replace(task, page=task.page - 1)
    given = [f.name for f in _fields(turn, task) if f.name in task.answers]
    return _without(task, given[-1]) if given else task


def _answered(task: Task, field: str, value: str) -> Task:
    return replace(task, answers={**task.answers, field: value}, page=0)


def _without(task: Task, field: str) -> Task:
    return replace(task, answers={k: v for k, v in task.answers.items() if k != field}, page=0)


def _which_to_change(turn: Turn, task: Task) -> Reply:
    given = [f for f in _fields(turn, task) if f.name in task.answers]
    choices = tuple(
        Choice(
            f"t{n}", f"{f.ask.rstrip('？?')}：{_shown(f, task.answers[f.name])}", action=_action("change", task, f.name)
        )
        for n, f in enumerate(given, start=1)
    )
    text = say("task_change", choices="\n".join(f"{n}. {c.label}" for n, c in enumerate(choices, start=1)))
    return _reply(turn, task, text, "task_change", choices)


def _shown(field: Field, value: str) -> str:
    return next((o.label for o in field.options if o.value == value), value)


def _question(turn: Turn, task: Task, asked: Field) -> Reply:
    options = tuple(
        Choice(f"t{n}", o.label, action=_action("fill", task, f"{asked.name}={o.value}"))
        for n, o in enumerate(asked.options, start=1)
    )
    lines = [say("task_question", title=title(turn, task), number=len(task.answers) + 1, ask=asked.ask)]
    lines += [f"{n}. {o.label}" for n, o in enumerate(options, start=1)]
    lines += [asked.hint] if asked.hint else []
    back = (Choice("back", say("task_back"), action=_action("task", task, "back")),) if task.answers else ()
    leave = Choice("quit", say("task_leave"), action=_action("task", task, "quit"))
    card = {"kind": "step", **_about(turn, task), "question": asked.ask, "answers": task.answers}
    return _reply(turn, task, "\n".join(lines), "task_question", (*options, *back, leave), card=card)


def _page(turn: Turn, task: Task, procedure: Procedure) -> Reply:
    sections = _sections(procedure, PAGES[task.page - 1], task.answers)
    lines = [say("task_page", title=procedure.title, page=task.page, pages=len(PAGES))]
    for heading, told in sections:
        lines.append(heading if turn.form != "text" else f"**{heading}**")
        numbered = heading == say("section_steps")
        lines += [f"{n}. {t}" if numbered else f"· {t}" for n, t in enumerate(told, start=1)]
    basis = procedure.basis(task.answers)
    if task.page in (1, len(PAGES)):
        lines += [confirmation(row) for row in basis if row.mark]
    last = task.page == len(PAGES)
    card: dict[str, Any] = {"kind": "checklist" if last else "step", **_about(turn, task), "answers": task.answers}
    if last:
        card["items"] = [*procedure.lines("materials", task.answers), *procedure.lines("steps", task.answers)]
        lines.append(say("task_last"))
    reply = _reply(turn, task, "\n".join(lines), "task_page", _page_choices(task, last), card=card)
    return replace(
        reply, sources=basis_sources(basis, procedure.jurisdiction, procedure.checked), topic=procedure.topics[0]
    )  # fmt: skip


def _sections(
    procedure: Procedure, names: Sequence[str], answers: Mapping[str, str]
) -> list[tuple[str, tuple[str, ...]]]:
    told = ((say(f"section_{name}"), procedure.lines(name, answers)) for name in names)
    return [(heading, lines) for heading, lines in told if lines]


def _page_choices(task: Task, last: bool) -> tuple[Choice, ...]:
    choices = []
    if not last:
        following = say(f"task_next_{PAGE_NAMES[task.page]}")
        choices.append(Choice("next", following, action=_action("page", task, str(task.page + 1))))
    if task.page > 1 or task.answers:
        choices.append(Choice("back", say("task_back"), action=_action("task", task, "back")))
    if task.answers:
        choices.append(Choice("change", say("task_correct"), action=_action("task", task, "change")))
    if last:
        choices.append(Choice("quit", say("task_done"), action=_action("task", task, "quit")))
    return tuple(choices)


def _result(turn: Turn, task: Task) -> Reply:
    calculator = CALCULATORS[task.name]
    try:
        result = calculator.run(task.answers, turn.now.date())
    except Impossible as error:
        given = [f.name for f in calculator.fields if f.name in task.answers]
        again = _without(task, error.field if error.field in task.answers else given[-1]) if given else task
        return _asked_again(turn, again, error.message)
    text = "\n".join((say("task_result", title=calculator.title), *result.lines))
    choices = (Choice("again", say("task_again"), action=_action("task", task, "again")),)
    card = {"kind": "calculator", **_about(turn, task), "answers": task.answers, "result": result.data}
    return Reply(
        text, "calculated", "answer", choices, basis_sources(result.basis, calculator.jurisdiction, calculator.checked),
        topic=calculator.topics[0], score=1.0, card=card, ends_task=True,
    )  # fmt: skip


def _about(turn: Turn, task: Task) -> dict[str, str]:
    return {"task": task.kind, "name": task.name, "title": title(turn, task)}


def _action(verb: str, task: Task, told: str) -> str:
    return f"{verb}:{task.kind}:{task.name}:{told}"


def _reply(
    turn: Turn, task: Task, text: str, because: str, choices: tuple[Choice, ...], card: dict[str, Any] | None = None
) -> Reply:
    topics = _walked(turn, task).topics
    return Reply(text, because, "answer", choices, topic=topics[0], score=1.0, card=card, task=task)
