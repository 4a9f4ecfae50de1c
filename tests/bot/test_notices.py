"""What is announced where and when, decided on a clock that is passed."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.notices import CHANNELS, Bulletin, Kind, Notice, Switch
from tests.spoken import NOON

HOUR = timedelta(hours=1)


def notice(
    id: str = "n", kind: Kind = Kind.PINNED, *, channels: tuple[str, ...] = CHANNELS,
    starts: datetime = NOON - HOUR, ends: datetime | None = None, text: str = "",
) -> Notice:  # fmt: skip
    return Notice(id, kind, text or f"公告 {id}", channels, starts, ends, 1, starts, "he")


def test_a_notice_is_told_in_its_window_only() -> None:
    told = Bulletin((notice(starts=NOON, ends=NOON + HOUR),))
    assert told.greeting_notices("web", NOON - timedelta(seconds=1)) == ()
    assert told.greeting_notices("web", NOON) == ("公告 n",)
    assert told.greeting_notices("web", NOON + HOUR - timedelta(seconds=1)) == ("公告 n",)
    assert told.greeting_notices("web", NOON + HOUR) == ()


def test_emergencies_are_told_first_and_hot_questions_are_no_greeting() -> None:
    told = Bulletin((notice("p"), notice("e", Kind.EMERGENCY), notice("h", Kind.HOT)))
    assert told.greeting_notices("voice", NOON) == ("公告 e", "公告 p")
    assert [n.id for n in told.holding(Kind.HOT, "web", NOON)] == ["h"]


def test_a_notice_of_one_channel_is_not_told_on_another() -> None:
    told = Bulletin((notice(channels=("voice",)),))
    assert told.greeting_notices("voice", NOON) == ("公告 n",)
    assert told.greeting_notices("web", NOON) == ()


def test_only_a_channel_that_is_off_has_a_maintenance_text() -> None:
    told = Bulletin(switches={"web": Switch("web", True, "系统维护"), "voice": Switch("voice", False, "备用")})
    assert [told.switch_text(channel) for channel in CHANNELS] == ["系统维护", None, None]


@given(
    starts=st.integers(-48, 48),
    length=st.one_of(st.none(), st.integers(1, 48)),
    hours=st.integers(-120, 120),
)
def test_a_notice_is_always_either_coming_or_told_or_over(starts: int, length: int | None, hours: int) -> None:
    begin = NOON + starts * HOUR
    one = notice(starts=begin, ends=None if length is None else begin + length * HOUR)
    now = NOON + hours * HOUR
    assert (one.stage(now) == "now") == one.holds(now)
    assert one.stage(now) in ("coming", "now", "over")
    if one.stage(now) == "over":
        assert one.stage(now + HOUR) == "over"
