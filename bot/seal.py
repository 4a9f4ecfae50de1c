"""Short secrets sealed with AES-GCM: to be opened only with the key, for one purpose and under one name."""

from __future__ import annotations

import secrets
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import NotFound

NONCE = 12


class Seal:
    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._box = AESGCM(sha256(purpose + key).digest())

    def close(self, secret: str, name: str) -> bytes:
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._box.encrypt(nonce, secret.encode(), name.encode())

    def open(self, sealed: bytes, name: str) -> str:
        """Raises NotFound when the key, the purpose or the name is another."""
        try:
            return self._box.decrypt(sealed[:NONCE], sealed[NONCE:], name.encode()).decode()
        except InvalidTag as error:
            raise NotFound(f"{name} was sealed with another key") from error
