"""`python -m knowledge_base …`: check the entries, search a built version, tune an encoder.

A version is built by `python -m bot publish`: what a citizen may say besides the topics is taught by the bot's own
training data, which the library knows nothing of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from knowledge_base.corpus import SHIPPED, Corpus, distinct_wordings, read_corpus, repeated_wordings
from knowledge_base.entry import Circumstances, Entry, Form
from knowledge_base.errors import CorpusError, Fault, KnowledgeError
from knowledge_base.library import Library
from knowledge_base.models import held_out
from knowledge_base.topics import in_scope, topic_labels

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="社保易答: the knowledge")
ZONE = ZoneInfo("Asia/Shanghai")
WORDINGS = 8  # fewer and a citizen's own words are missed too often
ENTRIES = 2  # of a topic; one alone answers everything that is asked about it
FRESH = timedelta(days=365)
SOON = timedelta(days=30)
LONGEST: dict[Form, int] = {"text": 450, "short": 250, "spoken": 150, "plain": 150}  # characters; a caller can't skim


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="entries, *.yml")] = SHIPPED) -> None:
    """Every entry against schema, sources, dates and duplicates; exit status 1 when something is wrong.

    Errors keep the knowledge from being published. Notes are worth a look: they make answers weaker, not wrong.
    """
    try:
        corpus = read_corpus(folder)
    except CorpusError as error:
        _listed("Errors, nothing is published until they are mended:", list(error.faults))
        print(f"{len(error.faults)} errors")
        raise typer.Exit(1) from None
    _listed("Notes:", list(notes(corpus, datetime.now(ZONE).date())))
    wordings = sum(len(entry.wordings) for entry in corpus.entries)
    topics = len({entry.topic for entry in corpus.entries})
    print(f"{len(corpus.entries)} entries, {wordings} wordings, {topics} topics: no errors")


def _listed(title: str, faults: list[Fault]) -> None:
    if faults:
        print(title)
        print("\n".join(map(str, faults)))


def notes(corpus: Corpus, today: date) -> Iterator[Fault]:
    """What makes the knowledge weaker without making it wrong."""
    for entry, first, again in repeated_wordings(corpus.entries):
        yield Fault(*corpus.where(entry), f"{entry.id}: {again!r} says the same as {first!r} and counts once")
    for entry in corpus.entries:
        yield from (Fault(*corpus.where(entry), f"{entry.id}: {reason}") for reason in _of_entry(entry, today))
    for figure in corpus.figures.values():
        last = figure.values[-1]
        if last.until and last.until < today:
            yield Fault("figures.yml", 0, f"{figure.name}: the last value known is of {last.year}")
    known = [entry.topic for entry in corpus.entries]
    for topic in topic_labels():
        if in_scope(topic) and topic != "human" and known.count(topic) < ENTRIES:
            yield Fault("topics.yml", 0, f"topic {topic} has {known.count(topic)} entries, {ENTRIES} are wanted")


def _of_entry(entry: Entry, today: date) -> Iterator[str]:
    found = distinct_wordings(entry)
    if found < WORDINGS:
        yield f"{found} distinct wordings beside the question, {WORDINGS} are wanted"
    if today - entry.checked > FRESH:
        yield f"last checked on {entry.checked}, more than a year ago"
    until = entry.valid.until
    if until and until < today:
        yield f"expired on {until}, it is not shown any more"
    elif until and until - today <= SOON:
        yield f"expires on {until}"
    for form, longest in LONGEST.items():
        told = getattr(entry.answer, form)
        if told and len(told) > longest:
            yield f"answer.{form} has {len(told)} characters, at most {longest} are wanted"


@app.command()
def search(
    question: str,
    home: Annotated[Path, typer.Option(envvar="YIDA_HOME", help="the service's state")] = Path("var"),
    version: Annotated[str | None, typer.Option(help="instead of the newest one")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """The hits of one question, with their score and what each arm says."""
    library = Library(home / "knowledge")
    built = [version] if version else library.versions()
    if not built:
        _refuse(f"no version in {home}: build one with `python -m bot publish`")
    try:
        index = library.load(built[0])
    except KnowledgeError as error:
        _refuse(str(error))
    found = index.search(question, Circumstances(now=datetime.now(ZONE)), limit=limit)
    bands = index.bands
    print(f"version {index.version}: answers from {bands.answer:.3f}, refuses below {bands.refuse:.3f}")
    print(f"ours {found.ours:.3f}")
    for hit in found.hits:
        arms = "  ".join(f"{name} {score:.3f}" for name, score in hit.arms.items())
        print(f"{hit.score:.3f}  {hit.entry.id}  {hit.entry.question}\n       {arms}")
    if not found.hits:
        print("nothing found")


@app.command()
def tune(
    model: Annotated[str, typer.Option(help="any sentence-transformers model: a folder, or a name on a hub")],
    output: Annotated[Path, typer.Option(help="a new folder; name it as `encoder` in config.yml")],
    folder: Annotated[Path, typer.Option(help="entries, *.yml")] = SHIPPED,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Fine-tunes a sentence-transformers model on the entries' wordings.

    One way to a better encoder, where a pretrained model is at hand: the wordings that calibration asks stay out, so
    that `python -m bot evaluate` tells whether it was worth it.
    """
    from knowledge_base.training import tune as run

    if output.exists():
        _refuse(f"{output} exists already")
    if model.startswith(("/", ".")) and not Path(model).is_dir():
        _refuse(f"there is no folder {model}")
    try:
        corpus = read_corpus(folder)
        groups = [[w for w in entry.wordings if not held_out(w)] for entry in corpus.entries]
        run(model, groups, output, epochs=epochs, progress=_step)
    except (KnowledgeError, OSError, ValueError) as error:
        _refuse(str(error))
    print(f"tuned: {output}")


def _step(stage: str, done: int, of: int) -> None:
    if done == of or done % 50 == 0:
        typer.echo(f"{stage} {done}/{of}", err=True)


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
