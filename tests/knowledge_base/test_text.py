"""How a question is read before it is compared."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knowledge_base.text import (
    canonical,
    features,
    fold_syllable,
    has_words,
    normalise,
    question_key,
    sounds,
    syllables,
    visible,
    wording_key,
)

SPOKEN = st.text(st.one_of(st.characters(), st.sampled_from("社保養老險薴İJ\u030c请问的吗 ０Ａ\u200b\U000e0041")))


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("ＡＢＣ１２３４５，（养老）", "abc12345,(养老)"),
        ("養老保險繳費", "养老保险缴费"),
        ("社 保  卡", "社保卡"),
        ("  app  登录 \n 失败 ", "app登录失败"),
        ("use the APP", "use the app"),
        ("社\u200b保\u200d卡\ufeff", "社保卡"),
        ("\u202e社保\u202c\u2066卡\u2069", "社保卡"),
        ("社保\U000e0041\U000e0042卡\U000e007f", "社保卡"),
        ("社保\x00\x1b卡", "社保卡"),
        ("⑮年", "15年"),
        ("薴", "苎"),
    ],
)
def test_width_case_script_and_what_nobody_sees_make_no_difference(said: str, read: str) -> None:
    assert normalise(said) == read


@given(SPOKEN)
@example("薴")
@example("J\u030c")
@example("乾 坤")
@settings(max_examples=400)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(SPOKEN)
@settings(max_examples=200)
def test_no_text_at_all_makes_reading_fail(text: str) -> None:
    assert isinstance(question_key(text), str)
    assert wording_key(text) == "".join(sorted(question_key(text)))
    assert all(features(text))
    assert all(sounds(text))
    assert set(visible(text)) <= set(text)


@pytest.mark.parametrize(
    "said",
    [
        "养老保险交几年",
        "请问养老保险的交几年呢？",
        "您好，我想咨询一下养老保险，交几年啊",
        "養老保險交幾年",
        "麻烦问一下 养老保险交几年 谢谢",
    ],
)
def test_polite_words_particles_and_marks_make_no_other_question(said: str) -> None:
    assert question_key(said) == "养老保险交几年"


@pytest.mark.parametrize("said", ["你好", "请问", "的吗呢"])
def test_nothing_but_politeness_is_still_something_said(said: str) -> None:
    assert question_key(said)


@pytest.mark.parametrize("said", ["", "  ", "？！……", "😀👍", "\u200b"])
def test_without_words_there_is_no_question(said: str) -> None:
    assert question_key(said) == ""
    assert not has_words([said])


def test_different_questions_stay_different() -> None:
    assert question_key("能领吗") != question_key("不能领吗")
    assert question_key("医保交几年") != question_key("养老交几年")


def test_order_makes_no_other_wording_but_another_question() -> None:
    a, b = "怎么补办社保卡", "社保卡怎么补办"
    assert wording_key(a) == wording_key(b)
    assert question_key(a) != question_key(b)


@pytest.mark.parametrize(
    ("said", "usual"),
    [
        ("新农合怎么退", "居民医保怎么退"),
        ("退休工资多少", "养老金多少"),
        ("城乡居民基本养老保险", "居民养老"),
        ("从武汉市转到广东省", "从某地转到某地"),
        ("交了12年", "交了几年"),
        ("交了十二年", "交了几年"),
        ("交满15年", "交满15年"),
        ("交满十五年", "交满十五年"),
        ("伤残7级", "伤残几级"),
        ("领失业保险金3个月", "领失业金几个月"),
    ],
)
def test_usual_words_stand_for_what_people_say(said: str, usual: str) -> None:
    assert canonical(said) == usual


def test_synonyms_have_the_same_features() -> None:
    assert features("新农合怎么退") == features("合作医疗怎么退")
    assert features("我在武汉交了3年") == features("我在成都交了8年")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("社宝卡", "社保卡"),
        ("养老宝险", "养老保险"),
        ("失夜金", "失业金"),
        ("伤行津贴", "商行津贴"),
        ("退修年龄", "退休年龄"),
    ],
)
def test_words_that_sound_alike_sound_the_same(said: str, meant: str) -> None:
    assert sounds(said) == sounds(meant)


def test_typed_pinyin_is_heard_as_its_characters() -> None:
    assert syllables("yanglao baoxian") == syllables("养老保险")
    assert syllables("shebaoka") == syllables("社保卡")


@pytest.mark.parametrize(
    ("one", "other"), [("zhang", "zan"), ("chi", "ci"), ("shen", "sen"), ("lang", "nan"), ("liu", "niu")]
)
def test_syllables_that_many_do_not_tell_apart_are_one(one: str, other: str) -> None:
    assert fold_syllable(one) == fold_syllable(other)


def test_a_single_syllable_is_a_sound_too() -> None:
    assert sounds("钱") == syllables("钱")
    assert sounds("123") == []
