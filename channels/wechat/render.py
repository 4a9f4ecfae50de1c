"""Messages as WeChat shows them: plain text of 2,048 bytes, numbered and tappable choices, sources, a link (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from bot.conversation import Choice, Message, Party, Source
from bot.deliveries import Packed, Waiting

LARGEST = 2_048  # bytes of a text, links and all
SHORT = 450  # characters of an answer of ours; the rest is on the service station
BETWEEN = "\n\n"
SOURCES = 2
STARS = {5: "非常满意", 4: "满意", 3: "一般", 2: "不满意", 1: "非常不满意"}
MORE = "看全文、接着问"
FORM = "填写留言"
DOUBTFUL = "（下面这条可能没有送到您那里，再发一次）"
SENTENCE = re.compile(r"(?<=[。！？；\n!?;])")
CLAUSE = re.compile(r"(?<=[，、,：:\s])")
JOINS = re.compile("[\u200d\ufe0f\u0300-\u036f\U0001f3fb-\U0001f3ff]")  # what belongs to the character before it

# Words that are true on a page only.
ON_A_PAGE = (
    (re.compile("，?请不要关闭页面"), ""),
    (re.compile("也可以取消排队"), "也可以回复“取消排队”"),
    (re.compile("请?点“转人工”(或说“人工”)?"), "请回复“人工”"),
    (re.compile("点一下，或回复数字"), "请回复数字"),
    (re.compile("请在页面上选一个评价"), "请回复 1 到 5 分"),
    (re.compile("您可以留言，留下电话"), "您可以打开链接留言，留下电话"),
)

# How long several short messages of an agent are gathered into one: what may be sent is counted.
GATHER = timedelta(seconds=1.5)
GATHER_AT_MOST = timedelta(seconds=6)


@dataclass(frozen=True, slots=True)
class Style:
    """How an account's messages look. `link` signs a link to the service station, or gives "" where there is none."""

    clickable: bool = True
    link: Callable[[], str] = str


def passive(waiting: Sequence[Waiting], style: Style, preface: str = "") -> Packed | None:
    """One text of all that waits and fits; the first always does, shortened if it must be."""
    return _joined(waiting, style, preface)


def pushed(waiting: Sequence[Waiting], style: Style, now: datetime) -> Packed | None:
    """The next text to push; an agent's words are waited for while more of them come, a greeting for the answer."""
    if all(w.message.because == "greeting" for w in waiting):
        return None
    agent = [w.message.at for w in waiting if w.message.party is Party.AGENT]
    if agent and max(agent) > now - GATHER and min(agent) > now - GATHER_AT_MOST:
        return None
    return _joined(waiting, style, "")


def _joined(waiting: Sequence[Waiting], style: Style, preface: str) -> Packed | None:
    text = preface
    taken: list[int] = []
    for number, each in enumerate(waiting):
        parts = split(plain(each.message.text)) if _is_long(each.message) else []
        if parts:
            if taken:
                break
            return Packed(parts[min(each.parts, len(parts) - 1)], (each.message.seq,), each.parts + 1 < len(parts))
        before = f"{text}{BETWEEN}" if text else ""
        room = LARGEST - size(before)
        shown = bubble(each.message, style, room if not taken else LARGEST, last=number == len(waiting) - 1)
        if each.unsure:
            shown = f"{DOUBTFUL}\n{shown}"
        if taken and size(shown) > room:
            break
        if not text.endswith(shown):
            text = f"{before}{shown}"
        taken.append(each.message.seq)
    return Packed(cut(text, LARGEST), tuple(taken)) if taken else None


def _is_long(message: Message) -> bool:
    """An agent's words are delivered whole, in parts; the bot's are short by themselves, or shortened."""
    return message.party is Party.AGENT and size(message.text) > LARGEST


def bubble(message: Message, style: Style, room: int = LARGEST, *, last: bool = True) -> str:
    """A message within `room` bytes: its words, then choices (of the last one), sources and a link."""
    text = plain(message.text)
    limit = SHORT if message.party is Party.BOT else len(text)
    shortened = len(text) > limit
    choices = message.choices if last else ()
    for clickable in (True, False) if style.clickable else (False,):
        body, below = _with_choices(text, choices, clickable=clickable)
        tail = [*below, *_card(message, clickable=clickable), *_basis(message), *_link(message, style, shortened)]
        if not shortened and size("\n".join((body, *tail))) <= room:
            return "\n".join((body, *tail))
        if not clickable or shortened:
            rest = size("\n".join(("", *tail, *_link(message, style, cut=True))))
            told = cut(text, max(room - rest, 200), limit)
            kept, below = _with_choices(told, choices, clickable=clickable)
            tail = [*below, *_card(message, clickable=clickable), *_basis(message), *_link(message, style, cut=True)]
            whole = "\n".join((kept, *tail))
            if size(whole) <= room or not clickable:
                return whole if size(whole) <= room else cut(whole, room)
    return cut(text, room)


def _with_choices(text: str, choices: Sequence[Choice], *, clickable: bool) -> tuple[str, list[str]]:
    """Choices that the text lists become tappable where they stand; the others follow it."""
    below = []
    for number, choice in numbered(choices):
        line = f"{number}. {choice.label}" if number else choice.label
        shown = _tappable(choice.id, choice.label, line) if clickable else line
        if number and f"\n{line}" in f"\n{text}":
            text = f"\n{text}".replace(f"\n{line}", f"\n{shown}", 1)[1:]
        elif number:
            below.append(shown)
        else:
            below.append(shown if clickable else f"回复“{choice.label}”")
    return text, below


def numbered(choices: Sequence[Choice]) -> list[tuple[str, Choice]]:
    """Each choice with the number that picks it, as the assistant counts them; "" where only its words do."""
    listed = [c for c in choices if c.id.startswith("t")] or [c for c in choices if c.entry]
    return [
        (str(listed.index(c) + 1) if c in listed and listed.index(c) < 9 else "0" if c.action == "none" else "", c)
        for c in choices
    ]


def _tappable(name: str, says: str, shown: str) -> str:
    said = re.sub(r"[&<>\"'\s]+", " ", says).strip()
    return f'<a href="weixin://bizmsgmenu?msgmenucontent={said}&msgmenuid={escape(name)}">{shown}</a>'


def _card(message: Message, *, clickable: bool) -> list[str]:
    kind = (message.card or {}).get("kind")
    if kind != "rate":
        return []
    stars = [f"{n} 分 {word}" for n, word in STARS.items()]
    if clickable:
        return [_tappable(f"rate:{n}", f"{n}分", line) for n, line in zip(STARS, stars, strict=True)]
    return [*stars, "回复 1 到 5 的数字"]


def _basis(message: Message) -> list[str]:
    if not message.sources:
        return []
    rows = list(dict.fromkeys(_source(source) for source in message.sources))
    more = f"等 {len(rows)} 项" if len(rows) > SOURCES else ""
    told = [f"依据：{'；'.join(rows[:SOURCES])}{more}"]
    return [*told, f"答复编号 {message.answer_code}"] if message.answer_code else told


def _source(source: Source) -> str:
    since = f"（{source.effective} 起施行）" if source.effective else ""
    return f"{source.title}{source.article}{since}" if not source.mark else source.title


def _link(message: Message, style: Style, cut: bool = False) -> list[str]:
    card = message.card or {}
    form = card.get("kind") == "form"
    wanted = cut or form or bool(message.details.get("full")) or bool(card.get("link"))
    address = style.link() if wanted else ""
    return [f'<a href="{address}">{FORM if form else MORE}</a>'] if address else []


def plain(text: str) -> str:
    """Without marks that WeChat would show as they are, and without what is true on a page only."""
    told = text.replace("**", "")
    for words, instead in ON_A_PAGE:
        told = words.sub(instead, told)
    return told.strip()


def split(text: str, limit: int = LARGEST) -> list[str]:
    """In parts of at most `limit` bytes, at the end of a sentence where there is one."""
    parts = []
    while text:
        part = cut(text, limit, more="")
        parts.append(part.strip())
        text = text[len(part) :]
    return [part for part in parts if part]


def cut(text: str, limit: int, characters: int | None = None, more: str = "……") -> str:
    """At most `limit` bytes and so many characters; ends with a sentence, else a clause, else a character."""
    most = len(text) if characters is None else characters
    if size(text) <= limit and len(text) <= most:
        return text
    room = limit - size(more)
    for ends in (SENTENCE, CLAUSE):
        kept = ""
        for piece in ends.split(text):
            if size(kept + piece) > room or len(kept) + len(piece) > most:
                break
            kept += piece
        if size(kept) > room // 3:
            return kept.rstrip() + more if more else kept
    kept = text[:most].encode()[:room].decode(errors="ignore")
    while kept and (JOINS.match(text[len(kept) :]) or kept.endswith("\u200d")):
        kept = kept[:-1]
    return (kept or text[:1]) + more


def size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
