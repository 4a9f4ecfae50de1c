"""Masks identity, phone, bank-card and account numbers before anything is kept, logged, indexed or shown (pure).

Rules: GB 11643 (identity number and its check digit), ISO/IEC 7812 (card numbers and the Luhn digit).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIGIT_OF = {c: str(i) for i, c in enumerate("零一二三四五六七八九")}
_DIGIT_OF |= {"〇": "0", "○": "0", "幺": "1", "两": "2"}
_DIGIT_OF |= {c: str(i) for i, c in enumerate("壹贰叁肆伍陆柒捌玖", start=1)}
_DIGIT_OF |= {chr(0xFF10 + i): str(i) for i in range(10)}
_DIGIT_OF |= {chr(ord("①") + i): str(i + 1) for i in range(9)}
_DIGIT_OF |= {str(i): str(i) for i in range(10)}
_DIGITS = "".join(_DIGIT_OF)
# Between the digits of one number people put spaces, dashes, dots, and when speaking 杠 or a pause.
_GAP = r"[\s\-－—–_·.．•,，、杠/\u200b\u200c\u200d\u2060\ufeff]{0,3}"
_LISTED = re.compile(r"[,，、]")
_RUN = re.compile(rf"[{_DIGITS}](?:{_GAP}[{_DIGITS}xXｘＸ]){{6,}}")
_DOCUMENT = re.compile(r"(?<![A-Za-z0-9])(?:[EGDSPHM][A-Z]?\d{7,9}|[A-Z]{1,2}\d{6,8}\(?[\dA]\)?)(?![A-Za-z0-9])", re.I)
_DATE = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?")
_PASS = re.compile(r"(密码|验证码|口令)\s*(?:是|为|[:：])?\s*([0-9A-Za-z]{4,16})")

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True, slots=True)
class Masked:
    """The text without personal numbers, and which kinds were taken out."""

    text: str
    kinds: tuple[str, ...] = ()


def mask(text: str) -> Masked:
    """Takes out what identifies a person; amounts, years, document numbers and service phones stay."""
    kinds: list[str] = []

    def taken(kind: str) -> str:
        kinds.append(kind)
        return LABELS[kind]

    def of_run(found: re.Match[str]) -> str:
        kind = _kind(found[0], text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 1])
        return taken(kind) if kind else found[0]

    def of_password(found: re.Match[str]) -> str:
        return found[1] + taken("password")

    masked = _RUN.sub(of_run, text)
    masked = _DOCUMENT.sub(lambda found: taken("document"), masked)
    masked = _PASS.sub(of_password, masked)
    return Masked(masked, tuple(dict.fromkeys(kinds)))


LABELS = {
    "identity": "［身份证号已隐去］",
    "mobile": "［手机号已隐去］",
    "card": "［卡号已隐去］",
    "number": "［号码已隐去］",
    "document": "［证件号已隐去］",
    "password": "［已隐去］",
}


def _kind(run: str, before: str, after: str) -> str | None:
    digits = "".join(_DIGIT_OF.get(c, "X" if c in "xXｘＸ" else "") for c in run)
    listed = bool(_LISTED.search(run))
    old = len(digits) == 15 and not listed and _DATE.fullmatch("19" + digits[6:12])
    if old or _is_identity(digits):
        return "identity"
    bare = digits.replace("X", "")
    if (len(bare) == 11 and bare[0] == "1" and bare[1] in "3456789") or re.fullmatch(r"861[3-9]\d{9}", bare):
        return "mobile"
    if listed or all(_DATE.fullmatch(_digits(part)) for part in run.split()):
        return None  # amounts, service phones or days, one after another
    if 16 <= len(bare) <= 19 or (len(bare) == 15 and _luhn(bare)):
        return "card"
    if bare.startswith("0") and len(bare) <= 12:
        return None  # a landline with its area code: offices publish theirs
    if len(bare) >= 12 or (len(bare) >= 9 and not _is_money_or_date(bare, before, after)):
        return "number"
    return None


def _digits(text: str) -> str:
    return "".join(_DIGIT_OF.get(c, "") for c in text)


def _is_money_or_date(digits: str, before: str, after: str) -> bool:
    return after in ("元", "块", "万", "圆") or before in ("¥", "￥", "$") or bool(_DATE.match(digits[:8]))


def _is_identity(digits: str) -> bool:
    """18 characters whose seventh to fourteenth are a day of birth; a wrong check digit is a typo, not harmless."""
    return len(digits) == 18 and digits[:17].isdigit() and bool(_DATE.fullmatch(digits[6:14]))


def valid_identity(number: str) -> bool:
    """The check digit of GB 11643."""
    if not re.fullmatch(r"\d{17}[\dXx]", number):
        return False
    total = sum(int(d) * w for d, w in zip(number, WEIGHTS, strict=False))
    return "10X98765432"[total % 11] == number[17].upper()


def _luhn(digits: str) -> bool:
    doubled = [int(d) for d in digits[::-1]]
    doubled[1::2] = [d * 2 - 9 * (d > 4) for d in doubled[1::2]]
    return sum(doubled) % 10 == 0


def valid_phone(text: str) -> str | None:
    """The bare number if it is a Chinese mobile or a landline with area code, else None."""
    bare = re.sub(r"[\s\-－—()（）+]", "", text)
    bare = re.sub(r"^(?:0086|86)(?=1\d{10}$)", "", bare)
    return bare if re.fullmatch(r"1[3-9]\d{9}|0\d{2,3}\d{7,8}", bare) else None
