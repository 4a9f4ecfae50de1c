"""What becomes of a follower's message or event: heard, chosen, rated, passed on, or answered politely."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from bot.answering.turn import Reply
from bot.answering.wording import say
from bot.assembly import Parts
from bot.conversation import Choice, Conversation, Message, Party, Stage
from bot.endpoints import SPOKEN, Endpoint
from bot.errors import NeighbourError, NotFound, Refused
from channels.wechat.wire import Incoming

WECHAT = "wechat"
STARS = re.compile(r"([1-5])\s*(?:分|星|颗星)?[。.！!]?")
YES = re.compile(r"(?:是的?|对的?|嗯+|没错|1)[。.！!]?")
NO = re.compile(r"(?:不是的?|不对|不|错了|0|2)[。.！!]?")
LEAVES = re.compile(r"取消排队|不(?:等|排)了|退出排队")
CONTINUES = re.compile(r"(?:网页|电脑|手机网页)?(?:上)?继续(?:咨询)?链接|网页版|看全文")
PICTURES = {"image": "图片", "video": "视频", "shortvideo": "小视频", "file": "文件", "voice": "语音"}
MEANT = frozenset(
    {"event:subscribe", "event:scan", "event:click", "event:scancode_waitmsg"}
)  # for us; others only tell
Recognise = Callable[[Incoming], Awaitable[str]]


class Hearing:
    """`recognise` gives the words of a voice message, or "" where there is no recogniser or it is not sure."""

    def __init__(self, parts: Parts, scenes: dict[str, str], recognise: Recognise | None = None) -> None:
        self._parts = parts
        self._switchboard = parts.switchboard
        self._scenes = scenes
        self._recognise = recognise

    async def take(self, call: Incoming, endpoint: Endpoint) -> str:
        """Does what it asks for; gives words to put before the reply. Raises Refused with the sentence to tell."""
        if is_quiet(call):
            await self._quiet(call, endpoint)
            return ""
        if call.kind in ("event:subscribe", "event:scan"):
            await self._greet(call, endpoint)
            return ""
        conversation = await self._conversation(endpoint, call)
        for _ in range(2):
            try:
                return await self._said(call, conversation)
            except Refused as error:
                if error.code != "gone":
                    raise
                conversation = await self._conversation(await self._parts.endpoints.renew(endpoint), call)
        return ""

    async def _said(self, call: Incoming, conversation: Conversation) -> str:
        match call.kind:
            case "text":
                await self._words(call, conversation, call.text("Content"), call.text("bizmsgmenuid"))
            case "voice":
                return await self._voice(call, conversation)
            case "event:click":
                await self._pressed(call, conversation)
            case "event:scancode_waitmsg":
                await self._words(call, conversation, _scanned(call), "")
            case _:
                await self._without_words(call, conversation)
        return ""

    # Words

    async def _words(self, call: Incoming, conversation: Conversation, text: str, menu: str) -> None:
        name = _id(call)
        bare = text.strip()
        if len(bare) <= len("网页上继续咨询链接") or menu:
            if await self._answers_ours(call, conversation, bare, menu):
                return
            if conversation.stage is Stage.WAITING and LEAVES.fullmatch(bare):
                await self._switchboard.leave_queue(conversation.id, id=name)
                return
            if CONTINUES.fullmatch(bare):
                await self._continue(conversation, name)
                return
        if menu and ":" not in menu and await self._chosen(conversation, menu, name):
            return
        await self._ask(conversation, text, name)

    async def _ask(self, conversation: Conversation, text: str, name: str) -> None:
        heard, perceived = await self._switchboard.hear(conversation.id, text, id=name)
        await self._switchboard.answer(heard, perceived)

    async def _chosen(self, conversation: Conversation, choice: str, name: str) -> bool:
        """A tapped choice; one that has lapsed counts by its words."""
        try:
            heard, perceived, chosen = await self._switchboard.choose(conversation.id, choice, id=name)
        except Refused as error:
            if error.code == "unknown_choice":
                return False
            raise
        await self._switchboard.answer(heard, perceived, chosen)
        return True

    async def _answers_ours(self, call: Incoming, conversation: Conversation, bare: str, menu: str) -> bool:
        """A rating, or whether a voice message was heard right: only right after it was asked for."""
        rated = re.fullmatch(r"rate:([1-5])", menu) or STARS.fullmatch(bare)
        told = rated or menu.startswith("voice:") or YES.fullmatch(bare) or NO.fullmatch(bare)
        last = await self._last(conversation) if told else None
        if last is None:
            return False
        if rated and ((last.card or {}).get("kind") == "rate" or menu.startswith("rate:")):
            await self._rate(conversation, int(rated[1]), _id(call))
            return True
        if last.because == "voice_echo":
            if menu == "voice:yes" or YES.fullmatch(bare):
                await self._ask(conversation, str(last.details.get("heard", "")), _id(call))
                return True
            if menu == "voice:no" or NO.fullmatch(bare):
                await self._tell(conversation, "wechat_voice_again", _id(call))
                return True
        return False

    async def _rate(self, conversation: Conversation, stars: int, name: str) -> None:
        due = await self._switchboard.rectified_by()
        await self._parts.opinions.rate(conversation.id, stars, [], "", _now(), due=due)
        await self._tell(conversation, "wechat_rated" if stars > 2 else "wechat_rated_bad", name)

    async def _continue(self, conversation: Conversation, name: str) -> None:
        await self._tell(conversation, "wechat_continue", name, card={"kind": "notice", "link": True})

    # Voice

    async def _voice(self, call: Incoming, conversation: Conversation) -> str:
        """Answered at once where the words are surely understood; else they are read back first."""
        text = call.text("Recognition") or await self._recognised(call)
        if conversation.stage is Stage.AGENT:
            await self._without_words(call, conversation, heard=text)
            return ""
        if not text:
            await self._tell(conversation, "wechat_voice_text", _id(call))
            return ""
        perceived = await self._parts.assistant.perceive(text, conversation, _now())
        found = perceived.found
        sure = found.exact or bool(found.hits and found.hits[0].score >= perceived.index.bands.answer)
        if sure or perceived.understanding.intent == "human":
            await self._ask(conversation, text, _id(call))
            return say("wechat_voice_heard", text=text)
        await self._tell(
            conversation, "wechat_voice_echo", _id(call), because="voice_echo", details={"heard": text}, text=text,
            choices=(Choice("voice:yes", say("voice_yes")), Choice("voice:no", say("voice_no"))),
        )  # fmt: skip
        return ""

    async def _recognised(self, call: Incoming) -> str:
        if self._recognise is None:
            return ""
        try:
            return await self._recognise(call)
        except NeighbourError:
            return ""

    # What has no words

    async def _without_words(self, call: Incoming, conversation: Conversation, heard: str = "") -> None:
        """To the agent where one serves; the bot asks for words."""
        text, key = _shown(call, heard), "wechat_unknown"
        if call.kind in ("image", "video", "shortvideo", "file"):
            key = "wechat_picture"
        elif call.kind in ("location", "link"):
            key = f"wechat_{call.kind}"
        media = {"account": call.account, "media": call.text("MediaId"), "kind": call.kind}
        more = {"media": media} if call.text("MediaId") else {}
        if conversation.stage is not Stage.AGENT and call.kind not in PICTURES:
            text = text.partition("：")[0].rstrip("〕") + "〕" if text.startswith("〔") else text
        spoken, perceived = await self._switchboard.hear(conversation.id, text, id=_id(call), more=more)
        reply = Reply(say(key), key, "refuse")
        await self._switchboard.answer(spoken, perceived, instead=reply)

    # Events

    async def _pressed(self, call: Incoming, conversation: Conversation) -> None:
        """A button of the account's menu: `human`, `link`, `ask:…`; anything else greets."""
        key = call.text("EventKey")
        if key == "human":
            heard, perceived, chosen = await self._switchboard.ask_human(conversation.id, id=_id(call))
            await self._switchboard.answer(heard, perceived, chosen)
        elif key == "link":
            await self._continue(conversation, _id(call))
        elif key.startswith("ask:"):
            await self._ask(conversation, key.removeprefix("ask:"), _id(call))
        else:
            await self._tell(conversation, "wechat_welcome_back", _id(call))

    async def _greet(self, call: Incoming, endpoint: Endpoint) -> None:
        """Who follows or scans hears who we are, that we are a machine, and what the place adds."""
        fresh = await self._find(endpoint)
        if fresh is None:
            await self._open(endpoint, call, self._greeting(call.scene))
            return
        text = self._scenes.get(call.scene) or say("wechat_welcome_back")
        await self._switchboard.say(
            fresh.id, Message(_id(call), Party.SYSTEM, text, _now(), because="greeting")
        )  # fmt: skip

    async def _quiet(self, call: Incoming, endpoint: Endpoint) -> None:
        if call.kind != "event:unsubscribe":
            return
        await self._parts.endpoints.leave(endpoint.id)
        conversation = await self._find(endpoint)
        if conversation is not None and conversation.stage is Stage.WAITING:
            await self._switchboard.leave_queue(conversation.id, id=_id(call))

    def _greeting(self, scene: str) -> str:
        site = self._parts.site
        greeting = say("greeting_wechat", city=site.city, name=site.name)
        place = self._scenes.get(scene, "")
        return f"{place}\n{greeting}" if place else greeting

    # The conversation

    async def _conversation(self, endpoint: Endpoint, call: Incoming) -> Conversation:
        found = await self._find(endpoint)
        if found is not None:
            return found
        site = self._parts.site
        return await self._open(endpoint, call, say("greeting_wechat_short", city=site.city, name=site.name))

    async def _find(self, endpoint: Endpoint) -> Conversation | None:
        try:
            return await self._switchboard.find(endpoint.conversation_id)
        except NotFound:
            return None

    async def _open(self, endpoint: Endpoint, call: Incoming, greeting: str) -> Conversation:
        """Two calls at once open the same one."""
        opened = await self._switchboard.open(
            WECHAT, address=endpoint.id, id=endpoint.conversation_id, scene=call.scene[:64], greeting=greeting,
            notices=self._parts.notices.greeting_notices(WECHAT),
        )  # fmt: skip
        return opened.conversation

    async def _last(self, conversation: Conversation) -> Message | None:
        lately = await self._parts.conversations.messages(conversation.id, after=max(0, conversation.last_seq - 1))
        return lately[-1] if lately else None

    async def _tell(
        self, conversation: Conversation, key: str, name: str, *, because: str = "",
        details: dict[str, str] | None = None, choices: tuple[Choice, ...] = (), card: dict[str, object] | None = None,
        **values: str,
    ) -> None:  # fmt: skip
        text = say(key, "zh-CN", **values)
        message = Message(
            name, Party.SYSTEM, text, _now(), because=because or key, choices=choices, card=card,
            details=dict(details or {}),
        )  # fmt: skip
        await self._switchboard.say(conversation.id, message)


def is_quiet(call: Incoming) -> bool:
    """An event that needs no reply: the follower did not speak to us."""
    return call.is_event and call.kind not in MEANT


def _id(call: Incoming) -> str:
    return f"{SPOKEN}{call.key[:40]}"


def _shown(call: Incoming, heard: str) -> str:
    if call.kind in PICTURES:
        return f"〔{PICTURES[call.kind]}〕{heard}"
    if call.kind == "location":
        return f"〔位置：{call.text('Label')[:100]}〕" if call.text("Label") else "〔位置〕"
    if call.kind == "link":
        return f"〔链接：{call.text('Title')[:60]}〕{call.text('Url')[:300]}"
    return "〔其他消息〕"


def _scanned(call: Incoming) -> str:
    info = call.fields.get("ScanCodeInfo")
    result = info.get("ScanResult", "") if isinstance(info, dict) else ""
    return result if isinstance(result, str) and result else "扫一扫"


def _now() -> datetime:
    return datetime.now(UTC)
