"""What makes the knowledge weaker without making it wrong, as notes for those who write it (pure)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import combinations
from math import ceil

import yaml

from knowledge_base.corpus import Corpus
from knowledge_base.entry import Answer, Basis, Entry, Form
from knowledge_base.errors import Fault
from knowledge_base.figures import Figure
from knowledge_base.text import question_key, wording_key
from knowledge_base.topics import in_scope, topic_labels

WORDINGS = 12  # fewer and a citizen's own words are missed too often
ENTRIES = 2  # of a topic; one alone answers everything that is asked about it
FRESH = timedelta(days=365)
SOON = timedelta(days=30)
LONGEST: dict[Form, int] = {"text": 450, "short": 250, "spoken": 150, "plain": 150}  # characters; a caller can't skim
NEAR = 0.8  # of what two wordings are made of; from here on they ask the same
ALIKE = 0.45  # of what two sentences are made of, numbers apart; from here on they tell the same rule

_ASKING = re.compile(
    "关于|咨询|问题|怎么办理|怎么办|怎么弄|怎么|怎样|如何|什么|多少|哪里|哪儿|能不能|可不可以|可以|是不是|有没有|要不要"
    "|需要|应该|到底|一般|办理|我们|[我您你他她能要会在上和与及就都还是有这那给被把办去来]"
)  # asks, and does not say about what
_SENTENCES = re.compile(r"[。！？；\n]")
_EXAMPLE = re.compile("约|如|假设|比方|例")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*(个月|个工作日|工作日|年|天|日|%|元|倍|小时)")
_CASE = re.compile(
    r"\d{4}\s*年(?:度)?(?:\s*\d+\s*月)?(?:\s*\d+\s*日)?|\d+\s*月\s*\d+\s*日|\d+(?:\s*到\s*\d+)?\s*(?:周岁|岁|级)"
)  # whom or when a rule is about: another case may well have another number
_ARTICLE = re.compile("第[^条第]+条")
_YEAR = re.compile(r"(?<!\d)\d{4}\s*年")
_MONEY = re.compile(r"(?<![\d.])\d+(?:\.\d+)?\s*万?元")


@cache
def jargon() -> dict[str, str]:
    """Words of the field and what people say instead, from jargon.yml."""
    words: dict[str, str] = yaml.safe_load(files("knowledge_base").joinpath("jargon.yml").read_text("utf-8"))
    return words


def notes(corpus: Corpus, today: date) -> Iterator[Fault]:
    """Everything worth a look."""
    ends = {entry.id: entry.valid.last_day for entry in corpus.entries}
    for entry in corpus.entries:
        reasons = [*_wordings(entry), *_dates(entry, today), *_lengths(entry.answer)]
        reasons += [*_unexplained(entry.answer), *_yearly_money(entry.answer, corpus.figures.values())]
        reasons += [
            f"related entry {other} has expired" for other in entry.related if (ends.get(other) or today) < today
        ]
        yield from (Fault(*corpus.where(entry), f"{entry.id}: {reason}") for reason in reasons)
    for one, wording, other, again in near_wordings(corpus.entries):
        yield Fault(*corpus.where(other), f"{other.id}: {again!r} is nearly {wording!r} of {one.id}")
    for told, otherwise in contradictions(corpus.entries):
        place = corpus.where(otherwise.entry)
        yield Fault(*place, f"{otherwise.entry.id}: {otherwise.words!r}, but {told.entry.id}: {told.words!r}")
    yield from _effective_dates(corpus)
    for figure in corpus.figures.values():
        last = figure.values[-1]
        if last.until and last.until < today:
            yield Fault("figures.yml", 0, f"{figure.name}: the last value known is of {last.year}")
    known = Counter(entry.topic for entry in corpus.entries)
    for topic in topic_labels():
        if in_scope(topic) and topic != "human" and known[topic] < ENTRIES:
            yield Fault("topics.yml", 0, f"topic {topic} has {known[topic]} entries, {ENTRIES} are wanted")


def repeated_wordings(entry: Entry) -> Iterator[tuple[str, str]]:
    """Wordings that say the same after taking away polite words, particles and order."""
    seen: dict[str, str] = {}
    for wording in entry.wordings:
        first = seen.setdefault(wording_key(wording), wording)
        if first is not wording:
            yield first, wording


def distinct_wordings(entry: Entry) -> int:
    """How many really different wordings an entry has, its own question apart."""
    again = {wording for _, wording in repeated_wordings(entry)}
    kept: list[frozenset[str]] = []
    for made in (_gist(wording) for wording in entry.wordings if wording not in again):
        if all(_share(made, other) < NEAR for other in kept):
            kept.append(made)
    return len(kept) - 1


def near_wordings(entries: Iterable[Entry]) -> Iterator[tuple[Entry, str, Entry, str]]:
    """Wordings of different entries that ask the same.

    Two sets can share so much only if they share one of their rarest members, so few pairs are looked at.
    """
    rows = [(entry, wording, _gist(wording)) for entry in entries for wording in entry.wordings]
    rows.sort(key=lambda row: len(row[2]))
    common = Counter(piece for _, _, made in rows for piece in made)
    holders: dict[str, list[int]] = defaultdict(list)
    for at, (entry, wording, made) in enumerate(rows):
        rare = sorted(made, key=lambda piece: (common[piece], piece))[: len(made) - ceil(NEAR * len(made)) + 1]
        for before in sorted({n for piece in rare for n in holders[piece]}):
            other, known, whole = rows[before]
            if other.id != entry.id and _share(whole, made) >= NEAR:
                yield other, known, entry, wording
        for piece in rare:
            holders[piece].append(at)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that tells numbers of a rule."""

    entry: Entry
    words: str
    case: tuple[str, ...]
    counted: tuple[tuple[str, str], ...]
    made: frozenset[str]


def contradictions(entries: Iterable[Entry]) -> Iterator[tuple[Claim, Claim]]:
    """Sentences of different entries that tell the same rule with different numbers.

    The same rule: on the same article, about the same case, and in much the same words. Examples are left out, and so
    are numbers that another entry, too, tells of one of the articles: one article may well have ten days for one thing
    and thirty for another.
    """
    ruled: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for entry in entries:
        for claim in _claims(entry):
            for article in _articles(*entry.basis):
                ruled[article].append(claim)
    tellers = Counter(told for told, _ in {((at, n), c.entry.id) for at in ruled for c in ruled[at] for n in c.counted})
    noted: set[tuple[str, str]] = set()
    for claims in ruled.values():
        for one, other in combinations(claims, 2):
            if one.entry.id == other.entry.id or one.case != other.case or _units(one) != _units(other):
                continue
            if not (_odd(one, other, tellers) or _odd(other, one, tellers)) or (one.words, other.words) in noted:
                continue
            if _share(one.made, other.made) >= ALIKE:
                noted.add((one.words, other.words))
                yield one, other


def _units(claim: Claim) -> list[str]:
    return sorted(unit for _, unit in claim.counted)


def _odd(one: Claim, other: Claim, tellers: Counter[tuple[tuple[str, str], tuple[str, str]]]) -> bool:
    """Whether a number that only one of the two tells is told by no other entry on any of its articles."""
    alone = {*one.counted} - {*other.counted}
    return any(all(tellers[article, number] == 1 for article in _articles(*one.entry.basis)) for number in alone)


def _claims(entry: Entry) -> Iterator[Claim]:
    answer = entry.answer
    for form in filter(None, (answer.text, answer.short, answer.plain)):
        for sentence in _SENTENCES.split(form.replace("*", "")):
            rest = _CASE.sub("", sentence)
            counted = _QUANTITY.findall(rest)
            if counted and not _EXAMPLE.search(sentence):
                case = tuple("".join(found.split()) for found in _CASE.findall(sentence))
                yield Claim(entry, sentence.strip(), case, tuple(counted), _pieces(_QUANTITY.sub(r"\2", rest)))


def _articles(*rows: Basis) -> set[tuple[str, str]]:
    told = [(basis.document, basis.article) for basis in rows if basis.document and basis.article]
    return {(document, found) for document, article in told for found in _ARTICLE.findall(article) or [article]}


def _pieces(text: str) -> frozenset[str]:
    """Characters and pairs of characters: what a text is made of."""
    bare = question_key(text)
    return frozenset((*bare, *(bare[at : at + 2] for at in range(len(bare) - 1))))


def _gist(wording: str) -> frozenset[str]:
    """What a wording is about: without the words that only ask, with its first and last character told apart."""
    bare = question_key(wording)
    left = _ASKING.sub("", bare)
    return _pieces(f"a{left if len(left) > 3 else bare}z")


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)


def _wordings(entry: Entry) -> Iterator[str]:
    for first, again in repeated_wordings(entry):
        yield f"{again!r} says the same as {first!r} and counts once"
    found = distinct_wordings(entry)
    if found < WORDINGS:
        yield f"{found} distinct wordings beside the question, {WORDINGS} are wanted"


def _dates(entry: Entry, today: date) -> Iterator[str]:
    if today - entry.checked > FRESH:
        yield f"last checked on {entry.checked}, more than a year ago"
    for basis in entry.basis:
        if basis.mark or basis.effective is None:
            continue
        if basis.effective > today:
            yield f"{basis.document} is in force from {basis.effective} only"
        elif basis.effective > entry.checked:
            yield f"{basis.document} came into force on {basis.effective}, after the last check"
    until = entry.valid.last_day
    if until and until < today:
        yield f"expired on {until}, it is not shown any more"
    elif until and until - today <= SOON:
        yield f"expires on {until}"


def _lengths(answer: Answer) -> Iterator[str]:
    for form, longest in LONGEST.items():
        told = getattr(answer, form)
        if told and len(told) > longest:
            yield f"answer.{form} has {len(told)} characters, at most {longest} are wanted"


def _unexplained(answer: Answer) -> Iterator[str]:
    """Jargon that neither brackets, nor a sentence (… 叫 …, … 是 …), nor the plain form explain."""
    told = f"{answer.text}\n{answer.plain or ''}"
    for word, meaning in jargon().items():
        if word not in answer.text or meaning in told or (answer.plain and word not in answer.plain):
            continue
        if not re.search(rf"{word}\w{{0,4}}（|（\w{{0,4}}{word}|叫{word}|{word}，?是(?!\s*[\d{{])", told):
            yield f"{word} is not explained: {word}（{meaning}）"


def _yearly_money(answer: Answer, figures: Iterable[Figure]) -> Iterator[str]:
    """Sums that change with the year and are not named as {{figure}}."""
    named = {value.value.replace(" ", ""): figure.name for figure in figures for value in figure.values}
    for form in LONGEST:
        for sentence in _SENTENCES.split(getattr(answer, form) or ""):
            for told in _MONEY.findall(sentence):
                if told.replace(" ", "") in named:
                    yield f"answer.{form} tells {told}, which is figure {named[told.replace(' ', '')]}"
                elif _YEAR.search(sentence):
                    yield f"answer.{form} tells {told} of a year, which belongs into the figures table"


def _effective_dates(corpus: Corpus) -> Iterator[Fault]:
    """One article that is in force from two days."""
    days: dict[tuple[str, str], date] = {}
    for entry in corpus.entries:
        dated = [(article, basis.effective) for basis in entry.basis for article in sorted(_articles(basis))]
        for article, day in dated:
            if day and (usual := days.setdefault(article, day)) != day:
                reason = f"{''.join(article)} is in force from {day}, elsewhere from {usual}"
                yield Fault(*corpus.where(entry), f"{entry.id}: {reason}")
