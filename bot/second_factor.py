"""The second factor: a code of six digits that changes every 30 s (TOTP, RFC 6238), each accepted once (pure)."""

from __future__ import annotations

import hmac
import re
from datetime import datetime

import pyotp

STEP = 30  # seconds
SPREAD = 1  # steps that a telephone's clock may be off, each way


def new_secret() -> str:
    return pyotp.random_base32()


def enrolment(secret: str, username: str, issuer: str) -> str:
    """The otpauth:// address that an authenticator reads from a picture."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=username, issuer_name=issuer)


def step_of(secret: str, code: str, at: datetime, *, used: int) -> int | None:
    """The step that the code belongs to, or None where it is wrong, of another time, or not later than `used`."""
    told = re.sub(r"\s", "", code)
    totp = pyotp.TOTP(secret, interval=STEP)
    now = int(at.timestamp()) // STEP
    for step in range(max(now - SPREAD, used + 1), now + SPREAD + 1):
        if told.isascii() and hmac.compare_digest(totp.generate_otp(step), told):
            return step
    return None
