"""One entry of the knowledge base: a question in many wordings, its answer, and why the answer is right."""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

ALWAYS, NEVER = datetime.min, datetime.max  # noqa: DTZ901 (local times of the site, as people write them)
STRICT = ConfigDict(extra="forbid", str_strip_whitespace=True, str_min_length=1)

Jurisdiction = Literal["全国", "浙江", "杭州"]
Mark = Literal["常识", "二手"]
PersonGroup = Literal[
    "职工", "灵活就业", "城乡居民", "退休人员", "失业人员", "单位",
    "学生", "新就业形态", "机关事业", "军人", "外国人", "港澳台",
]  # fmt: skip
Form = Literal["text", "short", "spoken", "plain"]


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Phone = Annotated[str, BeforeValidator(_as_text)]  # 12333 without quotes is a number in YAML


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Basis:
    """A legal basis; with `mark`, a part that no official text was found for and whom to ask about it."""

    document: str | None = None
    article: str | None = None
    effective: date | None = None
    url: str | None = None
    mark: Mark | None = None
    covers: str | None = None
    confirm_with: Phone | None = None

    def __post_init__(self) -> None:
        if self.mark is None and not (self.document and self.article and self.effective):
            raise ValueError("a basis needs document, article and effective, or a mark")
        if self.mark is not None and not (self.covers and self.confirm_with):
            raise ValueError("a marked basis needs covers and confirm_with")


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Answer:
    """The answer as the web shows it, and shorter forms for WeChat, the ear and everyday words."""

    text: str
    short: str | None = None
    spoken: str | None = None
    plain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Conditions:
    """For whom and where the answer holds; an absent field means everyone, everywhere."""

    city: str | None = None
    group: PersonGroup | None = None


def _as_moment(value: object) -> object:
    """Text of ten characters is a day, longer text a minute of the site's time zone, never an instant of another."""
    told: object = value
    if isinstance(value, str):
        text = value.strip()
        told = date.fromisoformat(text) if len(text) <= len("2027-01-01") else datetime.fromisoformat(text)
    if isinstance(told, datetime) and (told.tzinfo or told.second or told.microsecond):
        raise ValueError("write a day, or a minute without a time zone: 2027-01-01 00:00")
    return told


Moment = Annotated[datetime | date, BeforeValidator(_as_moment)]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Validity:
    """When the answer may be given, in the site's time zone: the first and last day, or the first minute and the minute
    from which on it may not."""

    start: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None

    def __post_init__(self) -> None:
        if self.ends <= self.begins:
            raise ValueError("until lies before from")

    @property
    def begins(self) -> datetime:
        """The first minute, without a time zone."""
        return ALWAYS if self.start is None else _start_of(self.start)

    @property
    def ends(self) -> datetime:
        """The minute from which on it holds no more, without a time zone."""
        if self.until is None or self.until == date.max:
            return NEVER
        if isinstance(self.until, datetime):
            return self.until
        return _start_of(self.until + timedelta(days=1))

    @property
    def last_day(self) -> date | None:
        """The last day of which a minute is left."""
        return None if self.until is None else (self.ends - timedelta(minutes=1)).date()

    def holds(self, at: date) -> bool:
        """At this local time, or at the start of this day."""
        local = _start_of(at).replace(tzinfo=None)
        return self.begins <= local < self.ends

    def meets(self, other: Validity) -> bool:
        """Whether both hold at some time."""
        return self.begins < other.ends and other.begins < self.ends


def _start_of(at: date) -> datetime:
    return at if isinstance(at, datetime) else datetime.combine(at, time.min)


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Entry:
    """One question and its answer; `topic` is a name of topics.yml."""

    id: str
    topic: str
    question: str
    variants: tuple[str, ...]
    answer: Answer
    basis: tuple[Basis, ...]
    jurisdiction: Jurisdiction
    checked: date
    negative_variants: tuple[str, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    valid: Validity = field(default_factory=Validity)
    high_stake: bool = False
    related: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        return (self.question, *self.variants)

    def holds(self, at: date) -> bool:
        """Whether the answer may be given at this local time, or at the start of this day."""
        return self.valid.holds(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known about the one who asks; it narrows which entries may answer."""

    now: datetime
    city: str | None = None
    group: str | None = None

    def admit(self, entry: Entry) -> bool:
        """Whether the entry may answer; what is not known excludes nothing."""
        wanted = entry.conditions
        if wanted.group and self.group and wanted.group != self.group:
            return False
        if wanted.city and self.city and wanted.city not in (self.city, "浙江"):
            return False
        return entry.holds(self.now)

    def is_past(self, entry: Entry) -> bool:
        """Whether the entry answered once and does no more."""
        return entry.valid.ends <= self.now.replace(tzinfo=None)
