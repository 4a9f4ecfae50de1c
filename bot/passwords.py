"""Passwords of the staff: which are too weak, and how they are kept (Argon2id)."""

from __future__ import annotations

import asyncio
import re
import secrets
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 200  # beyond it only costs our processor
FIGURES_ALONE = 20  # shorter ones are telephone numbers, dates and identity numbers
DISTINCT = 5
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # none that look alike on paper
ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb")
# With figures and signs around them taken away these are what people choose first.
_CHOSEN_FIRST = """
    password passwd pass admin administrator root user test guest login welcome hello default changeme letmein
    secret qwerty qwertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc abc abcd abcde abcdef abcdefg
    iloveyou monkey dragon sunshine princess football superman master shadow killer computer internet woaini
    woaiwojia aini mima guanliyuan ceshi zhongguo china beijing hangzhou zhejiang shebao yibao yida shebaoyida
    renshe huawei tencent wechat weixin taobao alipay kefu zuoxi banzhang system server oracle mysql
    passwordpassword adminadmin
"""
COMMON = frozenset(_CHOSEN_FIRST.split())
_LEET = str.maketrans("0134578@$!", "oieasvbasi")

# OWASP's smallest Argon2id: 19 MiB and about 20 ms; two at a time in a process, so memory stays bounded.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_POOL = ThreadPoolExecutor(2, "passwords")


def why_weak(password: str, *names: str) -> str | None:
    """The sentence for whoever chose it, or None (pure). `names`: of the account and its person."""
    told = _normal(password)
    low = told.casefold()
    if len(told) < SHORTEST:
        return f"密码太短，至少要 {SHORTEST} 个字符。"
    if len(told) > LONGEST:
        return f"密码太长，最多 {LONGEST} 个字符。"
    if any(_is_in(name.casefold(), low) for name in names):
        return "密码里不能有用户名或姓名。"
    if low.isdecimal() and len(low) < FIGURES_ALONE:
        return "密码不能只有数字，容易被人猜到。"
    if len(set(low)) < DISTINCT or _is_row(low):
        return "密码里重复或连续的字符太多，容易被人猜到。"
    if not COMMON.isdisjoint({_letters(low), _letters(re.sub(r"[\W\d_]+$", "", low).translate(_LEET))}):
        return "这个密码很多人用，容易被人猜到，请换一个。"
    return None


def _is_in(name: str, low: str) -> bool:
    """Two letters of Latin are in many words; two characters are a name."""
    return len(name) >= (3 if name.isascii() else 2) and name in low


def _letters(low: str) -> str:
    return re.sub(r"[\W\d_]+", "", low)


def _is_row(low: str) -> bool:
    """Keys side by side make up nearly all of it."""
    pairs = {row[n : n + 2] for row in ROWS for n in range(len(row) - 1)}
    pairs |= {pair[::-1] for pair in pairs}
    beside = sum(low[n : n + 2] in pairs for n in range(len(low) - 1))
    return beside >= len(low) - 2


def one_time() -> str:
    """A password to be told to a person and changed at once: about 79 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


async def digest(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_POOL, digest_now, password)


def digest_now(password: str) -> str:
    return _HASHER.hash(_bytes(password))


async def matches(password: str, kept: str | None) -> bool:
    """Takes as long where there is nothing to compare with."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, _matches, password, kept)


def _matches(password: str, kept: str | None) -> bool:
    try:
        return _HASHER.verify(kept or _nobodys(), _bytes(password)) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return digest_now(secrets.token_urlsafe())


def _normal(password: str) -> str:
    """The same whether it was typed in full or half width."""
    return unicodedata.normalize("NFKC", password)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")
