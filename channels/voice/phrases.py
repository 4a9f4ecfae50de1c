"""What callers are likely to say: published questions, their variants, and what is said to the call itself (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import jieba
import yaml

from channels.voice import words
from channels.voice.ear import for_ear
from knowledge_base.entry import Entry

LONGEST = 24  # characters; nobody says more in one breath
EACH = 6  # wordings of an entry


def phrases_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Sentences in words with blanks between, as recognisers want Chinese; each once."""
    told = [wording for entry in entries for wording in (entry.question, *entry.variants)[:EACH]]
    spoken = (words.plain(for_ear(text)) for text in (*commands(), *told))
    return tuple(dict.fromkeys(" ".join(jieba.cut(text)) for text in spoken if 0 < len(text) <= LONGEST))


@cache
def commands() -> tuple[str, ...]:
    """What is said to the call: 转人工, 再说一遍, 是的, numbers and dates."""
    read: list[str] = yaml.safe_load(files("channels.voice").joinpath("commands.yml").read_text("utf-8"))
    return tuple(read)
