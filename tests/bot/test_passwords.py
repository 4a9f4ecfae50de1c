"""Passwords of the staff: weak ones are refused with the reason, good ones are kept as digests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.passwords import digest, matches, one_time, why_weak

GOOD = "梧桐-Fahrrad-41"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "太短"),
        ("a1b2c3d4e", "太短"),
        ("x" * 50 + "yzabcdefgh" * 16, "太长"),
        ("chenxiao-88-kw", "用户名或姓名"),
        ("Kw-CHENXIAO-88", "用户名或姓名"),
        ("我是陈晓在窗口工作", "太短"),
        ("我是陈晓在三号窗口工作", "用户名或姓名"),
        ("20261124082", "只有数字"),
        ("１３８００１３８０００", "只有数字"),
        ("aaaaaaaaaaaa", "重复或连续"),
        ("ababababab12", "重复或连续"),
        ("abcdefghijkl", "重复或连续"),
        ("qwertyuiop", "重复或连续"),
        ("poiuytrewq", "重复或连续"),
        ("1qaz2wsx3edc", "重复或连续"),
        ("password2026", "很多人用"),
        ("P@ssw0rd2026!", "很多人用"),
        ("Admin@123456", "很多人用"),
        ("2026Shebao!!", "很多人用"),
        ("woaini1314520", "很多人用"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    assert reason in (why_weak(password, "chenxiao", "陈晓") or "")


@pytest.mark.parametrize(
    "password", [GOOD, "correct horse battery", "窗口里的桂花树和雨伞一样", "tR7-kw9q_Lm", "Agent-desk-77!"]
)
def test_a_good_password_is_taken(password: str) -> None:
    assert why_weak(password, "chenxiao", "陈晓") is None


def test_a_short_name_that_is_part_of_many_words_does_not_count() -> None:
    assert why_weak("delightful-41-tree", "li", "") is None


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_text_is_judged(password: str, name: str) -> None:
    assert why_weak(password, name) is None or len(why_weak(password, name) or "") > 5


def test_a_one_time_password_is_good_enough_and_never_the_same() -> None:
    made = {one_time() for _ in range(50)}
    assert len(made) == 50
    assert [why_weak(password) for password in made] == [None] * 50


async def test_what_is_kept_opens_with_the_password_alone() -> None:
    kept = await digest(GOOD)
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept
    assert await digest(GOOD) != kept
    assert await matches(GOOD, kept)
    assert not await matches(GOOD + " ", kept)


async def test_full_width_and_half_width_are_the_same_password() -> None:
    assert await matches("ＡＢＣ-梧桐-１２３４", await digest("ABC-梧桐-1234"))


@pytest.mark.parametrize("kept", [None, "", "not a digest"])
async def test_where_nothing_is_kept_nothing_opens(kept: str | None) -> None:
    assert not await matches("", kept)
    assert not await matches(GOOD, kept)


async def test_half_an_emoji_is_a_password_like_any_other() -> None:
    kept = await digest("\ud83d" * 10)
    assert await matches("\ud83d" * 10, kept)
