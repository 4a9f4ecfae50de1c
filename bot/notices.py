"""Notices and switches: what every channel tells citizens unasked, and which channels rest (pure).

An *emergency* notice is told in every conversation, a *pinned* one before or beside the greeting, a *hot* one is a
question that many have now. A channel that is switched off says its maintenance text to everything; whoever has an
agent goes on talking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

CHANNELS = ("web", "wechat", "voice")


class Kind(StrEnum):
    EMERGENCY = "emergency"
    PINNED = "pinned"
    HOT = "hot"


@dataclass(frozen=True, slots=True)
class Notice:
    """Words of the bureau with their channels and times; `ends_at` None holds until somebody ends it."""

    id: str
    kind: Kind
    text: str
    channels: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    revision: int
    changed_at: datetime
    changed_by: str

    @property
    def key(self) -> str:
        """Another text is told anew."""
        return f"{self.id}:{self.revision}"

    @property
    def since(self) -> datetime:
        """From when on a new conversation's greeting has it."""
        return max(self.starts_at, self.changed_at)

    def holds(self, now: datetime) -> bool:
        return self.starts_at <= now and (self.ends_at is None or now < self.ends_at)

    def stage(self, now: datetime) -> str:
        """`coming`, `now` or `over`; what was ended before it began is over."""
        if self.ends_at is not None and self.ends_at <= max(now, self.starts_at):
            return "over"
        return "coming" if now < self.starts_at else "now"


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether a channel rests, and what it says meanwhile."""

    channel: str
    off: bool = False
    text: str = ""
    revision: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """Everything that is announced, as last read; `now` decides what holds."""

    notices: tuple[Notice, ...] = ()
    switches: Mapping[str, Switch] = field(default_factory=dict)

    def switch_text(self, channel: str) -> str | None:
        """The maintenance text of a channel that is switched off; None while it serves."""
        switch = self.switches.get(channel)
        return switch.text if switch is not None and switch.off else None

    def holding(self, kind: Kind, channel: str, now: datetime) -> tuple[Notice, ...]:
        """Those of a kind that hold on a channel, the newest first."""
        found = [n for n in self.notices if n.kind is kind and channel in n.channels and n.holds(now)]
        return tuple(sorted(found, key=lambda n: (n.since, n.id), reverse=True))

    def greeting_notices(self, channel: str, now: datetime) -> tuple[str, ...]:
        """What is told before the greeting or the menu: emergencies, then what is pinned."""
        told = (*self.holding(Kind.EMERGENCY, channel, now), *self.holding(Kind.PINNED, channel, now))
        return tuple(notice.text for notice in told)
