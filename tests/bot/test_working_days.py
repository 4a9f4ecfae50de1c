"""Working days with 调休, what is due when, and when the desk opens next."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.holidays import Holidays, seed
from bot.store.database import Database
from bot.working_days import Calendar, Day, Hours, Opening, opening_words, read_spans

ZONE = ZoneInfo("Asia/Shanghai")
SPRING = Calendar(
    {date(2026, 2, day): False for day in (16, 17, 18, 19, 20, 23)} | {date(2026, 2, day): True for day in (14, 28)}
)
HOURS = Hours(read_spans(["09:00-12:00", "13:30-17:00"]))
days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


def at(*told: int) -> datetime:
    return datetime(*told, tzinfo=ZONE)  # type: ignore[misc,arg-type]


def test_holidays_do_not_count_and_worked_weekends_do() -> None:
    assert SPRING.after(date(2026, 2, 13), 1) == Day(date(2026, 2, 14), provisional=False)
    assert SPRING.after(date(2026, 2, 13), 2) == Day(date(2026, 2, 24), provisional=False)
    assert SPRING.after(date(2026, 2, 26), 2) == Day(date(2026, 2, 28), provisional=False)


def test_a_year_that_is_not_known_counts_its_weekdays_and_says_that_it_is_provisional() -> None:
    assert SPRING.after(date(2026, 12, 31), 1) == Day(date(2027, 1, 1), provisional=True)
    assert Calendar().after(date(2026, 11, 27), 1) == Day(date(2026, 11, 30), provisional=True)


@given(days, st.integers(0, 40))
def test_a_due_day_has_exactly_so_many_working_days_before_it(day: date, count: int) -> None:
    due = SPRING.after(day, count).day
    passed = [day + timedelta(days=n + 1) for n in range((due - day).days)]
    assert sum(SPRING.works(d) for d in passed) == count
    assert count == 0 or SPRING.works(due)


def test_the_desk_is_open_in_its_hours_on_working_days_only() -> None:
    assert HOURS.open_at(at(2026, 2, 14, 9, 0), SPRING)  # a Saturday that is worked
    assert not HOURS.open_at(at(2026, 2, 16, 10, 0), SPRING)  # a Monday that is not
    assert not HOURS.open_at(at(2026, 2, 13, 12, 0), SPRING)
    assert not HOURS.open_at(at(2026, 2, 13, 17, 0), SPRING)
    assert Hours().open_at(at(2026, 2, 16, 3, 0), SPRING)


@pytest.mark.parametrize(
    ("now", "opens", "words"),
    [
        (at(2026, 2, 13, 12, 10), at(2026, 2, 13, 13, 30), "今天 13:30"),
        (at(2026, 2, 13, 18, 0), at(2026, 2, 14, 9, 0), "明天 09:00"),
        (at(2026, 2, 14, 17, 0), at(2026, 2, 24, 9, 0), "2 月 24 日 09:00"),
    ],
)
def test_the_next_opening_passes_over_nights_and_holidays(now: datetime, opens: datetime, words: str) -> None:
    opening = HOURS.next_opening(now, SPRING)
    assert opening == Opening(opens, provisional=False)
    assert opening_words(opening, now.date()) == words


@given(st.datetimes(at(2026, 1, 1).replace(tzinfo=None), at(2027, 6, 1).replace(tzinfo=None)))
def test_at_the_next_opening_the_desk_is_open(moment: datetime) -> None:
    opening = HOURS.next_opening(moment.replace(tzinfo=ZONE), SPRING)
    assert opening
    assert opening.at > moment.replace(tzinfo=ZONE)
    assert HOURS.open_at(opening.at, SPRING)
    assert opening.provisional == (opening.at.year == 2027)


@pytest.mark.parametrize("wrong", ["9", "09:00", "12:00-09:00", "25:00-26:00", "09:00-09:00", ""])
def test_hours_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="span|begin"):
        read_spans([wrong])


def test_midnight_ends_a_day() -> None:
    assert read_spans(["00:00-24:00"]) == ((time(0), time.max),)
    with_nights = Hours(read_spans(["00:00-24:00"]))
    assert with_nights.open_at(at(2026, 2, 13, 23, 59), SPRING)


async def test_the_table_is_seeded_once_and_the_bureaus_own_changes_stay(database: Database) -> None:
    assert seed(database) > 20
    assert seed(database) == 0
    table = Holidays(database)
    assert not (await table.calendar()).works(date(2026, 10, 1))
    assert (await table.calendar()).works(date(2026, 2, 14))
    await table.replace(2026, [(date(2026, 10, 1), False, "国庆节"), (date(2026, 11, 24), False, "停电")])
    seed(database)
    told = await table.calendar()
    assert not told.works(date(2026, 11, 24))
    assert not told.works(date(2026, 2, 14))
    with pytest.raises(Refused, match="bad_day"):
        await table.replace(2026, [(date(2027, 1, 1), False, "元旦")])
