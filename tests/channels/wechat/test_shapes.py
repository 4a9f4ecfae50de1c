"""Every shape of message and event: read as `wechatpy` reads it, taken once, answered as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from wechatpy import parse_message

from channels.wechat.wire import incoming, parse
from tests.channels.serving import Server
from tests.channels.wechat.follower import Follower, read

SHAPES: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("shapes.yml").read_text("utf-8"))
SENDER = "oMgHVjngRipVsoxg6TuX3vz6glDg"


def test_there_are_enough_of_them() -> None:
    assert len(SHAPES) >= 60


@pytest.mark.parametrize("name", [name for name in SHAPES if "without a name" not in name])  # there the peer gives up
def test_it_is_read_as_the_peer_reads_it(name: str) -> None:
    xml = SHAPES[name]["xml"]
    ours, theirs = incoming("default", parse(xml.encode())), parse_message(xml)
    assert (ours.sender, ours.recipient) == (theirs.source, theirs.target)
    for field in ("Content", "Recognition", "MediaId", "Label", "Url", "Ticket", "PicUrl", "Status"):
        assert ours.text(field) == (theirs._data.get(field) or "").strip()
    if ours.kind in ("event:subscribe", "event:scan") and theirs.event in ("subscribe_scan", "scan"):
        assert ours.scene == theirs.scene_id


@pytest.mark.parametrize("name", SHAPES)
async def test_it_is_answered(wechat: Server, name: str) -> None:
    expected, openid = SHAPES[name]["reply"], f"o{uuid4().hex[:26]}"
    xml = SHAPES[name]["xml"].replace(SENDER, openid)
    follower = Follower(wechat.url, "safe", openid=openid)
    told = read(await follower.post(xml), "safe")
    assert (
        told == "success" if expected == "success" else expected in told or (expected == "words" and told != "success")
    )
    assert read(await follower.post(xml), "safe") == told


def told(name: str) -> Any:
    return incoming("default", parse(SHAPES[name]["xml"].encode()))


def test_keys_tell_messages_apart_and_repetitions_not() -> None:
    keys = {name: told(name).key for name in SHAPES}
    assert len(set(keys.values())) == len(SHAPES)
    assert keys == {name: told(name).key for name in SHAPES}
