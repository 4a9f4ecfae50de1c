"""Rasa's place taken by scripts: a socket in this process, and a process that a keeper can start."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Answering = Callable[[dict[str, Any]], Awaitable[bytes]]


def parsed(text: str, intent: str = "ask", **more: Any) -> dict[str, Any]:
    return {"model_id": "m1", "intent": {"name": intent, "confidence": 0.9}, "entities": [], **more}


async def echo(request: Mapping[str, Any]) -> bytes:
    """Says the text back as the intent: a swapped answer is seen."""
    text = request.get("text", "")
    return json.dumps(parsed(text, intent=text), ensure_ascii=False).encode() + b"\n"


@dataclass
class ScriptedRasa:
    """Answers each line with `answer`; b"" closes the connection."""

    path: Path
    answer: Answering = echo
    asked: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    thinking: int = 0
    _open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        me = asyncio.current_task()
        assert me
        self._open[me] = writer
        try:
            while line := await reader.readline():
                request = json.loads(line)
                self.asked.append(request)
                self.thinking += 1
                try:
                    told = await self.answer(request)
                finally:
                    self.thinking -= 1
                if not told:
                    break
                writer.write(told)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            del self._open[me]
            writer.close()

    async def hang_up(self) -> None:
        """Closes every connection, also under a question that waits."""
        tasks = list(self._open)
        for task, writer in list(self._open.items()):
            writer.close()
            if self.thinking:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def scripted_rasa(path: Path, answer: Answering = echo) -> AsyncIterator[ScriptedRasa]:
    rasa = ScriptedRasa(path, answer)
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(rasa.handle, path, limit=1 << 20)
    try:
        yield rasa
    finally:
        server.close()
        await rasa.hang_up()
        path.unlink(missing_ok=True)


# A sidecar without Rasa. What the model file says is what it does: ok, refused, failed, silent, deaf, ends, other, stubborn.
SIDECAR = """
import json, os, signal, socket, sys, threading, time
verb, *options = sys.argv[1:]
told = dict(zip(options[::2], options[1::2]))
does = open(told["--model"]).read().strip()
if does in ("refused", "failed"):
    print(json.dumps({does: "as told"}), flush=True)
    sys.exit(3)
if does == "silent":
    sys.exit(1)
print("noise of the start", flush=True)
listening = socket.socket(socket.AF_UNIX)
listening.bind(told["--socket"] + ".new")
os.chmod(told["--socket"] + ".new", 0o600)
listening.listen()
os.rename(told["--socket"] + ".new", told["--socket"])
print(json.dumps({"ready": told["--model-id"]}), flush=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN if does == "stubborn" else lambda *_: os._exit(0))
if does == "ends":
    sys.exit(7)
name = "another" if does == "other" else told["--model-id"]
def serve(connection):
    for line in connection.makefile():
        text = json.loads(line)["text"]
        reply = {"model_id": name, "intent": {"name": name, "confidence": 1.0}, "entities": []}
        if does == "deaf":
            time.sleep(60)
        connection.sendall(json.dumps(reply).encode() + b"\\n")
while True:
    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
"""
