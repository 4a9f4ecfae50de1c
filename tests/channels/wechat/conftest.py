"""The service with official accounts connected to a fake of WeChat's API, both on real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from channels.wechat.accounts import read_accounts
from channels.wechat.api import WeChatApi
from channels.wechat.courier import Courier
from tests.channels.conftest import Furnish
from tests.channels.serving import Server
from tests.channels.wechat.fake_wechat import FakeWeChat
from tests.channels.wechat.follower import AES_KEY, APP_ID, SECRET, TOKEN, Follower

STATION = "https://station.example"
SCENES = {"hall-3": "这里是三号窗口。"}


def environment(fake: FakeWeChat) -> dict[str, str]:
    return {
        "YIDA_WECHAT_APP_ID": APP_ID, "YIDA_WECHAT_APP_SECRET": SECRET, "YIDA_WECHAT_TOKEN": TOKEN,
        "YIDA_WECHAT_AES_KEY": AES_KEY, "YIDA_WECHAT_API_BASE": fake.url, "YIDA_WECHAT_XIHU_TOKEN": "of-xihu",
        "YIDA_WECHAT_XIHU_APP_ID": "wxother", "YIDA_WECHAT_XIHU_APP_SECRET": "other", "YIDA_WECHAT_XIHU_API_BASE": fake.url,
    }  # fmt: skip


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeWeChat]:
    with FakeWeChat() as running:
        yield running


@pytest.fixture(scope="module")
def wechat(furnished: Furnish, fake: FakeWeChat) -> Iterator[Server]:
    """One service a file of tests."""
    with connected(furnished, fake) as server:
        yield server


@contextmanager
def connected(furnished: Furnish, fake: FakeWeChat, **more: Any) -> Iterator[Server]:
    section = {"station": STATION, "scenes": SCENES} | more
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(fake).items():
            patch.setenv(name, value)
        with Server(furnished(channels={"wechat": section})) as server:
            yield server


@pytest.fixture
def follower(wechat: Server) -> Follower:
    return Follower(wechat.url)


@pytest.fixture
def clean(fake: FakeWeChat) -> FakeWeChat:
    """The fake without what earlier tests left."""
    fake.faults.clear()
    fake.received.clear()
    return fake


@pytest.fixture
def round(wechat: Server, clean: FakeWeChat) -> Callable[[], int]:
    """One round of the courier, as the chores' process makes it."""

    async def made() -> int:
        parts = wechat.parts
        accounts = read_accounts(parts.settings.channels.wechat, environment(clean))
        async with httpx.AsyncClient(trust_env=False) as client:
            return await Courier(parts, accounts, WeChatApi(client, parts.shared_tokens)).round()

    return lambda: wechat.call(made())
