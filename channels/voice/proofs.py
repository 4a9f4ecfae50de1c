"""Who may bring calls: a header, HTTP Basic, Twilio's signature, or the secret in the first frame (pure)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

USER = "yida"


def proves(headers: Mapping[str, str], secret: str, urls: Sequence[str] = ()) -> bool:
    """Whether a handshake proves its right. `urls` are the addresses under which the gateway may know this socket;
    without a secret nobody can."""
    if not secret:
        return False
    if same(headers.get("x-yida-secret", ""), secret):
        return True
    scheme, _, told = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and same(_decoded(told), f"{USER}:{secret}"):
        return True
    signed = headers.get("x-twilio-signature", "")
    return bool(signed) and any(same(signed, signature(url, secret)) for url in urls)


def signature(url: str, token: str) -> str:
    """As Twilio signs a websocket's address: HMAC-SHA1 with the account's token, in base64."""
    return base64.b64encode(hmac.digest(token.encode(), url.encode(), "sha1")).decode()


def same(told: str, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(told.encode(), secret.encode())


def _decoded(told: str) -> str:
    try:
        return base64.b64decode(told, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
