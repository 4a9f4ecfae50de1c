"""What was said before: slots that are remembered, and follow-ups made whole by what they leave out (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.understanding import Entity, Understanding
from knowledge_base.text import normalise

REMEMBERED = ("city", "person_group", "sex", "insurance_type", "birth", "months", "age", "amount")
SHORT = 14  # characters; a longer sentence says itself what it is about
SEVERAL = 3  # questions answered at once; more is a letter, not a question
LEAST = 4  # characters of a question that stands by itself

# How citizens name an insurance, by the first part of a topic's name.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "pension": ("养老", "退休", "养老金"),
    "medical": ("医保", "医疗", "看病"),
    "unemployment": ("失业",),
    "injury": ("工伤",),
    "maternity": ("生育", "生小孩", "产假"),
    "card": ("社保卡", "医保码"),
    "contribution": ("缴费", "社保"),
    "enroll": ("参保", "社保"),
}
_INSURANCE = {
    "pension": "养老保险", "medical": "医保", "unemployment": "失业保险", "injury": "工伤保险", "maternity": "生育保险",
    "card": "社保卡", "contribution": "社保缴费", "enroll": "社保参保",
}  # fmt: skip
_KNOWN = re.compile("|".join((*_INSURANCE.values(), "失业金", "养老金", "生育津贴", "职工", "居民")))
_OTHER = re.compile(r"^(那|那么|还有|换成|如果是)?(?P<word>.{2,8}?)(的)?呢$")
_LEADING = re.compile(r"^(那么?|还有|另外|然后|这个|它|这种情况|这样的?话?|那样的?话?)[，,]?")
_NAMES = re.compile("|".join(sorted({w for words in FAMILIES.values() for w in words}, key=len, reverse=True)))
_DETAIL = re.compile(r"材料|带什么|带啥|证件|手续|哪里|哪儿|去哪|在哪|流程|怎么办|怎么弄|怎么申请|电话|网上|窗口|收费")
_BORN = re.compile(r"(生|生日|出生|生人|年的)")
_END = re.compile(r"[？?。！!；;\n]+|(?:，|,)?(?:另外|还有就是|还有|再问一下|顺便问|第二)(?:，|,|想问)?")
_ASKS = re.compile(r"[吗么呢谁]|怎么|怎样|什么|多少|多久|几|哪|如何|能不能|可不可以|可以|要不要|是不是|为啥")


def slots_after(slots: Mapping[str, str], understanding: Understanding, text: str) -> dict[str, str]:
    """The slots with what this sentence adds or corrects."""
    found = dict(slots)
    for entity in understanding.entities:
        name = "birth" if _is_birth(entity, text) else entity.name
        if name in REMEMBERED:
            found[name] = entity.value
    return found


def _is_birth(entity: Entity, text: str) -> bool:
    around = text[max(0, entity.start - 3) : entity.end + 3]
    return entity.name == "date" and bool(re.match(r"\d{4}", entity.value)) and bool(_BORN.search(around))


def family_of(topic: str) -> str:
    return topic.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Whole:
    """A follow-up with what it left out (`text`), and with the whole question before (`retold`), whose words speak for
    the earlier answer. Either may be empty. `detail`: it asks for one more thing of the same matter."""

    text: str
    family: str
    retold: str = ""
    detail: bool = False


def made_whole(text: str, topic: str, question: str) -> Whole | None:
    """`那失业的呢`, `要带什么` with what they leave out. None: it says enough by itself.

    `topic` and `question` are those of the answer before.
    """
    bare = normalise(text).strip("？?。！!，, ")
    if not bare or len(bare) > SHORT:
        return None
    other = _OTHER.match(bare)
    family = _family_named(other["word"]) if other and not _ASKS.search(other["word"]) else None
    if family is not None:
        return Whole(_INSURANCE[family] + _without_names(question), family)
    if _NAMES.search(bare):
        return None
    rest = _LEADING.sub("", bare)
    family = family_of(topic)
    if not rest:
        return None
    retold = f"{normalise(question).rstrip('?')}{rest}"
    name = _INSURANCE.get(family)
    if _DETAIL.search(rest):  # a detail of the same thing
        return Whole("", family, retold, detail=True)
    if name is None or (other and not _ASKS.search(other["word"])):  # `那女的呢` leaves all but one word out
        return Whole("", family, retold)
    return Whole(f"{name}{rest}", family, retold)


def _family_named(word: str) -> str | None:
    return next((name for name, words in FAMILIES.items() if any(w in word for w in words)), None)


def _without_names(question: str) -> str:
    """The wish alone: 失业金能领几个月 → 能领几个月."""
    known = "|".join(
        sorted({*_INSURANCE.values(), "失业金", "养老金", "生育津贴", "职工", "居民"}, key=len, reverse=True)
    )
    return re.sub(known, "", normalise(question))


def questions_in(text: str) -> Sequence[str]:
    """The questions of a message that asks several; empty when it asks one."""
    parts = [part.strip(" ，,、") for part in _END.split(text)]
    asking = [part for part in parts if len(part) >= LEAST and _ASKS.search(part)]
    return asking[:SEVERAL] if len(asking) > 1 else ()
