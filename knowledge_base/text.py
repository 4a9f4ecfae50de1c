"""Text as the retriever sees it: one width, one script, one case; words, characters and syllables (pure)."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise

import jieba
import opencc
import pypinyin
import yaml

jieba.setLogLevel(logging.WARNING)

_POLITE = re.compile(
    r"请问一下|请问|请教一下|请教|您好|你好|麻烦您|麻烦你|麻烦|谢谢您|谢谢你|谢谢|多谢|我想咨询一下|我想咨询|想咨询一下"
    r"|想咨询|咨询一下|我想问一下|我想问|想问一下|想问|问一下|我想知道|想知道|我想了解一下|想了解一下|想了解|那个|就是说"
)
_PARTICLES = re.compile(r"[的了吗呢啊吧呀嘛么哦呗哈呐喽]")
PLACE = "某地"
SETTLED_WITHIN = 8  # rare characters change in two or three steps: a letter with its mark, 薴 → 苧 → 苎
_COUNTED = re.compile(r"(\d+(?:\.\d+)?|[一二三四五六七八九十百两]+)(年|个月|岁|级|天|元|块|万|周岁)")
_TELLING = frozenset(
    {"15", "十五", "20", "二十", "60", "50", "55", "63", "158", "188", "98"}
)  # numbers that rules are about
_NOT_WORD = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_CJK_RUN = re.compile(r"[\u4e00-\u9fff]+")
_TOKEN = re.compile(r"[\u4e00-\u9fff]+|[a-z]+|[0-9]+")
_SPACE_BESIDE_CJK = re.compile(r"(?<=[\u4e00-\u9fff]) +| +(?=[\u4e00-\u9fff])")


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """words.yml: what is said for what, names of places, words of the field."""

    said_for: dict[str, str]
    pattern: re.Pattern[str]
    words: tuple[str, ...]
    digest: str


@cache
def vocabulary() -> Vocabulary:
    raw = files("knowledge_base").joinpath("words.yml").read_text("utf-8")
    told = yaml.safe_load(raw)
    said_for = {said: usual for usual, others in told["synonyms"].items() for said in others}
    said_for |= {f"{place}{tail}": PLACE for place in told["places"] for tail in ("", "省", "市", "区", "县")}
    longest = sorted(said_for, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest)))
    return Vocabulary(said_for, pattern, (*told["words"], *told["synonyms"]), sha256(raw.encode()).hexdigest())


@cache
def _cutter() -> jieba.Tokenizer:
    cutter = jieba.Tokenizer()
    for word in vocabulary().words:
        cutter.add_word(word)
    return cutter


def canonical(bare: str) -> str:
    """A normalised text in usual words: synonyms joined, places and numbers of years alike."""
    known = vocabulary()
    asked = _POLITE.sub(" ", bare)
    told = known.pattern.sub(lambda found: known.said_for[found[0]], asked if _NOT_WORD.sub("", asked) else bare)
    return _COUNTED.sub(lambda found: found[0] if found[1] in _TELLING else f"几{found[2]}", told)


def visible(text: str) -> str:
    """The text without what nobody sees: control, zero-width, direction and tag characters."""
    if text.isprintable():
        return text
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return "".join(kept)


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Full width → half width, traditional → simplified, lower case, single spaces; until nothing is left to change."""
    before, after = text, _folded(text)
    for _ in range(SETTLED_WITHIN):
        if before == after:
            break
        before, after = after, _folded(after)
    return after


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", visible(text)).lower()
    simple = _simplifier().convert(folded)
    return _SPACE_BESIDE_CJK.sub("", " ".join(simple.split()))


def question_key(text: str) -> str:
    """Equal for questions that differ in polite words, particles and punctuation only."""
    bare = normalise(text)
    key = _NOT_WORD.sub("", _PARTICLES.sub("", _POLITE.sub("", bare)))
    return key or _NOT_WORD.sub("", bare)


def wording_key(text: str) -> str:
    """Equal also when the order of words differs: what counts once among variants."""
    return "".join(sorted(question_key(text)))


def words(text: str) -> list[str]:
    """The words of a canonical text."""
    return [w for w in _cutter().cut(text, HMM=False) if _TOKEN.fullmatch(w)]


def features(text: str) -> list[str]:
    """Words, characters and pairs of characters: what encoder and classifier count."""
    told = canonical(normalise(text))
    found = [f"w{w}" for w in words(told) if len(w) > 1]
    for run in _CJK_RUN.findall(told):
        found.extend(run)
        found.extend(run[i : i + 2] for i in range(len(run) - 1))
    return found


def terms(text: str) -> list[str]:
    """Words and pairs of characters: what BM25 counts. One character stands in too many rows to tell them apart."""
    return terms_in(features(text))


def terms_in(found: Iterable[str]) -> list[str]:
    return [f for f in found if len(f) > 1]


@cache
def _syllable(character: str) -> str:
    return fold_syllable(pypinyin.lazy_pinyin(character)[0])


_FOLDS = (("zh", "z"), ("ch", "c"), ("sh", "s"))


def fold_syllable(syllable: str) -> str:
    """Syllables that many speakers do not tell apart become one: zh/z, ch/c, sh/s, -ng/-n, l/n, hu/fu."""
    for old, new in _FOLDS:
        if syllable.startswith(old):
            syllable = new + syllable[2:]
    if syllable.startswith("l"):
        syllable = "n" + syllable[1:]
    if syllable.endswith("ng") and not syllable.endswith("ong"):
        syllable = syllable[:-1]
    return syllable


@cache
def _known_syllables() -> frozenset[str]:
    from pypinyin.constants import PINYIN_DICT

    heard = (pypinyin.lazy_pinyin(chr(code))[0] for code in PINYIN_DICT if 0x4E00 <= code <= 0x9FFF)
    return frozenset(s for s in heard if s.isascii() and s.isalpha())


def _split_pinyin(letters: str) -> list[str]:
    """Longest known syllables from the left; letters that fit nowhere stand alone."""
    known, parts, at = _known_syllables(), [], 0
    while at < len(letters):
        size = next((n for n in range(6, 0, -1) if letters[at : at + n] in known), 1)
        parts.append(letters[at : at + size])
        at += size
    return parts


def syllables(text: str) -> list[str]:
    """The sounds of a text without tones; typed pinyin is read as sounds too."""
    heard: list[str] = []
    for token in _TOKEN.findall(_POLITE.sub(" ", normalise(text))):
        if token[0].isdigit():
            continue
        if token[0].isascii():
            heard.extend(fold_syllable(s) for s in _split_pinyin(token))
        else:
            heard.extend(_syllable(c) for c in token)
    return heard


def sounds(text: str) -> list[str]:
    """Pairs of neighbouring syllables: what the phonetic arm counts."""
    heard = syllables(text)
    return [f"{a} {b}" for a, b in pairwise(heard)] or heard


def has_words(texts: Iterable[str]) -> bool:
    return any(_TOKEN.search(normalise(t)) for t in texts)
