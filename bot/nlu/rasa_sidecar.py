"""Runs inside .venv-rasa: answers one JSON line with one, from `Agent.parse_message`, on a unix socket.

Stands alone: nothing of ours can be imported there, and nothing of Rasa's here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile

LONGEST = 300


async def serve(model: str, path: str, model_id: str) -> None:
    from rasa.core.agent import Agent

    agent = Agent.load(model_path=model)
    if agent.processor is None:
        raise SystemExit(f"{model} is no Rasa model")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _reply(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _reply(line: bytes) -> dict:
        try:
            request = json.loads(line)
            text = str(request.get("text", "")).strip()[:LONGEST]
            if not text:
                return {"model_id": model_id}
            parsed = await agent.parse_message(text)
            entities = [{k: e[k] for k in ("entity", "value", "start", "end")} for e in parsed.get("entities", [])]
            return {"model_id": model_id, "intent": parsed["intent"], "entities": entities}
        except Exception as error:  # one bad line must not end the process
            return {"model_id": model_id, "error": type(error).__name__}

    waiting = path + ".new"
    if os.path.exists(waiting):
        os.unlink(waiting)
    os.umask(0o177)
    server = await asyncio.start_unix_server(answer, waiting, limit=1 << 20)
    await agent.parse_message("你好")  # the first parse is slow
    os.rename(waiting, path)  # from here on new connections come to this model
    stopping = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    print(json.dumps({"ready": model_id}), flush=True)
    await stopping.wait()
    server.close()


def train(data: str, config: str, output: str) -> None:
    from rasa.model_training import train_nlu

    folder, name = os.path.split(output)
    made = train_nlu(config, data, folder, fixed_model_name=name)
    if not made:
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
    os.environ.update(RASA_TELEMETRY_ENABLED="false", TF_CPP_MIN_LOG_LEVEL="3", SQLALCHEMY_SILENCE_UBER_WARNING="1")
    with tempfile.TemporaryDirectory(prefix="yida-rasa-") as private:
        tempfile.tempdir = os.environ["TMPDIR"] = private  # jieba reads its cache back with marshal
        if told.command == "train":
            train(told.data, told.config, told.output)
        else:
            asyncio.run(serve(told.model, told.socket, told.model_id))


if __name__ == "__main__":
    sys.exit(main())
