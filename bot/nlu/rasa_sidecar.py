"""Runs inside .venv-rasa: answers one JSON line with one, from `Agent.parse_message`, on a unix socket.

Stands alone: nothing of ours can be imported there, and nothing of Rasa's here. The first line on stdout is
`{"ready": ID}`, else `{"refused": why}` when the model is of no use, or `{"failed": why}`. After it stdout leads
nowhere: Rasa writes there what citizens said.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
import warnings

LONGEST = 300  # characters; Rasa's time grows with the length
LINE = 1 << 20
LINGER = 0.5  # seconds for questions that were under way when the end was asked for
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_MAX_CACHE_SIZE": "0",  # else it keeps a cache in the working folder
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
}


def silence() -> None:
    """Rasa logs each sentence, with structlog, past the logging module."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def announce(**told: str) -> None:
    print(json.dumps(told), flush=True)


def load(model: str):
    """Rasa's agent, warm: its first parse is slow. Exits when the model is of no use."""
    try:
        from rasa.core.agent import Agent
    except Exception as error:
        announce(failed=f"{type(error).__name__}: {error}")
        raise
    try:
        agent = Agent.load(model_path=model)
        if agent.processor is None:
            raise ValueError("it holds no model")
        asyncio.run(agent.parse_message("你好"))
    except Exception as error:
        ours = isinstance(error, MemoryError) or getattr(
            error, "errno", None
        )  # no memory, no room: not the model's fault
        announce(**{"failed" if ours else "refused": f"{type(error).__name__}: {error}"})
        raise SystemExit(3) from error
    return agent


class Sidecar:
    """Questions are answered one after the other: parsing holds the loop."""

    def __init__(self, agent, model_id: str) -> None:
        self._agent = agent
        self._model_id = model_id

    async def serve(self, path: str) -> None:
        """Until SIGTERM or SIGINT. The socket takes its place at once, also that of an older process."""
        stopping = asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
        waiting = path + ".new"
        if os.path.exists(waiting):
            os.unlink(waiting)
        os.umask(0o177)
        server = await asyncio.start_unix_server(self._answer, waiting, limit=LINE)
        os.rename(waiting, path)
        announce(ready=self._model_id)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        await stopping.wait()
        server.close()
        await asyncio.sleep(LINGER)  # who asks later finds the connection closed, and asks the newer process

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._reply(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _reply(self, line: bytes) -> dict:
        try:
            text = str(json.loads(line).get("text", "")).strip()[:LONGEST]
            if not text:
                return {"model_id": self._model_id}
            parsed = await self._agent.parse_message(text)
            entities = [{k: e[k] for k in ("entity", "value", "start", "end")} for e in parsed.get("entities", [])]
            intent = {k: parsed["intent"][k] for k in ("name", "confidence")}
            return {"model_id": self._model_id, "intent": intent, "entities": entities}
        except Exception as error:  # one bad line must not end the process
            return {"model_id": self._model_id, "error": type(error).__name__}


def train(data: str, config: str, output: str) -> None:
    from rasa.model_training import train_nlu

    folder, name = os.path.split(os.path.abspath(output))
    if not train_nlu(config, data, folder, fixed_model_name=name):
        raise SystemExit("Rasa trained no model")


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve")
    training = commands.add_parser("train")
    for name in ("model", "socket", "model-id"):
        serving.add_argument(f"--{name}", required=True)
    for name in ("data", "config", "output"):
        training.add_argument(f"--{name}", required=True)
    told = parser.parse_args()
    os.environ.update(QUIET)
    silence()
    with tempfile.TemporaryDirectory(prefix="rasa-") as private:
        tempfile.tempdir = os.environ["TMPDIR"] = private  # jieba reads its cache back with marshal
        if told.command == "train":
            train(told.data, told.config, told.output)
        else:
            asyncio.run(Sidecar(load(told.model), told.model_id).serve(told.socket))


if __name__ == "__main__":
    sys.exit(main())
