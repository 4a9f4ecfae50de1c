"""What is written for the eye, said for the ear: sentences, their length, choices with their keys (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from channels.voice.numerals import read_out

CHARACTERS_A_SECOND = 4.1  # as measured of both voices at their usual speed
LONGEST = 25.0  # seconds of an answer before the caller is asked whether to go on
KEYS = "12345678"  # 9 repeats, 0 is a human, * goes back
TOO_LONG = 60  # characters; a sentence beyond is divided at a comma, so that it can be interrupted and repeated

_ENDS = re.compile(r"(?<=[。！？!?；;\n])")
_COMMA = re.compile(r"(?<=[，,：:])")
_MARKS = re.compile(r"\*\*|__|`|^#+\s*|^\s*[-•·]\s+", re.MULTILINE)
_URL = re.compile(r"https?://\S+|www\.\S+")
_LISTED = re.compile(r"(?:^|(?<=[。；：\n]))\s*(\d{1,2})[.、)）](?!\d)\s*", re.MULTILINE)
_BRACKETS = re.compile(r"[（(]([^（）()]{0,60})[）)]")
_BUTTONS = (
    (re.compile(r"想找人工，请点“转人工”或说“人工”"), "想找人工，请说“人工”，或者按零"),
    (re.compile(r"想找真人，请点“转人工”或说“人工”"), "想找真人，请说“人工”，或者按零"),
    (re.compile(r"请点“转人工”"), "请说“人工”，或者按零"),
    (re.compile(r"您可以转人工"), "您可以说“人工”，或者按零转人工"),
    (re.compile(r"请不要关闭页面"), "请不要挂机"),
    (re.compile(r"点一下，或回复数字：?"), ""),
    (re.compile(r"我没看到文字"), "我没听到您的话"),
    (re.compile(r"(我|这一项我)没看懂"), r"\1没听明白"),
    (re.compile(r"请看页面上的公告"), "请以公告为准"),
    (re.compile(r"请在页面上选一个评价。?"), ""),
    (re.compile(r"也可以取消排队"), "也可以按星号键取消排队"),
    (re.compile(r"上面的清单可以打印带走；"), ""),
    (re.compile(r"再发一句话就能接着问"), "再打来就能接着问"),
    (re.compile(r"您可以留言，留下电话，工作人员(?:最晚 [^，。]{1,12}|预计 [^，。]{1,14}前)?回复您[。；]?"), ""),
    (re.compile(r"24 小时内再发消息，可以接着这次咨询。"), ""),
    (re.compile(r"要再找人工，请点“转人工”。"), "要再找人工，请按零。"),
    (re.compile(r"点击|点按|点选"), "选择"),
)


def for_ear(text: str) -> str:
    """Without marks, addresses, buttons and brackets; figures in words."""
    for pattern, said in _BUTTONS:
        text = pattern.sub(said, text)
    text = _LISTED.sub(r"第\1，", text)
    text = _URL.sub("", _MARKS.sub("", text))
    text = _BRACKETS.sub(r"，\1，", text)
    text = text.replace(" · ", "，").replace("·", "").replace("/", "或").replace("《", "").replace("》", "")
    return re.sub(r"[，,]{2,}", "，", re.sub(r"，(?=[。！？；])", "", read_out(text))).strip()


def sentences(text: str) -> tuple[str, ...]:
    """Pieces that are played one by one; what was not begun was not heard."""
    pieces: list[str] = []
    for sentence in _ENDS.split(for_ear(text)):
        whole = sentence.strip()
        if len(whole) <= TOO_LONG:
            pieces.append(whole)
            continue
        piece = ""
        for part in _COMMA.split(whole):
            if piece and len(piece) + len(part) > TOO_LONG:
                pieces.append(piece)
                piece = ""
            piece += part
        pieces.append(piece)
    return tuple(piece for piece in pieces if re.search(r"\w", piece))


def seconds(text: str) -> float:
    """About how long it takes to say."""
    return len(re.sub(r"\W", "", text)) / CHARACTERS_A_SECOND + 0.25


def within(pieces: Sequence[str], limit: float = LONGEST) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """As much as is said within `limit` seconds, at least one piece, and the rest."""
    spent = 0.0
    for count, piece in enumerate(pieces):
        spent += seconds(piece)
        if spent > limit and count:
            return tuple(pieces[:count]), tuple(pieces[count:])
    return tuple(pieces), ()


def keyed(labels: Sequence[str]) -> tuple[str, ...]:
    """Each option with the key that takes it."""
    return tuple(
        f"{for_ear(label).rstrip('。？?')}，请按{read_out(key)}。" for label, key in zip(labels, KEYS, strict=False)
    )
