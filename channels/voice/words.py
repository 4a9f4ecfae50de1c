"""What callers say to the call itself, when words have not ended yet, and the call's own sentences (pure)."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml

from bot.answering.phrases import ASKS_HUMAN

Command = Literal[
    "human", "repeat", "slower", "faster", "louder", "hard_of_hearing", "yes", "no", "nothing_more", "goodbye", "back"
]
LONGEST = 480  # characters of one turn; a conversation takes 500
_BACKCHANNEL = re.compile(
    r"(?:嗯+|哦+|噢+|啊+|唔+|呃+|额+|好+的?吧?|对+|是+的?|行+|可以|知道了?|明白了?|喂+|你好|您好|[了的吧呢呀])+"
)
_BEGINS = ("好", "对", "是", "知", "明", "可")  # of a word that may be no more than that
_POLITE = "(?:请|麻烦|你|您|说|讲|能不能)*"
_COMMANDS: tuple[tuple[Command, tuple[str, ...]], ...] = (
    ("repeat", (
        r"(?:请|麻烦)?[你您]?(?:再|重新|重复)[说讲播念读]?[一1]?[遍次下](?:吧|好吗)?",
        r"(?:没|没有|不)太?听[清懂明](?:楚|白)?",
        r"你说[啥什]么?",
    )),
    ("slower", (_POLITE + r"(?:慢一?点儿?|太快了?)(?:说|讲|吧|好吗)*",)),
    ("faster", (_POLITE + r"(?:快一?点儿?|太慢了?)(?:说|讲|吧|好吗)*",)),
    ("louder", (_POLITE + r"(?:大点?声一?点?儿?|声音大一?点|声音太小了?)(?:说|讲|吧|好吗)*",)),
    ("hard_of_hearing", (r"我?(?:耳朵不好|耳背|听不[见到清]楚?)[了啊呀]?",)),
    ("nothing_more", (
        r"(?:没有|没|不用|不需要|不必|没什么)(?:了|别的了?|其他的?了?|问题了?|要问的了?)*(?:谢谢)?[你您]?(?:再见)?",
    )),
    ("goodbye", (r".{0,6}(?:再见|拜拜|挂了|先这样吧?)[啊吧了]?",)),
    ("back", (r"返回|上一步|后退|重新[来问]|换一?个(?:问题)?",)),
    ("yes", (
        r"(?:嗯+|对+|是+的?|好+的?|要+的?|可以|行|继续|接着说|需要|没错|确定)(?:的|啊|呀|吧|听|说)*",
        r"(?:要|想)?听一?下?吧?",
        r"(?:要|想听)?详细一?点?的?",
    )),
    ("no", (r"(?:不+(?:是|对|要|用|听|了|需要)?|别|错了?|算了)(?:的|了|啊|吧)*",)),
)  # fmt: skip
_MEANT = tuple((name, re.compile("|".join(f"(?:{form})" for form in forms))) for name, forms in _COMMANDS)
_TRAILING = re.compile(
    r"(?:我想|我要|想问一?下?|问一?下|请问|那个|这个|就是|就是说|然后|还有|因为|如果|但是|比如|我的|和|跟|或者|的是"
    r"|身份证号?码?是?|手机号?码?是?|电话是?|号码是?|生日是?)$"
)
_NUMBER = "零〇一二三四五六七八九幺两十百千0-9"
_DIGITS_LAST = re.compile(rf"[{_NUMBER}]{{2,}}[xX]?$")
_DATE_OPEN = re.compile(rf"(?:[{_NUMBER}]{{2,4}}年|[{_NUMBER}]{{1,3}}月)$|年[{_NUMBER}]{{1,3}}$|月[{_NUMBER}]{{1,3}}$")
_PICKED = re.compile(r"(?:我?(?:选|要|按|问的是))?(?:第)?([一二三四五六七八两1-8])(?:个|项|条|号|种|分|星|吧|的)*")
_PLACES = {"一": 0, "二": 1, "两": 1, "三": 2, "四": 3, "五": 4, "六": 5, "七": 6, "八": 7}


@cache
def _prompts() -> dict[str, str]:
    read: dict[str, str] = yaml.safe_load(files("channels.voice").joinpath("prompts.yml").read_text("utf-8"))
    return read


def say(key: str, **values: object) -> str:
    """The sentence named `key` with its places filled. Raises KeyError for an unknown one."""
    return _prompts()[key].format(**values)


def fixed() -> tuple[str, ...]:
    """The sentences without places, which can be rendered before anybody calls."""
    return tuple(text for text in _prompts().values() if "{" not in text)


def plain(text: str) -> str:
    """As a recogniser tells it, without blanks between Chinese words, marks and the unknown."""
    text = re.sub(r"\[unk\]|<[^>]*>|[，。！？、,.!?;；:：]", "", text)
    return re.sub(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])", "", text).strip()


def interrupts(text: str) -> bool:
    """Whether words that come while we speak are meant to stop us: 嗯 and 好的 are not."""
    return len(text) >= 2 and not only_backchannel(text) and not (len(text) == 2 and text.startswith(_BEGINS))


def only_backchannel(text: str) -> bool:
    return _BACKCHANNEL.fullmatch(text) is not None


def command(text: str) -> Command | None:
    """What the whole of it asks of the call."""
    if ASKS_HUMAN.search(text):
        return "human"
    return next((name for name, pattern in _MEANT if pattern.fullmatch(text)), None)


def unfinished(text: str) -> bool:
    """A number or a date in the middle, or words after which something must come."""
    digits = re.search(rf"[{_NUMBER}]+[xX]?$", text)
    if digits and len(digits[0]) in (11, 18):
        return False  # a mobile, an identity number
    return bool(_DIGITS_LAST.search(text) or _DATE_OPEN.search(text) or _TRAILING.search(text))


def picked(text: str, options: int) -> int | None:
    """第二个: the place in a list of `options`, from 0."""
    found = _PICKED.fullmatch(text)
    if found is None:
        return None
    told = found[1]
    place = _PLACES[told] if told in _PLACES else int(told) - 1
    return place if place < options else None
