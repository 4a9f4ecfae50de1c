"""RULES: the product in one list. The first rule that speaks decides the bot's reply (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.answering import phrases, tasks
from bot.answering.turn import Also, Reply, Turn
from bot.answering.wording import answer_text, say, sources
from bot.conversation import Choice, Stage
from knowledge_base.entry import Entry
from knowledge_base.figures import Figure
from knowledge_base.found import Found, Hit
from knowledge_base.procedures.procedure import Procedure
from knowledge_base.topics import in_scope

Rule = Callable[[Turn, dict[str, Figure]], Reply | None]

SURE = 0.6  # of an intent before a rule of the conversation listens to it
OFFERED = 4  # choices at once: more is a menu, not a question
NEAR = 0.4  # of the best score: shown beside it as another question that may have been meant
LEAD = 0.75  # of a wish to be led through a procedure; below it the answer comes first, the lead is offered
FOLLOWING = 0.8  # of the band: what was said before speaks for a follow-up too
GUESS = 0.1  # trust below which a candidate is not even worth asking about
FOREIGN = 0.3  # probability of all other business together from which it is named, not just refused
MISSES = 2  # in a row, then a human is offered
HUMAN = Choice("human", say("human"), action="human")
STILL_OPEN = Choice("human", say("offer_human"), action="human")
NONE = Choice("none", say("none_of_these"), action="none")
FORM = {"kind": "form", "form": "message"}

_SMALL_TALK = (
    "greet", "goodbye", "thanks", "praise", "affirm", "deny", "asks_if_machine", "asks_ability", "asks_opinion",
    "small_talk", "gibberish", "prompt_injection", "english", "rate_service",
)  # fmt: skip


def crisis(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Words of despair get the help line and a human at once, whatever else is asked."""
    del figures
    told = phrases.CRISIS.search(turn.text) or _means(turn, "crisis", sure=0.75)
    if not told or (phrases.ABOUT_OTHERS.search(turn.text) and not phrases.OWN_DESPAIR.search(turn.text)):
        return None
    return Reply(say("crisis"), "crisis", "handoff", hand_off=True, card=FORM, topic="human")


def chosen(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """A choice was taken, by pressing it or by its number."""
    choice = turn.chosen
    if choice is None:
        return None
    if choice.action == "human":
        return _to_human(turn, "chose_human")
    if choice.action == "none":
        second = turn.conversation.misses + 1 >= MISSES
        text = say("refuse_twice") if second else say("none_chosen")
        return Reply(text, "none_of_these", "refuse", choices=(HUMAN,) if second else (), missed=True)
    if choice.action is not None:
        return tasks.led(turn)
    if turn.chosen_entry is not None:
        return _answer(turn, turn.chosen_entry, 1.0, "chosen", figures)
    return None


def asked_for_human(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    del figures
    if phrases.ASKS_HUMAN.search(turn.text) or _means(turn, "human", sure=0.8):
        return _to_human(turn, "asked_for_human")
    return None


def led(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """A procedure or calculator is under way, and this goes on with it."""
    del figures
    return tasks.led(turn)


def exact(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Word for word one of an entry's questions."""
    if not turn.found.exact or turn.best is None:
        return None
    return _answer(turn, turn.best.entry, 1.0, "exact", figures)


def ended(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Word for word a question whose answer holds no more: nothing that is only like it is told instead."""
    del figures
    past = turn.found.ended
    if past is None:
        return None
    return Reply(say("ended"), "ended", "refuse", choices=(HUMAN,), topic=past.topic, score=1.0)


def none_of_these(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    if turn.conversation.offered and _means(turn, "none_of_these"):
        return chosen(_with_choice(turn, NONE), figures)
    return None


def leaves_message(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    del figures
    if not _means(turn, "leave_message", sure=0.7):
        return None
    return Reply(say("leave_message"), "leaves_message", "smalltalk", card=FORM)


def resume_code(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Goes on elsewhere: a code joins the conversations, never what somebody typed about himself."""
    del figures
    if not phrases.ASKS_CODE.search(turn.text):
        return None
    key = "resume_code" if turn.conversation.task is None else "resume_code_long"
    return Reply(say(key), "resume_code", "smalltalk", topic="out_of_scope.chitchat", wants_code=True)


def own_data(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Personal records are never told here; how to look them up is."""
    if not _means(turn, "own_data"):
        return None
    best = turn.best
    if best and best.entry.topic.startswith("query.") and best.score >= GUESS:
        reply = _answer(turn, best.entry, best.score, "own_data", figures)
        return _said_first(reply, say("own_data_short"))
    return Reply(say("own_data"), "own_data", "answer", topic="query.record")


def complaint(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Anger at the service is met with an apology and a human, not with another guess."""
    del figures
    upset = bool(phrases.UPSET.search(turn.text))
    if (upset or phrases.INSULT.search(turn.text)) and not _is_ours(turn):
        return Reply(say("abuse"), "abuse", "smalltalk", choices=(HUMAN,), topic="out_of_scope.chitchat")
    for intent in ("complaint", "abuse"):
        if _means(turn, intent) and (upset or turn.chat >= 0.5):
            return Reply(say(intent), intent, "smalltalk", choices=(HUMAN,), topic="out_of_scope.chitchat")
    return None


def small_talk(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    del figures
    for intent in _SMALL_TALK:
        if phrases.is_said(intent, turn.text) or _to_us(turn, intent):
            return Reply(say(intent), intent, "smalltalk", topic="out_of_scope.chitchat")
    return None


def another_subject(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    del figures
    for intent in ("change_topic", "restart"):
        if _to_us(turn, intent):
            return Reply(say(intent), intent, "smalltalk", topic="out_of_scope.chitchat", ends_task=True, clears=True)
    return None


def about_last(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """The last answer again, in plainer words, or what it rests on."""
    said = (i for i in ("repeat", "explain_simply", "ask_basis") if phrases.is_said(i, turn.text) or _to_us(turn, i))
    intent = next(said, None)
    if intent is None:
        return None
    entry = turn.last_entry
    if entry is None:
        return Reply(say("repeat_nothing"), intent, "smalltalk", topic="out_of_scope.chitchat")
    reply = _answer(turn, entry, 1.0, intent, figures)
    if intent == "repeat":
        return reply
    text = answer_text(entry, "plain", figures, turn.now) if intent == "explain_simply" else _basis_told(reply)
    return replace(reply, text=text)


def starts_procedure(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Asks to be led through something that we have a procedure for."""
    del figures
    intent = turn.understanding.intent
    sure = turn.understanding.confidence >= LEAD
    name = intent.removeprefix("procedure_") if intent.startswith("procedure_") and sure else ""
    procedure = turn.procedures.get(name) or _led_through(turn)
    if procedure is None or not procedure.holds(turn.now.date()):
        return None
    fits = turn.best is None or turn.best.entry.topic in procedure.topics or bool(phrases.LED.search(turn.text))
    return tasks.begin(turn, "procedure", procedure.id) if fits else None


def starts_calculator(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """The question holds (nearly) all that the calculator of its topic needs."""
    del figures
    floor = GUESS if tasks.COUNT.search(turn.text) else turn.bands.answer * FOLLOWING
    if turn.best is None or not _is_ours(turn) or turn.best.score < floor:
        return None
    calculator = tasks.calculator_for(turn, turn.best.entry.topic)
    return tasks.begin(turn, "calculator", calculator.name) if calculator else None


def several(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Several things asked in one message: the first is answered for sure, of the others what is sure; the rest is
    asked back."""
    if len(turn.parts) < 2:
        return None
    told: dict[str, tuple[str, Hit]] = {}
    open_questions: list[tuple[str, Found]] = []
    for question, found in turn.parts:
        best = _sure(turn, found)
        if best is not None:
            told.setdefault(best.entry.id, (question, best))
        elif not told:
            return None
        else:
            open_questions.append((question, found))
    (_, first), *others = told.values()
    if not others and not open_questions:
        return None
    reply = _answer(turn, first.entry, first.score, "several", figures)
    also = tuple(
        Also(question, hit.entry.id, hit.entry.topic, hit.score, answer_text(hit.entry, turn.form, figures, turn.now))
        for question, hit in others
    )
    asked_back = tuple(
        Choice(f"p{n}.{m}", hit.entry.question, entry=hit.entry.id)
        for n, (_, found) in enumerate(open_questions, start=1)
        for m, hit in enumerate(found.hits[:2], start=1)
        if found.ours >= turn.bands.refuse and hit.score >= GUESS
    )
    told_too = [say("also", question=a.question, text=a.text) for a in also]
    told_too += [say("also_unsure", question=question) for question, _ in open_questions]
    rows = (row for _, hit in others for row in sources(hit.entry))
    return replace(
        reply, text="\n".join((reply.text, *told_too)), also=also, sources=(*reply.sources, *rows),
        choices=(*asked_back, *reply.choices),
    )  # fmt: skip


def _sure(turn: Turn, found: Found) -> Hit | None:
    """The hit that may be told for one of several questions."""
    best = found.hits[0] if found.hits else None
    if best is None or found.ours < turn.bands.refuse or best.score < _band(turn, best.entry):
        return None
    return best


def answer(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """One hit is right with enough probability, and no other is close to it."""
    best = turn.best
    if best is None or not _is_ours(turn) or best.score < _band(turn, best.entry) or len(_rivals(turn)) > 1:
        return None
    return _answer(turn, best.entry, best.score, "answer", figures)


def clarify(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Some hits may be right: the citizen says which."""
    del figures
    best = turn.best
    if best is None or not _is_ours(turn) or best.score < GUESS:
        return None
    hits = _worth_asking(turn)
    offered = tuple(Choice(f"c{n}", h.entry.question, entry=h.entry.id) for n, h in enumerate(hits, start=1))
    listed = "\n".join(f"{n}. {c.label}" for n, c in enumerate(offered, start=1))
    text = say("clarify", choices=f"{listed}\n0. {NONE.label}")
    choices = (*offered, NONE, HUMAN) if turn.conversation.misses else (*offered, NONE)
    return Reply(text, "clarify", "clarify", choices=choices, topic=best.entry.topic, score=best.score)


def out_of_scope(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Nobody's social insurance: say whose it is."""
    del figures
    likely = _likely_topic(turn)
    if likely is None or in_scope(likely):
        return None
    text = say("small_talk") if likely.endswith("chitchat") else say(f"refuse_{likely}")
    return Reply(text, "out_of_scope", "refuse", topic=likely, score=_score(turn))


def refuse(turn: Turn, figures: dict[str, Figure]) -> Reply | None:
    """Nothing fits: better no answer than a wrong one; the second time a human is offered."""
    del figures
    if not turn.text.strip():
        return Reply(say("refuse_empty"), "empty", "refuse")
    again = turn.conversation.misses + 1 >= MISSES
    text = say("refuse_twice" if again else "refuse_unsure")
    return Reply(
        text,
        "no_match",
        "refuse",
        (HUMAN,) if again else (),
        topic=_likely_topic(turn),
        score=_score(turn),
        missed=True,
    )


RULES: tuple[Rule, ...] = (
    crisis,
    chosen,
    asked_for_human,
    led,
    exact,
    ended,
    none_of_these,
    leaves_message,
    resume_code,
    own_data,
    complaint,
    another_subject,
    about_last,
    small_talk,
    starts_procedure,
    starts_calculator,
    several,
    answer,
    out_of_scope,
    clarify,
    refuse,
)


def decide(turn: Turn, figures: dict[str, Figure]) -> Reply:
    """Walks RULES; `refuse` always speaks."""
    for rule in RULES:
        reply = rule(turn, figures)
        if reply is not None:
            return _led_back(turn, reply)
    raise AssertionError("the last rule is silent")


def _led_through(turn: Turn) -> Procedure | None:
    """Asked for in so many words: the procedure that NLU heard of, else that of the likeliest topic."""
    if turn.best is None or not phrases.LED.search(turn.text):
        return None
    heard = turn.procedures.get(turn.understanding.intent.removeprefix("procedure_"))
    if heard is not None:
        return heard
    topic = turn.best.entry.topic
    return next((p for p in turn.procedures.values() if topic in p.topics), None)


def _led_back(turn: Turn, reply: Reply) -> Reply:
    """Whoever interrupts a procedure is led back to it."""
    task = turn.conversation.task
    untouched = reply.task is None and not reply.ends_task and reply.outcome != "handoff"
    if task is None or not untouched or not tasks.exists(turn, task):
        return reply
    label = tasks.label(task, tasks.title(turn, task))
    choice = Choice("resume", label, action=f"task:{task.kind}:{task.name}:resume")
    return replace(reply, text=f"{reply.text}\n{say('task_open', label=label)}", choices=(*reply.choices, choice))


def _means(turn: Turn, intent: str, *, sure: float = SURE) -> bool:
    return turn.understanding.intent == intent and turn.understanding.confidence >= sure


def _to_us(turn: Turn, intent: str) -> bool:
    """Said to the bot itself, not about a subject."""
    return _means(turn, intent) and turn.chat >= 0.5


def _to_human(turn: Turn, because: str) -> Reply:
    locale = turn.conversation.locale
    if turn.conversation.stage is Stage.WAITING:
        return Reply(say("handoff_again", locale), because, "handoff", card=FORM, topic="human")
    stake = turn.last_entry is not None and turn.last_entry.high_stake
    text = say("handoff_nobody", locale)
    return Reply(text, because, "handoff", hand_off=True, high_stake=stake, card=FORM, topic="human")


def _answer(turn: Turn, entry: Entry, score: float, because: str, figures: dict[str, Figure]) -> Reply:
    place = turn.understanding.value("city")
    elsewhere = place if place and place not in (turn.site.city, "浙江", entry.jurisdiction) else None
    text = answer_text(entry, turn.form, figures, turn.now, elsewhere)
    full = answer_text(entry, "text", figures, turn.now, elsewhere) if turn.form == "short" else text
    again = turn.conversation.last_entry == entry.id
    near = tuple(
        Choice(f"n{n}", h.entry.question, entry=h.entry.id) for n, h in enumerate(_neighbours(turn, entry), start=1)
    )
    related = tuple(
        Choice(f"r{n}", turn.titles[name], entry=name)
        for n, name in enumerate(entry.related, start=1)
        if name in turn.titles
    )
    led = tasks.offers(turn, entry.topic)
    offer = (STILL_OPEN,) if again or entry.high_stake or phrases.UPSET.search(turn.text) else ()
    choices = (*_distinct((*near, *related)), *led, *offer)
    return Reply(
        text, because, "answer", choices, sources(entry), entry=entry.id, topic=entry.topic, score=score,
        full=full if full != text else "",
    )  # fmt: skip


def _neighbours(turn: Turn, entry: Entry) -> list[Hit]:
    """Other entries of the topic that the question may have meant; asked for word for word, there are none."""
    hits = () if turn.found.exact or turn.chosen else turn.found.hits
    same = [h for h in hits if h.entry.topic == entry.topic and h.entry.id != entry.id]
    return [h for h in same if h.score >= turn.found.hits[0].score * NEAR][:2]


def _distinct(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Each entry once, at most OFFERED."""
    first: dict[str | None, Choice] = {}
    for choice in choices:
        first.setdefault(choice.entry, choice)
    return tuple(first.values())[:OFFERED]


def _said_first(reply: Reply, sentence: str) -> Reply:
    return replace(reply, text=f"{sentence}\n{reply.text}")


def _with_choice(turn: Turn, choice: Choice) -> Turn:
    return replace(turn, chosen=choice)


def _band(turn: Turn, entry: Entry) -> float:
    """How sure an answer must be; surer where a deadline or a right may be lost by a wrong one."""
    band = turn.bands.careful if entry.high_stake else turn.bands.answer
    return band * FOLLOWING if turn.follows else band


def _basis_told(reply: Reply) -> str:
    rows = [
        f"{s.title} {s.article}".strip() + (f"，{s.effective} 起施行" if s.effective else "") for s in reply.sources
    ]
    return "\n".join((say("basis_of_last"), *rows))


def _is_ours(turn: Turn) -> bool:
    return turn.found.exact or turn.found.ours >= turn.bands.refuse


def _rivals(turn: Turn) -> list[Hit]:
    """The best hit, and those of other topics that are nearly as likely."""
    best = turn.found.hits[0]
    near = [
        h for h in turn.found.hits[1:] if h.entry.topic != best.entry.topic and h.score >= best.score * turn.bands.close
    ]
    return [best, *near]


def _worth_asking(turn: Turn) -> list[Hit]:
    floor = turn.found.hits[0].score * 0.3
    return [h for h in turn.found.hits if h.score >= floor][:OFFERED]


def _likely_topic(turn: Turn) -> str | None:
    """Whose business it is, as far as it can be told."""
    topics = turn.found.topics
    foreign = {t: p for t, p in topics.items() if not in_scope(t)}
    if not _is_ours(turn) and sum(foreign.values()) >= FOREIGN:
        return max(foreign, key=foreign.__getitem__)
    if turn.best is not None:
        return turn.best.entry.topic
    return max(topics, key=topics.__getitem__) if topics else None


def _score(turn: Turn) -> float:
    return turn.best.score if turn.best else 0.0
