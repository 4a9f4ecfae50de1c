"""A call's conversation: asks the switchboard, and turns what it says into what a call understands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from bot.answering.wording import answer_text
from bot.assembly import Parts
from bot.conversation import Choice, Conversation, Message, Party, Stage
from bot.errors import BotError, NotFound, Refused, StoreBusy
from channels.voice.events import Announced, Event, Failed, Moved, Option, Place, Replied
from knowledge_base.topics import topic_labels

LOOK_AT_PLACE = 3.0
FULLER = 1.3  # times as long as what was said: worth offering
SPOKEN_BY_LINE = ("left_queue", "to_dialplan", "closed_by_citizen", "reminder", "closed_quiet")
PLACES = {Stage.BOT: Place.BOT, Stage.WAITING: Place.QUEUE, Stage.AGENT: Place.AGENT, Stage.CLOSED: Place.LEAVING}
At = Callable[[], int]


class Talk:
    def __init__(self, parts: Parts, call_id: str, *, transfer: str, at: At, tell: Callable[[Event], None]) -> None:
        self._parts = parts
        self._call = call_id
        self._transfer = transfer
        self._at = at
        self._tell = tell
        self.id = ""
        self.notices: tuple[str, ...] = ()
        self.rests = ""  # why this channel is switched off
        self._salt = ""
        self._said: dict[int, Message] = {}
        self._asked = ""
        self._topic: str | None = None

    async def open(self, *, again: str | None, begun: int) -> None:
        """A conversation of its own; the one before where a call was cut off. Raises StoreBusy."""
        switchboard = self._parts.switchboard
        self._salt = f"{begun}-{int(datetime.now(UTC).timestamp())}"
        if again is not None:
            try:
                self.id = (await switchboard.find(again)).id
                return
            except NotFound:
                pass
        board = self._parts.notices
        self.notices = board.greeting_notices("voice")
        self.rests = board.switch_text("voice") or ""
        fingerprint = self._parts.contacts.fingerprint(f"call:{self._call}")
        self.id = (await switchboard.open("voice", address=fingerprint, notices=self.notices)).conversation.id

    async def ask(self, turn: int, text: str, choice: str | None) -> tuple[str, Event]:
        """What was kept of the caller's words, and what came of them."""
        name = f"call-{self._salt}-{turn}"
        switchboard = self._parts.switchboard
        try:
            chosen: Choice | None = None
            if choice is not None:
                heard, perceived, chosen = await switchboard.choose(self.id, choice, id=name)
            else:
                heard, perceived = await switchboard.hear(self.id, text, id=name)
            await switchboard.answer(heard, perceived, chosen)
            self._asked = heard.message.text
            return heard.message.text, await self._reply(turn, name, heard.message.seq)
        except (Refused, StoreBusy, BotError):
            return "", Failed(self._at(), turn)

    async def ask_human(self, turn: int) -> tuple[str, Event]:
        name = f"call-{self._salt}-{turn}"
        switchboard = self._parts.switchboard
        try:
            heard, perceived, chosen = await switchboard.ask_human(self.id, id=name)
            await switchboard.answer(heard, perceived, chosen)
            return heard.message.text, await self._reply(turn, name, heard.message.seq)
        except BotError:
            return "", Replied(self._at(), turn, "", "handoff", handed=True)  # the way to a human needs no store

    async def leave_queue(self, turn: int) -> None:
        await self._parts.switchboard.leave_queue(self.id, id=f"call-{self._salt}-leave-{turn}")

    async def _reply(self, turn: int, name: str, after: int) -> Event:
        found = await self._parts.conversations.messages(self.id, after=after)
        message = next((m for m in found if m.id == f"re:{name}"), None)
        if message is None:
            return Failed(self._at(), turn)
        self._said[turn] = message
        conversation = await self._parts.switchboard.find(self.id)
        outcome = str(message.details.get("outcome", ""))
        self._topic = message.details.get("topic") or self._topic
        if outcome == "handoff":
            return await self._handed(turn, message, conversation)
        return Replied(
            self._at(), turn, message.text, outcome, _options(message, conversation), more=self._fuller(message),
            numeric=_wants_number(message, conversation),
        )  # fmt: skip

    async def _handed(self, turn: int, message: Message, conversation: Conversation) -> Event:
        """Who takes the call: agents at their consoles where there are some, else the dialplan's queue."""
        staffed = (await self._parts.lookout.floor()).staffed
        here = self._transfer == "console" or (self._transfer == "auto" and staffed)
        if here:
            return Replied(self._at(), turn, message.text, "handoff")
        if conversation.stage is Stage.WAITING:
            await self._parts.switchboard.send_back(self.id, "to_dialplan", "已转到电话人工排队。")
        first = message.text if message.because == "crisis" else ""
        return Replied(self._at(), turn, first, "handoff", handed=True)

    def _fuller(self, message: Message) -> str:
        """The long form of an entry's answer, where it says more than the spoken one."""
        index = self._parts.library.current
        entry = index.entries.get(str(message.details.get("entry") or ""))
        if entry is None or message.details.get("outcome") != "answer":
            return ""
        text = answer_text(entry, "text", index.corpus.figures, datetime.now(UTC))
        return text if len(text) > len(message.text) * FULLER else ""

    async def follow(self) -> None:
        """Tells what others say and who holds the conversation, until cancelled."""
        switchboard = self._parts.switchboard
        stage = Stage.BOT
        looking: asyncio.Task[None] | None = None
        try:
            found = await switchboard.find(self.id)
            async with switchboard.listen(self.id, after=found.last_seq) as updates:
                async for update in updates:
                    moved, stage = stage is not update.conversation.stage, update.conversation.stage
                    if moved:
                        looking = self._look(looking, stage)
                        self._tell(Moved(self._at(), PLACES[stage]))
                    for message in update.messages:
                        if message.party in (Party.AGENT, Party.SYSTEM) and message.because not in SPOKEN_BY_LINE:
                            self._tell(Announced(self._at(), message.text))
        finally:
            if looking is not None:
                looking.cancel()

    def _look(self, looking: asyncio.Task[None] | None, stage: Stage) -> asyncio.Task[None] | None:
        if looking is not None:
            looking.cancel()
        return asyncio.create_task(self._tell_place()) if stage is Stage.WAITING else None

    async def _tell_place(self) -> None:
        switchboard = self._parts.switchboard
        while True:
            await switchboard.still_waits(self.id)
            state = await switchboard.state(await switchboard.find(self.id))
            if state.standing is not None:
                self._tell(Moved(self._at(), Place.QUEUE, state.standing.position - 1))
            await asyncio.sleep(LOOK_AT_PLACE)

    async def heard_of(self, turn: int, told: str, *, whole: bool) -> None:
        """How much of an answer the caller has heard."""
        message = self._said.get(turn)
        if message is not None and not whole:
            await self._parts.calls.note_heard(self.id, message.seq, told)

    async def rate(self, stars: int) -> None:
        due = await self._parts.switchboard.rectified_by()
        await self._parts.opinions.rate(self.id, stars, [], "", datetime.now(UTC), due=due)

    async def end(self) -> None:
        """Closes; an agent who was connected is free again."""
        if self.id:
            await self._parts.switchboard.end(self.id, None, id=f"call-{self._salt}-end")

    @property
    def topic(self) -> str:
        return self._topic or ""

    @property
    def last_answer(self) -> str:
        answers = [m.text for m in self._said.values() if m.details.get("outcome") == "answer"]
        return answers[-1] if answers else ""

    def summary(self) -> str:
        """A line for whoever takes the call over."""
        label = topic_labels().get(self.topic, "")
        told = [f"业务：{label}" if label else "", f"最后问：{self._asked}" if self._asked else ""]
        told.append(f"已答复 {sum(m.details.get('outcome') == 'answer' for m in self._said.values())} 次")
        return "；".join(filter(None, told))


def _options(message: Message, conversation: Conversation) -> tuple[Option, ...]:
    """Read out where the bot asks which, or leads through a task; after an answer they would be a menu."""
    asks = message.details.get("outcome") == "clarify" or conversation.task is not None
    return tuple(Option(_plain_id(c), c.label) for c in message.choices if asks and c.action != "human")


def _plain_id(choice: Choice) -> str:
    return "none" if choice.action == "none" else choice.id


def _wants_number(message: Message, conversation: Conversation) -> bool:
    task = conversation.task
    return task is not None and task.page == 0 and not any(c.id.startswith("t") for c in message.choices)
