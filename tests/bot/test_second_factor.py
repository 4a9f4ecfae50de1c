"""The code that changes every half minute: right in its time, once."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest

from bot.second_factor import STEP, enrolment, new_secret, step_of
from tests.spoken import NOON

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = int(NOON.timestamp()) // STEP


def code(steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(NOON + timedelta(seconds=steps * STEP))


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_telephone_may_be_half_a_minute_off(off: int) -> None:
    assert step_of(SECRET, code(off), NOON, used=0) == NOW + off


@pytest.mark.parametrize("off", [-2, 2])
def test_a_code_of_another_time_is_wrong(off: int) -> None:
    assert step_of(SECRET, code(off), NOON, used=0) is None


def test_a_code_counts_once_and_none_before_it_after_that() -> None:
    assert step_of(SECRET, code(), NOON, used=NOW) is None
    assert step_of(SECRET, code(-1), NOON, used=NOW) is None
    assert step_of(SECRET, code(1), NOON, used=NOW) == NOW + 1


def test_spaces_as_authenticators_show_them_do_not_matter() -> None:
    assert step_of(SECRET, f"{code()[:3]} {code()[3:]}", NOON, used=0) == NOW


@pytest.mark.parametrize("told", ["", "abcdef", "１２３４５６", "12345678901", "六位数字"])
def test_what_is_no_code_is_wrong(told: str) -> None:
    assert step_of(SECRET, told, NOON, used=0) is None


def test_an_authenticator_is_told_who_and_where() -> None:
    told = enrolment(SECRET, "chenxiao", "社保易答")
    read = pyotp.parse_uri(told)
    assert (read.secret, read.name, read.issuer) == (SECRET, "chenxiao", "社保易答")


def test_no_two_secrets_are_the_same() -> None:
    assert len({new_secret() for _ in range(50)}) == 50
