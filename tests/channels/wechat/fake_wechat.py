"""WeChat's server API on loopback, as its documents describe it: tokens, messages, menu, codes, media, login."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SEND = "/cgi-bin/message/custom/send"
TOKEN = "/cgi-bin/stable_token"
TEMPLATE = "/cgi-bin/message/template/send"
MEDIA = "/cgi-bin/media/get"


@dataclass
class FakeWeChat:
    """Accepts what has the newest token; `faults[path]` are told first, one a call: an errcode, an HTTP status, `slow`."""

    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tokens: int = 0
    slow: float = 0.0
    token_takes: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> FakeWeChat:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                self._serve(json.loads(raw or b"{}"))

            def do_GET(self) -> None:
                self._serve({})

            def _serve(self, body: dict[str, Any]) -> None:
                address = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(address.query).items()}
                status, kind, told = fake.answer(address.path, query, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def token(self) -> str:
        return f"token-{self.tokens}"

    def sent(self, openid: str = "") -> list[str]:
        """The texts that citizens received."""
        with self._lock:
            told = [body for path, body in self.received if path == SEND]
        return [body["text"]["content"] for body in told if not openid or body["touser"] == openid]

    def calls(self, path: str) -> list[dict[str, Any]]:
        return [body for known, body in self.received if known == path]

    def answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, str, bytes]:
        fault = self.faults[path].popleft() if self.faults[path] else None
        if fault == "slow":
            time.sleep(self.slow)
        elif isinstance(fault, int) and 500 <= fault < 600:
            return fault, "text/plain", b"bad gateway"
        elif isinstance(fault, int):
            return _json({"errcode": fault, "errmsg": "refused"})
        if path == TOKEN:
            time.sleep(self.token_takes)
            with self._lock:
                self.tokens += 1
                self.received.append((path, body))
                return _json({"access_token": self.token, "expires_in": 7200})
        if path == "/sns/jscode2session":
            if query.get("js_code") != "good":
                return _json({"errcode": 40029, "errmsg": "invalid code"})
            return _json({"openid": "o-mini-1", "session_key": "never-tell"})
        if query.get("access_token") != self.token:
            return _json({"errcode": 40001, "errmsg": "invalid credential"})
        if path == MEDIA:
            kind, content = self.media[query["media_id"]]
            return 200, kind, content
        with self._lock:
            self.received.append((path, body))
        told: dict[str, Any] = {"errcode": 0, "errmsg": "ok"}
        return _json(told | ({"ticket": "gQ/1=="} if "qrcode" in path else {}))


def _json(told: dict[str, Any]) -> tuple[int, str, bytes]:
    return 200, "application/json", json.dumps(told).encode()
