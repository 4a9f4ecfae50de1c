"""Numbers as people write and say them: `1.5`, `十二`, `三千五`, `1万2`, `一九七六` (pure)."""

from __future__ import annotations

import re

CHINESE = "零〇一二两三四五六七八九"
DIGIT = f"[{CHINESE}]"
SMALL = rf"(?:\d+(?:\.\d+)?|{DIGIT}[{CHINESE}十百]*|十{DIGIT}?|百)"  # as it stands in years, ages, grades
UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000}
DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_PART = re.compile(rf"(?P<figure>\d+(?:\.\d+)?)|(?P<digit>{DIGIT})|(?P<unit>[十百千万])")


def number(text: str) -> float | None:
    """Its value; None for what is no one number, such as `三四千`."""
    if text == "半":
        return 0.5
    if re.fullmatch(rf"{DIGIT}{{2,}}", text):
        return float("".join(str(DIGITS[c]) for c in text))
    return _spoken(text)


def _spoken(text: str) -> float | None:
    """Digits and units in falling order; a last bare digit counts tenths of the unit before it: 三千五, 1万2."""
    thousands = 0.0  # what stands before 万
    total = 0.0
    digit: float | None = None
    last_unit, zero, at = 0, False, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        at = part.end()
        if unit := UNITS.get(part["unit"] or ""):
            if unit == 10_000:
                if last_unit == unit or (digit is None and not total):
                    return None
                thousands, total, digit = (total + (digit or 0)) * unit, 0.0, None
            elif last_unit and last_unit != 10_000 and unit >= last_unit:
                return None
            else:
                total, digit = total + (1 if digit is None else digit) * unit, None
            last_unit, zero = unit, False
            continue
        value = float(part["figure"]) if part["figure"] else float(DIGITS[part["digit"]])
        if part["digit"] in ("零", "〇") and digit is None and at < len(text):
            zero = True
        elif digit is not None:
            return None
        else:
            digit = value
    if not text:
        return None
    tenths = last_unit >= 100 and not zero and digit is not None and 0 < digit < 10
    return thousands + total + (digit or 0) * (last_unit / 10 if tenths else 1)
