"""What all calculators have in common, and how they are called by name."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from knowledge_base import calculators
from knowledge_base.calculators.calculator import arguments
from knowledge_base.calculators.catalogue import CALCULATORS, Calculator, named
from knowledge_base.calculators.months import age, machine, month, span
from knowledge_base.calculators.sheet import read_sheet
from knowledge_base.errors import Impossible
from knowledge_base.topics import topic_labels

TODAY = date(2026, 11, 22)
FOLDER = Path(calculators.__file__).parent
EVERY = pytest.mark.parametrize("calculator", CALCULATORS.values(), ids=CALCULATORS)
PLAIN = {
    "birth": "1976-08", "category": "male", "paid_months": "100", "months": "300", "account": "90000", "index": "1",
    "age_months": "720", "base": "8000", "basic": "200", "involuntary": "yes", "registered": "yes", "grade": "7",
    "monthly_wage": "7500", "national_income": "50000", "average_wage": "8000", "wage": "6000", "child": "1",
    "difficult": "no", "babies": "1", "amount": "1000", "due": "2026-01-15", "paid": "2026-02-14",
}  # fmt: skip


@EVERY
def test_it_answers_in_plain_values_and_ends_with_who_decides(calculator: Calculator) -> None:
    answers = {field.name: PLAIN[field.name] for field in calculator.fields if field.required}
    result = calculator.run(answers, TODAY)
    assert json.loads(json.dumps(dict(result.data))) == dict(result.data)
    assert result.lines[-2:] == (result.valid, "测算结果仅供参考，以参保地社保/医保经办机构核定为准。")
    assert not any("{" in line or "None" in line for line in result.lines)
    assert result.basis


@EVERY
def test_its_topics_exist_and_every_question_ends_as_one(calculator: Calculator) -> None:
    assert set(calculator.topics) <= set(topic_labels())
    assert all(field.ask.endswith("？") for field in calculator.fields)
    assert all(
        set(field.unless) | set(field.when) <= {f.name for f in calculator.fields} for field in calculator.fields
    )


@EVERY
def test_what_no_official_text_was_found_for_says_whom_to_ask(calculator: Calculator) -> None:
    marked = [basis for basis in calculator.basis if basis.mark]
    assert all(basis.confirm_with for basis in marked)


@EVERY
def test_its_module_says_every_sentence_of_its_sheet(calculator: Calculator) -> None:
    says = read_sheet(calculator.name, object).says
    told = (FOLDER / f"{calculator.name}.py").read_text("utf-8")
    assert [name for name in says if f'"{name}"' not in told and f'f"{name.split("_")[0]}_{{' not in told] == []


def test_there_is_a_sheet_for_each_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.yml")} == {*CALCULATORS, "every", "questions"}


def test_an_unknown_name_is_told_the_names_there_are() -> None:
    with pytest.raises(Impossible) as refused:
        named("lottery")
    assert refused.value.code == "unknown_calculator"
    assert all(name in refused.value.message for name in CALCULATORS)


@pytest.mark.parametrize(
    ("words", "code"), [(["birth"], "bad_argument"), (["=1"], "bad_argument"), (["a=1", "a=2"], "repeated_argument")]
)
def test_arguments_are_names_with_values_once_each(words: list[str], code: str) -> None:
    with pytest.raises(Impossible) as refused:
        arguments(words)
    assert refused.value.code == code
    assert arguments(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}


def test_months_are_whole_numbers() -> None:
    assert machine(month("1976-08") + 755) == "2039-07"
    assert (age(755), age(720), span(6), span(0)) == ("62 岁 11 个月", "60 岁", "6 个月", "0 个月")
