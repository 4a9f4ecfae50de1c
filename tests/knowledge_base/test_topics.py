"""Topics and the intents they are taught under."""

from __future__ import annotations

from knowledge_base.topics import in_scope, intent_of_topic, topic_groups, topic_labels, topic_of_intent


def test_a_topic_is_named_by_its_group() -> None:
    assert topic_labels()["pension.min_years"] == "最低要交多少年"
    assert topic_labels()["refund"] == "退保退费"
    assert sum(len(g.topics) for g in topic_groups()) == len(topic_labels())


def test_topics_and_intents_name_each_other() -> None:
    assert intent_of_topic("pension.min_years") == "faq_pension_min_years"
    assert intent_of_topic("out_of_scope.weather") == "out_of_scope_weather"
    assert all(topic_of_intent(intent_of_topic(topic)) == topic for topic in topic_labels())
    assert len({intent_of_topic(topic) for topic in topic_labels()}) == len(topic_labels())
    assert topic_of_intent("greet") is None


def test_only_the_last_group_is_none_of_ours() -> None:
    assert [g.key for g in topic_groups() if not all(map(in_scope, g.topics))] == ["out_of_scope"]
