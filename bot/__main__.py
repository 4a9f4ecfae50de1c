"""`python -m bot …`: serve, ask, chat, calculate, backup, restore, audit, staff."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bot.config import Settings, read_settings
from bot.errors import BotError, NeighbourError, SettingsError
from bot.measure import log_as_json
from knowledge_base.errors import Impossible, KnowledgeError

if TYPE_CHECKING:
    from bot.store.database import Database

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="社保易答")
audit = typer.Typer(help="the audit log")
staff = typer.Typer(help="accounts of the staff", no_args_is_help=True)
app.add_typer(audit, name="audit")
app.add_typer(staff, name="staff")
app.add_typer(import_module("channels.wechat.commands").app, name="wechat")  # by name: channels stand outside the bot
screen = Console(stderr=True)
STAGES = {"encoder": "学习句子", "classifier": "学习主题", "index": "建立索引"}


class Bars:
    """Progress of long work: a bar a stage on a terminal, a line a stage elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=screen)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, of: int) -> None:
        if not screen.is_terminal:
            if done == of:
                screen.print(f"{STAGES.get(stage, stage)} {done}/{of}")
            return
        if not self._tasks:
            self._progress.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(STAGES.get(stage, stage), total=of)
        self._progress.update(self._tasks[stage], completed=done)

    def end(self) -> None:
        if self._tasks:
            self._progress.stop()


@app.command()
def serve(
    workers: Annotated[int | None, typer.Option(help="web processes")] = None,
    host: Annotated[str | None, typer.Option()] = None,
    port: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Everything the service needs, until Ctrl-C."""
    from bot.parent import only_server
    from bot.parent import serve as run

    settings = _with_server(read_settings(), workers=workers, host=host, port=port)
    log_as_json()
    with only_server(settings.home):
        say = partial(screen.print, highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(asyncio.run(run(settings, say, terminal=sys.stderr.isatty())))


@app.command(hidden=True)
def prepare() -> None:
    """Tables, models and a published version; `serve` runs it first."""
    from bot.preparation import prepare as run

    bars = Bars()
    try:
        run(read_settings(), bars)
    finally:
        bars.end()


@app.command()
def publish() -> None:
    """Builds a version from the files and switches all workers to it, also while they serve.

    First with the models in service, within seconds; then once more with models trained on the files.
    """
    from bot.preparation import publish as run

    bars = Bars()
    try:
        run(read_settings(), bars)
    finally:
        bars.end()


@app.command(name="train-rasa")
def train_rasa() -> None:
    """Trains Rasa's model where its inputs changed; a running server takes it over."""
    from bot.parent import train_rasa as run

    screen.print(str(run(read_settings())))


@app.command()
def evaluate(
    questions: Annotated[list[Path] | None, typer.Argument(help="labelled questions, JSON lines")] = None,
) -> None:
    """Answer quality on our held-out questions and the given ones, into docs/quality.md."""
    from bot.evaluation.run import evaluate as run

    bars = Bars()
    try:
        text = run(read_settings(), questions or [], bars)
    finally:
        bars.end()
    print(text)


@app.command(hidden=True)
def child(kind: str, host: str = "127.0.0.1", port: int = 8000) -> None:
    """One process of a server: `web`, `voice` or `chores`."""
    sys.setswitchinterval(0.001)  # the writer thread waits for the interpreter less long
    log_as_json()
    if kind == "web":
        _run_web(host, port)
    elif kind == "voice":
        _run_voice()
    else:
        asyncio.run(_run_chores())


@app.command(hidden=True)
def work(job: str) -> None:
    """One job of the knowledge workshop, in a process of its own."""
    from bot.work import work as run

    log_as_json()
    run(read_settings(), job)


@app.command(hidden=True)
def insight(kind: str) -> None:
    """One round of `tally` (figures of days) or `gather` (unanswered questions); the chores start it."""
    from bot.insight import work

    work(read_settings(), kind)


@app.command()
def ask() -> None:
    """JSON lines in, JSON lines out, in order."""
    from bot.talk import ask as one
    from bot.talk import open_talk

    assistant = open_talk(read_settings(), Bars())

    async def answered(line: bytes) -> dict[str, object]:
        told: object = None
        try:
            told = json.loads(line)
            if not isinstance(told, dict):
                raise ValueError("each line must be a JSON object")
            return await one(assistant, told)
        except ValueError as error:
            name = told.get("id") if isinstance(told, dict) else None
            return {"id": name, "error": {"code": "bad_line", "message": str(error)}}

    with asyncio.Runner() as runner:
        for line in sys.stdin.buffer:
            if line.strip():
                said = json.dumps(runner.run(answered(line)), ensure_ascii=False)
                sys.stdout.buffer.write(said.encode("utf-8", "backslashreplace") + b"\n")  # half an emoji is no text
                sys.stdout.buffer.flush()


@app.command()
def chat() -> None:
    """Talk in the terminal."""
    from bot.talk import fresh, open_talk, say

    assistant = open_talk(read_settings(), Bars())
    conversation = fresh()

    async def one(text: str) -> None:
        nonlocal conversation
        said = await say(assistant, conversation, text)
        conversation = said.conversation
        print(said.reply.text.replace("**", ""))
        for source in said.reply.sources:
            print(f"  依据：{source.title} {source.article} {source.effective}")

    with asyncio.Runner() as runner:
        while True:
            try:
                text = input("您：")
            except (EOFError, KeyboardInterrupt):
                print()
                return
            if text.strip():
                runner.run(one(text))


@app.command(context_settings={"ignore_unknown_options": True})
def calculate(
    name: Annotated[str, typer.Argument()] = "",
    given: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE …")] = None,
) -> None:
    """One calculator, JSON out; status 2 and the reason for what cannot be."""
    from knowledge_base.calculators.calculator import arguments
    from knowledge_base.calculators.catalogue import named

    today = datetime.now(read_settings().site.zone).date()
    try:
        told = dict(named(name).run(arguments(given or []), today).data)
    except Impossible as error:
        print(json.dumps({"code": error.code, "message": error.message, "field": error.field}, ensure_ascii=False))
        raise typer.Exit(2) from error
    print(json.dumps(told, ensure_ascii=False))


@app.command()
def backup(file: Path) -> None:
    """The whole state into FILE, while serving."""
    from bot.backup import backup as run

    screen.print(run(read_settings(), file))


@app.command()
def restore(file: Path) -> None:
    """The whole state from FILE; refused while a server runs."""
    from bot.backup import restore as run

    screen.print(run(read_settings(), file))


@audit.callback(invoke_without_command=True)
def audit_rows(
    context: typer.Context, after: Annotated[int, typer.Option(help="the number of the last known")] = 0
) -> None:
    """Who did what, as JSON lines."""
    from bot.audit import rows

    if context.invoked_subcommand is None:
        with _store() as database:
            database.read_now(lambda c: [print(json.dumps(row.told(), ensure_ascii=False)) for row in rows(c, after)])


@audit.command(name="verify")
def audit_verify(
    noted: Annotated[str, typer.Option(help="the hash of a row, noted elsewhere, that must still be there")] = "",
) -> None:
    """Reads the whole log; status 1 and the first row that is not as it was written."""
    from bot.audit import verify

    with _store() as database:
        found = database.read_now(lambda c: verify(c, noted))
    if found.broken:
        print(f"row {found.broken.seq} {found.broken.why}")
        raise typer.Exit(1)
    print(f"{found.count} rows, the last has {found.head}")


@staff.command(name="reset")
def staff_reset(username: str) -> None:
    """A one-time password for somebody who cannot sign in; unlocks, and takes the second factor away."""
    from bot.accounts import Accounts, Actor, known_as

    with _store() as database:
        print(asyncio.run(Accounts(database).reset(known_as(username), by=Actor())))


@contextmanager
def _store() -> Iterator[Database]:
    from bot.store.database import open_database

    database = open_database(read_settings().store)
    try:
        yield database
    finally:
        database.close()


def _with_server(settings: Settings, **given: object) -> Settings:
    told = settings.server.model_dump() | {k: v for k, v in given.items() if v is not None}
    if given["port"] is None and os.environ.get("PORT"):
        told["port"] = os.environ["PORT"]
    try:
        server = type(settings.server).model_validate(told)
    except ValueError as error:
        raise SettingsError(f"server: {error}") from error
    return settings.model_copy(update={"server": server})


def _run_web(host: str, port: int) -> None:
    import uvicorn

    config = uvicorn.Config(
        "channels.app:create_app", factory=True, loop="uvloop", http="httptools", ws="websockets-sansio", lifespan="on",
        log_config=None, access_log=False, proxy_headers=False, server_header=False, date_header=True,
        ws_max_size=65_536, ws_ping_interval=30, ws_ping_timeout=30, timeout_graceful_shutdown=8,
    )  # fmt: skip
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Connections inherit it: what a killed server leaves half closed does not keep the port from the next one.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    listening.set_inheritable(True)
    uvicorn.Server(config).run(sockets=[listening])


def _run_voice() -> None:
    """By name, as uvicorn does: the channels stand outside the bot."""
    import importlib

    import uvloop

    process = importlib.import_module("channels.voice.process")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(process.run())


async def _run_chores() -> None:
    import signal

    from bot.assembly import open_parts
    from bot.insight import keep_working

    stopping = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    async with open_parts(read_settings()) as parts:
        await parts.follower.start()
        working = (parts.caretaker.run(), parts.dispatcher.run(), parts.follower.run(parts.bus), parts.foreman.run())
        beside = import_module("channels.chores").chores(parts)
        counting = (keep_working("tally"), keep_working("gather"))
        tasks = [asyncio.create_task(work) for work in (*working, *beside, *counting)]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.follower.leave()


def main() -> None:
    """Expected faults are one message and status 2, not a traceback."""
    try:
        app()
    except (SettingsError, KnowledgeError, NeighbourError) as error:
        screen.print(str(error), style="red", highlight=False, markup=False)
        sys.exit(2)
    except BotError as error:
        screen.print(f"{type(error).__name__}: {error}", style="red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
