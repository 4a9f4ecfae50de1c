"""A form's questions and the machine form of their answers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.errors import Unreadable
from knowledge_base.fields import Field, Kind, Option, applies, check, next_field

TODAY = date(2026, 11, 22)


def asked(kind: Kind, **more: object) -> Field:
    return Field(name="it", ask="？", kind=kind, **more)  # type: ignore[arg-type]


CHOICE = asked(Kind.CHOICE, options=(Option(value="male", label="男"), Option(value="female", label="女")))


@pytest.mark.parametrize(
    ("field", "value", "machine"),
    [
        (asked(Kind.MONTH), "1976-08", "1976-08"),
        (asked(Kind.MONTH), " 1976/8 ", "1976-08"),
        (asked(Kind.MONTH), "1976.8.15", "1976-08"),
        (asked(Kind.DATE), "2026-1-15", "2026-01-15"),
        (asked(Kind.MONEY), "12,345.67元", "12345.67"),
        (asked(Kind.NUMBER), "-0.6", "-0.6"),
        (asked(Kind.COUNT), "015.0", "15"),
        (CHOICE, "male", "male"),
        (asked(Kind.YES_NO), "TRUE", "yes"),
        (asked(Kind.YES_NO), "否", "no"),
    ],
)
def test_a_value_is_brought_into_its_one_machine_form(field: Field, value: str, machine: str) -> None:
    assert check(field, value, TODAY) == machine


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (asked(Kind.MONTH), "1976", "unreadable"),
        (asked(Kind.MONTH), "1976-13", "unreadable"),
        (asked(Kind.MONTH), "0000-01", "unreadable"),
        (asked(Kind.MONTH), "１９７６-08", "unreadable"),
        (asked(Kind.MONTH, past=True), "2026-12", "out_of_range"),
        (asked(Kind.MONTH, lowest=1940), "1939-12", "out_of_range"),
        (asked(Kind.DATE), "2026-02-29", "unreadable"),
        (asked(Kind.DATE, past=True), "2026-11-23", "out_of_range"),
        (asked(Kind.MONEY), "-1", "out_of_range"),
        (asked(Kind.MONEY), "NaN", "unreadable"),
        (asked(Kind.MONEY), "1e9", "unreadable"),
        (asked(Kind.MONEY), "", "unreadable"),
        (asked(Kind.NUMBER, highest=3), "3.01", "out_of_range"),
        (asked(Kind.COUNT), "1.5", "unreadable"),
        (asked(Kind.COUNT), "-1", "out_of_range"),
        (asked(Kind.COUNT, lowest=1, highest=10), "11", "out_of_range"),
        (CHOICE, "other", "unreadable"),
        (asked(Kind.YES_NO), "perhaps", "unreadable"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(field: Field, value: str, code: str) -> None:
    with pytest.raises(Unreadable) as told:
        check(field, value, TODAY)
    assert (told.value.code, told.value.field) == (code, "it")
    assert told.value.message.endswith("。")


@given(kind=st.sampled_from(Kind), value=st.text(max_size=20))
def test_any_text_is_either_read_or_refused_and_what_is_read_stays(kind: Kind, value: str) -> None:
    field = asked(kind)
    try:
        machine = check(field, value, TODAY)
    except Unreadable:
        return
    assert check(field, machine, TODAY) == machine


def test_a_question_is_asked_only_where_earlier_answers_make_it_matter() -> None:
    first = Field(name="way", ask="？", kind=Kind.YES_NO)
    second = Field(name="why", ask="？", kind=Kind.YES_NO, when={"way": ("no",)})
    extra = Field(name="more", ask="？", kind=Kind.YES_NO, required=False)
    fields = (first, second, extra)
    assert next_field(fields, {}) is first
    assert next_field(fields, {"way": "no"}) is second
    assert next_field(fields, {"way": "yes"}) is None
    assert next_field(fields, {"way": "no", "why": "yes"}) is None
    assert applies({}, {})
    assert not applies({"way": ("no",)}, {})
