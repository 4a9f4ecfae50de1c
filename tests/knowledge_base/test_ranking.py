"""Joining the arms: pure functions over what was found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.ranking import (
    ARMS,
    ENTRY_FEATURES,
    REFUSE_RANGE,
    SCOPE_FEATURES,
    TOPIC_FEATURES,
    Bands,
    Business,
    Evidence,
    Join,
    Weights,
    choose_bands,
    entry_rows,
    scope_row,
    topic_rows,
)

CHANCE = st.floats(0, 1)
Row = tuple[int, tuple[float, float, float, float]]


def evidence(*rows: Row) -> Evidence:
    """Of (topic, scores) for entries 0, 1, ….; the last score is the same for all entries of a topic."""
    topics = np.array([topic for topic, _ in rows], np.int64)
    return Evidence(np.arange(len(rows)), topics, np.array([s for _, s in rows], float).reshape(-1, len(ARMS)))


FOUND = st.lists(st.tuples(st.integers(0, 2), st.tuples(CHANCE, CHANCE, CHANCE, CHANCE)), min_size=1, max_size=30).map(
    lambda rows: evidence(*rows)
)


def column(name: str) -> int:
    return TOPIC_FEATURES.index(name)


def test_a_topic_has_the_best_score_of_its_entries_and_its_lead_over_others() -> None:
    found = evidence((4, (0.9, 0.2, 0.5, 0.7)), (7, (0.5, 0.8, 0.5, 0.2)), (4, (0.1, 0.6, 0.4, 0.7)))
    topics, place, rows = topic_rows(found, 0.1)
    assert topics.tolist() == [4, 7]
    assert place.tolist() == [0, 1, 0]
    told = dict(zip(TOPIC_FEATURES, rows[0], strict=True))
    assert told == pytest.approx(
        {
            "lexical": 0.9,
            "dense": 0.6,
            "phonetic": 0.5,
            "topic": 0.7,
            "lexical_lead": 0.4,
            "dense_lead": -0.2,
            "phonetic_lead": 0.0,
            "topic_lead": 0.5,
            "foreign": 0.1,
            "log_odds": float(np.log(0.7 / 0.3)),
        }
    )
    assert rows[1][column("dense_lead")] == pytest.approx(0.2)


def test_a_topic_alone_leads_by_all_it_has() -> None:
    _, _, rows = topic_rows(evidence((0, (0.9, 0.2, 0.5, 0.7))), 0.0)
    assert rows[0][column("lexical_lead")] == pytest.approx(0.9)


@given(FOUND, CHANCE)
def test_rows_are_finite_one_a_topic_and_only_the_first_leads(found: Evidence, foreign: float) -> None:
    topics, place, rows = topic_rows(found, foreign)
    assert topics[place].tolist() == found.topics.tolist()
    assert rows.shape == (len(set(found.topics.tolist())), len(TOPIC_FEATURES))
    assert np.isfinite(rows).all()
    for arm in (*ENTRY_FEATURES, "topic"):
        score, lead = rows[:, column(arm)], rows[:, column(f"{arm}_lead")]
        assert all(lead[score < score.max()] < 0)
        assert (lead[score == score.max()] >= 0).all()


@given(FOUND, st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.floats(-50, 50))
def test_a_probability_lies_between_nothing_and_one(found: Evidence, weights: list[float], bias: float) -> None:
    chances = Weights(tuple(weights), bias).probability(entry_rows(found))
    assert ((chances >= 0) & (chances <= 1)).all()


@given(FOUND)
def test_more_evidence_never_makes_an_entry_less_likely(found: Evidence) -> None:
    rows = entry_rows(found)
    weights = Weights((1.0, 2.0, 3.0), -1.0)
    assert (weights.probability(np.minimum(rows + 0.1, 1.0)) >= weights.probability(rows)).all()


def scope(found: Evidence, business: Business) -> dict[str, float]:
    return dict(zip(SCOPE_FEATURES, scope_row(found, business).tolist(), strict=True))


def test_whose_business_it_is_shows_in_what_is_near_and_in_the_topics() -> None:
    found = evidence((0, (0.9, 0.2, 0.5, 0.4)), (1, (0.1, 0.6, 0.4, 0.1)))
    told = scope(found, Business(foreign=0.3, ours=0.5, likeliest=0.4))
    assert (told["lexical"], told["dense"], told["phonetic"], told["likeliest"]) == (0.9, 0.6, 0.5, 0.4)
    shares = {name: 1 / (1 + np.exp(-told[name])) for name in ("foreign", "ours", "chat")}
    assert shares == pytest.approx({"foreign": 0.3, "ours": 0.5, "chat": 0.2})


def test_where_nothing_is_near_and_nothing_known_the_row_is_finite() -> None:
    for business in (Business(0.0, 0.0, 0.0), Business(0.0, 1.0, 1.0), Business(1.0, 0.0, 0.0)):
        assert np.isfinite(list(scope(evidence(), business).values())).all()


@given(st.lists(st.tuples(CHANCE, st.booleans(), CHANCE, st.booleans()), min_size=1, max_size=60))
def test_bands_lie_within_their_range(asked: list[tuple[float, bool, float, bool]]) -> None:
    trust, right, ours, of_us = (np.array(part) for part in zip(*asked, strict=True))
    bands = choose_bands(trust, right & of_us, ours, of_us)
    assert REFUSE_RANGE[0] <= bands.refuse <= REFUSE_RANGE[1]
    assert 0.3 <= bands.answer <= 0.95


def test_an_arm_that_is_often_wrong_answers_only_when_sure() -> None:
    trust, all_ours = np.linspace(0, 1, 100), np.ones(100)
    careless = choose_bands(trust, trust > 0.1, all_ours, all_ours > 0)
    careful = choose_bands(trust, trust > 0.8, all_ours, all_ours > 0)
    assert careful.answer > careless.answer
    assert np.mean(trust[trust >= careful.answer] > 0.8) >= 0.9


def test_questions_of_others_that_look_like_ours_raise_the_band_of_refusal() -> None:
    trust, of_us = np.full(40, 0.9), np.arange(40) < 20
    assert choose_bands(trust, of_us, np.full(40, 0.42), of_us).refuse == pytest.approx(0.42)
    assert choose_bands(trust, of_us, of_us * 1.0, of_us).refuse == REFUSE_RANGE[0]


def test_a_join_is_the_same_after_it_was_stored() -> None:
    join = Join(
        Weights((0.2,) * len(SCOPE_FEATURES), 0.1),
        Weights((0.1,) * len(TOPIC_FEATURES), -1.0),
        Weights((1.5, 2.0, 0.3), 0.2),
        Bands(0.7, 0.3),
    )
    assert Join.from_json(json.loads(json.dumps(join.as_json()))) == join
