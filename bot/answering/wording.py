"""The bot's own sentences by locale, and an entry's answer with everything it must say beside the rule (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from bot.conversation import Source
from knowledge_base.entry import Basis, Entry, Form
from knowledge_base.figures import Figure, fill

ENDING_SOON = timedelta(days=31)


@cache
def _sentences(locale: str) -> dict[str, Any]:
    name = "en.yml" if locale.startswith("en") else "zh.yml"
    read: dict[str, Any] = yaml.safe_load(files("bot.answering").joinpath("content", name).read_text("utf-8"))
    return read


def say(key: str, locale: str = "zh-CN", **values: object) -> str:
    """The sentence named `key` with its places filled. Raises KeyError for an unknown one."""
    text: str = _sentences(locale)[key]
    return text.format(**values).strip()


def answer_text(entry: Entry, form: Form, figures: Mapping[str, Figure], now: datetime, city: str | None = None) -> str:
    """The rule, then what is not verified, what ends soon, and that another place may differ."""
    day = now.date()
    told = getattr(entry.answer, form) or entry.answer.short or entry.answer.text
    rule = fill(told, figures, day).strip()
    if form == "spoken":
        rule = rule.replace("（", "，").replace("）", "")  # a bracket is not heard
    lines = [rule]
    lines.extend(confirmation(basis) for basis in entry.basis if basis.mark)
    if ending := _ends(entry, day):
        lines.append(ending)
    if city:
        lines.append(say("elsewhere", city=city, jurisdiction=entry.jurisdiction))
    if entry.high_stake and form != "spoken":
        lines.append(say("high_stake"))
    return "\n".join(lines)


def confirmation(basis: Basis) -> str:
    return say("confirm", covers=basis.covers, whom=basis.confirm_with)


def _ends(entry: Entry, day: date) -> str | None:
    until = entry.valid.last_day
    if until is None or until - day > ENDING_SOON:
        return None
    return say("ends_soon", until=f"{until.year} 年 {until.month} 月 {until.day} 日")


def sources(entry: Entry) -> tuple[Source, ...]:
    return basis_sources(entry.basis, entry.jurisdiction, entry.checked)


def basis_sources(rows: Sequence[Basis], jurisdiction: str, checked: date) -> tuple[Source, ...]:
    """The legal basis as clients show it; a marked row says what no official text was found for."""
    return tuple(
        Source(
            title=basis.document or say("unverified", covers=basis.covers),
            article=basis.article or "",
            effective=basis.effective.isoformat() if basis.effective else "",
            jurisdiction=jurisdiction,
            checked=checked.isoformat(),
            url=basis.url or "",
            mark=basis.mark or "",
        )
        for basis in rows
    )
