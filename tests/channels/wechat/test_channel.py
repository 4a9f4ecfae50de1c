"""What a follower writes and what comes back, over real sockets, with `wechatpy` on the other side."""

from __future__ import annotations


import pytest

from tests.channels.serving import Server
from tests.channels.wechat.follower import Follower


@pytest.mark.parametrize("mode", ["plain", "safe", "compatible"])
async def test_a_question_is_answered_in_the_reply(wechat: Server, mode: str) -> None:
    follower = Follower(wechat.url, mode)
    told = await follower.say("失业金怎么领")
    assert "机器自动应答" in told
    assert "1. 失业金在哪里申请" in told
