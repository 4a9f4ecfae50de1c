"""As many entries as wanted, made from the corpus by exchanging words: vocabulary, lengths and lists stay real."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from knowledge_base.corpus import Corpus
from knowledge_base.entry import Entry
from knowledge_base.text import normalise, words

EXCHANGED = 0.4  # of the words of a wording; the rest keeps the company that words really have
SEED = 20261124


class Exchange:
    """Replaces words by others of the corpus that are as long."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._chooser = random.Random(SEED)
        self._parts = {text: words(normalise(text)) for text in texts}
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for parts in self._parts.values():
            for word in parts:
                by_length[len(word)].append(word)  # a frequent word stays frequent
        self._by_length = dict(by_length)

    def __call__(self, text: str) -> str:
        chooser = self._chooser
        return "".join(
            chooser.choice(self._by_length[len(word)]) if chooser.random() < EXCHANGED else word
            for word in self._parts[text]
        )


def grown(corpus: Corpus, rows: int) -> Corpus:
    """The corpus cut, or continued with changed copies of its entries, to this many wordings (nearly)."""
    exchange = Exchange([w for e in corpus.entries for w in (*e.wordings, *e.negative_variants)])
    kept: list[Entry] = []
    count = 0
    for entry in _entries(corpus.entries, exchange):
        if count >= rows:
            break
        kept.append(entry)
        count += len(entry.wordings) + len(entry.negative_variants)
    return replace(corpus, entries=tuple(kept))


def _entries(entries: Sequence[Entry], exchange: Exchange) -> Iterator[Entry]:
    yield from entries
    copy = 0
    while True:
        copy += 1
        for entry in entries:
            yield replace(
                entry,
                id=f"{entry.id}_{copy}",
                question=exchange(entry.question),
                variants=tuple(map(exchange, entry.variants)),
                negative_variants=tuple(map(exchange, entry.negative_variants)),
            )
