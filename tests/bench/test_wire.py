"""The load client's own half of the websocket protocol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.wire import Frames, close_frame, greeting, pong_frame, text_frame

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
KINDS = st.sampled_from((1, 2, 8, 9, 10))
PAYLOADS = st.one_of(
    st.binary(max_size=140), st.sampled_from((125, 126, 127, 65_535, 65_536, 70_000)).map(lambda n: b"x" * n)
)


def from_server(kind: int, payload: bytes) -> bytes:
    """As a server writes it: without a mask, its length in the shortest form."""
    size = len(payload)
    if size < 126:
        length = bytes((size,))
    else:
        length = bytes((126,)) + size.to_bytes(2) if size < 65_536 else bytes((127,)) + size.to_bytes(8)
    return bytes((0x80 | kind,)) + length + payload


@given(told=st.lists(st.tuples(KINDS, PAYLOADS), max_size=5), data=st.data())
def test_frames_are_the_same_wherever_their_bytes_are_cut(told: list[tuple[int, bytes]], data: st.DataObject) -> None:
    sent = ACCEPTED + b"".join(from_server(*frame) for frame in told)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    frames = Frames()
    heard: list[tuple[int, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        heard.extend(frames.feed(sent[start:end]))
    assert heard == told
    assert frames.upgraded


def test_every_byte_may_come_alone() -> None:
    frames = Frames()
    sent = ACCEPTED + from_server(1, b"a" * 200) + from_server(9, b"")
    assert [frame for n in range(len(sent)) for frame in frames.feed(sent[n : n + 1])] == [(1, b"a" * 200), (9, b"")]


def test_a_refused_handshake_is_said() -> None:
    with pytest.raises(ConnectionError, match="403"):
        list(Frames().feed(b"HTTP/1.1 403 Forbidden\r\n\r\n"))


@given(payload=st.binary(max_size=300))
def test_what_the_client_sends_is_masked_with_zeros(payload: bytes) -> None:
    for frame, kind in ((text_frame(payload), 1), (pong_frame(payload), 10)):
        assert frame[0] == 0x80 | kind
        assert frame[1] & 0x80
        assert frame.endswith(b"\0\0\0\0" + payload)


def test_it_greets_with_its_path_and_leaves_normally() -> None:
    assert greeting("/socket", "localhost", 80).startswith(b"GET /socket HTTP/1.1\r\nHost: localhost:80\r\n")
    assert close_frame()[6:] == (1000).to_bytes(2)
