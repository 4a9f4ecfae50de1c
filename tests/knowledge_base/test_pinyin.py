"""Typed pinyin becomes the characters that were meant; everything else stays as it is."""

from __future__ import annotations

import pypinyin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.corpus import Corpus, read_corpus
from knowledge_base.library import build_index
from knowledge_base.models import Models
from knowledge_base.pinyin import PinyinReader
from knowledge_base.text import normalise
from tests.knowledge_base.tiny import ANYONE, INTENTS


@pytest.fixture(scope="module")
def reader() -> PinyinReader:
    return PinyinReader.of(normalise(w) for entry in read_corpus().entries for w in entry.wordings)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("yanglao baoxian zenme zhuanyi", "养老保险怎么转移"),
        ("shebaoka diao le zenme buban", "社保卡掉了怎么补办"),
        ("社保ka丢了zenme buban", "社保卡丢了怎么补办"),
        ("shiyejin neng ling ji ge yue", "失业金能领几个月"),
        ("tuixiu zai nar ban", "退休在哪儿办"),
        ("xi'an de shebao", "西安的社保"),
        ("nv zhigong ji sui tuixiu", "女职工几岁退休"),
    ],
)
def test_pinyin_is_read_as_the_words_of_the_field(reader: PinyinReader, typed: str, meant: str) -> None:
    assert reader.read(normalise(typed)) == meant


@pytest.mark.parametrize("typed", ["用app怎么交", "hr没给我交", "a类", "can i pay online", "pos机", "12333", "", "abc"])
def test_letters_that_are_no_pinyin_stay(reader: PinyinReader, typed: str) -> None:
    assert reader.read(typed) == typed


def test_a_reader_stored_reads_the_same(reader: PinyinReader) -> None:
    again = PinyinReader.from_json(reader.as_json())
    assert again.read("yibao zenme zhuanyi") == reader.read("yibao zenme zhuanyi") == "医保怎么转移"


@given(st.text(max_size=40))
def test_whatever_is_typed_something_is_read(text: str) -> None:
    small = PinyinReader.of(["养老保险", "社保卡丢了"])
    read = small.read(normalise(text))
    assert (read == normalise(text)) or any(c.isascii() and c.isalpha() for c in normalise(text))


@given(st.lists(st.sampled_from("社保卡丢了怎么补办养老险医"), min_size=2, max_size=8).map("".join))
def test_what_is_read_sounds_as_it_was_typed(text: str) -> None:
    reader = PinyinReader.of(["社保卡丢了怎么补办", "养老保险怎么办", "医保卡"])
    typed = " ".join(pypinyin.lazy_pinyin(text))
    assert pypinyin.lazy_pinyin(reader.read(typed)) == typed.split()


def test_a_question_in_pinyin_is_known_word_for_word(corpus: Corpus, models: Models) -> None:
    found = build_index(corpus, models, INTENTS).search("sheng yu jin tie zen me suan", ANYONE)
    assert found.exact
    assert found.hits[0].entry.id == "allowance"
