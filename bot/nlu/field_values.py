"""What somebody says in answer to a form's question, in machine form (pure).

What is read may still lie beyond the question's limits: `knowledge_base.fields.check` says so in plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from bot.nlu.entities import by_patterns
from bot.nlu.numbers import DIGIT, SMALL, number
from bot.understanding import Entity
from knowledge_base.errors import Unreadable
from knowledge_base.fields import Field, Kind, Option, applies, check
from knowledge_base.text import normalise

LOOKED_UP = ("city", "insurance_type", "person_group")  # words that citizens use stand here in their usual form
GROWN = 30  # years: a date so long ago, with nothing else said of it, is somebody's birth
YEARS_UP_TO = 60  # a bare number of a long span: 15 are years, 180 are months

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_AROUND = re.compile(r"^(?:大概|大约|差不多|约|就是|是|有|一共|总共|我)+|(?:左右|上下|吧|呢|啊|呀|的|了|[。.!,])+$")
_ORDINAL = re.compile(rf"(?:选|第)*(?P<n>{SMALL})(?:个|项|种|号)?")
_YES = re.compile(r"(?:是|对|有|嗯+|恩|好|行|可以|没错|yes|ok)(?:的|呀|啊|了|吧|哦|过)*(?:,.*)?")
_NO = re.compile(r"(?:否|无|不|没|还没有?|还没.{1,4}|没(?!错|问题).{1,4}|不(?!知|清|晓|懂|确|记).{1,3}|no)(?:,.*)?")
_NUMERIC = re.compile(
    rf"(?P<year>\d{{4}}|\d\d|{DIGIT}{{2}})[.\-/ 年](?P<month>\d{{1,2}})(?:[.\-/ 月](?P<day>\d{{1,2}})?[日号]?)?"
    r"|(?P<whole>(?:19|20)\d\d)(?P<of>\d\d)(?P<on>\d\d)?|(?!19|20)(?P<short>\d\d)(?P<of_short>\d\d)"
)
_OF_YEAR = re.compile(
    r"(?P<which>今|本|当|去|前|明|后)年(?P<month>\d+|[十一二三四五六七八九]+)月(?:(?P<day>.+)[日号])?"
)
_DAY_OF_YEAR = re.compile(r"(?P<month>\d+|[十一二三四五六七八九]+)月(?P<day>\d+|[十一二三四五六七八九]+)[日号]")
_YEARS_AWAY = {"今": 0, "本": 0, "当": 0, "去": -1, "前": -2, "明": 1, "后": 2}
_DAYS_AWAY = {"今天": 0, "今日": 0, "昨天": -1, "昨日": -1, "前天": -2, "明天": 1, "后天": 2}
_AGE = re.compile(rf"(?P<years>{SMALL})周?岁(?P<half>半)?[零又]?(?:(?P<months>{SMALL})个?月)?")
_NEVER = re.compile(r"(?:从来|一直|还)?没有?(?:交|缴)?过?")
_POINT = re.compile(rf"(?P<before>{DIGIT})点(?P<after>{DIGIT}+)")
_DECIMAL = re.compile(r"-?\d+(?:\.\d+)?")
_MEASURES = {"days": "天|日", "grade": "级", "year": "年"}
_THINGS = "个?月|个|位|名|人|孩|胎"
_BORN = re.compile(r"(?:出生|生(?!育|孩|娃|小孩|二|一|三|病))")
_ALONE = re.compile(r"的?(?:[,、。 ]|男|女|$)")
_NEAR = (8, 6)  # characters before and after a number in which a word says what it is


def read(field: Field, text: str, entities: Sequence[Entity], today: date) -> str | None:
    """None when the text does not answer the question."""
    told = _bare(text)
    chosen = _exactly(field.options, told) or _named(field.options, told)
    chosen = chosen or _named(field.options, " ".join(e.value for e in entities if e.name in LOOKED_UP))
    return chosen or _READERS[field.kind](field, told, today)


def fill(
    fields: Sequence[Field], entities: Sequence[Entity], text: str, today: date, slots: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Answers that a question holds unasked. A number counts only beside one of the field's `cues`."""
    told = _bare(text)
    found: dict[str, str] = {}
    for field in fields:
        value = _unasked(field, told, entities, today, slots or {}) if applies(field.when, found) else None
        if value is None:
            continue
        try:
            found[field.name] = check(field, value, today)
        except Unreadable:
            continue  # what cannot be was hardly meant as this answer
    return found


def _bare(text: str) -> str:
    return _THOUSANDS.sub("", normalise(text)).replace("年的", "年").strip()


def _exactly(options: Sequence[Option], text: str) -> str | None:
    """Its label, its value, or its place in the list."""
    for option in options:
        if text in (option.value, *_words(option)):
            return option.value
    place = _ORDINAL.fullmatch(text)
    at = number(place["n"]) if place else None
    return options[int(at) - 1].value if at and at.is_integer() and at <= len(options) else None


def _named(options: Iterable[Option], text: str, at_least: int = 1) -> str | None:
    """The one option that is named; a longer name hides the shorter ones in it. A number alone names none."""
    found = [
        (m.start(), m.end(), option.value)
        for option in options
        for word in _words(option)
        if len(word) >= at_least and number(word) is None
        for m in _pattern(word).finditer(text)
    ]
    outer = {
        value
        for start, end, value in found
        if not any(s <= start and end <= e and (s, e) != (start, end) for s, e, _ in found)
    }
    return outer.pop() if len(outer) == 1 else None


@lru_cache(maxsize=4096)
def _words(option: Option) -> tuple[str, ...]:
    return tuple(normalise(word) for word in (option.label, *option.also))


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    """Not where it is denied, and no part of a longer number."""
    return re.compile(rf"(?<![不没非未\d])(?<!不是)(?<!没有){re.escape(word)}")


def _nothing(field: Field, text: str, today: date) -> str | None:
    del field, text, today
    return None


def _yes_no(field: Field, text: str, today: date) -> str | None:
    del field, today
    if _NO.fullmatch(text):
        return "no"
    return "yes" if _YES.fullmatch(text) else None


def _month(field: Field, text: str, today: date) -> str | None:
    day = _day(field, text, today, "1")
    return day.isoformat()[:7] if day else None


def _date(field: Field, text: str, today: date) -> str | None:
    day = _day(field, text, today, None)
    return day.isoformat() if day else None


def _day(field: Field, text: str, today: date, missing: str | None) -> date | None:
    """The one day that is named; `missing` stands for the day of a month that alone is named."""
    if text in _DAYS_AWAY:
        return today + timedelta(days=_DAYS_AWAY[text])
    parts: tuple[str | None, ...] | None = None
    if told := _NUMERIC.fullmatch(_AROUND.sub("", text)):
        parts = (told["year"] or told["whole"] or told["short"], told["month"] or told["of"] or told["of_short"])
        parts = (*parts, told["day"] or told["on"])
    elif dates := {e.value for e in by_patterns(text) if e.name == "date" and re.fullmatch(r"\d{4}-[\d-]+", e.value)}:
        parts = tuple(dates.pop().split("-")) if len(dates) == 1 else None
    elif told := _OF_YEAR.search(text):
        parts = (str(today.year + _YEARS_AWAY[told["which"]]), told["month"], told["day"])
    elif told := _DAY_OF_YEAR.search(text):
        parts = (str(today.year), told["month"], told["day"])
    return _composed(field, (*(parts or ()), None, None, None), today, missing)


def _composed(field: Field, parts: Sequence[str | None], today: date, missing: str | None) -> date | None:
    year, month, day = (number(part) if part else None for part in (parts[0], parts[1], parts[2] or missing))
    if year is None or month is None or day is None:
        return None
    try:
        return date(_in_century(field, int(year), today), int(month), int(day))
    except ValueError:
        return None


def _in_century(field: Field, year: int, today: date) -> int:
    """76 is 1976 in somebody's past, and 41 is 2041 where a time to come may be meant."""
    if year < 100:
        year += 2000 if year <= today.year % 100 or not field.past else 1900
    if field.past and today.year < year <= 2035:
        return year - 100
    return year if field.past or year >= 1970 else year + 100


def _money(field: Field, text: str, today: date) -> str | None:
    del field, today
    bare = _AROUND.sub("", text)
    if _DECIMAL.fullmatch(bare):
        return bare
    amounts = {e.value for e in by_patterns(text) if e.name == "amount"}
    if amounts:
        return amounts.pop() if len(amounts) == 1 else None
    value = number(bare.removesuffix("元"))
    return None if value is None else f"{value:.12g}"


def _decimal(field: Field, text: str, today: date) -> str | None:
    del field, today
    bare = _AROUND.sub("", text)
    if told := _POINT.fullmatch(bare):
        value = number(told["before"])
        tenths = "".join(f"{number(digit):.0f}" for digit in told["after"])
        return f"{value:.0f}.{tenths}"
    figures = _DECIMAL.findall(bare)
    if figures:
        return figures[0] if len(figures) == 1 else None
    value = number(bare)
    return None if value is None else f"{value:.12g}"


def _count(field: Field, text: str, today: date) -> str | None:
    del today
    bare = _AROUND.sub("", text)
    if field.unit == "months":
        return _span(field, bare)
    if field.unit == "age":
        told = _AGE.search(bare)
        return _age(told) if told else _bare_span(field, bare)
    measure = _MEASURES.get(field.unit, _THINGS)
    counted = {m[1] for m in re.finditer(rf"({SMALL})(?:{measure})", bare)}
    value = number(counted.pop() if len(counted) == 1 else bare)
    return None if value is None or not value.is_integer() else str(int(value))


def _span(field: Field, text: str) -> str | None:
    spans = {e.value for e in by_patterns(text) if e.name == "months"}
    if spans:
        return spans.pop() if len(spans) == 1 else None
    return "0" if _NEVER.fullmatch(text) else _bare_span(field, text)


def _bare_span(field: Field, text: str) -> str | None:
    """A number alone: years, unless only months lie within the limits or there are too many for years."""
    value = number(text)
    if value is None or not value.is_integer():
        return None
    years = int(value) * 12
    within = (field.lowest or 0) <= years <= (field.highest or years)
    months_fit = (field.lowest or 0) <= value
    return str(years if within and (value <= YEARS_UP_TO or not months_fit) else int(value))


def _age(told: re.Match[str]) -> str | None:
    years, months = number(told["years"]), number(told["months"] or "零")
    if years is None or months is None:
        return None
    return str(int(years) * 12 + int(months) + (6 if told["half"] else 0))


_READERS: Mapping[Kind, Callable[[Field, str, date], str | None]] = {
    Kind.MONTH: _month,
    Kind.DATE: _date,
    Kind.MONEY: _money,
    Kind.NUMBER: _decimal,
    Kind.COUNT: _count,
    Kind.CHOICE: _nothing,
    Kind.YES_NO: _yes_no,
}


def _unasked(field: Field, text: str, entities: Sequence[Entity], today: date, slots: Mapping[str, str]) -> str | None:
    if chosen := _named(field.options, text, at_least=2):
        return chosen
    if field.kind in (Kind.CHOICE, Kind.YES_NO):
        sexes = {e.value for e in (*entities, *by_patterns(text)) if e.name == "sex"} or {slots.get("sex", "")}
        return _exactly(field.options, sexes.pop()) if len(sexes) == 1 and field.kind is Kind.CHOICE else None
    if field.kind is Kind.MONTH and field.past:
        return _born(text, today) or slots.get("birth", "")[:7] or None
    return _cued(field, text, today)


def _born(text: str, today: date) -> str | None:
    """A month beside a word for birth, or one long ago of which nothing else is said."""
    for entity in by_patterns(text):
        if entity.name != "date" or not re.match(r"\d{4}-\d\d", entity.value):
            continue
        before, after = text[max(0, entity.start - 4) : entity.start], text[entity.end : entity.end + 4]
        alone = _ALONE.match(after) and int(entity.value[:4]) <= today.year - GROWN
        if alone or _BORN.search(before) or _BORN.search(after):
            return entity.value[:7]
    return None


def _cued(field: Field, text: str, today: date) -> str | None:
    """The one number beside a word that says what it is."""
    values = {
        value
        for start, end in _places(field, text)
        if any(cue in text[max(0, start - _NEAR[0]) : end + _NEAR[1]] for cue in field.cues)
        and (value := _READERS[field.kind](field, text[start:end], today))
    }
    return values.pop() if len(values) == 1 else None


def _places(field: Field, text: str) -> list[tuple[int, int]]:
    """Where the text holds what may be such an answer."""
    known = list(by_patterns(text))
    if field.kind is Kind.COUNT and field.unit == "months":
        dates = [(e.start, e.end) for e in known if e.name == "date"]
        spans = [(e.start, e.end) for e in known if e.name == "months"]
        return [(s, e) for s, e in spans if not any(s < until and since < e for since, until in dates)]
    if field.kind is Kind.COUNT:
        pattern = _AGE if field.unit == "age" else re.compile(rf"{SMALL}(?:{_MEASURES.get(field.unit, _THINGS)})")
        return [m.span() for m in pattern.finditer(text)]
    name = {Kind.MONEY: "amount", Kind.MONTH: "date", Kind.DATE: "date"}.get(field.kind)
    return [(e.start, e.end) for e in known if e.name == name]
