"""The join as it is fitted when a version is built."""

from __future__ import annotations

import numpy as np

from knowledge_base.calibration import fit_join
from knowledge_base.index import Index, rows_of
from knowledge_base.ranking import ARMS, ENTRY_FEATURES, SCOPE_FEATURES, TOPIC_FEATURES
from tests.knowledge_base.tiny import ANYONE, INTENTS


def test_the_same_version_is_fitted_the_same(built: Index) -> None:
    rows = rows_of(built.corpus.entries)
    assert fit_join(built, rows, INTENTS) == fit_join(built, rows, INTENTS)


def test_there_is_a_weight_for_every_feature(built: Index) -> None:
    assert len(built.join.scope.features) == len(SCOPE_FEATURES)
    assert len(built.join.topic.features) == len(TOPIC_FEATURES)
    assert len(built.join.entry.features) == len(ENTRY_FEATURES)
    assert np.isfinite([*built.join.scope.features, *built.join.topic.features, *built.join.entry.features]).all()


def test_a_question_of_ours_is_likelier_ours_than_one_of_nobodys(built: Index) -> None:
    ours = [built.search(q, ANYONE).ours for q in ("我社保卡丢了咋办", "失业金到底能领几个月", "退休年龄现在是几岁")]
    foreign = [built.search(q, ANYONE).ours for q in ("今天会下大雨吗", "黄金现在多少钱", "房贷利率多少呀")]
    assert min(ours) > max(foreign)


def test_without_out_of_scope_questions_a_join_is_fitted_still(built: Index) -> None:
    join = fit_join(built, rows_of(built.corpus.entries), {})
    assert join.scope.probability(np.zeros(len(SCOPE_FEATURES))) > join.bands.refuse


def test_rows_are_numbered_wordings_first_negative_ones_last(built: Index) -> None:
    rows = rows_of(built.corpus.entries)
    assert rows.texts[0] == built.corpus.entries[0].question
    assert rows.texts[-1] == "医保最低要交多少年"
    assert rows.negative.tolist() == [False] * (len(rows.texts) - 1) + [True]
    assert rows.entry[-1] == 0


def test_an_arm_that_is_left_out_leaves_the_others_their_weight(built: Index) -> None:
    arms = [arm for arm in ARMS if arm != "topic"]
    join = fit_join(built, rows_of(built.corpus.entries), INTENTS, arms=arms)
    found = built.with_join(join, arms).search("我的社保卡掉了要去哪里补", ANYONE)
    assert found.hits[0].entry.id == "card_loss"
    assert max(map(abs, join.topic.features)) < 100
