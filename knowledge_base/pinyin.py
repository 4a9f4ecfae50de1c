"""Typed pinyin read as characters: the likeliest sentence in the words of our own questions (pure)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from math import log

import pypinyin

EDGE = "^"  # where a run of characters begins or ends
PAIRED = 0.9  # weight of the pair of characters against the single one
RARE = 1e-7
BEAM = 12  # readings kept at one place
SHORT = 4
LONGEST = 6  # letters of a syllable: zhuang
_SPELT = re.compile(r"[a-z]+(?:[ '][a-z]+)*")
_LETTERS = re.compile(r"[a-z]+")
_RUN = re.compile(r"[\u4e00-\u9fff]+")
Best = dict[str, tuple[float, str]]


@dataclass(frozen=True, eq=False)
class PinyinReader:
    """How often characters, and pairs of neighbours, stand in our questions."""

    singles: Mapping[str, int]
    pairs: Mapping[str, int]
    latin: Sequence[str] = ()  # short words that stand in our questions in letters: app, hr, ca

    @classmethod
    def of(cls, texts: Iterable[str]) -> PinyinReader:
        singles: Counter[str] = Counter()
        pairs: Counter[str] = Counter()
        latin: set[str] = set()
        for text in texts:
            latin.update(word for word in _LETTERS.findall(text) if len(word) <= SHORT)
            for run in _RUN.findall(text):
                singles.update((EDGE, *run))
                pairs.update(a + b for a, b in pairwise((EDGE, *run, EDGE)))
        return cls(dict(sorted(singles.items())), dict(sorted(pairs.items())), sorted(latin))

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, told: str) -> PinyinReader:
        return cls(**json.loads(told))

    def read(self, text: str) -> str:
        """A normalised text with its pinyin in characters; letters that are no pinyin of ours stay as they are."""
        return _SPELT.sub(lambda found: self._read(found, text) or found[0], text)

    def _read(self, found: re.Match[str], text: str) -> str | None:
        if len(found[0]) == 1 or found[0] in self.latin:
            return None
        before = text[found.start() - 1] if found.start() else EDGE
        after = text[found.end()] if found.end() < len(text) else EDGE
        best: Best = {before if before in self.singles else EDGE: (0.0, "")}
        for letters in re.split("[ ']", found[0]):
            best = self._spelt(letters, best)
        last = after if after in self.singles else EDGE
        ended = ((score + self._chance(a, last), read) for a, (score, read) in best.items())
        return max(ended, default=(0.0, None))[1]

    def _spelt(self, letters: str, start: Best) -> Best:
        """The best readings of a row of letters that ends where a syllable ends, by their last character."""
        places: list[Best] = [start, *({} for _ in letters)]
        for at in range(len(letters)):
            heads = sorted(places[at].items(), key=lambda item: -item[1][0])[:BEAM]
            for size in range(1, min(LONGEST, len(letters) - at) + 1) if heads else ():
                following = places[at + size]
                for c in self._sounding.get(letters[at : at + size], ()):
                    score, read = max((told + self._chance(a, c), read) for a, (told, read) in heads)
                    if score > following.get(c, (-1e9, ""))[0]:
                        following[c] = (score, read + c)
        return places[-1]

    def _chance(self, a: str, b: str) -> float:
        paired = self.pairs.get(a + b, 0) / self.singles[a]
        single = self.singles[b] / self._total
        return log(PAIRED * paired + (1 - PAIRED) * single + RARE)

    @cached_property
    def _total(self) -> int:
        return sum(self.singles.values())

    @cached_property
    def _sounding(self) -> dict[str, tuple[str, ...]]:
        """Our characters by each of their syllables."""
        by_sound: dict[str, list[str]] = {}
        for c in self.singles:
            readings = [] if c == EDGE else pypinyin.pinyin(c, style=pypinyin.Style.NORMAL, heteronym=True)[0]
            for syllable in {r.replace("ü", "v") for r in readings} | ({"r"} if c == "儿" else set()):
                by_sound.setdefault(syllable, []).append(c)
        return {syllable: tuple(characters) for syllable, characters in by_sound.items()}
