"""Questions to ask: real wordings of the corpus, each text once, so that no cache answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from knowledge_base.corpus import read_corpus

SEED = 20261124
LONGEST = 480  # characters; a message may have 500
# Words that change neither the subject nor, being no courtesies, the path: none of these makes an exact hit.
BEFORE = (
    "我在杭州，", "家里人问，", "帮我妈问，", "同事让我打听，", "今年的情况，", "我是外地人，", "刚看到通知，", "单位人事说不清，",
    "邻居说不一样，", "我爱人问，", "孩子托我问，", "老家亲戚问，", "上周开始关心这事，", "前几天听说，", "微信群里有人问，", "工友问，",
)  # fmt: skip
AFTER = (
    "，比较急", "，今天就要办", "，说简单点", "，怎么回事", "，有没有变化", "，一直没搞懂", "，网上查不到", "，以前问过没记住",
    "，这两天要用", "，先了解一下", "，请说详细些", "，我记性不好", "，别说套话", "，谁说得准", "，给个准话", "，听糊涂了",
)  # fmt: skip
# What normalisation takes away again: another text, the same question word for word.
MARKS = ("", "？", "。", "！", "…", "?", " ", "～", "??", "。。", "！！", "？！")


def wordings() -> list[str]:
    """Every question and variant, in an order that depends on nothing."""
    found = [w for entry in read_corpus().entries for w in entry.wordings]
    random.Random(SEED).shuffle(found)
    return found


def varied(texts: Sequence[str], seed: int = SEED) -> Iterator[str]:
    """Distinct questions that stand nowhere word for word, until nothing new can be said: ours, but each said once.

    They come out at 26 characters on the average; citizens' own have 21 to 25.
    """
    chooser = random.Random(seed)
    seen: set[str] = set()
    frames = [(before, "") for before in BEFORE] + [("", after) for after in AFTER]
    for n in range(len(texts) * len(frames)):
        before, after = chooser.choice(frames)
        text = f"{before}{texts[n % len(texts)].rstrip('？?。')}{after}"
        if text not in seen and len(text) <= LONGEST:
            seen.add(text)
            yield text


def word_for_word(texts: Sequence[str]) -> list[str]:
    """Distinct texts that each equal a wording after normalisation."""
    return list(dict.fromkeys(f"{text.rstrip('？?。')}{mark}" for mark in MARKS for text in texts))
