"""Rasa's YAML as our engines read it, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.examples import TRAINING, Example, parse_example, read_training
from bot.nlu.rasa_data import marked
from bot.understanding import Entity

DATA = """
version: "3.1"
nlu:
- intent: ask_months
  examples: |
    - 交了[3年](months)[养老](insurance_type)
    -    还差[两年]{"entity": "months", "value": "24"}吗

    - 没有标记
- synonym: 养老
  examples: |
    - 养老金
    - 退休金
- lookup: city
  examples: |
    - 杭州
    - 杭州
    - 宁波
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yml").write_text(DATA, "utf-8")
    return tmp_path


def test_intents_synonyms_and_lookups_are_read(folder: Path) -> None:
    data = read_training(folder)
    assert [e.text for e in data.examples] == ["交了3年养老", "还差两年吗", "没有标记"]
    assert {e.intent for e in data.examples} == {"ask_months"}
    assert data.synonyms == {"养老金": "养老", "退休金": "养老"}
    assert data.lookups == {"city": ("杭州", "宁波")}


def test_files_of_a_folder_are_joined_in_their_order(folder: Path) -> None:
    (folder / "b.yml").write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 您好\n', "utf-8")
    (folder / "c.yml").write_text("", "utf-8")
    (folder / "notes.txt").write_text("no yaml: [", "utf-8")
    assert [e.text for e in read_training(folder).examples][-1] == "您好"


@pytest.mark.parametrize(
    ("line", "text", "entities"),
    [
        ("您好", "您好", ()),
        ("[3年](months)", "3年", (Entity("months", "3年", 0, 2),)),
        (
            "交了[3年](months)还差[2年](months)",
            "交了3年还差2年",
            (Entity("months", "3年", 2, 4), Entity("months", "2年", 6, 8)),
        ),
        ('[半年]{"entity": "months", "value": "6"}', "半年", (Entity("months", "6", 0, 2),)),
        ('[半年]{"entity": "months"}', "半年", (Entity("months", "半年", 0, 2),)),
        ("[不是标记] (months)", "[不是标记] (months)", ()),
    ],
)
def test_marks_are_read(line: str, text: str, entities: tuple[Entity, ...]) -> None:
    assert parse_example(line, "a") == Example(text, "a", entities)


def test_topics_are_left_to_the_corpus() -> None:
    data = read_training()
    assert any(e.intent.startswith("faq_") for e in data.examples)
    assert not any(intent.startswith("faq_") for intent in data.by_intent())
    assert data.by_intent()["greet"]


PART = st.text(alphabet="养老保险交了一二三0123456789 ，。？!-'\"\\:#*", max_size=8)
WORD = st.text(alphabet="养老金年月3", min_size=1, max_size=6)


@given(st.lists(st.tuples(PART, WORD, st.sampled_from(["months", "city"]), st.none() | WORD), max_size=4), PART)
def test_what_is_written_is_read_back(parts: list[tuple[str, str, str, str | None]], tail: str) -> None:
    text, entities = "", []
    for before, word, name, value in parts:
        text += before
        entities.append(Entity(name, value or word, len(text), len(text) + len(word)))
        text += word
    example = Example(text + tail, "a", tuple(entities))
    assert parse_example(marked(example), "a") == example


def test_shipped_data_keeps_its_promises() -> None:
    trained, held = read_training(), read_training(TRAINING / "held_out")
    texts = {e.text for e in trained.examples}
    assert not [e.text for e in held.examples if e.text in texts]
    assert not [e.intent for e in trained.examples if "/" in e.intent]
    intents: dict[str, str] = {}
    doubled = [e.text for e in trained.examples if intents.setdefault(e.text, e.intent) != e.intent]
    assert doubled == []
    for example in (*trained.examples, *held.examples):
        assert all(example.text[e.start : e.end] for e in example.entities)
