"""One entry of the knowledge base: a question in many wordings, its answer, and why the answer is right."""

from __future__ import annotations

from dataclasses import field
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Validity:
    """First and last day on which the answer may be given, in the site's time zone."""

    start: date | None = Field(default=None, alias="from")
    until: date | None = None

    def __post_init__(self) -> None:
        if self.start and self.until and self.until < self.start:
            raise ValueError("until lies before from")


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

    def holds(self, day: date) -> bool:
        """Whether the answer may be given on this day."""
        start, until = self.valid.start, self.valid.until
        return (start is None or start <= day) and (until is None or day <= until)


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
        return entry.holds(self.now.date())
