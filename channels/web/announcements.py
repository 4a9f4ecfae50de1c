"""What the station page and the window show of notices, hot questions and a channel at rest (pure)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.notices import Bulletin, Kind
from channels.frames import stamp

CHANNEL = "web"
HOT = 6  # questions; more is a wall of text on a phone


def announced(facts: dict[str, Any], bulletin: Bulletin, now: datetime) -> dict[str, Any]:
    """The station's facts with what holds now: hot questions before the usual ones."""
    shown = [
        {"id": n.key, "kind": n.kind, "text": n.text, "until": stamp(n.ends_at) if n.ends_at else None}
        for kind in (Kind.EMERGENCY, Kind.PINNED)
        for n in bulletin.holding(kind, CHANNEL, now)
    ]
    hot = [n.text for n in bulletin.holding(Kind.HOT, CHANNEL, now)]
    usual = [question for question in facts["hot"] if question not in hot]
    return facts | {"notices": shown, "hot": (hot + usual)[:HOT], "switched_off": bulletin.switch_text(CHANNEL)}


def emergencies(bulletin: Bulletin, now: datetime) -> tuple[str, ...]:
    """What is told before the greeting; the page shows what is pinned beside it."""
    return tuple(n.text for n in bulletin.holding(Kind.EMERGENCY, CHANNEL, now))
