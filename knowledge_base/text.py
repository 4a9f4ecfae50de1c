"""Text as the retriever sees it: one width, one script, one case; words, characters and syllables (pure)."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

import jieba
import opencc
import pypinyin

jieba.setLogLevel(logging.WARNING)

WORDS = (
    "灵活就业", "居民养老", "居民医保", "职工医保", "职工养老", "新农合", "农保", "社保卡", "医保码", "电子社保卡",
    "失业金", "生育津贴", "工伤认定", "停工留薪", "缴费基数", "断缴", "补缴", "减员", "增员", "养老金", "退休金",
    "视同缴费", "异地就医", "转移接续", "个人账户", "五险一金", "五险", "社保局", "医保局", "劳动能力鉴定",
    "延迟退休", "弹性退休", "公积金", "资格认证", "丧葬费", "抚恤金", "伤残等级", "大病保险", "慢特病",
)  # fmt: skip

_POLITE = re.compile(
    r"请问一下|请问|请教一下|请教|您好|你好|麻烦您|麻烦你|麻烦|谢谢您|谢谢你|谢谢|多谢|我想咨询一下|我想咨询|想咨询一下"
    r"|想咨询|咨询一下|我想问一下|我想问|想问一下|想问|问一下|我想知道|想知道|我想了解一下|想了解一下|想了解|那个|就是说"
)
_PARTICLES = re.compile(r"[的了吗呢啊吧呀嘛么哦呗哈呐喽]")
_NOT_WORD = re.compile(r"[^0-9a-z\u4e00-\u9fff]+")
_CJK_RUN = re.compile(r"[\u4e00-\u9fff]+")
_TOKEN = re.compile(r"[\u4e00-\u9fff]+|[a-z]+|[0-9]+")
_SPACE_BESIDE_CJK = re.compile(r"(?<=[\u4e00-\u9fff]) +| +(?=[\u4e00-\u9fff])")


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@cache
def _cutter() -> jieba.Tokenizer:
    cutter = jieba.Tokenizer()
    for word in WORDS:
        cutter.add_word(word)
    return cutter


def visible(text: str) -> str:
    """The text without what nobody sees: control, zero-width, direction and tag characters."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    return "".join(kept)


@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Full width → half width, traditional → simplified, lower case, single spaces."""
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
    """The words of a normalised text."""
    return [w for w in _cutter().cut(_POLITE.sub(" ", text), HMM=False) if _TOKEN.fullmatch(w)]


def features(text: str) -> list[str]:
    """Words, characters and pairs of characters: what encoder, classifier and BM25 count."""
    bare = normalise(text)
    found = [f"w{w}" for w in words(bare) if len(w) > 1]
    for run in _CJK_RUN.findall(_POLITE.sub(" ", bare)):
        found.extend(run)
        found.extend(run[i : i + 2] for i in range(len(run) - 1))
    return found


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
    return [f"{a} {b}" for a, b in zip(heard, heard[1:], strict=False)] or heard


def has_words(texts: Iterable[str]) -> bool:
    return any(_TOKEN.search(normalise(t)) for t in texts)
