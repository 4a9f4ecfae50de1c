"""A stranger's web site with a strict policy that embeds the widget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>示例市</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>示例市办事大厅</h1></main><script src="{service}/widget.js" data-theme="light"></script></body></html>"""
# What docs and demo page tell a bureau to allow, and nothing else.
POLICY = (
    "default-src 'none'; base-uri 'none'; script-src {service}; style-src {service}; connect-src {service} {sockets}"
)


@dataclass(slots=True)
class Site:
    origin: str
    service: str = ""


@contextmanager
def foreign_site() -> Iterator[Site]:
    """Set `service` to the address whose widget the page embeds."""
    site = Site("")

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/"
            body = PAGE.format(service=site.service).encode() if found else b""
            self.send_response(200 if found else 204)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            sockets = site.service.replace("http", "ws", 1)
            self.send_header("Content-Security-Policy", POLICY.format(service=site.service, sockets=sockets))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    # Another host name than the service's: another origin and another site.
    site.origin = f"http://localhost:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)
