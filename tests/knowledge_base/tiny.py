"""A knowledge base of fourteen invented entries, and what people say beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from knowledge_base.corpus import Corpus
from knowledge_base.entry import Answer, Basis, Circumstances, Entry

CORPORA = Path(__file__).parent / "corpora"
FIGURES = CORPORA / "figures.yml"
ENTRIES = CORPORA / "tiny.yml"
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 20, 0, tzinfo=ZONE)
ANYONE = Circumstances(now=NOW)

INTENTS = {
    "greet": [
        f"{a}{b}" for a in ("您好", "你好", "早上好", "在吗", "哈喽") for b in ("", "呀", "，有人吗", "，在不在")
    ],
    "human": [f"{a}{b}" for a in ("转", "我要找", "帮我接", "换成") for b in ("人工", "人工客服", "真人", "工作人员")],
    "out_of_scope_weather": [
        f"{a}{b}"
        for a in ("今天", "明天", "后天", "周末", "下周")
        for b in ("天气怎么样", "会下雨吗", "多少度", "冷不冷", "刮风吗")
    ],
    "out_of_scope_finance": [
        f"{a}{b}"
        for a in ("股票", "基金", "黄金", "信用卡", "房贷")
        for b in ("怎么买", "利率多少", "现在涨了吗", "怎么还款", "值得投资吗")
    ],
}


def entry(id: str = "a", topic: str = "pension.min_years", *wordings: str, **fields: Any) -> Entry:
    """A valid entry; wordings are its question and variants."""
    question, *variants = wordings or (f"{id} 的问题",)
    told: dict[str, Any] = {
        "answer": Answer(text="答"),
        "basis": (Basis(document="社会保险法", article="第十六条", effective=date(2011, 7, 1)),),
        "jurisdiction": "全国",
        "checked": date(2026, 11, 1),
    }
    return Entry(id=id, topic=topic, question=question, variants=tuple(variants), **(told | fields))


def changed(corpus: Corpus, id: str, **fields: Any) -> Corpus:
    """The corpus with one entry's fields changed."""
    return replace(corpus, entries=tuple(replace(e, **fields) if e.id == id else e for e in corpus.entries))
