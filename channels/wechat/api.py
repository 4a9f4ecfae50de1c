"""WeChat's server API: one shared access token, calls that are tried once more with a new one, errors told apart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson

from bot.errors import NeighbourError
from bot.shared_tokens import SharedToken, SharedTokens
from channels.wechat.accounts import Account

log = logging.getLogger(__name__)
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
EARLY = timedelta(minutes=3)  # before its end a token is renewed; WeChat gives a new one five minutes before
YOUNG = timedelta(seconds=10)  # between two renewals by force: WeChat allows 20 a day
WAITS = 10.0  # seconds for what another process renews
LOOK = 0.05
BAD_TOKEN = frozenset({40001, 40014, 42001})
LARGEST_MEDIA = 12_000_000  # bytes; WeChat's pictures have 10 MB at most


class WeChatError(NeighbourError):
    """WeChat refused: `code` is its errcode. Its text is not kept: it may hold what we sent."""

    def __init__(self, code: int) -> None:
        super().__init__(f"errcode {code}")
        self.code = code


class NotReached(NeighbourError):
    """Nothing arrived there, or it says itself that it failed: it may be tried again."""


class NoAnswer(NeighbourError):
    """The call began and no answer came: it may have been carried out."""


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or voice as WeChat keeps it for three days."""

    content: bytes
    kind: str


class WeChatApi:
    def __init__(
        self, client: httpx.AsyncClient, tokens: SharedTokens, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._now = clock

    # What is sent

    async def send_text(self, account: Account, openid: str, text: str) -> None:
        """A customer-service message."""
        told = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        await self.call(account, "/cgi-bin/message/custom/send", told)

    async def send_template(
        self, account: Account, openid: str, template: str, data: Mapping[str, str], *, url: str = ""
    ) -> None:
        """A template message, for notices that the citizen agreed to."""
        told = {"touser": openid, "template_id": template, "url": url, "data": _values(data)}
        await self.call(account, "/cgi-bin/message/template/send", told)

    async def send_subscription(
        self, account: Account, openid: str, template: str, data: Mapping[str, str], *, page: str = ""
    ) -> None:
        """A subscription message: one for each time that the citizen agreed."""
        told = {"touser": openid, "template_id": template, "page": page, "data": _values(data)}
        await self.call(account, "/cgi-bin/message/subscribe/bizsend", told)

    async def push_menu(self, account: Account, buttons: list[dict[str, Any]]) -> None:
        await self.call(account, "/cgi-bin/menu/create", {"button": buttons})

    async def make_code(self, account: Account, scene: str, *, seconds: int | None) -> str:
        """A QR code with a scene, for so long or for ever; gives the address of its picture."""
        kind = "QR_LIMIT_STR_SCENE" if seconds is None else "QR_STR_SCENE"
        told: dict[str, Any] = {"action_name": kind, "action_info": {"scene": {"scene_str": scene}}}
        if seconds is not None:
            told["expire_seconds"] = seconds
        made = await self.call(account, "/cgi-bin/qrcode/create", told)
        return str(httpx.URL("https://mp.weixin.qq.com/cgi-bin/showqrcode", params={"ticket": made["ticket"]}))

    # What is fetched

    async def media(self, account: Account, media_id: str) -> Media:
        """Raises WeChatError, NotReached, NoAnswer."""
        token = await self._token(account, None)
        url = f"{account.api_base}/cgi-bin/media/get"
        response = await self._sent("GET", url, params={"access_token": token.value, "media_id": media_id})
        kind = response.headers.get("content-type", "").partition(";")[0]
        if kind in ("application/json", "text/plain"):
            raise WeChatError(_told(response).get("errcode", -1))
        if len(response.content) > LARGEST_MEDIA:
            raise NotReached("larger than any picture of WeChat's")
        return Media(response.content, kind)

    async def user_of(self, account: Account, code: str) -> str:
        """The OpenID behind a mini-program's login code; the session key stays with us, and is dropped."""
        params = {
            "appid": account.app_id, "secret": account.app_secret, "js_code": code, "grant_type": "authorization_code",
        }  # fmt: skip
        told = _told(await self._sent("GET", f"{account.api_base}/sns/jscode2session", params=params))
        openid = told.get("openid")
        if told.get("errcode") or not isinstance(openid, str):
            raise WeChatError(int(told.get("errcode") or -1))
        return openid

    async def call(self, account: Account, path: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Once more with a new token where the token is no good. Raises WeChatError, NotReached, NoAnswer."""
        spoilt: SharedToken | None = None
        while True:
            token = await self._token(account, spoilt)
            url = f"{account.api_base}{path}"
            sent = await self._sent("POST", url, params={"access_token": token.value}, content=orjson.dumps(told))
            answer = _told(sent)
            code = int(answer.get("errcode") or 0)
            if code in BAD_TOKEN and spoilt is None:
                spoilt = token
                continue
            if code:
                raise WeChatError(code)
            return answer

    # The token

    async def _token(self, account: Account, spoilt: SharedToken | None) -> SharedToken:
        """The one that all processes share; whoever may, renews it, the others wait."""
        ends = asyncio.get_running_loop().time() + WAITS
        while True:
            now = self._now()
            known = await self._tokens.current(account.name, now)
            version = known.version if known else 0
            stale = spoilt is not None and version == spoilt.version
            if known and known.value and not stale and known.until > now + EARLY:
                return known
            if known and stale and known.version > 1 and known.made_at > now - YOUNG:
                raise NotReached("a token renewed just now is no good")
            if await self._tokens.may_renew(account.name, version, now):
                await self._renew(account, version, force=stale)
            elif asyncio.get_running_loop().time() > ends:
                raise NotReached("no token came")
            else:
                await asyncio.sleep(LOOK)

    async def _renew(self, account: Account, version: int, *, force: bool) -> None:
        wanted = {
            "grant_type": "client_credential", "appid": account.app_id, "secret": account.app_secret,
            "force_refresh": force,
        }  # fmt: skip
        try:
            told = _told(
                await self._sent("POST", f"{account.api_base}/cgi-bin/stable_token", content=orjson.dumps(wanted))
            )
            if not isinstance(told.get("access_token"), str):
                raise WeChatError(int(told.get("errcode") or -1))
        except NeighbourError as error:
            await self._tokens.not_renewed(account.name, version)
            log.warning("no access token", extra={"told": {"account": account.name, "why": str(error)}})
            raise NotReached("no access token") from error
        now = self._now()
        until = now + timedelta(seconds=int(told.get("expires_in") or 0))
        await self._tokens.renewed(account.name, version, told["access_token"], now, until)

    async def _sent(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            response = await self._client.request(method, url, timeout=TIMEOUT, **more)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise NotReached(type(error).__name__) from error
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from error
        if response.status_code >= 400:
            raise NotReached(f"HTTP {response.status_code}")
        return response


def _told(response: httpx.Response) -> dict[str, Any]:
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise NotReached("no JSON") from error
    if not isinstance(told, dict):
        raise NotReached("no object")
    return told


def _values(data: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"value": value} for name, value in data.items()}
