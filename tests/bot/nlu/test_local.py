"""The engine in this process."""

from __future__ import annotations

from dataclasses import dataclass

from bot.nlu.entities import EntityFinder
from bot.nlu.examples import TrainingData, read_training
from bot.nlu.local import LocalNLU
from bot.understanding import Entity
from knowledge_base.text import normalise, question_key


@dataclass
class ScriptedSense:
    text: str
    key: str
    intent: str
    confidence: float


@dataclass
class ScriptedModels:
    """As much of the knowledge models as the engine looks at."""

    intent: str = "human"
    confidence: float = 0.7

    def sense(self, text: str) -> ScriptedSense:
        return ScriptedSense(normalise(text), question_key(text), self.intent, self.confidence)


def engine(models: ScriptedModels | None = None) -> LocalNLU:
    return LocalNLU(lambda: models or ScriptedModels(), EntityFinder.of(read_training()))  # type: ignore[arg-type, return-value]


async def test_the_likeliest_intent_is_told_with_its_probability() -> None:
    told = await engine().understand("请帮我转人工客服")
    assert (told.intent, told.confidence, told.entities, told.engine) == ("human", 0.7, (), "local")


async def test_topics_of_the_corpus_are_intents_too() -> None:
    told = await engine(ScriptedModels("faq_card_loss", 0.9)).understand("卡丢了")
    assert told.intent == "faq_card_loss"


async def test_entities_are_found_in_the_normalised_text() -> None:
    told = await engine().understand("杭州，養老保險交了３年")
    assert told.entities == (
        Entity("city", "杭州", 0, 2), Entity("insurance_type", "养老", 3, 7), Entity("months", "36", 9, 11),
    )  # fmt: skip
    assert (told.value("city"), told.value("age")) == ("杭州", None)


async def test_nothing_said_means_nothing() -> None:
    for text in ("", "  ", "？！", "\u200b"):
        told = await engine().understand(text)
        assert (told.intent, told.confidence, told.entities, told.engine) == ("", 0.0, (), "local")


async def test_it_takes_the_models_in_service_at_each_sentence() -> None:
    asked: list[int] = []

    def current() -> ScriptedModels:
        asked.append(1)
        return ScriptedModels()

    nlu = LocalNLU(current, EntityFinder.of(TrainingData(())))  # type: ignore[arg-type]
    await nlu.understand("您好")
    await nlu.understand("您好呀")
    assert len(asked) == 2
