"""The switchboard: everything a citizen or a machine says passes here, is remembered, and rings the bell."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import perf_counter
from typing import Any, NamedTuple

from bot.answering.assistant import Assistant, Perceived, after
from bot.answering.turn import Reply, Site
from bot.answering.wording import say
from bot.bus import Bell, Bus
from bot.codes import Codes
from bot.conversation import BOT_SPEAKS_IN, Choice, Conversation, Message, Party, Stage, answer_code
from bot.desk import Standing
from bot.errors import BotError, Refused, Stale, WrongStage
from bot.lookout import QUEUE, Lookout, desk_of
from bot.measure import ANSWER_SECONDS, ANSWERS, MESSAGES
from bot.notices import Bulletin, Kind
from bot.privacy import mask
from bot.recent import Recent
from bot.reception import FORM, Reception
from bot.store.conversations import PAGE, Conversations, Heard
from bot.tickets import Form, Tickets
from bot.working_days import Day, day_words
from knowledge_base.text import visible

log = logging.getLogger(__name__)
HEARTBEAT = 25.0  # seconds; a bell that was missed costs no more than this
SAME_OPENING = timedelta(minutes=10)  # a client that repeats its opening gets the same conversation
TRIES = 40  # of a change that others may be making too; more than a conversation may say in a minute
RESTS = "switched_off"
NOTICE = {"kind": "notice", "notice": "emergency"}
NOTICED = 10_000  # conversations and emergencies remembered; a forgotten one costs a write that changes nothing
OURS = re.compile(r"greeting$|(?:re|sys|form):")  # ids of the service's own messages


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits of a conversation, from the settings."""

    characters: int = 500
    messages_per_minute: int = 30
    reopen_within: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation and the token that opens it."""

    conversation: Conversation
    token: str


class State(NamedTuple):
    """Who holds a conversation, as the citizen is told: his place, or the agent's name and number."""

    conversation: Conversation
    standing: Standing | None = None
    agent: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """What a listener learns: messages it has not had, and the conversation as it is now."""

    conversation: Conversation
    messages: tuple[Message, ...]


class Switchboard:
    def __init__(
        self, store: Conversations, lookout: Lookout, reception: Reception, bus: Bus, assistant: Assistant,
        tickets: Tickets, codes: Codes, site: Site, rules: Rules,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC), *, bulletin: Callable[[], Bulletin] = Bulletin,
    ) -> None:  # fmt: skip
        self._bulletin = bulletin
        self._noticed: dict[tuple[str, str], None] = {}  # emergencies that this process told or knows to be told
        self._store = store
        self._lookout = lookout
        self._reception = reception
        self._bus = bus
        self._assistant = assistant
        self._tickets = tickets
        self._codes = codes
        self._site = site
        self._rules = rules
        self._now = clock
        self._recent = Recent()

    async def open(
        self,
        channel: str,
        *,
        address: str,
        id: str | None = None,
        locale: str = "zh-CN",
        scene: str = "",
        notices: Sequence[str] = (),
        greeting: str = "",
    ) -> Opened:
        """A new conversation with its greeting; the same id from the same address soon again is the same one.

        `notices` are told before the greeting, a channel may have its own; one that is switched off says why instead.
        """
        now = self._now()
        name = id or secrets.token_urlsafe(18)
        token = secrets.token_urlsafe(32)
        rests = self._bulletin().switch_text(channel)
        greeting = greeting or say("greeting", locale, city=self._site.city, name=self._site.name)
        text = rests or "\n".join((*notices, greeting))
        first = Message("greeting", Party.BOT, text, now, because=RESTS if rests else "greeting")
        conversation = await self._store.open(
            Conversation(name, channel, now, locale=locale, scene=scene),
            first,
            address=address,
            digest=digest(token),
            same_within_ms=int(SAME_OPENING.total_seconds() * 1000),
        )
        return Opened(conversation, token)

    async def may_listen(self, conversation_id: str, token: str) -> bool:
        return await self._store.holder(digest(token)) == conversation_id

    async def holder(self, token: str) -> str | None:
        """The conversation a token opens."""
        return await self._store.holder(digest(token))

    async def hear(
        self, conversation_id: str, text: str, *, id: str, more: Mapping[str, Any] | None = None
    ) -> tuple[Heard, Perceived]:
        """Keeps a citizen's words, masked, while they are being understood; on return they are on disk.

        `more` is kept with them for the staff, such as where a picture lies.
        """
        if OURS.match(id):
            raise Refused("bad_id", "消息编号不能用，请换一个。")
        masked = mask(self._checked(text))
        now = self._now()
        details = dict(more or {}) | ({"masked": list(masked.kinds)} if masked.kinds else {})
        said = Message(id, Party.CITIZEN, masked.text, now, details=details)
        keeping = asyncio.ensure_future(self._keep(conversation_id, said))
        try:
            perceived = await self._assistant.perceive(masked.text, None, now)
        finally:
            heard = await keeping
        return heard, perceived

    async def _keep(self, conversation_id: str, said: Message) -> Heard:
        reopen = int(self._rules.reopen_within.total_seconds() * 1000)
        heard = await self._store.hear(
            conversation_id, said, per_minute=self._rules.messages_per_minute, reopen_ms=reopen
        )
        if heard.fresh:
            MESSAGES.labels(heard.conversation.channel, "citizen").inc()
            self.tell(heard.conversation, heard.message)
        return heard

    async def answer(
        self, heard: Heard, perceived: Perceived, chosen: Choice | None = None, *, instead: Reply | None = None
    ) -> None:
        """Says the bot's reply to a message, once, unless a human holds the conversation by then.

        `instead` is a channel's reply to what holds no words, such as a picture.
        """
        if not heard.fresh and await self._is_answered(heard):
            return
        started = perf_counter()
        conversation = heard.conversation
        await self.announce_to(conversation)
        for _ in range(TRIES):
            if conversation.stage not in BOT_SPEAKS_IN:
                return
            reply = instead or self._assistant.decide(perceived, conversation, self._now(), chosen)
            reply = self._resting(reply, conversation.channel)
            if reply.outcome == "handoff":
                reply, conversation = await self._reception.receive(reply, conversation)
            reply = _offering(reply, heard.message.seq)
            try:
                await self._speak(conversation, heard.message, reply, perceived)
            except Stale:
                conversation = await self._store.find(conversation.id)
                continue
            ANSWERS.labels(conversation.channel, reply.outcome, reply.because).inc()
            ANSWER_SECONDS.observe(perf_counter() - started)
            return

    def _resting(self, reply: Reply, channel: str) -> Reply:
        """What a channel that is switched off says instead; despair is answered at any time."""
        rests = self._bulletin().switch_text(channel)
        if rests is None or reply.because == "crisis":
            return reply
        return Reply(rests, RESTS, "refuse", card=FORM)

    async def announce(self) -> None:
        """Tells emergencies that hold by now to the conversations that somebody here listens to."""
        for conversation_id in self._recent.conversations():
            try:
                await self.announce_to(await self._store.find(conversation_id))
            except BotError as error:
                log.warning("conversation %s was not told: %s", conversation_id, type(error).__name__)

    async def announce_to(self, conversation: Conversation) -> None:
        """Each emergency that began after the greeting is told once."""
        now = self._now()
        for notice in self._bulletin().holding(Kind.EMERGENCY, conversation.channel, now):
            key = (conversation.id, notice.key)
            if notice.since <= conversation.opened_at or key in self._noticed or conversation.stage is Stage.CLOSED:
                continue
            await self.say(
                conversation.id,
                Message(f"sys:notice:{notice.key}", Party.SYSTEM, notice.text, now, card=NOTICE, because="notice"),
            )
            self._noticed[key] = None
            if len(self._noticed) > NOTICED:
                self._noticed.pop(next(iter(self._noticed)))

    async def receive(self, conversation_id: str, text: str, *, id: str) -> Heard:
        """Hears and answers in one: for channels that wait for both."""
        heard, perceived = await self.hear(conversation_id, text, id=id)
        await self.answer(heard, perceived)
        return heard

    async def choose(self, conversation_id: str, choice_id: str, *, id: str) -> tuple[Heard, Perceived, Choice]:
        """A choice that was offered is taken: its label is what the citizen said. Raises Refused `unknown_choice`."""
        conversation = await self._store.find(conversation_id)
        choice = next((c for c in conversation.offered if c.id == choice_id), None)
        if choice is None:
            choice = await self._offered_earlier(conversation, choice_id)
        heard, perceived = await self.hear(conversation_id, choice.label, id=id)
        return heard, perceived, choice

    async def _offered_earlier(self, conversation: Conversation, choice_id: str) -> Choice:
        """A repeated click arrives after the offer was taken; an older offer may still be pressed."""
        lately = await self._store.messages(conversation.id, after=max(0, conversation.last_seq - PAGE))
        offered = (choice for message in reversed(lately) for choice in message.choices)
        choice = next((choice for choice in offered if choice.id == choice_id), None)
        if choice is None:
            raise Refused("unknown_choice", "这个选项已经失效，请直接说您要问的事。")
        return choice

    async def ask_human(self, conversation_id: str, *, id: str) -> tuple[Heard, Perceived, Choice]:
        """The button that is always there: the same as asking for a human in words."""
        choice = Choice("human", say("human"), action="human")
        heard, perceived = await self.hear(conversation_id, choice.label, id=id)
        return heard, perceived, choice

    async def leave_queue(self, conversation_id: str, *, id: str) -> Conversation:
        """Back to the bot; doing it twice is doing it once."""

        def left(conversation: Conversation) -> Conversation | None:
            return conversation.leave_queue() if conversation.stage is Stage.WAITING else None

        return await self._change(conversation_id, left, reason="left_queue", notice=("left_queue", id))

    async def end(
        self, conversation_id: str, token: str | None, *, id: str, reason: str = "closed_by_citizen"
    ) -> Conversation:
        """Closes; the device's token opens nothing any more."""

        def closed(conversation: Conversation) -> Conversation | None:
            return None if conversation.stage is Stage.CLOSED else conversation.close(self._now())

        conversation = await self._change(conversation_id, closed, reason=reason, notice=(reason, id))
        if token is not None:
            await self._store.end_token(digest(token), self._now())
        return conversation

    async def ended(self, token: str) -> str | None:
        """The conversation that a token opened until it was ended: whoever repeats that is acked again."""
        return await self._store.ended(digest(token))

    async def leave_message(self, conversation_id: str, form: Form, *, id: str) -> Conversation:
        """Keeps a message form and confirms it in the conversation. Raises Refused with what to mend."""
        conversation = await self._store.find(conversation_id)
        due = await self._reception.due("reply")
        number = await self._tickets.leave(conversation_id, id, form, self._now(), due)
        text = say("message_kept", conversation.locale, number=number, day=day_words(due.day))
        return await self.say(
            conversation_id, Message(f"form:{id}", Party.SYSTEM, text, self._now(), because="message_form")
        )

    async def say(self, conversation_id: str, message: Message) -> Conversation:
        """What answers no question, such as a notice: kept and told, whoever holds it. Raises NotFound."""
        changed = await self._store.say(conversation_id, message)
        self.changed(changed, changed)
        return changed

    async def rectified_by(self) -> Day:
        """When what a bad rating complains of must be put right."""
        return await self._reception.due("rectify")

    async def resume(self, code: str) -> Opened:
        """Opens the conversation of a resume code on this device too. Raises Refused `bad_code`."""
        token = secrets.token_urlsafe(32)
        conversation_id = await self._codes.redeem(code, digest(token), self._now())
        return Opened(await self._store.find(conversation_id), token)

    async def remind(self, conversation: Conversation) -> None:
        """Asks whether the citizen is still there; once in a silence."""

        def reminded(current: Conversation) -> Conversation | None:
            quiet = current.stage is Stage.BOT and not current.reminded and current.heard_at == conversation.heard_at
            return replace(current, reminded=True) if quiet else None

        await self._change(
            conversation.id, reminded, reason="reminded", notice=("reminder", f"reminder:{conversation.last_seq}")
        )

    async def close_quiet(self, conversation: Conversation) -> None:
        """Ends a conversation in which nothing was said after the reminder."""

        def closed(current: Conversation) -> Conversation | None:
            quiet = current.stage is Stage.BOT and current.reminded and current.heard_at == conversation.heard_at
            return current.close(self._now()) if quiet else None

        await self._change(
            conversation.id, closed, reason="closed_quiet", notice=("closed_quiet", f"quiet:{conversation.last_seq}")
        )

    async def send_back(self, conversation_id: str, reason: str, text: str) -> None:
        """Out of the queue, with what the citizen can do instead; doing it twice is doing it once."""

        def back(conversation: Conversation) -> Conversation | None:
            return conversation.leave_queue() if conversation.stage is Stage.WAITING else None

        notice = Message(f"sys:{reason}", Party.SYSTEM, text, self._now(), card=FORM, because=reason)
        await self._change(conversation_id, back, reason=reason, notice=notice)

    async def answer_left(self, conversation: Conversation, message: Message) -> None:
        """Answers what a killed process heard and left."""
        perceived = await self._assistant.perceive(message.text, conversation, self._now())
        await self.answer(Heard(conversation, message, fresh=True), perceived)

    async def typing(self, conversation_id: str) -> None:
        self._bus.ring(f"typing:{Party.CITIZEN}:{conversation_id}")
        await self._store.touch_typing(conversation_id, self._now())

    async def state(self, conversation: Conversation) -> State:
        waits = conversation.stage is Stage.WAITING
        standing = await self._lookout.standing(conversation.id) if waits else None
        agent = conversation.agent_id
        return State(conversation, standing, await self._lookout.shown(agent) if agent else None)

    async def still_waits(self, conversation_id: str) -> None:
        """The page of whoever waits is open: he counts as there."""
        await self._lookout.touch(conversation_id)

    def typings(self, conversation_id: str, party: Party) -> AbstractAsyncContextManager[Bell]:
        """Rings whenever the citizen, or the agent, is writing."""
        return self._bus.subscribe(f"typing:{party}:{conversation_id}")

    async def find(self, conversation_id: str) -> Conversation:
        return await self._store.find(conversation_id)

    async def messages(self, conversation_id: str, after: int, *, wait: float = 0.0) -> Update:
        """What was said after `after`; waits for it up to `wait` seconds (long poll)."""
        async with self.listen(conversation_id, after) as updates:
            update = await anext(updates)
            if update.messages or wait <= 0:
                return update
            try:
                async with asyncio.timeout(wait):
                    return await anext(updates)
            except TimeoutError:
                return update

    @asynccontextmanager
    async def listen(self, conversation_id: str, after: int = 0) -> AsyncIterator[AsyncIterator[Update]]:
        """First everything after `after`, then each change as it happens. Raises NotFound."""
        async with (
            self._bus.subscribe(conversation_id) as bell,
            aclosing(self._updates(conversation_id, after, bell)) as updates,
        ):
            yield updates

    async def _updates(self, conversation_id: str, after: int, bell: Bell) -> AsyncGenerator[Update]:
        seen: Conversation | None = None
        with self._recent.kept(conversation_id):
            here = False
            while True:
                known = self._recent.after(conversation_id, after) if here else None
                if known is None:
                    conversation, messages = await self._store.listened(conversation_id, after)
                    self._recent.learn(conversation, messages)
                else:
                    conversation, messages = known
                moved = seen is None or (seen.stage, seen.agent_id) != (conversation.stage, conversation.agent_id)
                if messages or moved:
                    after = messages[-1].seq if messages else after
                    seen = conversation
                    yield Update(conversation, tuple(messages))
                if after < conversation.last_seq:
                    here = False
                    continue  # a long story comes in pages
                here = await bell.wait(HEARTBEAT) == "here"

    async def _change(
        self,
        conversation_id: str,
        move: Callable[[Conversation], Conversation | None],
        *,
        reason: str,
        notice: tuple[str, str] | Message,
    ) -> Conversation:
        for _ in range(TRIES):
            conversation = await self._store.find(conversation_id)
            try:
                wanted = move(conversation)
            except WrongStage as error:
                raise Refused("wrong_stage", "现在不能这样操作。") from error
            if wanted is None:
                return conversation
            if isinstance(notice, Message):
                message = replace(notice, id=f"{notice.id}:{conversation.version}")
            else:
                key, name = notice
                message = Message(f"sys:{name}", Party.SYSTEM, say(key, conversation.locale), self._now(), because=key)
            try:
                changed = await self._store.change(wanted, reason=reason, at=self._now(), notice=message)
            except Stale:
                continue
            self.changed(conversation, changed)
            return changed
        raise Stale(conversation_id)

    async def _speak(self, conversation: Conversation, asked: Message, reply: Reply, perceived: Perceived) -> None:
        text = reply.text
        if reply.wants_code:
            long = conversation.task is not None
            text = text.replace("{code}", await self._codes.issue(conversation.id, self._now(), long=long))
        if asked.details.get("masked"):
            text = f"{say('masked', conversation.locale)}\n{text}"
        full = {"full": reply.full} if reply.full else {}
        name = f"re:{asked.id}"
        details = {
            "outcome": reply.outcome, "entry": reply.entry, "topic": reply.topic, "score": round(reply.score, 4),
            "version": perceived.index.version, "intent": perceived.understanding.intent,
            "engine": perceived.understanding.engine,
            "hits": [[h.entry.id, round(h.score, 4)] for h in perceived.found.hits[:3]],
        } | full  # fmt: skip
        message = Message(
            name, Party.BOT, text, self._now(), choices=reply.choices, sources=reply.sources, card=reply.card,
            because=reply.because, answer_code=answer_code(conversation.id, name), details=details,
        )  # fmt: skip
        changed = await self._store.reply(
            after(conversation, reply, perceived), message, hand_off=reply.hand_off, reason=reply.because
        )
        if changed is None:
            return  # another process said it meanwhile
        MESSAGES.labels(conversation.channel, "bot").inc()
        self.tell(changed, replace(message, seq=changed.last_seq))
        self._moved(conversation, changed)

    async def _is_answered(self, heard: Heard) -> bool:
        later = await self._store.messages(heard.conversation.id, after=heard.message.seq)
        return any(m.id == f"re:{heard.message.id}" for m in later)

    def changed(self, before: Conversation, now: Conversation) -> None:
        """Tells listeners and desks of a change that is kept already."""
        self._recent.forget(now)
        self._bus.ring(now.id)
        self._moved(before, now)

    def tell(self, conversation: Conversation, message: Message) -> None:
        """Tells listeners of a message that this process kept."""
        self._recent.add(conversation, message)
        self._bus.ring(conversation.id)

    def _moved(self, before: Conversation, now: Conversation) -> None:
        """Rings the desks whose queue or whose own conversations changed."""
        if before.stage is not now.stage and Stage.WAITING in (before.stage, now.stage):
            self._lookout.forget()
            self._bus.ring(QUEUE)
        for agent in {before.agent_id, now.agent_id} - {None} if before.agent_id != now.agent_id else ():
            self._bus.ring(desk_of(str(agent)))

    def _checked(self, text: object) -> str:
        if not isinstance(text, str):
            raise Refused("not_text", "请用文字提问。")
        shown = visible(text).strip()
        if not shown:
            raise Refused("empty", say("refuse_empty"))
        if len(shown) > self._rules.characters:
            raise Refused("too_long", f"一次最多 {self._rules.characters} 个字，请说短一些，或分几次说。")
        return shown


def _offering(reply: Reply, seq: int) -> Reply:
    """Each offer's choices have ids of their own, so an old button never means a new offer; 转人工 and 都不是 mean
    the same everywhere."""
    same = ("human", "none")
    return replace(
        reply, choices=tuple(c if c.action in same else replace(c, id=f"{c.id}.{seq}") for c in reply.choices)
    )  # fmt: skip


def digest(token: str) -> str:
    """Tokens are kept as digests only."""
    return sha256(token.encode()).hexdigest()
