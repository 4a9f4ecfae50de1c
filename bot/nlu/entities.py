"""Finds entities by tables and patterns: places, insurances, groups, spans of time, ages, amounts, dates (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bot.nlu.examples import TrainingData
from bot.understanding import Entity

_NUM = r"(?:\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百千万半]+)"
_UNITS = {"十": 10, "百": 100, "千": 1000}
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}

_MONTHS = re.compile(rf"(?:(?P<years>{_NUM})年(?P<half>半)?)?(?:零|又|加)?(?:(?P<months>{_NUM})个?月)?")
_DATE = re.compile(
    rf"(?P<year>(?:19|20)\d{{2}}|\d{{2}}|[一二三四五六七八九零〇]{{2,4}})[年.\-/](?P<month>1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])月?"
    r"|今年|去年|前年|明年|后年|今年底|去年底|明年初|年底|上个?月底?|下个?月底?|这个?月|昨天|今天|明天|前天|后天|上周|下周"
    r"|(?:19|20)\d{2}年(?:底|初)?"
)
_AGE = re.compile(rf"(?P<age>{_NUM})(?:周岁|岁)")
_AMOUNT = re.compile(rf"(?P<amount>{_NUM})(?P<unit>万)?(?P<rest>\d)?(?:多)?(?:元|块钱|块|圆)|(?P<man>{_NUM})万")
_SEX = re.compile(r"男职工|女职工|男的|女的|男性|女性|男同志|女同志|老公|丈夫|老婆|妻子|男|女")
_MALE = frozenset("男职工 男的 男性 男同志 男 老公 丈夫".split())
_NOT_DURATION = frozenset({"", "半"})


def number(text: str) -> float | None:
    """`三千五` → 3500, `1.5` → 1.5, `十二` → 12, `半` → 0.5; None if it is no number."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if text == "半":
        return 0.5
    if re.fullmatch(r"[零〇一二两三四五六七八九]{2,}", text):
        return float("".join(str(_DIGITS[c]) for c in text))
    total, current, unit = 0.0, 0.0, 1.0
    for c in text:
        if c in _DIGITS:
            current = _DIGITS[c]
        elif c in _UNITS:
            unit = _UNITS[c]
            total += (current or 1) * unit
            current = 0
        elif c == "万":
            total, current, unit = (total + current) * 10_000, 0, 10_000
        else:
            return None
    return total + current * (unit / 10 if unit >= 100 and text[-2:-1] in "百千万" else 1)


@dataclass(frozen=True, slots=True)
class EntityFinder:
    """Look-up tables from training data, longest match first; patterns for what has no table."""

    tables: tuple[tuple[str, re.Pattern[str]], ...]
    synonyms: dict[str, str]

    @classmethod
    def of(cls, data: TrainingData) -> EntityFinder:
        values: dict[str, set[str]] = {name: set(texts) for name, texts in data.lookups.items()}
        for example in data.examples:
            for e in example.entities:
                if e.name in ("city", "insurance_type", "person_group"):
                    values.setdefault(e.name, set()).add(example.text[e.start : e.end])
        tables = []
        for name, texts in sorted(values.items()):
            longest = sorted((t for t in texts if len(t) > 1), key=len, reverse=True)
            guard = r"(?!卡|局|中心)" if name == "insurance_type" else ""  # 社保卡 is no kind of insurance
            if longest:
                tables.append((name, re.compile("(?:" + "|".join(map(re.escape, longest)) + ")" + guard)))
        return cls(tuple(tables), data.synonyms)

    def find(self, text: str) -> tuple[Entity, ...]:
        """All entities of a normalised text, in order; none overlaps an earlier, longer one."""
        found = [*self._looked_up(text), *_patterns(text)]
        found.sort(key=lambda e: (e.start, -(e.end - e.start)))
        kept: list[Entity] = []
        for entity in found:
            if not kept or entity.start >= kept[-1].end:
                kept.append(entity)
        return tuple(kept)

    def _looked_up(self, text: str) -> Iterator[Entity]:
        for name, pattern in self.tables:
            for m in pattern.finditer(text):
                yield Entity(name, self.synonyms.get(m[0], m[0]), m.start(), m.end())


def _patterns(text: str) -> Iterator[Entity]:
    readers: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str | None]], ...] = (
        ("date", _DATE, lambda m: m[0]),
        ("age", _AGE, _age),
        ("amount", _AMOUNT, _amount),
        ("months", _MONTHS, _months),
        ("sex", _SEX, lambda m: "男" if m[0] in _MALE else "女"),
    )
    for name, pattern, read in readers:
        for m in pattern.finditer(text):
            value = read(m) if m[0] else None
            if value is not None:
                yield Entity(name, value, m.start(), m.end())


def _age(found: re.Match[str]) -> str | None:
    years = number(found["age"])
    return None if years is None or not 0 < years < 130 else str(int(years))


def _months(found: re.Match[str]) -> str | None:
    if found["years"] is None and found["months"] is None:
        return None
    years, months = number(found["years"] or "0"), number(found["months"] or "0")
    if years is None or months is None or years > 80:
        return None
    total = years * 12 + months + (6 if found["half"] else 0)
    return str(int(total)) if total else None


def _amount(found: re.Match[str]) -> str | None:
    if found["man"] is not None:
        value = number(found["man"])
        return None if value is None else f"{value * 10_000:g}"
    value = number(found["amount"])
    if value is None:
        return None
    if found["unit"]:
        value = value * 10_000 + int(found["rest"] or 0) * 1000
    return f"{value:g}"
