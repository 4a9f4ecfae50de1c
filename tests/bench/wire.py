"""As much of RFC 6455 as a load client needs, without sockets: frames in, frames out (pure)."""

from __future__ import annotations

from collections.abc import Iterator


def greeting(path: str, host: str, port: int) -> bytes:
    """The opening handshake; no extension is offered, so nobody compresses."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def text_frame(payload: bytes) -> bytes:
    return _frame(1, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(10, payload)


def close_frame() -> bytes:
    return _frame(8, b"\x03\xe8")


def _frame(kind: int, payload: bytes) -> bytes:
    """A client must mask; with a mask of zeros the payload stays as it is, which costs nothing here."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | kind, 0x80 | size))
    else:
        head = bytes((0x80 | kind, 0x80 | 126)) + size.to_bytes(2)
    return head + b"\0\0\0\0" + payload


class Frames:
    """Cuts the bytes of a server into frames. Raises ConnectionError when the handshake is refused."""

    def __init__(self) -> None:
        self.upgraded = False
        self._left = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(kind, payload) of each whole frame; what is cut short waits for the next bytes."""
        data = self._left + data
        at = 0
        if not self.upgraded:
            head, end, _ = data.partition(b"\r\n\r\n")
            if not end:
                self._left = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.splitlines()[0].decode())
            self.upgraded = True
            at = len(head) + 4
        while len(data) - at >= 2:
            size, start = data[at + 1] & 0x7F, at + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                size, start = int.from_bytes(data[start : start + wide]), start + wide
            if len(data) < start + size:
                break
            yield data[at] & 0x0F, data[start : start + size]
            at = start + size
        self._left = data[at:]
