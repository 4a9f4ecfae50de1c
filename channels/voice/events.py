"""What happens in a call, and what is to be done about it: events in, actions out (pure).

Every event carries `at`, milliseconds since the call began.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Whose turn it is."""

    SPEAKING = "speaking"
    LISTENING = "listening"
    THINKING = "thinking"
    OVER = "over"


class Place(StrEnum):
    """Who the caller is with."""

    BOT = "bot"
    QUEUE = "queue"
    AGENT = "agent"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing the caller can choose; `id` of the conversation, or one of the call's own."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Began:
    at: int
    hears: bool = True
    resumed: bool = False
    notices: tuple[str, ...] = ()  # told before the caller is asked


@dataclass(frozen=True, slots=True)
class Tick:
    """Each 20 ms: how long somebody speaks already, how long nobody does."""

    at: int
    speaks: int = 0
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class Partial:
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Final:
    at: int
    text: str
    confidence: float = 1.0
    spent: bool = True  # asked for by EndTurn: nothing more comes of what was said


@dataclass(frozen=True, slots=True)
class Pressed:
    at: int
    key: str


@dataclass(frozen=True, slots=True)
class Played:
    """`parts` of what `saying` says have been heard; `done` when those are all."""

    at: int
    saying: int
    parts: int
    done: bool


@dataclass(frozen=True, slots=True)
class Replied:
    """The service's answer. `more` is the long form, for whoever wants to hear it."""

    at: int
    turn: int
    text: str
    outcome: str = "answer"
    options: tuple[Option, ...] = ()
    more: str = ""
    numeric: bool = False  # a number is asked for: keys are digits
    handed: bool = False  # the dialplan's queue takes the call


@dataclass(frozen=True, slots=True)
class Failed:
    at: int
    turn: int


@dataclass(frozen=True, slots=True)
class Hears:
    """The recogniser was lost (`lost`), is back, or there is none."""

    at: int
    able: bool
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """The conversation has another holder, or another place in the queue."""

    at: int
    place: Place
    ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """Words of an agent or of the service that answer nothing."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the text message."""

    at: int
    done: bool


@dataclass(frozen=True, slots=True)
class HungUp:
    at: int


Event = Began | Tick | Partial | Final | Pressed | Played | Replied | Failed | Hears | Moved | Announced | Sent | HungUp


@dataclass(frozen=True, slots=True)
class Say:
    saying: int
    parts: tuple[str, ...]
    first: int = 0  # parts before it are left out


@dataclass(frozen=True, slots=True)
class Hush:
    """Silence at once, also what the gateway holds."""


@dataclass(frozen=True, slots=True)
class EndTurn:
    """The recogniser is to say what it has."""


@dataclass(frozen=True, slots=True)
class Ask:
    turn: int
    text: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class AskHuman:
    turn: int


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    pass


@dataclass(frozen=True, slots=True)
class Music:
    on: bool


@dataclass(frozen=True, slots=True)
class Manner:
    """How the voice speaks from now on: speed and loudness, 1 is usual."""

    speed: float
    gain: float


@dataclass(frozen=True, slots=True)
class HeardOf:
    """How much of an answer the caller has heard; the rest does not count as said."""

    turn: int
    parts: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Rate:
    stars: int


@dataclass(frozen=True, slots=True)
class SendText:
    pass


@dataclass(frozen=True, slots=True)
class GiveBack:
    """The call goes back to the dialplan, or ends."""

    outcome: str


Action = Say | Hush | EndTurn | Ask | AskHuman | LeaveQueue | Music | Manner | HeardOf | Rate | SendText | GiveBack
