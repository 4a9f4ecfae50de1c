"""What identifies a person goes, however it is written; figures, days, documents and offices' phones stay."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as some

from bot.privacy import LABELS, WEIGHTS, mask, valid_identity, valid_phone

ROOT = Path(__file__).parents[2]

# How people write a number

WRITTEN = [
    "0123456789", "０１２３４５６７８９", "零一二三四五六七八九", "〇幺二三四五六七八九", "零壹贰叁肆伍陆柒捌玖",
    "⓪①②③④⑤⑥⑦⑧⑨",
]  # fmt: skip
DIGITS = "".join(WRITTEN)
BETWEEN = ["", " ", "  ", "　", "-", "－", "—", "–", " - ", " -- ", ".", "·", "_", "/", "~", "\u200b"]
PHONE_GROUPS = [(11,), (3, 4, 4), (4, 3, 4), (4, 4, 3), (3, 3, 5), (3, 8), (7, 4), (1,) * 11]
AROUND = [("", ""), ("我的号码是", "，谢谢"), ("电话", "。"), ("5000，", "，2024年"), ("1、", "；"), ("A", "元")]


@some.composite
def identities(draw: Any) -> str:
    area = draw(some.sampled_from(["330106", "110101", "440305", "652301"]))
    day = draw(some.dates(min_value=date(1930, 1, 1), max_value=date(2020, 12, 31)))
    seventeen = f"{area}{day:%Y%m%d}{draw(some.integers(0, 999)):03d}"
    return seventeen + "10X98765432"[sum(int(d) * w for d, w in zip(seventeen, WEIGHTS, strict=True)) % 11]


@some.composite
def mobiles(draw: Any) -> str:
    return f"1{draw(some.integers(3, 9))}{draw(some.integers(0, 999_999_999)):09d}"


@some.composite
def cards(draw: Any) -> str:
    body = draw(some.sampled_from(["6217", "6228", "4367"])) + draw(some.text("0123456789", min_size=11, max_size=14))
    doubled = [int(d) for d in reversed(body)]
    doubled[::2] = [d * 2 - 9 * (d > 4) for d in doubled[::2]]
    return body + str(-sum(doubled) % 10)


def cut(number: str, sizes: tuple[int, ...]) -> list[str]:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return [part for part in [*parts, number[at:]] if part]


@some.composite
def written(draw: Any, number: str, groups: list[tuple[int, ...]]) -> str:
    """The number in one of its groupings, with one separator, in one kind of digits."""
    digits = draw(some.sampled_from(WRITTEN))
    parts = cut(number, draw(some.sampled_from(groups)))
    joined = draw(some.sampled_from(BETWEEN)).join(parts)
    return joined.translate({ord(str(i)): c for i, c in enumerate(digits)})


def digits_in(text: str) -> str:
    return re.sub(f"[^{DIGITS}Xx]", "", text)


IDENTITY_GROUPS = [(18,), (6, 8, 4), (6, 4, 4, 4), (4, 4, 4, 4, 2), (3,) * 6, (1,) * 18, (14, 4), (6, 12)]
CARD_GROUPS = [(19,), (4, 4, 4, 4), (6, 13), (1,) * 19]


@settings(max_examples=400)
@given(some.data())
@pytest.mark.parametrize(
    ("kind", "numbers", "groups"),
    [
        ("identity", identities(), IDENTITY_GROUPS),
        ("mobile", mobiles(), PHONE_GROUPS),
        ("card", cards(), CARD_GROUPS),
    ],
    ids=["identity", "mobile", "card"],
)
def test_no_personal_number_survives_however_it_is_written(
    kind: str, numbers: some.SearchStrategy[str], groups: list[tuple[int, ...]], data: Any
) -> None:
    before, after = data.draw(some.sampled_from(AROUND))
    number = data.draw(written(data.draw(numbers), groups))
    masked = mask(before + number + after)
    assert len(masked.kinds) == 1
    assert masked.text == before + LABELS[masked.kinds[0]] + after
    if kind != "card":
        assert masked.kinds == (kind,)


@settings(max_examples=200)
@given(
    some.lists(some.one_of(identities(), mobiles(), cards()), min_size=2, max_size=4), some.sampled_from("，,、；; \n/")
)
def test_of_several_numbers_none_survives(numbers: list[str], between: str) -> None:
    masked = mask("我的：" + between.join(numbers))
    assert len(digits_in(masked.text)) <= 3
    assert all(number not in masked.text for number in numbers)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("打给我13800138000", "打给我［手机号已隐去］"),
        ("＋86 138 0013 8000", "＋［手机号已隐去］"),
        ("0086-138-0013-8000", "［手机号已隐去］"),
        ("013800138000", "［手机号已隐去］"),
        ("(138)00138000", "(［手机号已隐去］"),
        ("幺三八，零零幺三，八零零零", "［手机号已隐去］"),
        ("幺、三、八、零、零、幺、三、八、零、零、零", "［手机号已隐去］"),
        ("三三零一零六，一九九零零一零一，一二三七", "［身份证号已隐去］"),
        ("1、13800138000", "1、［手机号已隐去］"),
        ("13800138000，13900139000", "［手机号已隐去］，［手机号已隐去］"),
        ("330106199001011237，13800138000", "［身份证号已隐去］，［手机号已隐去］"),
        ("330106 1990-01-01 1237", "［身份证号已隐去］"),
        ("33010619900101123Ｘ", "［身份证号已隐去］"),
        ("330106199001011230", "［身份证号已隐去］"),  # the check digit is wrong
        ("330106900101123", "［身份证号已隐去］"),  # fifteen digits, as before 1999
        ("0571-85256666/13800138000", "0571-85256666/［手机号已隐去］"),
        ("6217 0012 3456 7890 123", "［卡号已隐去］"),
        ("社保编号3301061234", "社保编号［号码已隐去］"),
        ("账号1234567890123", "账号［号码已隐去］"),
        ("护照E12345678", "护照［证件号已隐去］"),
        ("通行证 H12345678", "通行证 ［证件号已隐去］"),
        ("密码是abc123", "密码［已隐去］"),
        ("验证码：123456", "验证码［已隐去］"),
        ("330106199001011237 缴了4812元", "［身份证号已隐去］ 缴了4812元"),
    ],
)
def test_what_identifies_goes_and_the_rest_of_the_sentence_stays(text: str, told: str) -> None:
    assert mask(text).text == told


def test_the_kinds_are_told_once_each_in_order() -> None:
    assert mask("13800138000，330106199001011237，13900139000").kinds == ("mobile", "identity")
    assert mask("养老保险交多少年").kinds == ()


# What must stay, to the byte

STAYS = [
    "12333", "12393", "打12333或12393", "12333 12393 12366", "12333/12345", "0571-12393", "0571-12333、0571-12393",
    "零五七一幺二三九三", "一二三三三", "110或120", "95588", "0571-85256666", "(0571)85256666", "（0571）85256666",
    "0571 8525 6666", "010-12345678", "0571-85256666/85256667", "0571-85256666-8001", "0571-85256666转8001",
    "400-820-8820", "4008208820", "800-810-8888", "95533 95588", "7590.5元", "基数4812-24930",
    "基数 4812-24930 元", "4812～24930元", "4812.00-24930.00", "4812 24930 7590", "工资5000 8000 12000",
    "123456789元", "1234567890 元", "12,345,678.90元", "¥123456789", "5000、8000、12000", "3.5万-5.8万",
    "60%-300%", "15年180个月", "2024-2025年", "2024 2025 2026", "2019-2020-2021年", "2021、2022、2023、2024年",
    "1998.3-2024.10", "1995.07-2024.06", "1995-07-01至2024-06-30", "1995.7.1-2024.6.30", "2010-01-2024-12",
    "2010年1月-2024年12月", "19950701-20240630", "199507-202406", "20240101-20241231",
    "1992.10-1995.6 1998.7-2010.12", "工龄1985-1992，1993-2001，2002-2024", "2024-01-01 09:30:00",
    "2024-01-01 2024-12-31", "2024/1/1-2024/12/31", "2024.9.1 2025.1.1", "20240101 09:30",
    "一九九八年三月到二零二四年十月", "基数是5000\n2024-05开始交", "上午8.30-11.30 14.00-17.00",
    "8:30-11:30，14:00-17:00", "人社部发〔2024〕94号", "人社部发[2024]94号", "人社部发(2024)94号",
    "浙人社发〔2021〕14号、浙医保发〔2022〕5号", "GB 11643-1999", "第十六条第二款", "第12、13、14、15、16、17条",
    "第一、二、三、四、五、六、七条", "社会保险法第58条", "答复编号ABCD-2345", "三百六十五天", "五险一金",
    "1、2、3、4、5、6、7、8、9、10", "身份证号后六位", "密码忘了怎么办", "",
]  # fmt: skip


@pytest.mark.parametrize("text", STAYS)
def test_what_identifies_nobody_stays_to_the_byte(text: str) -> None:
    assert mask(text).text == text
    assert mask(f"请问{text}怎么算？").text == f"请问{text}怎么算？"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


@pytest.mark.parametrize("folder", ["knowledge_base/corpora", "training_data", "bot/answering/content"])
def test_nothing_that_we_ship_is_masked(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.yml"))
    assert files
    for path in files:
        for text in _texts(yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)):
            for line in text.splitlines():
                if line != "- 123456789":  # an example of gibberish
                    assert mask(line).text == line, path.name


@given(some.integers(1, 999_999), some.integers(1, 999_999), some.sampled_from(["-", "～", " - ", "—"]))
def test_a_range_of_amounts_stays(low: int, high: int, between: str) -> None:
    text = f"基数{low}{between}{high}元"
    assert mask(text).text == text


DAYS = some.dates(min_value=date(1950, 1, 1), max_value=date(2060, 12, 31))
DAY_FORMS = ["{0:%Y}.{0.month}", "{0:%Y}-{0:%m}", "{0:%Y}/{0.month}/{0.day}", "{0:%Y%m%d}", "{0:%Y}"]


@given(DAYS, DAYS, some.sampled_from(DAY_FORMS), some.sampled_from(["-", "—", "～", " ", "到"]))
def test_a_range_of_days_stays(first: date, last: date, form: str, between: str) -> None:
    text = f"{form.format(first)}{between}{form.format(last)}"
    assert mask(text).text == text


@settings(max_examples=500)
@given(some.text(some.sampled_from(DIGITS + "xXＸABEHab密码验证是：:元年月日-—.，、 ()（）/\n1234567890"), max_size=60))
@example("密码是［身份证号已隐去］13800138000")
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
    assert (once.text == text) == (once.kinds == ())


@settings(max_examples=200)
@given(some.text(max_size=200))
def test_a_text_without_long_numbers_is_not_touched(text: str) -> None:
    if not re.search(r"\d{6}|密码|验证码|口令", text) and sum(c.isdigit() for c in text) < 7:
        assert mask(text).text == text or set(mask(text).kinds) <= {"number"}


def test_the_worst_of_texts_costs_little() -> None:
    """Five hundred characters come from anybody, and masking holds up everyone in the process."""
    for text in ("1 " * 250, "1-" * 250, "1" * 500, "13800138000，" * 42, "1234 " * 100):
        began = time.process_time()
        mask(text)
        assert time.process_time() - began < 0.25


# Numbers that are wanted


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        ("110105194912310021", False),
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("1101051949123100", False),
        ("", False),
    ],
)
def test_the_check_digit_of_an_identity_number(number: str, valid: bool) -> None:
    assert valid_identity(number) is valid


@given(identities())
def test_the_identities_of_these_tests_are_valid(number: str) -> None:
    assert valid_identity(number)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("13800138000", "13800138000"),
        (" 138-0013-8000 ", "13800138000"),
        ("+86 138 0013 8000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("（0571）8525 6666", "057185256666"),
        ("010-12345678", "01012345678"),
        ("12800138000", None),
        ("1380013800", None),
        ("138001380000", None),
        ("85256666", None),
        ("12333", None),
        ("电话13800138000", None),
        ("", None),
    ],
)
def test_a_phone_to_call_back_is_a_mobile_or_has_its_area_code(text: str, bare: str | None) -> None:
    assert valid_phone(text) == bare
