"""One call's turn-taking: what happens in, what to do out; knows no socket, no engine and no clock (pure).

Long, because it is the whole conversation by ear in one
place: who may speak, what a key means, when a silence has lasted too long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from channels.voice import ear, words
from channels.voice.events import (
    Action,
    Announced,
    Ask,
    AskHuman,
    Began,
    EndTurn,
    Event,
    Failed,
    Final,
    GiveBack,
    HeardOf,
    Hears,
    HungUp,
    Hush,
    LeaveQueue,
    Manner,
    Moved,
    Music,
    Option,
    Partial,
    Phase,
    Place,
    Played,
    Pressed,
    Rate,
    Replied,
    Say,
    SendText,
    Sent,
    Tick,
)
from channels.voice.numerals import read_out

PATIENCE = 600  # ms of silence after which somebody has finished
LONG_PATIENCE = 1_600  # … in the middle of a number or a date, or after words that go on
ELDER = 400  # more of both for whoever asked to speak slowly
FINAL_WITHIN = 1_500  # the recogniser's last word on a turn
NO_INPUT = 7_000
KEYS_PAUSE = 3_000  # between two keys of a number
KEY_ALONE = 1_500
MOMENT = 1_200  # of thinking before the caller is told to wait
GIVE_UP = 8_000
RESUME_AFTER = 2_000  # what was interrupted goes on when nothing came of it
RATE_WITHIN = 6_000
PLACE_EVERY = 20_000
LONGEST_TURN = 30_000
LONGEST_NUMBER = 20
SURE = 0.35  # mean confidence below which the caller is asked whether it was heard rightly
SLOWER, FASTER = 0.8, 1.2
LEAST, MOST = 0.6, 1.4
LOUD = 1.6


Then = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Manners:
    """What the settings decide of a call."""

    city: str = ""
    phones: str = ""
    records: bool = False
    texts: bool = False  # an answer can be sent by SMS
    longest: int = 1_800_000


@dataclass(slots=True)
class Answer:
    """What was said last, to be repeated or gone on with."""

    turn: int = 0
    parts: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    heard: int = 0
    told: bool = True  # how much was heard of it is noted


@dataclass(slots=True)
class Utterance:
    """What is being said to us."""

    pieces: list[str] = field(default_factory=list)
    partial: str = ""
    sure: list[float] = field(default_factory=list)
    since: int | None = None
    ending: int | None = None  # when the recogniser was asked to finish
    voiced: int = 0  # the longest stretch of sound, ms

    @property
    def text(self) -> str:
        return "".join(self.pieces) + self.partial


class Call:
    """`handle` an event, get actions. A caller always has a way out: 0, and at the end of each ladder a human."""

    def __init__(self, manners: Manners | None = None) -> None:
        self._manners = manners or Manners()
        self.phase = Phase.SPEAKING
        self.place = Place.BOT
        self._at = 0
        self._actions: list[Action] = []
        self._saying = 0
        self._parts: tuple[str, ...] = ()
        self._heard = 0  # parts of what is being said
        self._firm = 0  # parts that no word interrupts
        self._then: Then | None = None
        self._interrupted: tuple[tuple[str, ...], int, Then | None] | None = None
        self._utterance = Utterance()
        self._turn = 0
        self._asked_at = 0
        self._waited = False
        self._options: tuple[Option, ...] = ()
        self._menu: dict[str, Then] = {}
        self._yes: Then | None = None
        self._no: Then | None = None
        self._numeric = False
        self._digits = ""
        self._digit_at = 0
        self._answer = Answer()
        self._trouble = 0  # steps down the ladder since something was understood
        self._quiet_from = 0
        self._hears = True
        self._speed, self._gain = 1.0, 1.0
        self._patient = False
        self._placed_at = 0
        self._ahead: int | None = None
        self._answers = 0
        self._rests = ""
        self.outcome: str | None = None

    def rest(self, why: str) -> None:
        """The channel is switched off: the caller is told why, and goes to a human."""
        self._rests = why

    def handle(self, event: Event) -> list[Action]:
        """What is to be done now, in order. Nothing after the call is over."""
        self._at = max(self._at, event.at)
        if self.phase is Phase.OVER:
            return []
        self._react(event)
        actions, self._actions = self._actions, []
        return actions

    def _react(self, event: Event) -> None:  # noqa: C901 - one line for each kind of event
        match event:
            case Began():
                self._begin(event)
            case Tick():
                self._tick(event)
            case Partial():
                self._partial(event.text)
            case Final():
                self._final(event)
            case Pressed():
                self._pressed(event.key)
            case Played():
                self._played(event)
            case Replied() | Failed():
                self._replied(event)
            case Hears():
                self._hearing(event)
            case Moved():
                self._moved(event)
            case Announced():
                self._announced(event.text)
            case Sent():
                self._say([words.say("sms_sent" if event.done else "sms_failed")], self._ask_rating)
            case HungUp():
                self._note_heard()
                self._over("hangup" if self.outcome is None else self.outcome)

    # What is said to the caller.

    def _begin(self, event: Began) -> None:
        self._hears = event.hears
        if event.resumed:
            self._say([words.say("resumed")], self._listen)
            return
        notice = words.say("notice", city=self._manners.city)
        recorded = words.say("recorded_sound" if self._manners.records else "recorded_text")
        told = [piece for text in event.notices for piece in ear.sentences(text)]
        if self._rests:
            rests = [notice, *ear.sentences(self._rests)]
            self._say([*rests, words.say("to_human_now")], lambda: self._over("human"), firm=len(rests) + 1)
        elif event.hears:
            self._say([notice, recorded, *told, *ear.sentences(words.say("opening"))], self._listen, firm=2)
        else:
            self._say([notice, recorded, *told, words.say("opening_deaf")], self._say_keys, firm=2)

    def _say(self, parts: Sequence[str], then: Then | None = None, *, firm: int = 0, first: int = 0) -> None:
        """Replaces what is being said. `then` follows when all was heard."""
        told = tuple(part for part in parts if part)
        self._saying += 1
        self._parts, self._heard, self._firm = told, first, firm
        self._then = then
        self._interrupted = None
        if self.phase is not Phase.OVER:
            self.phase = Phase.SPEAKING
        self._actions.append(Say(self._saying, told, first))

    def _say_keys(self) -> None:
        self._set_menu({str(n): self._asking(words.say(f"key_{n}")) for n in range(1, 6)})
        self._say([words.say("keys")], self._listen)

    def _listen(self) -> None:
        self.phase = Phase.LISTENING
        self._quiet_from = self._at

    def _played(self, event: Played) -> None:
        if event.saying != self._saying or self.phase is not Phase.SPEAKING:
            return
        self._heard = event.parts
        if self._answer.parts and self._parts[: len(self._answer.parts)] == self._answer.parts:
            self._answer.heard = max(self._answer.heard, min(event.parts, len(self._answer.parts)))
        if not event.done:
            if event.parts >= self._firm and words.interrupts(self._utterance.text):
                self._interrupt()
            return
        self._note_heard()
        then, self._then = self._then, None
        if then is not None:
            then()
        else:
            self._listen()

    def _note_heard(self) -> None:
        """Once an answer: what of it was heard."""
        answer = self._answer
        if answer.told:
            return
        answer.told = True
        whole = answer.heard >= len(answer.parts)
        self._actions.append(HeardOf(answer.turn, answer.parts[: answer.heard], whole))

    # What the caller says.

    def _partial(self, text: str) -> None:
        self._utterance.partial = words.plain(text)
        self._take_words()

    def _final(self, event: Final) -> None:
        said = self._utterance
        text = words.plain(event.text)
        asked = said.ending is not None and event.spent
        said.partial = ""
        said.ending = None if event.spent else said.ending
        if text:
            said.pieces.append(text)
            said.sure.append(event.confidence)
            self._take_words()
        if asked and self.phase is not Phase.SPEAKING:
            self._conclude()

    def _take_words(self) -> None:
        """Words came: they begin a turn, and silence us when they are meant to."""
        said = self._utterance
        if said.text and said.since is None:
            said.since = self._at
        meant = words.interrupts(said.text) or (self._is_asking() and bool(said.text))
        if meant and self.phase is Phase.SPEAKING and self._heard >= self._firm:
            self._interrupt()

    def _is_asking(self) -> bool:
        """The last part, which is the question, is being said: a yes is an answer to it."""
        return self._yes is not None and self._heard >= len(self._parts) - 1

    def _interrupt(self) -> None:
        self._actions.append(Hush())
        self._interrupted = (self._parts, self._heard, self._then)
        self._note_heard()
        self._then = None
        self._listen()

    def _tick(self, event: Tick) -> None:
        said = self._utterance
        said.voiced = max(said.voiced, event.speaks)
        if self._at > self._manners.longest and self.place is Place.BOT:
            self._manners_end()
            return
        self._end_number()
        if self.phase is Phase.THINKING:
            self._wait_for_reply()
        elif self.phase is Phase.LISTENING:
            if said.text or said.ending is not None:
                self._end_turn(event)
            else:
                self._nothing_said(event)
        elif self._backchannel_over(event):
            self._utterance = Utterance()
        self._announce_place()

    def _backchannel_over(self, event: Tick) -> bool:
        """嗯 and 好的 while we speak were an answer to nothing."""
        text = self._utterance.text
        return bool(text) and not words.interrupts(text) and event.quiet > LONG_PATIENCE

    def _end_turn(self, event: Tick) -> None:
        said = self._utterance
        if said.ending is not None:
            if self._at - said.ending > FINAL_WITHIN:
                self._conclude()
            return
        patience = LONG_PATIENCE if words.unfinished(said.text) else PATIENCE
        patience += ELDER if self._patient else 0
        long = said.since is not None and self._at - said.since > LONGEST_TURN
        if event.quiet >= patience or long:
            if said.partial:
                said.ending = self._at
                self._actions.append(EndTurn())
            else:
                self._conclude()

    def _nothing_said(self, event: Tick) -> None:
        said = self._utterance
        if self._interrupted and self._at - self._quiet_from > RESUME_AFTER and event.quiet:
            self._resume()
        elif said.voiced >= 500 and event.quiet > LONG_PATIENCE and self._hears:
            said.ending, said.voiced = self._at, 0  # there was sound: the recogniser may have heard a word in it
            self._actions.append(EndTurn())
        elif self._digits or event.speaks:
            self._quiet_from = self._at
        elif self.place is Place.BOT and self._at - self._quiet_from > NO_INPUT:
            self._down_the_ladder("again")
        elif self.place is Place.LEAVING and self._at - self._quiet_from > RATE_WITHIN:
            self._goodbye()

    def _resume(self) -> None:
        """Nobody meant to interrupt: we go on with the sentence that was cut off."""
        assert self._interrupted
        parts, heard, then = self._interrupted
        self._say(parts, then, first=min(heard, max(0, len(parts) - 1)))

    def _conclude(self) -> None:
        """The turn is over: what was said is acted upon."""
        said, self._utterance = self._utterance, Utterance()
        text = said.text[: words.LONGEST]
        self._quiet_from = self._at
        if not text:
            if self._interrupted:
                self._resume()
            elif self.place is Place.BOT and self.phase is Phase.LISTENING:
                self._down_the_ladder("unclear")
            return
        confidence = sum(said.sure) / len(said.sure) if said.sure else 1.0
        self._understood(text, confidence)

    def _understood(self, text: str, confidence: float) -> None:
        meant = words.command(text)
        if self.place is Place.AGENT:
            self._ask(text)
        elif meant == "human":
            self._to_human()
        elif self.place is Place.LEAVING:
            self._leaving(text)
        elif meant == "yes" and self._yes:
            self._take(self._yes)
        elif meant in ("no", "nothing_more") and self._no:
            self._take(self._no)
        elif (number := words.picked(text, len(self._options))) is not None:
            self._choose(self._options[number])
        elif meant is not None and meant in self._commands:
            self._take(self._commands[meant])
        elif words.only_backchannel(text):
            self._resume() if self._interrupted else self._listen()
        elif confidence < SURE:
            self._confirm(text)
        else:
            self._ask(text)

    @property
    def _commands(self) -> dict[str, Then]:
        return {
            "repeat": self._repeat, "slower": self._slower, "faster": self._faster, "louder": self._louder,
            "hard_of_hearing": self._hard_of_hearing, "goodbye": self._farewell, "nothing_more": self._farewell,
            "back": self._back,
        }  # fmt: skip

    def _take(self, then: Then) -> None:
        self._trouble = 0
        then()

    def _confirm(self, text: str) -> None:
        self._clear_menu()
        self._yes = self._asking(text)
        self._no = lambda: self._down_the_ladder("unclear")
        self._menu = {"1": self._yes, "2": self._no}
        self._say([words.say("confirm", text=text)], self._listen)

    # Keys.

    def _pressed(self, key: str) -> None:
        if self.place is Place.AGENT:
            self._collect(key)
            return
        self._utterance = Utterance()
        self._quiet_from = self._at
        if self._digits or (self._numeric and key.isdecimal() and key != "0"):
            self._collect(key)
        elif key == "0":
            self._to_human()
        elif self.place is Place.LEAVING:
            self._leaving_key(key)
        elif key in self._menu:
            self._stop_talking()
            self._take(self._menu[key])
        elif key == "9":
            self._stop_talking()
            self._repeat()
        elif key == "*":
            self._stop_talking()
            self._back()
        elif key.isdecimal():
            self._collect(key)
        else:
            self._stop_talking()
            self._say([words.say("key_unknown")], self._listen)

    def _collect(self, key: str) -> None:
        """Digits of a number, until # or a pause; * takes them all back."""
        self._digit_at = self._at
        if key == "*":
            self._digits = ""
        elif key == "#" or len(self._digits) >= LONGEST_NUMBER:
            self._finish_number()
        else:
            if not self._digits:
                self._stop_talking()
            self._digits += key

    def _end_number(self) -> None:
        pause = KEY_ALONE if len(self._digits) == 1 else KEYS_PAUSE
        if self._digits and self._at - self._digit_at > pause:
            self._finish_number()

    def _finish_number(self) -> None:
        digits, self._digits = self._digits, ""
        if not digits:
            return
        if len(digits) == 1 and not self._numeric and self.place is not Place.AGENT:
            self._say([words.say("key_unknown")], self._listen)
        elif digits == "9":
            self._repeat()
        else:
            self._ask(digits)

    def _stop_talking(self) -> None:
        if self.phase is Phase.SPEAKING:
            self._actions.append(Hush())
            self._note_heard()
            self._then = None
            self._listen()

    def _set_menu(self, menu: dict[str, Then]) -> None:
        self._clear_menu()
        self._menu = menu

    def _clear_menu(self) -> None:
        self._menu, self._options, self._yes, self._no, self._numeric = {}, (), None, None, False

    # The service.

    def _asking(self, text: str) -> Then:
        return lambda: self._ask(text)

    def _ask(self, text: str, choice: str | None = None) -> None:
        self._stop_talking()
        self._turn += 1
        self._actions.append(Ask(self._turn, text, choice))
        if self.place is Place.AGENT:
            return
        self._think()

    def _think(self) -> None:
        self.phase = Phase.THINKING
        self._asked_at, self._waited = self._at, False
        self._interrupted = None
        if self.place is Place.QUEUE:
            self._actions.append(Music(on=False))

    def _choosing(self, option: Option) -> Then:
        return lambda: self._choose(option)

    def _choose(self, option: Option) -> None:
        if option.id == "human":
            self._to_human()
            return
        self._trouble = 0
        self._ask(option.label, option.id)

    def _to_human(self) -> None:
        self._stop_talking()
        if self.place is Place.QUEUE:
            self._tell_place()
            return
        self._clear_menu()
        self._digits = ""
        self.place = Place.BOT
        self._turn += 1
        self._actions.append(AskHuman(self._turn))
        self._think()

    def _wait_for_reply(self) -> None:
        waited = self._at - self._asked_at
        if waited > GIVE_UP:
            self._turn += 1  # whatever comes of it now is too late
            self._trouble += 1
            self._say([words.say("trouble")], self._listen)
        elif waited > MOMENT and not self._waited:
            self._waited = True
            self._saying += 1
            self._parts, self._heard, self._then = (), 0, None
            self._actions.append(Say(self._saying, (words.say("moment"),)))

    def _replied(self, event: Replied | Failed) -> None:
        if event.turn != self._turn or self.place is Place.AGENT:
            return
        if isinstance(event, Failed):
            self._clear_menu()
            self._trouble += 1
            if self._trouble > 3:
                self._to_dialplan()
            else:
                self._say([words.say("trouble")], self._listen)
            return
        self._clear_menu()
        if event.handed:
            self._to_dialplan(event.text)
            return
        missed = event.outcome == "refuse"
        self._trouble = self._trouble + 1 if missed else 0
        if missed and self._trouble >= 3:
            self._down_the_ladder("unclear", stepped=True)
            return
        self._answers += event.outcome == "answer"
        self._say_answer(event)

    def _say_answer(self, event: Replied) -> None:
        self._options = event.options[: len(ear.KEYS)]
        self._numeric = event.numeric
        labels = [option.label for option in self._options]
        question = [words.say("which")] if event.outcome == "clarify" else []
        choices: list[str] = [*ear.keyed(labels), words.say("none_key")] if labels else []
        told = ear.sentences(event.text) if event.outcome != "clarify" or not labels else ()
        now, rest = ear.within(told)
        more = ear.sentences(event.more) if event.more and not rest else ()
        self._answer = Answer(event.turn, now, rest or more, told=False)
        self._menu = {key: self._choosing(o) for o, key in zip(self._options, ear.KEYS, strict=False)}
        asks = [] if labels or event.numeric or not self._answer.rest else [words.say("go_on" if rest else "more")]
        if asks:
            self._offer_rest()
        ends = [words.say("anything")] if not (asks or labels or event.numeric) and event.outcome == "answer" else []
        self._say([*now, *question, *choices, *asks, *ends], self._after_answer)

    def _offer_rest(self) -> None:
        self._yes, self._no = self._go_on, lambda: self._say([words.say("all_right")], self._listen)
        self._menu["1"] = self._yes
        self._menu["2"] = self._no

    def _after_answer(self) -> None:
        if self.place is Place.QUEUE:
            self._actions.append(Music(on=True))
        self._listen()

    def _go_on(self) -> None:
        """The next part of what is long."""
        now, rest = ear.within(self._answer.rest)
        self._clear_menu()
        self._answer = Answer(self._answer.turn, now, rest)
        if rest:
            self._offer_rest()
        self._say([*now, words.say("go_on" if rest else "anything")], self._after_answer)

    # Commands.

    def _repeat(self) -> None:
        """The sentence that was being said, else the last answer."""
        if self._interrupted:
            self._resume()
        elif self._parts and self._heard:
            self._say(self._parts, self._listen)
        elif self._parts:
            self._say(self._parts, self._after_answer)
        else:
            self._say([words.say("nothing_yet")], self._listen)

    def _slower(self) -> None:
        self._patient = True
        self._set_manner(self._speed * SLOWER, self._gain, "slower")

    def _faster(self) -> None:
        self._set_manner(self._speed * FASTER, self._gain, "faster")

    def _louder(self) -> None:
        self._set_manner(self._speed, LOUD, "louder")

    def _hard_of_hearing(self) -> None:
        self._patient = True
        self._set_manner(self._speed * SLOWER, LOUD, "slower")

    def _set_manner(self, speed: float, gain: float, said: str) -> None:
        self._speed, self._gain = min(MOST, max(LEAST, speed)), gain
        self._actions.append(Manner(self._speed, self._gain))
        parts, heard = (self._interrupted[0], self._interrupted[1]) if self._interrupted else (self._parts, 0)
        again = parts[min(heard, max(0, len(parts) - 1)) :] if self._interrupted else parts
        self._say([words.say(said), *again], self._after_answer)

    def _back(self) -> None:
        if self.place is Place.QUEUE:
            self.place = Place.BOT
            self._actions += [Music(on=False), LeaveQueue()]
            self._say([words.say("left_queue")], self._listen)
            return
        if any(option.id == "none" for option in self._options):
            self._choose(next(option for option in self._options if option.id == "none"))
            return
        self._clear_menu()
        self._say([words.say("back")], self._listen)

    # Ladders: twice asked again, then keys, then a human; never round and round.

    def _down_the_ladder(self, kind: str, *, stepped: bool = False) -> None:
        self._trouble += 0 if stepped else 1
        self._utterance = Utterance()
        if self._trouble <= 2 and self._hears:
            self._say([words.say(f"{kind}_{self._trouble}")], self._listen)
        elif self._trouble <= 3:
            self._trouble = 3
            self._say_keys()
        else:
            self._to_human()

    def _hearing(self, event: Hears) -> None:
        self._hears = event.able
        if self.place not in (Place.BOT, Place.QUEUE):
            return
        cut = bool(self._utterance.text) or self._utterance.ending is not None or self._utterance.voiced > 0
        self._utterance = Utterance()
        if not event.able:
            if self.phase is not Phase.SPEAKING:
                self._say([words.say("deaf"), words.say("keys")], self._listen)
                self._set_menu({str(n): self._asking(words.say(f"key_{n}")) for n in range(1, 6)})
        elif event.lost and cut and self.phase is Phase.LISTENING:
            self._say([words.say("lost_ear")], self._listen)

    # A human.

    def _to_dialplan(self, first: str = "") -> None:
        told = [*ear.sentences(first), words.say("to_human_now")]
        self._say(told, lambda: self._over("human"), firm=len(told))

    def _moved(self, event: Moved) -> None:
        before, self.place = self.place, event.place if self.place is not Place.LEAVING else self.place
        self._ahead = event.ahead
        if before is self.place:
            return
        if before is Place.QUEUE:
            self._actions.append(Music(on=False))
        if self.place is Place.QUEUE:
            self._placed_at = self._at
            if self.phase is Phase.LISTENING:
                self._actions.append(Music(on=True))
        elif self.place is Place.AGENT:
            self._clear_menu()
            self._interrupted = None
            if self.phase in (Phase.THINKING, Phase.SPEAKING):
                self._stop_talking()
                self._listen()
        elif self.place is Place.LEAVING:
            self._farewell()
        elif before is Place.AGENT:
            self._listen()

    def _announced(self, text: str) -> None:
        if self.place is Place.LEAVING:
            return
        told = ear.sentences(text)
        if self.phase is Phase.SPEAKING and self._parts[self._heard :]:
            then = self._then
            self._say([*self._parts[self._heard :], *told], then)
        else:
            self._say(told, self._after_answer)

    def _announce_place(self) -> None:
        if self.place is not Place.QUEUE or self.phase is not Phase.LISTENING or self._utterance.text:
            return
        if self._at - self._placed_at >= PLACE_EVERY:
            self._tell_place()

    def _tell_place(self) -> None:
        self._placed_at = self._at
        self._actions.append(Music(on=False))
        told = words.say("place", ahead=read_out(str(self._ahead))) if self._ahead else words.say("place_next")
        self._say([told, words.say("leave_hint")], self._after_answer)

    # The end.

    def _farewell(self) -> None:
        self._stop_talking()
        self._clear_menu()
        self.place = Place.LEAVING
        if self._manners.texts and self._answers:
            self._menu = {"1": lambda: self._actions.append(SendText()), "2": self._ask_rating}
            self._say([words.say("sms")], self._listen)
        else:
            self._ask_rating()

    def _ask_rating(self) -> None:
        self._menu = {}
        self._say([words.say("rate")], self._listen)

    def _leaving_key(self, key: str) -> None:
        self._stop_talking()
        if key in self._menu:
            self._menu[key]()
        elif key in "12345":
            self._actions.append(Rate(int(key)))
            self._say([words.say("rated"), words.say("goodbye")], lambda: self._over("answered"), firm=2)
        else:
            self._goodbye()

    def _leaving(self, text: str) -> None:
        meant = words.command(text)
        if meant == "yes" and self._menu:
            self._menu["1"]()
        elif meant in ("no", "nothing_more", "goodbye"):
            self._menu["2"]() if self._menu else self._goodbye()
        elif (number := words.picked(text, 5)) is not None:
            self._leaving_key(str(number + 1))
        else:  # there was one more question after all
            self.place = Place.BOT
            self._ask(text)

    def _goodbye(self) -> None:
        self._menu = {}
        self._say([words.say("goodbye")], lambda: self._over("answered"), firm=1)

    def _manners_end(self) -> None:
        self.place = Place.LEAVING
        self._say([words.say("too_long")], lambda: self._over("answered"), firm=1)

    def _over(self, outcome: str) -> None:
        self.outcome = outcome
        self.phase = Phase.OVER
        self._actions.append(GiveBack(outcome))
