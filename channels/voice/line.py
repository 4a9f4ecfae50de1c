"""One call on its wire: sound in and out, the recogniser, the voice and the conversation, led by `Call`.

Long, because a line is where all of these meet; what it decides itself is only what to do when one of them fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol

from bot.errors import BotError, NeighbourError
from bot.measure import CALLS
from channels.voice import events as on
from channels.voice import words
from channels.voice.call import Call
from channels.voice.house import House
from channels.voice.outgoing import Outgoing, Part
from channels.voice.recognition import Listener, Lost, Words
from channels.voice.recording import Recording
from channels.voice.sound import FRAME_MS, Resampler, Voicing, louder, pcm, samples, silence
from channels.voice.talk import Talk

log = logging.getLogger(__name__)
HEARS_AGAIN = (0.2, 1.0, 5.0)  # seconds between tries to find a recogniser
DEAD_AFTER = 60.0  # seconds without a byte from the gateway
NO_SOUND = 0.1  # seconds after which a gateway that sends nothing counts as silent
ENDS_WITHIN = 5.0
AGENT_RATE = 16_000


class Wire(Protocol):
    """A gateway's connection. Nothing of it waits."""

    rate: int
    ahead: int  # frames that may be under way
    steady: bool  # whether it needs silence too

    def send(self, pcm: bytes) -> None: ...
    def flush(self) -> None: ...
    def give_back(self) -> None: ...


class Line:
    def __init__(self, house: House, wire: Wire, call_id: str) -> None:
        self._house = house
        self._wire = wire
        self.id = call_id
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._heard_at = self._began
        self._sound_at = self._began
        self.outgoing = Outgoing(wire.rate, ahead=wire.ahead, steady=wire.steady)
        self._voicing = Voicing(wire.rate)
        self._talk = Talk(house.parts, call_id, transfer=house.settings.transfer, at=self.at, tell=self.handle)
        self._call: Call | None = None
        self._listener: Listener | None = None
        self._finding: asyncio.Task[None] | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._over: asyncio.Future[str] = self._loop.create_future()
        self._speed, self._gain = 1.0, 1.0
        self._parts: dict[int, tuple[str, ...]] = {}
        self._transcript: list[dict[str, Any]] = []
        self._recording: Recording | None = None
        self._spoke_at = 0
        self._agents: set[Callable[[bytes], None]] = set()
        self._up, self._down = Resampler(wire.rate, AGENT_RATE), Resampler(AGENT_RATE, wire.rate)

    def at(self) -> int:
        return int((self._loop.time() - self._began) * 1000)

    # From the gateway.

    def sound(self, told: bytes) -> None:
        """The caller's sound, in pieces of any size."""
        now = self._loop.time()
        self._heard_at = self._sound_at = now
        told = told[: len(told) & ~1]
        if not told:
            return
        self._voicing.take(told)
        if self._listener is not None:
            self._listener.feed(_centred(told))
        if self._recording is not None:
            self._recording.heard(told)
        if self._agents:
            wide = self._up.take(told)
            for hears in tuple(self._agents):
                hears(wide)

    def key(self, digit: str) -> None:
        self._heard_at = self._loop.time()
        if self._recording is not None:
            self._recording.silence(self.at() - 200, self.at())  # its tone would tell the digit
        self.handle(on.Pressed(self.at(), digit))

    def gone(self) -> None:
        """The gateway let go: the caller hung up."""
        self.handle(on.HungUp(self.at()))
        self._end("hangup")

    # An agent at a console.

    def connect_agent(self, hears: Callable[[bytes], None]) -> None:
        self._agents.add(hears)

    def disconnect_agent(self, hears: Callable[[bytes], None]) -> None:
        self._agents.discard(hears)

    def agent_sound(self, told: bytes) -> None:
        self.outgoing.agent(self._down.take(told[: len(told) & ~1]))

    # The call.

    async def run(self) -> str:
        """From the first ring to the end; the outcome. Raises Refused when another line has this call."""
        house = self._house
        begun = await house.parts.calls.begin(self.id, house.process, datetime.now(UTC))
        house.lines[self.id] = self
        CALLS.inc()
        try:
            house.metronome.add(self.beat)
            outcome = await self._carried(begun.row, again=begun.again)
        except BotError as error:
            log.error("call: %s", error)
            outcome = await self._apologised()
        finally:
            CALLS.dec()
            house.metronome.remove(self.beat)
            del house.lines[self.id]
            await self._put_away()
        return outcome

    async def _carried(self, row: Any, *, again: bool) -> str:
        house = self._house
        await self._talk.open(again=row.conversation_id if again else None, begun=self.at())
        await house.parts.calls.holds(self.id, self._talk.id)
        if house.settings.record:
            self._recording = Recording(house.folder / "recordings", self.id, self._wire.rate)
        self.outgoing.set_music(house.music(self._wire.rate))
        texts = (await house.parts.calls.find(self.id)).contact_id is not None
        self._call = Call(house.manners(texts=texts))
        if self._talk.rests:
            self._call.rest(self._talk.rests)
        await self._listen()
        self._start(self._talk.follow())
        began = on.Began(self.at(), self._listener is not None, again and not self._talk.rests, self._talk.notices)
        self.handle(began)
        return await self._over

    def handle(self, event: on.Event) -> None:
        if self._call is None or self._over.done():
            return
        for action in self._call.handle(event):
            self._act(action)

    def _act(self, action: on.Action) -> None:  # noqa: C901 - one line for each kind of action
        match action:
            case on.Say():
                self._say(action)
            case on.Hush():
                self._hush()
                self._wire.flush()
            case on.EndTurn():
                self._finish_turn()
            case on.Ask():
                self._start(self._ask(self._talk.ask(action.turn, action.text, action.choice)))
            case on.AskHuman():
                self._start(self._ask(self._talk.ask_human(action.turn)))
            case on.LeaveQueue():
                self._start(self._talk.leave_queue(self.at()), due=True)
            case on.Music():
                self.outgoing.music = action.on
            case on.Manner():
                self._speed, self._gain = action.speed, action.gain
            case on.HeardOf():
                self._note("bot", "".join(action.parts), whole=action.whole)
                self._start(self._talk.heard_of(action.turn, "".join(action.parts), whole=action.whole), due=True)
            case on.Rate():
                self._start(self._talk.rate(action.stars), due=True)
            case on.SendText():
                self._start(self._send_text(), due=True)
            case on.GiveBack():
                self._end(action.outcome)

    def beat(self, now: float) -> None:
        """Each 20 ms: what is due goes out, and time passes for the call."""
        for frame in self.outgoing.due(now):
            self._wire.send(frame)
            if self._recording is not None:
                self._recording.said(frame)
        if now - self._sound_at > NO_SOUND:
            self._voicing.take(silence(self._wire.rate))
        for part in self.outgoing.heard(now):
            self.handle(on.Played(self.at(), part.saying, part.number + 1, part.last))
        if now - self._heard_at > DEAD_AFTER:
            self.gone()
        self.handle(on.Tick(self.at(), self._voicing.speaks_ms, self._voicing.quiet_ms))

    # To the caller's ear.

    def _say(self, told: on.Say) -> None:
        self._hush()
        if not told.parts:
            self._loop.call_soon(lambda: self.handle(on.Played(self.at(), told.saying, 0, done=True)))
            return
        self._speaking = self._start(self._spoken(told))

    async def _spoken(self, told: on.Say) -> None:
        """Each sentence is played as soon as it is rendered; the next is rendered meanwhile."""
        for number in range(told.first, len(told.parts)):
            try:
                pcm = await self._rendered(told.parts[number])
            except NeighbourError as error:
                log.error("voice: %s", error)
                self._start(self._give_up())
                return
            last = number == len(told.parts) - 1
            self.outgoing.add(Part(told.saying, number, louder(pcm, self._gain) if self._gain != 1 else pcm, last))

    async def _rendered(self, text: str) -> bytes:
        """Once more where an engine was just started anew."""
        try:
            return await self._house.voice.speak(text, self._wire.rate, speed=self._speed)
        except NeighbourError:
            return await self._house.voice.speak(text, self._wire.rate, speed=self._speed)

    def _hush(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
            self._speaking = None
        self.outgoing.clear()

    async def _give_up(self) -> None:
        """Nothing can speak: the caller is told by what was rendered long ago, and a human takes over."""
        self._end(await self._apologised())

    async def _apologised(self) -> str:
        pcm = self._house.apology(self._wire.rate)
        self._hush()
        self._call = None
        self.outgoing.music = False
        self.outgoing.add(Part(0, 0, pcm, last=True))
        await asyncio.sleep(len(pcm) / 2 / self._wire.rate + 0.1)
        return "human"

    # From the caller's mouth.

    async def _listen(self) -> None:
        house = self._house
        try:
            self._listener = await house.transcriber.listen(self._wire.rate, house.phrases(), self._words)
        except NeighbourError:
            self._find_recogniser()

    def _words(self, told: Words | Lost) -> None:
        if isinstance(told, Lost):
            self._listener = None
            self._find_recogniser()
        elif told.final and (told.text or told.spent):
            self.handle(on.Final(self.at(), told.text, told.confidence, told.spent))
        elif not told.final:
            self.handle(on.Partial(self.at(), told.text))

    def _find_recogniser(self) -> None:
        if self._finding is None or self._finding.done():
            self._finding = self._start(self._find())

    async def _find(self) -> None:
        """Another, at once; where there is none, the caller learns that keys still work."""
        house, tries = self._house, 0
        while self._listener is None:
            try:
                self._listener = await house.transcriber.listen(self._wire.rate, house.phrases(), self._words)
            except NeighbourError:
                if tries == 0:
                    self.handle(on.Hears(self.at(), able=False))
                if house.transcriber.name == "none":
                    return
                await asyncio.sleep(HEARS_AGAIN[min(tries, len(HEARS_AGAIN) - 1)])
                tries += 1
        self.handle(on.Hears(self.at(), able=True, lost=tries == 0))

    def _finish_turn(self) -> None:
        if self._listener is not None:
            self._listener.finish()
        else:
            self._loop.call_soon(lambda: self.handle(on.Final(self.at(), "")))

    # The conversation.

    async def _ask(self, asking: Coroutine[Any, Any, tuple[str, on.Event]]) -> None:
        asked_at = self.at()
        kept, event = await asking
        if kept:
            self._note("citizen", kept, at=asked_at)
            if "已隐去" in kept and self._recording is not None:
                self._recording.silence(self._spoke_at, asked_at)
        self._spoke_at = asked_at
        self.handle(event)

    async def _send_text(self) -> None:
        house = self._house
        number = await house.parts.calls.number(await house.parts.calls.find(self.id))
        done = False
        if house.texts is not None and number is not None and self._talk.last_answer:
            with contextlib.suppress(NeighbourError):
                await house.texts.send(f"{self.id}:answer", number, self._talk.last_answer)
                done = True
        self.handle(on.Sent(self.at(), done))

    def _note(self, party: str, text: str, *, at: int | None = None, whole: bool = True) -> None:
        told: dict[str, Any] = {"at_ms": self.at() if at is None else at, "party": party, "text": text}
        self._transcript.append(told if whole else told | {"cut": True})

    # The end.

    def _end(self, outcome: str) -> None:
        if not self._over.done():
            self._over.set_result(outcome)

    async def close(self, outcome: str) -> None:
        """The process ends: the dialplan takes the call."""
        self._end(outcome)

    async def _put_away(self) -> None:
        outcome = self._over.result() if self._over.done() and not self._over.cancelled() else "human"
        self._hush()
        if self._listener is not None:
            self._listener.close()
        if self._recording is not None:
            self._recording.close()
        await self._finished()
        calls = self._house.parts.calls
        with contextlib.suppress(BotError, TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN):
                await calls.end(
                    self.id, datetime.now(UTC), outcome=outcome, skill=self._talk.topic if outcome == "human" else "",
                    summary=self._talk.summary(), transcript=self._transcript,
                )  # fmt: skip
                self._wire.give_back()
                await self._talk.end()
        self._wire.give_back()

    async def _finished(self) -> None:
        """What was begun for the caller, such as a rating, is done; what only listens is let go."""
        mine = asyncio.current_task()
        kept = [task for task in self._tasks if task is not mine and task.get_name() == "due"]
        for task in self._tasks - {mine} - set(kept):
            task.cancel()
        if kept:
            await asyncio.wait(kept, timeout=ENDS_WITHIN)
        await asyncio.gather(*(t for t in self._tasks if t is not mine and t.done()), return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None], *, due: bool = False) -> asyncio.Task[None]:
        """`due` is finished even when the caller has hung up."""
        task = self._loop.create_task(work, name="due" if due else "listening")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("call: %s", type(error).__name__, exc_info=error)


def _centred(told: bytes) -> bytes:
    """Without a direct current, which recognisers take badly."""
    values = samples(told)
    off = int(values.mean()) if len(values) >= FRAME_MS * 4 else 0
    return told if abs(off) < 200 else pcm((values.astype("i4") - off).clip(-32768, 32767).astype("<i2"))


async def refuse_politely(house: House, wire: Wire, call_id: str) -> None:
    """All lines are busy: said once, then the dialplan goes on."""
    rate = wire.rate
    out = Outgoing(rate, ahead=wire.ahead, steady=wire.steady)
    with contextlib.suppress(BotError):
        await house.parts.calls.begin(call_id, house.process, datetime.now(UTC))
        await house.parts.calls.end(call_id, datetime.now(UTC), outcome="refused")
    try:
        spoken = await house.voice.speak(words.say("busy"), rate)
    except NeighbourError:
        spoken = house.apology(rate)
    out.add(Part(0, 0, spoken, last=True))
    told = asyncio.Event()

    def beat(now: float) -> None:
        for frame in out.due(now):
            wire.send(frame)
        if out.heard(now):
            told.set()

    house.metronome.add(beat)
    try:
        await told.wait()
    finally:
        house.metronome.remove(beat)
        wire.give_back()
