"""`python -m bot wechat …` against the fake of WeChat's API, and what the environment says of accounts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.config import ROOT, WeChat
from bot.errors import SettingsError
from channels.wechat.accounts import read_accounts
from tests.channels.wechat.conftest import environment
from tests.channels.wechat.fake_wechat import FakeWeChat

BUTTONS = [{"type": "click", "name": "找人工", "key": "human"}]


def ran(home: Path, fake: FakeWeChat, *words: str, menu: object = ()) -> subprocess.CompletedProcess[str]:
    config = home / "config.yml"
    config.write_text(yaml.safe_dump({"channels": {"wechat": {"menu": list(menu)}}}), "utf-8")  # type: ignore[call-overload]
    told = os.environ | environment(fake) | {"YIDA_CONFIG": str(config), "YIDA_HOME": str(home)}
    command = [sys.executable, "-m", "bot", "wechat", *words]
    return subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=60, check=False)


def test_the_menu_is_pushed_as_it_is_written(tmp_path: Path, clean: FakeWeChat) -> None:
    done = ran(tmp_path, clean, "menu", menu=BUTTONS)
    assert (done.returncode, done.stdout) == (0, "1 buttons pushed\n"), done.stderr
    assert clean.calls("/cgi-bin/menu/create") == [{"button": BUTTONS}]


def test_without_a_menu_nothing_is_pushed(tmp_path: Path, clean: FakeWeChat) -> None:
    assert ran(tmp_path, clean, "menu").returncode == 2
    assert clean.received == []


def test_a_code_has_its_scene(tmp_path: Path, clean: FakeWeChat) -> None:
    done = ran(tmp_path, clean, "qrcode", "hall-3", "--days", "7")
    assert done.stdout.startswith("https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=gQ"), done.stderr
    (made,) = clean.calls("/cgi-bin/qrcode/create")
    assert (made["action_info"]["scene"]["scene_str"], made["expire_seconds"]) == ("hall-3", 604_800)


def test_accounts_come_from_the_environment() -> None:
    told = {
        "YIDA_WECHAT_TOKEN": "t",
        "YIDA_WECHAT_XIHU_TOKEN": "x",
        "YIDA_WECHAT_MINI_APP_SECRET": "s",
        "OTHER_TOKEN": "o",
    }
    accounts = read_accounts(WeChat(app_id="wx1"), told)
    assert {name: account.token for name, account in accounts.items()} == {"default": "t", "xihu": "x", "mini": ""}
    assert accounts["default"].app_id == "wx1"
    assert accounts["default"].api_base == "https://api.weixin.qq.com"
    assert not accounts["default"].can_push
    assert read_accounts(WeChat(), {}) == {}


@pytest.mark.parametrize(
    "more", [{"YIDA_WECHAT_AES_KEY": "short", "YIDA_WECHAT_APP_ID": "wx"}, {"YIDA_WECHAT_AES_KEY": "k" * 43}]
)
def test_a_key_that_cannot_be_stops_the_start(more: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="AES_KEY"):
        read_accounts(WeChat(), {"YIDA_WECHAT_TOKEN": "t"} | more)
