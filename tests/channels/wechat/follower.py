"""A follower of the account: what WeChat's server does for him, with `wechatpy` as the peer that seals and reads."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any
from uuid import uuid4

import httpx
import xmltodict
from wechatpy.crypto import WeChatCrypto

TOKEN, APP_ID, SECRET = "follow-me", "wx0123456789abcdef", "app-secret"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
COUNT = itertools.count(7_000_000_001)


def signed(*, token: str = TOKEN, at: float | None = None, nonce: str = "") -> dict[str, str]:
    """The query that WeChat adds to each call."""
    told = {"timestamp": str(int(time.time() if at is None else at)), "nonce": nonce or token_hex(5)}
    parts = sorted((token, told["timestamp"], told["nonce"]))
    return told | {"signature": hashlib.sha1("".join(parts).encode()).hexdigest()}


def message(kind: str, sender: str, /, *, at: int | None = None, **more: Any) -> str:
    """A message's XML as WeChat writes it."""
    fields = {
        "ToUserName": "gh_account", "FromUserName": sender, "CreateTime": int(time.time()) if at is None else at,
        "MsgType": kind, **more,
    }  # fmt: skip
    return f"<xml>{''.join(_element(*pair) for pair in fields.items())}</xml>"


def _element(name: str, value: Any) -> str:
    shown = value if isinstance(value, int) else "<![CDATA[" + str(value).replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f"<{name}>{shown}</{name}>"


@dataclass
class Follower:
    """`mode` is plain, safe, or compatible (both in one body)."""

    url: str
    mode: str = "plain"
    path: str = "/wechat"
    openid: str = field(default_factory=lambda: f"o{uuid4().hex[:26]}")

    async def say(self, text: str, **more: Any) -> str:
        return await self.send("text", Content=text, MsgId=more.pop("MsgId", next(COUNT)), **more)

    async def event(self, name: str, **more: Any) -> str:
        return await self.send("event", Event=name, **more)

    async def send(self, kind: str, **more: Any) -> str:
        """The words of the passive reply, or `success`."""
        return read(await self.post(message(kind, self.openid, **more)), self.mode)

    async def post(self, xml: str, query: dict[str, str] | None = None) -> httpx.Response:
        query, raw = sealed(xml, query or signed(), self.mode)
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return await client.post(f"{self.url}{self.path}", params=query, content=raw)


def sealed(xml: str, query: dict[str, str], mode: str) -> tuple[dict[str, str], bytes]:
    if mode == "plain":
        return query, xml.encode()
    told = xmltodict.parse(crypto().encrypt_message(xml, query["nonce"], query["timestamp"]))["xml"]
    query = query | {"encrypt_type": "aes", "msg_signature": told["MsgSignature"]}
    both = xml.removeprefix("<xml>").removesuffix("</xml>") if mode == "compatible" else ""
    return query, f"<xml>{both}<Encrypt><![CDATA[{told['Encrypt']}]]></Encrypt></xml>".encode()


def read(response: httpx.Response, mode: str = "plain") -> str:
    assert response.status_code == 200, response.text
    if response.text == "success":
        return "success"
    told = xmltodict.parse(response.text)["xml"]
    if mode != "plain":
        opened = crypto().decrypt_message(response.text, told["MsgSignature"], told["TimeStamp"], told["Nonce"])
        told = xmltodict.parse(opened)["xml"]
    assert told["MsgType"] == "text"
    assert len(told["Content"].encode()) <= 2048
    return str(told["Content"])


def crypto() -> WeChatCrypto:
    return WeChatCrypto(TOKEN, AES_KEY, APP_ID)
