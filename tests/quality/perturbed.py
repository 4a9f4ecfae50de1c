"""Questions as they arrive from other keyboards: misspelt, wide, traditional, half in pinyin (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from random import Random

import jieba
import opencc
from pypinyin import lazy_pinyin

from knowledge_base.text import normalise

APART = 20  # characters from one slip to the next, and one more: few send what looks wrong all over
SPELT = 2  # words left in pinyin
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_WIDE = {n: n + 0xFEE0 for n in range(0x21, 0x7F)} | {0x20: 0x3000}


class Homophones:
    """Characters in use, by the syllable that an input method hears."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_sound: dict[str, list[str]] = {}
        for character in sorted({c for text in texts for c in _CHINESE.findall(normalise(text))}):
            self._by_sound.setdefault(lazy_pinyin(character)[0], []).append(character)

    def mistyped(self, text: str) -> str:
        """Every so often another character of the same sound; the same text gives the same slips."""
        chooser = Random(text)
        told = list(text)
        open_to = [n for n, c in enumerate(text) if len(self._others(c)) > 0]
        for n in chooser.sample(open_to, min(len(open_to), 1 + len(text) // APART)):
            told[n] = chooser.choice(self._others(text[n]))
        return "".join(told)

    def _others(self, character: str) -> list[str]:
        alike = self._by_sound.get(lazy_pinyin(character)[0], []) if _CHINESE.match(character) else []
        return [c for c in alike if c != character]


def widened(text: str) -> str:
    return text.translate(_WIDE)


def traditional(text: str) -> str:
    return _to_traditional().convert(text)


@cache
def _to_traditional() -> opencc.OpenCC:
    return opencc.OpenCC("s2t")


def half_in_pinyin(text: str) -> str:
    """Two words in letters, as of somebody whose input method gave up."""
    words = list(jieba.cut(text))
    long = [n for n, word in enumerate(words) if len(word) > 1 and _CHINESE.match(word)]
    spelt = Random(text).sample(long, min(len(long), SPELT))
    return "".join("".join(lazy_pinyin(word)) if n in spelt else word for n, word in enumerate(words))


def whole_in_pinyin(text: str) -> str:
    """All words in letters, a space between them, as of somebody without an input method."""
    return " ".join("".join(lazy_pinyin(word)) for word in jieba.cut(text))
