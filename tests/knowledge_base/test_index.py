"""What one version answers: to whom, when, and the same after it was stored."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from knowledge_base.corpus import Corpus
from knowledge_base.entry import Answer, Circumstances, Entry, Validity
from knowledge_base.figures import Figure
from knowledge_base.found import Found
from knowledge_base.index import TOPICS_AHEAD, Index, rows_of, version_of
from knowledge_base.library import build_index
from knowledge_base.models import Models, models_version
from knowledge_base.ranking import ARMS
from knowledge_base.text import vocabulary
from tests.knowledge_base.tiny import ANYONE, INTENTS, NOW, ZONE, changed, entry

ASKED = [
    "养老保险最低要交多少年",
    "社保卡掉了哪里补啊",
    "我丢了社宝卡",
    "辞职能不能领失业金呀",
    "失业金领多久",
    "医保最低要交多少年",
    "在外地看病怎么备案",
    "毕业生有没有社保补贴",
    "今天会下雨吗",
    "您好",
    "差三年没交够怎么办",
    "yanglao baoxian jiao ji nian",
    "鹦鹉鲸鱼",
    "生小孩的津贴怎么计算",
    "缓缴",
]


def ids(found: Found) -> list[str]:
    return [hit.entry.id for hit in found.hits]


@pytest.mark.parametrize(
    "question",
    [
        "养老保险最低要交多少年",
        "请问，养老保险的最低要交多少年呢？",
        "養老保險最低要交多少年",
        "养老保险\u200b最低 要交多少年",
    ],
)
def test_a_known_wording_is_an_exact_hit_however_it_is_typed(index: Index, question: str) -> None:
    found = index.search(question, ANYONE)
    assert found.exact
    assert found.hits[0].score == 1.0
    assert ids(found)[0] == "min_years"
    assert ids(found).count("min_years") == 1


def test_an_exact_hit_gives_the_very_entry(index: Index, corpus: Corpus) -> None:
    for one in corpus.entries:
        for wording in one.wordings:
            assert index.search(wording, ANYONE).hits[0].entry == one
    assert index.entries == {e.id: e for e in corpus.entries}
    assert index.titles["base"] == "社保缴费基数是多少"


@pytest.mark.parametrize(
    ("question", "id"),
    [
        ("我的社保卡掉了要去哪里补", "card_loss"),
        ("失业金最多可以领多少个月", "jobless_months"),
        ("工伤要在几天之内申报", "injury_deadline"),
        ("社宝咔丢了怎吗办", "card_loss"),
    ],
)
def test_other_words_find_the_entry_too(index: Index, question: str, id: str) -> None:
    found = index.search(question, ANYONE)
    assert not found.exact
    assert ids(found)[0] == id
    assert set(found.hits[0].arms) == set(ARMS)
    assert found.version == index.version


def test_the_best_hits_of_three_topics_come_first_then_all_others_by_probability(index: Index) -> None:
    for question in ASKED:
        found = index.search(question, ANYONE, limit=20)
        scores = [hit.score for hit in found.hits]
        ahead = list({hit.entry.topic: None for hit in found.hits[:TOPICS_AHEAD]})
        assert len(ahead) == min(TOPICS_AHEAD, len({hit.entry.topic for hit in found.hits}))
        for part in (scores[: len(ahead)], scores[len(ahead) :]):
            assert part == sorted(part, reverse=True)
        assert scores[0] == max(scores)
        assert all(0 <= score <= 1 for score in (*scores, found.ours))
        assert len(set(ids(found))) == len(found.hits)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_more_hits_than_asked_for(index: Index, limit: int) -> None:
    assert all(len(index.search(question, ANYONE, limit=limit).hits) <= limit for question in ASKED)


@pytest.mark.parametrize("question", ["", "   ", "？！", "😀👍🏽", "\u200b\u202e"])
def test_where_nothing_is_said_nothing_is_found(index: Index, question: str) -> None:
    found = index.search(question, ANYONE)
    assert (found.hits, found.topics, found.ours, found.exact) == ((), {}, 0.0, False)


def test_a_negative_variant_speaks_against_its_own_entry_only(corpus: Corpus, index: Index, models: Models) -> None:
    question = "医保最低要交多少年"
    found = index.search(question, ANYONE, limit=20)
    assert not found.exact
    assert "min_years" not in ids(found)
    without = build_index(changed(corpus, "min_years", negative_variants=()), models, INTENTS)
    unopposed = ids(without.search(question, ANYONE, limit=20))
    assert unopposed[0] == "min_years"
    assert set(unopposed) - {"min_years"} <= set(ids(found))


def test_a_negative_variant_may_be_the_question_of_another(corpus: Corpus, models: Models) -> None:
    told = changed(corpus, "card_apply", negative_variants=("社保卡丢了怎么办",))
    found = build_index(told, models, INTENTS).search("社保卡丢了怎么办", ANYONE)
    assert found.exact
    assert ids(found)[0] == "card_loss"
    assert "card_apply" not in ids(found)


@pytest.mark.parametrize(("city", "admitted"), [(None, True), ("杭州", True), ("宁波", False), ("北京", False)])
def test_an_entry_of_one_city_is_not_told_to_another(index: Index, city: str | None, admitted: bool) -> None:
    found = index.search("在杭州异地就医怎么备案", replace(ANYONE, city=city))
    assert found.exact is admitted
    assert ("remote_hangzhou" in ids(found)) is admitted


@pytest.mark.parametrize(("group", "admitted"), [(None, True), ("学生", True), ("退休人员", False)])
def test_an_entry_of_one_group_is_not_told_to_another(index: Index, group: str | None, admitted: bool) -> None:
    found = index.search("毕业生社保补贴怎么申请", replace(ANYONE, group=group))
    assert found.exact is admitted
    assert ("relief_students" in ids(found)) is admitted


@pytest.mark.parametrize(
    ("now", "admitted"),
    [
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=ZONE), False),
        (datetime(2026, 1, 1, tzinfo=ZONE), True),
        (datetime(2026, 11, 24, 23, 59, 59, tzinfo=ZONE), True),
        (datetime(2026, 11, 25, tzinfo=ZONE), False),
    ],
)
def test_an_entry_that_expires_tonight_is_not_told_tomorrow(index: Index, now: datetime, admitted: bool) -> None:
    for question in ("社保费缓缴政策还有吗", "缓缴社保费的政策现在还有没有"):
        assert ("relief_tonight" in ids(index.search(question, Circumstances(now=now)))) is admitted
    assert index.search("社保费缓缴政策还有吗", Circumstances(now=now)).exact is admitted


def test_when_an_entry_has_ended_the_rest_still_answers(index: Index) -> None:
    tomorrow = Circumstances(now=NOW + timedelta(days=1))
    assert ids(index.search("社保费缓缴政策还有吗", tomorrow))


def test_hidden_rows_are_not_seen(index: Index, models: Models) -> None:
    place = [e.id for e in index.corpus.entries].index("card_loss")
    hidden = np.flatnonzero(rows_of(index.corpus.entries).entry == place).tolist()
    sensed = models.sense("社保卡丢了怎么办")
    assert place in index.evidence(sensed).entries
    assert place not in index.evidence(sensed, hidden=hidden).entries


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_can_be_left_alone(index: Index, models: Models, arm: str) -> None:
    scores = index.evidence(models.sense("社保卡丢了怎么办"), arms=[arm]).scores
    assert not scores[:, [name != arm for name in ARMS]].any()


def test_a_version_is_named_by_all_that_it_says(
    corpus: Corpus, index: Index, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert version_of(corpus, models) == index.version
    figures = TypeAdapter(dict[str, Figure])
    dearer = figures.validate_json(figures.dump_json(corpus.figures, by_alias=True).replace(b"5000", b"5001"))
    names = {
        index.version,
        version_of(changed(corpus, "base", answer=Answer(text="另一个答复")), models),
        version_of(changed(corpus, "base", high_stake=True), models),
        version_of(replace(corpus, figures=dearer), models),
    }
    monkeypatch.setattr("knowledge_base.models.vocabulary", lambda: replace(vocabulary(), digest="words.yml changed"))
    other = Models(models_version(corpus, INTENTS, {}, "static"), models.encoder, models.classifier, models.pinyin)
    assert len(names | {version_of(corpus, other)}) == 5


def test_the_words_that_versions_depend_on_are_those_of_the_file() -> None:
    assert vocabulary().digest == sha256(files("knowledge_base").joinpath("words.yml").read_bytes()).hexdigest()


def test_the_same_knowledge_gives_the_same_index(corpus: Corpus, index: Index, models: Models) -> None:
    again = build_index(corpus, models, INTENTS)
    assert again.version == index.version
    assert again.join == index.join


def test_a_few_entries_are_knowledge_too(models: Models) -> None:
    few = Corpus((entry("a", "card.loss", "社保卡丢了"), entry("b", "card.apply", "申领社保卡")), {})
    index = build_index(few, models, {})
    assert index.search("社保卡丢了", ANYONE).exact
    assert 0 < index.bands.refuse < 1


SEARCH = """
import json, sys
for name in ("torch", "sklearn", "sentence_transformers", "transformers"):
    sys.modules[name] = None  # an import fails
from pathlib import Path
from knowledge_base.library import Library
from tests.knowledge_base.test_index import ANYONE, ASKED, told
library = Library(Path(sys.argv[1]))
index = library.load(sys.argv[2])
print(json.dumps([told(index.search(q, ANYONE)) for q in ASKED]))
"""


def told(found: Found) -> list[Any]:
    """Everything in it, floats to the last bit."""
    hits = [[h.entry.id, h.score.hex(), {k: float(v).hex() for k, v in h.arms.items()}] for h in found.hits]
    return [hits, {k: float(v).hex() for k, v in found.topics.items()}, found.ours.hex(), found.version]


def test_a_stored_version_finds_the_same_to_the_last_bit_and_trains_nothing(built: Index, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, str(home), built.version],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(json.dumps([told(built.search(q, ANYONE)) for q in ASKED]))


def test_entries_come_back_as_they_were_written(index: Index, corpus: Corpus) -> None:
    stored: tuple[Entry, ...] = index.corpus.entries
    assert stored == corpus.entries
    assert index.corpus.figures == corpus.figures


def test_a_successor_takes_over_to_the_minute_by_itself(index: Index) -> None:
    midnight = datetime.fromisoformat("2027-01-01")
    one = index.corpus.entries[0]
    old = replace(one, valid=Validity(until=midnight))
    new = replace(one, id="successor", valid=Validity(**{"from": midnight}), answer=Answer(text="新"))
    entries = (old, new, *index.corpus.entries[1:])
    both = build_index(replace(index.corpus, entries=entries), index.models, INTENTS)

    def at(moment: datetime) -> str:
        return ids(both.search(one.question, Circumstances(now=moment.replace(tzinfo=ZONE))))[0]

    assert [at(midnight - timedelta(minutes=1)), at(midnight)] == [one.id, "successor"]


def test_what_has_ended_without_a_successor_is_told_as_ended(index: Index) -> None:
    one = index.corpus.entries[0]
    ended = changed(index.corpus, one.id, valid=Validity(until=NOW.replace(tzinfo=None, second=0)))
    found = build_index(ended, index.models, INTENTS).search(one.question, Circumstances(now=NOW))
    assert found.ended is not None
    assert found.ended.id == one.id
    assert not found.exact
    assert one.id not in ids(found)
