"""What Rasa is given to learn from."""

from __future__ import annotations

import pytest
import yaml

from bot.nlu.examples import Example, TrainingData, parse_example, read_training
from bot.nlu.rasa_data import marked, plain, rasa_yaml, tokenizer_words, topic_wordings
from bot.understanding import Entity
from knowledge_base.corpus import Corpus, read_corpus
from tests.knowledge_base.tiny import entry

DATA = TrainingData(
    (Example("您好", "greet"), Example("在杭州交了3年", "faq_pension_min_years", (Entity("city", "杭州", 1, 3),))),
    {"退休金": "养老", "养老金": "养老", "女的": "女"},
    {"city": ("杭州", "宁波"), "insurance_type": ("养老", "养老金")},
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    entries = (
        entry("a", "pension.min_years", "养老金要交几年", "宁波要交几年[吗]", "最少交多久"),
        entry("b", "pension.min_years", "不够年限怎么办", "(差两年)怎么办"),
        entry("c", "card.loss", "卡丢了"),
    )
    return Corpus(entries, {}, {})


def told(corpus: Corpus, each: int = 30) -> dict[str, list[str]]:
    blocks = rasa_yaml(DATA, corpus, each=each)["nlu"]
    return {b["intent"]: b["examples"].splitlines() for b in blocks if "intent" in b}


def test_examples_and_topics_come_together(corpus: Corpus) -> None:
    intents = told(corpus)
    assert set(intents) == {"greet", "faq_pension_min_years", "faq_card_loss"}
    assert intents["greet"] == ["- 您好"]
    assert "- 在[杭州](city)交了3年" in intents["faq_pension_min_years"]


def test_places_in_wordings_are_marked_by_our_tables(corpus: Corpus) -> None:
    assert any(line.startswith("- [宁波](city)要交几年") for line in told(corpus)["faq_pension_min_years"])


def test_a_topic_gives_so_many_wordings_from_its_entries_in_turn(corpus: Corpus) -> None:
    lines = told(corpus, each=2)["faq_pension_min_years"]
    assert len(lines) == 3  # one example, and the first wording of each entry
    assert lines[-1] == "- 不够年限怎么办"
    assert [parse_example(line[2:], "").text for line in lines][1] == "养老金要交几年"


def test_brackets_of_a_wording_are_no_marks(corpus: Corpus) -> None:
    assert not [line for line in told(corpus)["faq_pension_min_years"] if "吗]" in line or "(差" in line]
    assert len(plain("[a](b){c}\n")) == len("[a](b){c}\n")


def test_synonyms_are_told_and_lookups_are_not(corpus: Corpus) -> None:
    blocks = rasa_yaml(DATA, corpus, each=5)["nlu"]
    assert {b["synonym"]: b["examples"] for b in blocks if "synonym" in b} == {
        "养老": "- 退休金\n- 养老金\n",
        "女": "- 女的\n",
    }
    assert not [b for b in blocks if "lookup" in b]


def test_words_of_entities_are_whole_for_the_tokenizer() -> None:
    assert tokenizer_words(DATA).splitlines() == sorted(
        f"{w} 20000" for w in ("退休金", "养老金", "女的", "杭州", "宁波", "养老")
    )


def test_a_value_of_its_own_is_written_out() -> None:
    example = Example("断了半年", "a", (Entity("months", "6", 2, 4),))
    assert marked(example) == '断了[半年]{"entity": "months", "value": "6"}'


def test_the_shipped_data_gives_a_file_that_yaml_can_carry() -> None:
    corpus = read_corpus()
    made = rasa_yaml(read_training(), corpus, each=3)
    assert yaml.safe_load(yaml.safe_dump(made, allow_unicode=True)) == made
    intents = [b["intent"] for b in made["nlu"] if "intent" in b]
    assert len(intents) == len(set(intents)) > 100
    assert not [name for name in intents if "/" in name]
    for block in made["nlu"]:
        assert all(line.startswith("- ") and line[2:].strip() for line in block["examples"].splitlines())


def test_wordings_are_spread_over_a_topics_entries(corpus: Corpus) -> None:
    assert topic_wordings(corpus)["pension.min_years"][:3] == ["养老金要交几年", "不够年限怎么办", "宁波要交几年[吗]"]
