"""Working days and hours: which days count, when the desk opens next, what is due when (pure).

Days are those of the site's own time zone. A year that the table of holidays does not know counts its weekdays, and
what is counted with it is provisional: the State Council announces a year's holidays in the autumn before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

LOOKED_AHEAD = 60  # days; the longest closure so far is nine
Span = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Day:
    """A day that was counted to; provisional while its year's holidays are not known."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """When the desk opens next, in the site's time zone."""

    at: datetime
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """`differs`: days off in the week and weekends that are worked (调休). Its years are those that are known."""

    differs: Mapping[date, bool] = field(default_factory=dict)

    @property
    def years(self) -> frozenset[int]:
        return frozenset(day.year for day in self.differs)

    def works(self, day: date) -> bool:
        return self.differs.get(day, day.weekday() < 5)

    def after(self, day: date, count: int) -> Day:
        """The `count`th working day after `day`, which itself does not count."""
        first = day.year
        while count > 0:
            day += timedelta(days=1)
            count -= self.works(day)
        return Day(day, not {first, day.year} <= self.years)


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of a working day and of all others; none at all means that the desk has no hours."""

    workdays: tuple[Span, ...] = ()
    other_days: tuple[Span, ...] = ()

    @property
    def always(self) -> bool:
        return not self.workdays and not self.other_days

    def open_at(self, moment: datetime, calendar: Calendar) -> bool:
        """`moment` in the site's time zone."""
        clock = moment.time()
        return self.always or any(start <= clock < end for start, end in self._spans(moment.date(), calendar))

    def next_opening(self, moment: datetime, calendar: Calendar) -> Opening | None:
        """The first opening after `moment`; None where there is none for months, or always."""
        if self.always:
            return None
        for ahead in range(LOOKED_AHEAD):
            day = moment.date() + timedelta(days=ahead)
            for start, _ in sorted(self._spans(day, calendar)):
                at = datetime.combine(day, start, moment.tzinfo)
                if at > moment:
                    return Opening(at, day.year not in calendar.years)
        return None

    def _spans(self, day: date, calendar: Calendar) -> tuple[Span, ...]:
        return self.workdays if calendar.works(day) else self.other_days


def read_spans(told: Iterable[str]) -> tuple[Span, ...]:
    """`09:00-12:00` and the like; `24:00` is midnight. Raises ValueError with what is wrong."""
    return tuple(_span(text) for text in told)


def _span(text: str) -> Span:
    start, dash, end = text.partition("-")
    try:
        span = (
            time.fromisoformat(start.strip()),
            time.max if end.strip() == "24:00" else time.fromisoformat(end.strip()),
        )
    except ValueError as error:
        raise ValueError(f"{text} is no span of hours, write one such as 09:00-12:00") from error
    if not dash or span[0] >= span[1]:
        raise ValueError(f"{text} must begin before it ends")
    return span


def opening_words(opening: Opening, today: date) -> str:
    """今天 13:30, 明天 09:00, else the date."""
    at = opening.at
    day = {0: "今天", 1: "明天"}.get((at.date() - today).days, f"{at.month} 月 {at.day} 日")
    return f"{day} {at:%H:%M}"


def day_words(day: date) -> str:
    return f"{day.month} 月 {day.day} 日"
