"""What citizens say in answer to a form's question, and what their first question holds already."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.entities import by_patterns
from bot.nlu.field_values import fill, read
from knowledge_base.calculators.catalogue import CALCULATORS
from knowledge_base.fields import Field, Kind, Option
from knowledge_base.text import normalise

TODAY = date(2026, 11, 22)
DIGITS = "零一二三四五六七八九"
BIRTH = Field(name="birth", ask="？", kind=Kind.MONTH, past=True)
MONTH = Field(name="month", ask="？", kind=Kind.MONTH)
DAY = Field(name="day", ask="？", kind=Kind.DATE)
MONEY = Field(name="money", ask="？", kind=Kind.MONEY)
NUMBER = Field(name="number", ask="？", kind=Kind.NUMBER)
SPAN = Field(name="span", ask="？", kind=Kind.COUNT, unit="months", highest=720)
AGE = Field(name="age", ask="？", kind=Kind.COUNT, unit="age", lowest=480, highest=840)
GRADE = Field(name="grade", ask="？", kind=Kind.COUNT, unit="grade")
DAYS = Field(name="days", ask="？", kind=Kind.COUNT, unit="days")
COUNT = Field(name="count", ask="？", kind=Kind.COUNT)
YES_NO = Field(name="yes_no", ask="？", kind=Kind.YES_NO)
FIELDS = (BIRTH, MONTH, DAY, MONEY, NUMBER, SPAN, AGE, GRADE, DAYS, COUNT, YES_NO)


def of(calculator: str, name: str) -> Field:
    return next(f for f in CALCULATORS[calculator].fields if f.name == name)


def said(field: Field, text: str) -> str | None:
    return read(field, text, tuple(by_patterns(normalise(text))), TODAY)


def held(calculator: str, text: str, **slots: str) -> dict[str, str]:
    return fill(CALCULATORS[calculator].fields, tuple(by_patterns(normalise(text))), text, TODAY, slots)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (BIRTH, "76年8月", "1976-08"),
        (BIRTH, "七六年八月", "1976-08"),
        (BIRTH, "1976.8", "1976-08"),
        (BIRTH, "1976/08", "1976-08"),
        (BIRTH, "1976年8月15日", "1976-08"),
        (BIRTH, "76.8", "1976-08"),
        (BIRTH, "76 8", "1976-08"),
        (BIRTH, "197608", "1976-08"),
        (BIRTH, "我是一九七六年八月份生的", "1976-08"),
        (BIRTH, "７６年８月", "1976-08"),
        (BIRTH, "76年的8月", "1976-08"),
        (BIRTH, "05年3月", "2005-03"),
        (BIRTH, "30年3月", "1930-03"),
        (BIRTH, "76年", None),
        (BIRTH, "8月", None),
        (BIRTH, "2008", None),
        (BIRTH, "1976年13月", None),
        (MONTH, "41年7月", "2041-07"),
        (MONTH, "明年3月", "2027-03"),
        (DAY, "2026年1月15号", "2026-01-15"),
        (DAY, "2026-1-15", "2026-01-15"),
        (DAY, "1月15号", "2026-01-15"),
        (DAY, "去年12月15日", "2025-12-15"),
        (DAY, "昨天", "2026-11-21"),
        (DAY, "2026年2月30日", None),
        (DAY, "2026年2月", None),
        (MONEY, "三千五", "3500"),
        (MONEY, "3500块", "3500"),
        (MONEY, "1万2", "12000"),
        (MONEY, "8000元", "8000"),
        (MONEY, "8888", "8888"),
        (MONEY, "12,345.67元", "12345.67"),
        (MONEY, "大概7500.5左右吧", "7500.5"),
        (MONEY, "1.2万", "12000"),
        (MONEY, "三四千", None),
        (MONEY, "3000到4000", None),
        (NUMBER, "零点八", "0.8"),
        (NUMBER, "0.6", "0.6"),
        (NUMBER, "一", "1"),
        (SPAN, "15年3个月", "183"),
        (SPAN, "15年3月", "183"),
        (SPAN, "180个月", "180"),
        (SPAN, "十五年", "180"),
        (SPAN, "三年半", "42"),
        (SPAN, "15", "180"),
        (SPAN, "183", "183"),
        (SPAN, "没交过", "0"),
        (SPAN, "3年还是5年", None),
        (AGE, "60岁8个月", "728"),
        (AGE, "六十岁", "720"),
        (AGE, "60岁半", "726"),
        (AGE, "63", "756"),
        (AGE, "728", "728"),
        (GRADE, "七级", "7"),
        (GRADE, "10级", "10"),
        (GRADE, "7", "7"),
        (DAYS, "30天", "30"),
        (DAYS, "一个月", None),
        (COUNT, "两个", "2"),
        (YES_NO, "是的", "yes"),
        (YES_NO, "对", "yes"),
        (YES_NO, "有的", "yes"),
        (YES_NO, "没错", "yes"),
        (YES_NO, "不是", "no"),
        (YES_NO, "没有", "no"),
        (YES_NO, "还没办", "no"),
        (YES_NO, "没", "no"),
        (YES_NO, "不知道", None),
        (YES_NO, "有点别的事", None),
    ],
)
def test_an_answer_is_read_as_citizens_say_it(field: Field, text: str, value: str | None) -> None:
    assert said(field, text) == value


@pytest.mark.parametrize(
    ("calculator", "name", "text", "value"),
    [
        ("retirement", "category", "男", "male"),
        ("retirement", "category", "我是男的", "male"),
        ("retirement", "category", "女干部", "female55"),
        ("retirement", "category", "女工人", "female50"),
        ("retirement", "category", "55", "female55"),
        ("retirement", "category", "3", "female50"),
        ("retirement", "category", "第二个", "female55"),
        ("retirement", "category", "4", None),
        ("retirement", "category", "女", None),
        ("retirement", "category", "管理岗", None),
        ("retirement", "category", "五十", "female50"),
        ("retirement", "category", "我不是男的", None),
        ("maternity_allowance", "child", "二胎", "2"),
        ("maternity_allowance", "child", "1 孩", "1"),
        ("maternity_allowance", "child", "一孩", "1"),
        ("maternity_allowance", "difficult", "不是难产", "no"),
        ("maternity_allowance", "difficult", "难产", "yes"),
        ("maternity_allowance", "difficult", "顺产", "no"),
        ("maternity_allowance", "babies", "双胞胎", "2"),
        ("maternity_allowance", "babies", "4个", "4"),
        ("unemployment_months", "involuntary", "被公司辞退了", "yes"),
        ("unemployment_months", "involuntary", "我自己辞职的", "no"),
        ("unemployment_months", "registered", "还没办", "no"),
        ("unemployment_months", "registered", "没登记", "no"),
        ("pension_estimate", "base", "不知道", "unknown"),
        ("pension_estimate", "base", "8000", "8000"),
        ("pension_estimate", "index", "不清楚", "1"),
    ],
)
def test_a_choice_is_known_by_label_place_and_the_words_of_citizens(
    calculator: str, name: str, text: str, value: str | None
) -> None:
    assert said(of(calculator, name), text) == value


MONTHS = st.tuples(st.integers(1940, 2026), st.integers(1, 12)).filter(lambda told: told < (2026, 12))


def spoken_year(year: int) -> str:
    return "".join(DIGITS[int(digit)] for digit in str(year))


def spoken_small(value: int) -> str:
    return f"{'' if value < 20 else DIGITS[value // 10]}{'十' if value >= 10 else ''}{DIGITS[value % 10] if value % 10 else ''}"


@given(MONTHS)
def test_any_month_is_read_back_from_every_way_of_saying_it(told: tuple[int, int]) -> None:
    year, month = told
    machine = f"{year:04d}-{month:02d}"
    ways = [
        machine, f"{year}.{month}", f"{year}/{month:02d}", f"{year}年{month}月", f"{year}年{month:02d}月份",
        f"{year}{month:02d}", f"{year} {month}", f"我是{year}年{month}月出生的", f"{year}年{month}月15日",
        f"{spoken_year(year)}年{spoken_small(month)}月",
    ]  # fmt: skip
    ways += [f"{year % 100:02d}年{month}月", f"{year % 100:02d}.{month}"] if 1936 <= year - 10 else []
    for way in ways:
        assert said(BIRTH, way) == machine, way


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
def test_any_day_is_read_back(day: date) -> None:
    for way in (day.isoformat(), f"{day.year}年{day.month}月{day.day}日", f"{day.year}.{day.month}.{day.day}"):
        assert said(DAY, way) == day.isoformat(), way


@given(st.integers(0, 60), st.integers(1, 11))
def test_any_span_is_read_back(years: int, months: int) -> None:
    assert said(SPAN, f"{years}年{months}个月") == str(years * 12 + months)
    assert said(SPAN, f"{years * 12 + months}个月") == str(years * 12 + months)
    if years:
        assert said(SPAN, f"{spoken_small(years)}年零{spoken_small(months)}个月") == str(years * 12 + months)


@given(st.integers(1, 9_999_999))
def test_any_amount_is_read_back(amount: int) -> None:
    for way in (str(amount), f"{amount}元", f"{amount:,}元", f"大概{amount}块钱"):
        assert said(MONEY, way) == str(amount), way


@given(field=st.sampled_from(FIELDS), text=st.text(max_size=20))
def test_any_text_is_an_answer_or_none(field: Field, text: str) -> None:
    value = said(field, text)
    assert value is None or value


@pytest.mark.parametrize(
    ("calculator", "text", "answers"),
    [
        ("retirement", "我76年8月生，男，什么时候退休", {"birth": "1976-08", "category": "male"}),
        ("retirement", "76年8月，男，什么时候退休", {"birth": "1976-08", "category": "male"}),
        ("retirement", "女工人1980年7月出生几岁退休", {"birth": "1980-07", "category": "female50"}),
        ("retirement", "我男朋友1990年3月生的", {"birth": "1990-03"}),
        ("retirement", "1995年8月参加工作的什么时候退休", {}),
        ("retirement", "什么时候退休", {}),
        ("retirement", "干部1976年8月生什么时候退休", {"birth": "1976-08"}),
        ("unemployment_months", "交了五十个月失业保险能领多久", {"paid_months": "50"}),
        ("min_years", "2033年退休最少要交多少年", {"year": "2033"}),
        (
            "min_years",
            "我70年6月生的男的交了12年养老保险够不够",
            {"birth": "1970-06", "category": "male", "paid_months": "144"},
        ),
        ("unemployment_months", "交了3年失业保险被辞退了能领几个月", {"paid_months": "36", "involuntary": "yes"}),
        ("unemployment_months", "失业3个月了还能领吗", {}),
        ("injury_lump_sum", "工伤鉴定七级，缴费工资7500能赔多少", {"grade": "7", "monthly_wage": "7500"}),
        ("injury_lump_sum", "我工资8000，工伤赔多少", {}),
        ("maternity_allowance", "我工资8000生二胎生育津贴多少", {"child": "2"}),
        ("maternity_allowance", "单位平均工资6000，一胎难产", {"wage": "6000", "child": "1", "difficult": "yes"}),
        ("pension_estimate", "交了25年60岁退休能领多少", {"months": "300", "age_months": "720"}),
        ("late_fee", "欠了5000块社保晚了30天滞纳金多少", {"amount": "5000", "days": "30"}),
    ],
)
def test_a_question_answers_unasked_only_what_it_surely_says(
    calculator: str, text: str, answers: dict[str, str]
) -> None:
    found = held(calculator, text)
    assert found == answers | {name: value for name, value in found.items() if name == "province"}


def test_what_was_said_before_is_not_asked_again() -> None:
    assert held("retirement", "什么时候退休", birth="1976-08", sex="男") == {"birth": "1976-08", "category": "male"}
    assert held("retirement", "什么时候退休", birth="1976", sex="女") == {}


def test_an_answer_that_cannot_be_is_asked_for_instead_of_kept() -> None:
    assert held("retirement", "我1930年3月生的，男，什么时候退休") == {"category": "male"}


def test_a_question_that_does_not_arise_is_not_answered_by_the_way() -> None:
    way = Field(
        name="way",
        ask="？",
        kind=Kind.CHOICE,
        options=(Option(value="in", label="转入"), Option(value="out", label="转出")),
    )
    stopped = Field(
        name="stopped",
        ask="？",
        kind=Kind.YES_NO,
        when={"way": ("in",)},
        options=(Option(value="yes", label="已停保"),),
    )
    assert fill((way, stopped), (), "我已停保，想转出", TODAY) == {"way": "out"}
    assert fill((way, stopped), (), "我已停保，想转入", TODAY) == {"way": "in", "stopped": "yes"}
