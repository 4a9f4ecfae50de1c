"""The official accounts that are connected: from the settings and, what is secret, from the environment (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.errors import SettingsError
from channels.wechat.crypto import Envelope, aes_bytes

DEFAULT = "default"
PREFIX = "YIDA_" + "WECHAT_"
SECRETS = ("APP_ID", "APP_SECRET", "TOKEN", "AES_KEY", "API_BASE")
NAME = re.compile(r"[a-z0-9_]{1,32}")


class Section(Protocol):
    """As much of the settings as is needed here."""

    @property
    def app_id(self) -> str: ...
    @property
    def api_base(self) -> str: ...
    @property
    def accounts(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Account:
    """One official account or mini-program. Without an AES key it is plain, without a secret nothing can be pushed,
    without a token (a mini-program) WeChat does not call it."""

    name: str
    app_id: str
    app_secret: str
    token: str
    aes_key: str
    api_base: str

    @property
    def envelope(self) -> Envelope | None:
        return Envelope(self.aes_key, self.app_id) if self.aes_key else None

    @property
    def can_push(self) -> bool:
        return bool(self.app_id and self.app_secret)


def read_accounts(section: Section, environment: Mapping[str, str]) -> dict[str, Account]:
    """By name, as the address names them; those without token and secret do not exist. Raises SettingsError."""
    found = (re.fullmatch(rf"{PREFIX}(\w+)_(?:TOKEN|APP_SECRET)", key) for key in environment)
    named = {match[1].lower() for match in found if match}
    accounts = {}
    for name in (DEFAULT, *sorted(named | set(section.accounts))):
        if name != DEFAULT and not NAME.fullmatch(name):
            raise SettingsError(f"channels.wechat.accounts.{name}: a name has small letters, figures and _ only")
        account = _account(name, section, environment)
        if account is not None:
            accounts[name] = account
    return accounts


def _account(name: str, section: Section, environment: Mapping[str, str]) -> Account | None:
    prefix = PREFIX if name == DEFAULT else f"{PREFIX}{name.upper()}_"
    told = {secret: environment.get(prefix + secret, "") for secret in SECRETS}
    if not told["TOKEN"] and not told["APP_SECRET"]:
        return None
    here = section if name == DEFAULT else section.accounts.get(name)
    base = told["API_BASE"] or (here.api_base if here else "") or environment.get(f"{PREFIX}API_BASE", "")
    account = Account(
        name=name, app_id=told["APP_ID"] or (here.app_id if here else ""), app_secret=told["APP_SECRET"],
        token=told["TOKEN"], aes_key=told["AES_KEY"], api_base=(base or section.api_base).rstrip("/"),
    )  # fmt: skip
    if account.aes_key:
        if not account.app_id:
            raise SettingsError(f"{prefix}AES_KEY needs {prefix}APP_ID: it is part of every sealed message")
        try:
            aes_bytes(account.aes_key)
        except ValueError as error:
            raise SettingsError(f"{prefix}AES_KEY: {error}") from error
    return account
