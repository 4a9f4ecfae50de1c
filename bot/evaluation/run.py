"""Asks the held-out questions, with every arm and without each, and both NLU engines; keeps docs/quality.md, and which
of our own questions came out right."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.answering.assistant import Assistant
from bot.assembly import RASA_SOCKET, open_assistant, open_library
from bot.config import ROOT, Settings
from bot.evaluation.kept import keep
from bot.evaluation.measures import Asked, Share, measures
from bot.evaluation.plot import draw
from bot.evaluation.questions import Question, read_questions
from bot.evaluation.report import Nlu, Report, SetResult, markdown
from bot.nlu import NLU, rasa_model
from bot.nlu.entities import EntityFinder
from bot.nlu.examples import TRAINING, TrainingData, read_training
from bot.nlu.local import LocalNLU
from bot.nlu.rasa import RasaClient, RasaNLU
from bot.nlu.rasa_keeper import RasaKeeper
from bot.preparation import Progress, live_index
from bot.talk import ask
from knowledge_base.calibration import fit_join
from knowledge_base.index import Index, rows_of
from knowledge_base.library import Library
from knowledge_base.ranking import ARMS
from knowledge_base.topics import topic_of_intent

OWN = ROOT / "tests" / "quality" / "questions.jsonl"
KEPT = OWN.with_name("kept.jsonl")
TARGET = ROOT / "docs" / "quality.md"
PICTURE = TARGET.with_name("quality-calibration.png")
RASA_STARTS_WITHIN = 120.0


def evaluate(settings: Settings, extra: Sequence[Path], progress: Progress) -> str:
    """The whole table as Markdown; also written to docs/quality.md, with a picture beside it."""
    sets = {path.name: read_questions(path) for path in (OWN, *extra) if path.exists() or path in extra}
    library = open_library(settings)
    library.serve(live_index(settings, progress))
    report = asyncio.run(_evaluate(settings, library, sets, progress))
    asked = {result.name: result.asked for result in report.sets}
    picture = PICTURE.name if draw(asked, PICTURE) else None
    if OWN.name in asked:
        keep(KEPT, asked[OWN.name])
    text = markdown(report, picture)
    TARGET.write_text(text, "utf-8")
    return text


async def _evaluate(
    settings: Settings, library: Library, sets: dict[str, list[Question]], progress: Progress
) -> Report:
    index = library.current
    with _without_rasa():
        assistant = open_assistant(settings, library)[1]
    results = []
    for name, questions in sets.items():
        results.append(SetResult(name, await ask_all(assistant, questions), {}))
    intents = read_training().taught()
    variants = [(f"without {arm}", tuple(a for a in ARMS if a != arm)) for arm in ARMS]
    for number, (label, arms) in enumerate(variants, start=1):
        join = fit_join(index, rows_of(index.corpus.entries), intents, arms=arms)
        library.serve(index.with_join(join, arms))
        for result, questions in zip(results, sets.values(), strict=True):
            result.ablation[label] = measures(await ask_all(assistant, questions))
        progress("arms", number, len(variants))
    library.serve(index)
    return Report(
        at=datetime.now(UTC),
        machine=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        command="make evaluate" + "".join(f" QUESTIONS={name}" for name in list(sets)[1:]),
        version=index.version,
        entries=len(index.entries),
        wordings=sum(len(e.wordings) for e in index.corpus.entries),
        bands=index.bands,
        sets=tuple(results),
        engines=await _engines(settings, library),
    )


async def ask_all(assistant: Assistant, questions: Sequence[Question], now: datetime | None = None) -> list[Asked]:
    """Each question after what was said before it, as `python -m bot ask` asks it."""
    found = []
    for question in questions:
        told = await ask(assistant, {"id": question.id, "text": question.text, "context": question.context}, now)
        candidates = tuple(dict.fromkeys(c["topic"] for c in told["candidates"]))
        also = tuple(a["topic"] for a in told["also"])
        found.append(Asked(question, told["outcome"], told["topic"], candidates, told["score"], also))
    return found


async def _engines(settings: Settings, library: Library) -> tuple[Nlu, ...]:
    """Both engines on the same held-out sentences; Rasa only where it is installed and trained."""
    data = read_training(TRAINING / "held_out")
    local = LocalNLU(lambda: library.current.models, EntityFinder.of(read_training()))
    found = [await _engine("local", local, data)]
    async with _rasa(settings, library.current) as client:
        if client is not None:
            found.append(await _engine("rasa", RasaNLU(client, local), data))
    return tuple(found)


async def _engine(name: str, nlu: NLU, data: TrainingData) -> Nlu:
    right = about = spotted = expected = overlap = 0
    spoke = 0
    for example in data.examples:
        told = await nlu.understand(example.text)
        spoke += told.engine == name
        right += told.intent == example.intent
        about += _group(told.intent) == _group(example.intent)
        wanted = {(e.name, e.start, e.end) for e in example.entities}
        if wanted:
            seen = {(e.name, e.start, e.end) for e in told.entities}
            expected, spotted, overlap = expected + len(wanted), spotted + len(seen), overlap + len(wanted & seen)
    total = len(data.examples)
    precision, recall = overlap / max(spotted, 1), overlap / max(expected, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return Nlu(name, Share(right, total), Share(about, total), precision, recall, f1, Share(spoke, total))


def _group(intent: str) -> str:
    """Topics and procedures of one subject count as one for the coarse figure."""
    topic = topic_of_intent(intent)
    return (topic or intent).partition(".")[0]


@asynccontextmanager
async def _rasa(settings: Settings, index: Index) -> AsyncIterator[RasaClient | None]:
    """A sidecar for the time of the measuring."""
    if not rasa_model.is_installed():
        yield None
        return
    model = await asyncio.to_thread(rasa_model.train, settings.nlu.rasa, read_training(), index.corpus, settings.home)
    with tempfile.TemporaryDirectory(prefix="yida-") as folder:
        socket = Path(folder) / "rasa"
        keeper = RasaKeeper(socket, lambda: (model.name.removesuffix(".tar.gz"), model))
        keeping = asyncio.create_task(keeper.run())
        try:
            async with asyncio.timeout(RASA_STARTS_WITHIN):
                while keeper.pid is None or not socket.exists():  # noqa: ASYNC110 (a file rings no event)
                    await asyncio.sleep(0.2)
            yield RasaClient(socket, deadline=5.0)
        except TimeoutError:
            yield None
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping


@contextlib.contextmanager
def _without_rasa() -> Iterator[None]:
    """Answers do not depend on Rasa; measured without it they do not depend on its load either."""
    kept = os.environ.pop(RASA_SOCKET, None)
    try:
        yield
    finally:
        if kept is not None:
            os.environ[RASA_SOCKET] = kept
