"""The account that makes all others: made once, while none exists; its password is never written to a log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bot.accounts import ADMIN, ENVIRONMENT, ONE_TIME, Accounts
from bot.passwords import one_time

PASSWORD = "YIDA_ADMIN_PASSWORD"  # noqa: S105 (the name of a variable)
FILE = "admin-password"


async def first_account(
    accounts: Accounts, environment: Mapping[str, str], home: Path, *, terminal: bool
) -> str | None:
    """Returns what to tell whoever starts the service, or None where there is nothing to tell.

    The password is the environment's, without further ado; else one for once, told on a terminal, or else kept in a
    file of mode 0600.
    """
    if await accounts.exist():
        return None
    if told := environment.get(PASSWORD):
        made = await accounts.first(told, ENVIRONMENT)
        return f"管理员账号  {ADMIN}，密码来自 {PASSWORD}，请尽快修改" if made else None
    password = one_time()
    path = None if terminal else _keep(home / FILE, password)
    if not await accounts.first(password, ONE_TIME):
        if path:
            path.unlink()
        return None  # another server on this store was faster, and tells it
    where = f"一次性密码在 {path}" if path else f"一次性密码  {password}"
    return f"管理员账号  {ADMIN}，{where}，首次登录时要修改"


def _keep(path: Path, password: str) -> Path:
    """Before the account is made: a password that was kept nowhere would lock everybody out."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{ADMIN}\n{password}\n")
    return path
