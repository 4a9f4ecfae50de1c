"""Who waits in what order, who is offered whom, and how long it may take (pure)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

HEAD_START_MS = 5 * 60_000  # one level of priority counts like five minutes of waiting: nobody waits for ever
HEAD = 1_000  # the level of those who lost their agent or were passed on: before everybody who comes anew
URGENT = 3  # levels that words of despair add
MISSES = 2  # offers in a row that went unanswered: whoever is not at her desk is away
PAUSE_MS = 60_000  # a conversation that was declined is not offered to the same agent again so soon
ABSENT_MS = 120_000  # of a citizen's page: nobody is there to be served; the place is kept
SPREAD = 1.2816  # standard deviations each side, between which four in five waits end

Status = Literal["online", "away", "offline"]
Cause = Literal["queued", "nobody", "off_hours", "full"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A citizen in the queue. Times in milliseconds; `key` is the place, smaller is earlier."""

    conversation: str
    key: int
    since: int
    priority: int = 0
    channel: str = "web"
    topic: str | None = None
    skill: str | None = None  # asked for by whoever passed the conversation on
    last_agent: str | None = None
    present: bool = True
    offered_to: str | None = None
    expires_at: int | None = None  # of the offer that rings
    missed_by: frozenset[str] = frozenset()
    declined_by: frozenset[str] = frozenset()  # a short while ago

    @property
    def urgent(self) -> bool:
        """Stays in the queue at any hour, such as after words of despair."""
        return URGENT <= self.priority < HEAD

    @property
    def place(self) -> tuple[int, str]:
        return self.key, self.conversation

    @property
    def needs(self) -> str | None:
        """The skill that serves this best."""
        return self.skill or (self.topic or "").partition(".")[0] or None


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent as the queue sees her. `here`: her status is online and a page of hers is open."""

    id: str
    capacity: int
    load: int = 0
    here: bool = True
    skills: frozenset[str] = frozenset()  # none: takes everything
    ringing: bool = False
    served_at: int = 0  # when she was given her last conversation

    @property
    def free(self) -> int:
        return max(0, self.capacity - self.load) if self.here else 0

    def has(self, skill: str | None) -> bool:
        return skill is None or not self.skills or skill in self.skills


@dataclass(frozen=True, slots=True)
class Floor:
    """Queue and agents at one moment; `usual_ms` is how long serving one citizen takes on average."""

    waiting: tuple[Waiting, ...] = ()
    agents: tuple[Agent, ...] = ()
    usual_ms: int = 300_000

    @property
    def present(self) -> tuple[Waiting, ...]:
        return tuple(w for w in self.waiting if w.present)

    @property
    def staffed(self) -> bool:
        return any(agent.here for agent in self.agents)

    @property
    def places(self) -> int:
        return sum(agent.capacity for agent in self.agents if agent.here)

    @property
    def free(self) -> int:
        return sum(agent.free for agent in self.agents)


@dataclass(frozen=True, slots=True)
class Wait:
    """Expected seconds, and the two between which four of five waits end."""

    seconds: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What a waiting citizen is told: 1 is next; no wait can be told while nobody serves."""

    position: int
    wait: Wait | None


def queue_key(since: int, priority: int) -> int:
    """Priority with ageing as one number that never changes: whoever waits long enough passes any level."""
    return since - priority * HEAD_START_MS


def urgency(*, channel: str, scene: str, returning: bool, high_stake: bool, crisis: bool) -> int:
    """Levels add up: a caller holds the line, the old and the returning have waited before."""
    elder = "elder" in scene
    return int(elder) + int(returning) + int(channel == "voice") + int(high_stake) + URGENT * int(crisis)


def offers(floor: Floor) -> list[tuple[str, str]]:
    """The offers to make now, in the order of the queue: (conversation, agent). Each agent rings once at a time."""
    free = [agent for agent in floor.agents if agent.free and not agent.ringing]
    left = dict.fromkeys(agent.id for agent in sorted(free, key=_rest))  # whoever is to be asked first comes first
    lines: dict[str | None, list[str]] = {}  # by skill needed: those who have it, the first at the end
    made = []
    for waiting in sorted(floor.present, key=lambda w: w.place):
        if not left:
            break
        if waiting.offered_to is not None:
            continue
        if waiting.needs not in lines:
            able = _able(waiting, floor.agents)
            lines[waiting.needs] = [name for name in reversed(left) if name in able]
        line = lines[waiting.needs]
        while line and line[-1] not in left:
            line.pop()
        chosen = _chosen(waiting, [name for name in reversed(line) if name in left and name not in waiting.declined_by])
        if chosen is not None:
            made.append((waiting.conversation, chosen))
            del left[chosen]
    return made


def _able(waiting: Waiting, agents: Sequence[Agent]) -> set[str]:
    """Who has the skill; where nobody at her desk has it, anybody serves better than nobody."""
    here = [agent for agent in agents if agent.here]
    return {agent.id for agent in here if agent.has(waiting.needs)} or {agent.id for agent in here}


def _rest(agent: Agent) -> tuple[float, int, str]:
    """Whoever has most room, then whoever has waited longest, comes first."""
    return agent.load / agent.capacity, agent.served_at, agent.id


def _chosen(waiting: Waiting, able: Sequence[str]) -> str | None:
    """Of those in order the one who knows the citizen, else the first; who just missed him only when nobody else is."""
    fresh = [name for name in able if name not in waiting.missed_by] if waiting.missed_by else able
    line = fresh or able
    if waiting.last_agent in line:
        return waiting.last_agent
    return line[0] if line else None


def can_take(agents: Collection[Agent], skill: str) -> bool:
    """Somebody at her desk has the skill, so that a conversation may be passed on to it."""
    return any(agent.here and agent.has(skill) for agent in agents)


def standings(floor: Floor) -> dict[str, Standing]:
    """Every waiting conversation's place; who is absent stands where he would if he came back now."""
    told: dict[str, Standing] = {}
    ahead, free, places = 0, floor.free, floor.places
    for waiting in sorted(floor.waiting, key=lambda w: w.place):
        told[waiting.conversation] = Standing(ahead + 1, _wait(ahead + 1 - free, places, floor.usual_ms))
        ahead += waiting.present
    return told


def expected_wait(floor: Floor, position: int) -> Wait | None:
    """Places fall free one after another, on average `usual_ms / places` apart; None while nobody serves."""
    return _wait(position - floor.free, floor.places, floor.usual_ms)


def _wait(falls: int, places: int, usual_ms: int) -> Wait | None:
    """`falls`: how many places have to fall free first."""
    if not places:
        return None
    if falls <= 0:
        return Wait(0, 0, 0)
    apart = usual_ms / places / 1000
    low, high = (max(0.0, 1 - 1 / (9 * falls) + z * sqrt(1 / (9 * falls))) ** 3 for z in (-SPREAD, SPREAD))
    return Wait(round(falls * apart), round(falls * apart * low), round(falls * apart * high))  # Wilson–Hilferty


def cause(floor: Floor, *, open_now: bool, longest: int) -> Cause:
    """What becomes of a wish for a human. Whoever is at her desk serves, whatever the clock says."""
    if longest and len(floor.present) >= longest:
        return "full"
    if floor.staffed:
        return "queued"
    return "nobody" if open_now else "off_hours"


def after_miss(missed: int, status: Status) -> tuple[int, Status]:
    """Counts one more missed offer."""
    return (0, "away") if missed + 1 >= MISSES and status == "online" else (missed + 1, status)
