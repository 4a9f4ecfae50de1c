"""WeChat's signatures and its AES-256-CBC envelope (pure)."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # bytes to which WeChat pads, twice the cipher's own
RANDOM = 16
WINDOW = 300  # seconds by which a call's timestamp may differ from ours


class BadEnvelope(Exception):
    """Not what WeChat sends to this account: wrong key, padding, length or app id. One error for all: no oracle."""


def signature(*parts: str) -> str:
    """SHA-1 over the sorted parts, as WeChat signs its calls."""
    return sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def is_signed(told: str, *parts: str) -> bool:
    return hmac.compare_digest(signature(*parts).encode(), told.encode())


def is_fresh(timestamp: str, now: float) -> bool:
    """Whether the call was signed within five minutes of now."""
    return timestamp.isascii() and timestamp.isdecimal() and abs(int(timestamp[:12]) - now) <= WINDOW


class Envelope:
    """Seals and opens messages of one account. `aes_key` has 43 characters, as WeChat shows it."""

    def __init__(self, aes_key: str, app_id: str, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._key = aes_bytes(aes_key)
        self._app_id = app_id.encode()
        self._random = random

    def seal(self, message: str) -> str:
        text = message.encode()
        plain = self._random(RANDOM) + len(text).to_bytes(4, "big") + text + self._app_id
        pad = BLOCK - len(plain) % BLOCK
        sealing = self._cipher().encryptor()
        return b64encode(sealing.update(plain + bytes([pad]) * pad) + sealing.finalize()).decode()

    def open(self, sealed: str) -> str:
        """Raises BadEnvelope."""
        try:
            raw = b64decode(sealed, validate=True)
            opening = self._cipher().decryptor()
            plain = opening.update(raw) + opening.finalize()
            return self._message(plain)
        except (BadBase64, ValueError, IndexError) as error:
            raise BadEnvelope from error

    def _message(self, plain: bytes) -> str:
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise ValueError("padding")
        content = plain[RANDOM:-pad]
        end = 4 + int.from_bytes(content[:4], "big")
        if len(content) < 4 or content[end:] != self._app_id or len(content) < end:
            raise ValueError("length or app id")
        return content[4:end].decode()

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def aes_bytes(aes_key: str) -> bytes:
    """The 32 bytes of an EncodingAESKey. Raises ValueError."""
    if len(aes_key) != 43:
        raise ValueError(f"an EncodingAESKey has 43 characters, not {len(aes_key)}")
    return b64decode(aes_key + "=", validate=True)
