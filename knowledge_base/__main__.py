"""`python -m knowledge_base …`: check the entries, search a built version, tune an encoder.

A version is built by `python -m bot publish`: what a citizen may say besides the topics is taught by the bot's own
training data, which the library knows nothing of.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer

from knowledge_base.checks import notes
from knowledge_base.corpus import SHIPPED, read_corpus
from knowledge_base.entry import Circumstances
from knowledge_base.errors import CorpusError, Fault, KnowledgeError
from knowledge_base.library import Library
from knowledge_base.models import held_out

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="社保易答: the knowledge")
ZONE = ZoneInfo("Asia/Shanghai")


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="entries, *.yml")] = SHIPPED) -> None:
    """Every entry against schema, sources, dates and other entries; exit status 1 when something is wrong.

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
