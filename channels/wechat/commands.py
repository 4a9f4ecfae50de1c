"""`python -m bot wechat …`: pushes the menu, makes QR codes with a scene."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from channels.wechat.accounts import Account, Section
    from channels.wechat.api import WeChatApi

DAYS_30 = 2_592_000  # seconds: WeChat's longest for a code that ends

app = typer.Typer(help="the official WeChat account", no_args_is_help=True)
Named = Annotated[str, typer.Option("--account", help="as in channels.wechat.accounts")]


@app.command()
def menu(account: Named = "default") -> None:
    """Pushes channels.wechat.menu of config.yml to the account."""
    section, store, home = _settings()
    if not section.menu:
        typer.echo("channels.wechat.menu is empty: nothing was pushed", err=True)
        raise typer.Exit(2)
    buttons = [dict(button) for button in section.menu]
    _run(section, store, home, account, lambda api, known: api.push_menu(known, buttons))
    typer.echo(f"{len(buttons)} buttons pushed")


@app.command()
def qrcode(
    scene: str,
    account: Named = "default",
    days: Annotated[float | None, typer.Option(help="at most 30; without it the code holds for ever")] = None,
) -> None:
    """Makes a QR code for a place; prints the address of its picture."""
    section, store, home = _settings()
    seconds = None if days is None else min(DAYS_30, int(days * 86_400))
    address = _run(section, store, home, account, lambda api, known: api.make_code(known, scene, seconds=seconds))
    typer.echo(address)


def _settings() -> tuple[Any, str, Any]:
    from bot.config import read_settings

    settings = read_settings()
    return settings.channels.wechat, settings.store, settings.home


def _run(
    section: Section, store: str, home: Any, name: str, work: Callable[[WeChatApi, Account], Awaitable[Any]]
) -> Any:
    import httpx

    from bot.contacts import contact_key
    from bot.errors import SettingsError
    from bot.shared_tokens import SharedTokens
    from bot.store.database import open_database
    from channels.wechat.accounts import read_accounts
    from channels.wechat.api import WeChatApi

    account = read_accounts(section, os.environ).get(name)
    if account is None or not account.can_push:
        raise SettingsError(f"the WeChat account {name} needs a token, an app id and an app secret in the environment")
    database = open_database(store)
    database.migrate()

    async def run() -> Any:
        async with httpx.AsyncClient() as client:
            return await work(WeChatApi(client, SharedTokens(database, contact_key(os.environ, home))), account)

    try:
        return asyncio.run(run())
    finally:
        database.close()
