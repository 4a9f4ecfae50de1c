"""Masks identity, phone, bank-card and account numbers before anything is kept, logged, indexed or shown (pure).

Rules: GB 11643 (identity number and its check digit), ISO/IEC 7812 (card numbers and the Luhn digit).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

# Every character that writes a digit, one for one: full-width, circled, spoken and formal Chinese.
_ASCII = {c: str(d) for c in range(0x80, 0x20000) if (d := unicodedata.digit(chr(c), None)) is not None}
_ASCII |= {ord(c): str(i) for i, c in enumerate("零一二三四五六七八九")}
_ASCII |= {ord(c): str(i) for i, c in enumerate("壹贰叁肆伍陆柒捌玖", start=1)}
_ASCII |= {ord("〇"): "0", ord("○"): "0", ord("幺"): "1", ord("两"): "2", ord("x"): "X", ord("ｘ"): "X", ord("Ｘ"): "X"}

# Between the digits of one number people put spaces, dashes, dots, brackets, and when speaking a pause.
_GAP = r"[\s\-－—–_·.．•~～,，、/()（）\u200b\u200c\u200d\u2060\ufeff]{0,6}"
_RUN = re.compile(rf"[0-9](?:{_GAP}[0-9X]){{6,}}")
_PIECE = re.compile(r"[0-9]+X?|X")
_LIST = re.compile(r"[,，、\n]")
_DOTTED = re.compile(r"(?<!\d)(?:19|20)\d\d[./\-](?:0?[1-9]|1[0-2])(?:[./\-](?:0?[1-9]|[12]\d|3[01]))?(?!\d)")
_DATE = re.compile(r"(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?)?")
_DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_MOBILE = re.compile(r"(?:0|86|0086)?1[3-9]\d{9}")
_AMOUNT = r"[1-9]\d{0,5}(?:\.\d{1,2})?"
_BETWEEN = re.compile(r"\s*[\-－—–~～]+\s*|\s+")
_AMOUNTS = re.compile(rf"{_AMOUNT}(?:(?:{_BETWEEN.pattern}){_AMOUNT})+")
_LINE = r"0\d{2,3}[\s\-)）]{0,3}(?:\d{4}[\s\-]?\d{3,4}(?:-\d{1,5})?|1\d{4})"  # an office's phone, with extension
_HOTLINE = r"[48]00[\s\-]?(?:\d{3}[\s\-]?\d{4}|\d{4}[\s\-]?\d{3})|1[02]\d{3}|9[56]\d{3}|1[12]\d"
_PUBLIC = re.compile(rf"(?:{_LINE}|{_HOTLINE})(?:[\s/]+(?:{_LINE}|{_HOTLINE}|\d{{7,8}}))*")
_DOCUMENT = re.compile(r"(?<![A-Za-z0-9])(?:[EGDSPHM][A-Z]?\d{7,9}|[A-Z]{1,2}\d{6,8}\(?[\dA]\)?)(?![A-Za-z0-9])", re.I)
_PASS = re.compile(r"(密码|验证码|口令)\s*(?:是|为|[:：])?\s*([0-9A-Za-z]{4,16})")

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
GROUPED = {
    (11,),
    (3, 4, 4),
    (4, 3, 4),
    (4, 4, 3),
    (3, 3, 5),
    (3, 8),
    (7, 4),
    (5, 6),
    (6, 5),
}  # mobiles, as people write them
SPOKEN = {(3, 4, 4), (1,) * 11}  # with commas between: a pause, not a list
LABELS = {
    "identity": "［身份证号已隐去］",
    "mobile": "［手机号已隐去］",
    "card": "［卡号已隐去］",
    "number": "［号码已隐去］",
    "document": "［证件号已隐去］",
    "password": "［已隐去］",
}

Span = tuple[int, int]
Found = tuple[int, int, str]  # from, to, kind; a kind of "" is looked at no further, and stays
Finder = Callable[[str, int, int], Iterator[Found]]


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

    plain, parts, at = text.translate(_ASCII), [], 0
    for run in _RUN.finditer(plain):
        for start, end, kind in sorted(_personal(plain, run.span())):
            parts += [text[at:start], taken(kind)]
            at = end
    masked = "".join([*parts, text[at:]])
    masked = _DOCUMENT.sub(lambda found: taken("document"), masked)
    masked = _PASS.sub(lambda found: found[1] + taken("password"), masked)
    return Masked(masked, tuple(dict.fromkeys(kinds)))


def _personal(plain: str, run: Span) -> list[Found]:
    """Looks with one finder after another at what the ones before left of a run."""
    found: list[Found] = []
    spans = [run]
    for find in (_spoken, _separators, _windows(_identity_or_card), _days_and_money, _windows(_phone_or_card), _rest):
        left: list[Span] = []
        for start, end in spans:
            at = start
            for begin, stop, kind in find(plain, start, end):
                if kind:
                    found.append((begin, stop, kind))
                left.append((at, begin))
                at = stop
            left.append((at, end))
        spans = left
    return found


def _spoken(plain: str, start: int, end: int) -> Iterator[Found]:
    """One number with pauses in it: 幺三八，零零幺三，八零零零."""
    pieces = _PIECE.findall(plain, start, end)
    if _identity_or_card(pieces, True) == "identity" and len(pieces) > 1:
        yield start, end, "identity"
    elif tuple(map(len, pieces)) in SPOKEN and _MOBILE.fullmatch("".join(pieces)):
        yield start, end, "mobile"


def _separators(plain: str, start: int, end: int) -> Iterator[Found]:
    yield from ((*found.span(), "") for found in _LIST.finditer(plain, start, end))


def _days_and_money(plain: str, start: int, end: int) -> Iterator[Found]:
    start, end, pieces = _pieces(plain, start, end)
    amounts = _AMOUNTS.fullmatch(plain, start, end) and len(_BETWEEN.split(plain[start:end])) == 2
    if all(map(_DATE.fullmatch, pieces)) or (amounts and _is_money(plain, start, end)):
        yield start, end, ""
    else:
        yield from ((*found.span(), "") for found in _DOTTED.finditer(plain, start, end))


def _pieces(plain: str, start: int, end: int) -> tuple[int, int, list[str]]:
    """A span without what stands before its first digit and after its last."""
    found = list(_PIECE.finditer(plain, start, end))
    return (found[0].start(), found[-1].end(), [p[0] for p in found]) if found else (start, start, [])


def _is_money(plain: str, start: int, end: int) -> bool:
    return plain[max(0, start - 1) : start] in ("¥", "$") or plain[end : end + 3].lstrip()[:1] in (
        "元",
        "块",
        "万",
        "圆",
    )


def _windows(kind_of: Callable[[Sequence[str], bool], str | None]) -> Finder:
    """Neighbouring pieces that together are one number; the longest first."""

    def find(plain: str, start: int, end: int) -> Iterator[Found]:
        spans = [found.span() for found in _PIECE.finditer(plain, start, end)]
        pieces = [plain[a:b] for a, b in spans]
        before = [0, *accumulate(map(len, pieces))]
        first = 0
        while first < len(pieces):
            for last in range(min(len(pieces), first + 19), first, -1):
                if not 11 <= before[last] - before[first] <= 19:
                    continue
                kind = kind_of(pieces[first:last], last - first == len(pieces))
                if kind:
                    yield spans[first][0], spans[last - 1][1], kind
                    first = last
                    break
            else:
                first += 1

    return find


def _identity_or_card(pieces: Sequence[str], alone: bool) -> str | None:
    """A day of birth at its place tells; a wrong check digit is a typo, not harmless."""
    digits = "".join(pieces)
    if len(digits) == len(pieces) and not alone:
        return None  # one by one, where it begins and ends cannot be told
    new = len(digits) == 18 and digits[:17].isdigit() and _DAY.fullmatch(digits[6:14])
    old = len(digits) == 15 and digits.isdigit() and alone and len(pieces) < 4 and _DAY.fullmatch("19" + digits[6:12])
    return "identity" if new or old else "card" if _is_card_in_fours(pieces, alone) else None


def _is_card_in_fours(pieces: Sequence[str], alone: bool) -> bool:
    """As it is printed on the card; a group that looks like a year is none."""
    digits = "".join(pieces)
    fours = len(pieces) in (4, 5) and all(len(piece) == 4 for piece in pieces[:-1])
    sure = alone or (digits.isdigit() and _luhn(digits))
    return fours and 16 <= len(digits) <= 19 and sure and not all(map(_DATE.fullmatch, pieces))


def _phone_or_card(pieces: Sequence[str], alone: bool) -> str | None:
    digits = "".join(pieces)
    sizes = tuple(map(len, pieces[1:] if pieces[0] in ("0", "86", "0086") else pieces))
    grouped = alone or sizes in GROUPED or set(sizes) == {1} or len(pieces) == 1
    if _MOBILE.fullmatch(digits) and grouped:
        return "mobile"
    return "card" if 16 <= len(digits) <= 19 and digits.isdigit() and _luhn(digits) else None


def _rest(plain: str, start: int, end: int) -> Iterator[Found]:
    """Public numbers and amounts stay, long numbers go."""
    start, end, pieces = _pieces(plain, start, end)
    told, digits = plain[start:end], "".join(pieces).replace("X", "")
    if len(digits) < 9 or _PUBLIC.fullmatch(told) or _are_amounts(told):
        return
    if 16 <= len(digits) <= 19 or (len(digits) == 15 and _luhn(digits)):
        yield start, end, "card"
    elif digits.startswith("0") and len(digits) <= 12:
        return  # a landline with its area code: offices publish theirs
    elif len(digits) >= 12 or not (_is_money(plain, start, end) or _DAY.match(digits)):
        yield start, end, "number"


def _are_amounts(told: str) -> bool:
    """`4812-24930`, `4812.00 24930.00`, `5000 8000 12000`; not a number in groups of equal size."""
    if not _AMOUNTS.fullmatch(told):
        return False
    amounts = _BETWEEN.split(told)
    if all("." in amount for amount in amounts):
        return True
    sizes = {len(amount.partition(".")[0]) for amount in amounts}
    return max(sizes) >= 4 and sum(map(str.isdigit, told)) < 16 and (len(amounts) == 2 or len(sizes) > 1)


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
    bare = re.sub(r"[\s\-—()+]", "", unicodedata.normalize("NFKC", text))
    bare = re.sub(r"^(?:0086|86)(?=1\d{10}$)", "", bare)
    return bare if re.fullmatch(r"1[3-9]\d{9}|0\d{2,3}\d{7,8}", bare) else None
