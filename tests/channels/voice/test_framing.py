"""AudioSocket's frames, whatever pieces they arrive in."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import framing
from channels.voice.framing import Decoder, Frame, Unreadable, encode

frames = st.builds(Frame, st.sampled_from(sorted(framing.KNOWN)), st.binary(max_size=700))


@given(st.lists(frames, max_size=8), st.data())
def test_frames_are_the_same_however_tcp_cuts_them(told: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(map(encode, told))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder, heard = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += decoder.feed(stream[start:end])
    assert heard == told


@given(st.binary(max_size=400))
def test_garbage_gives_frames_or_is_refused_but_never_breaks(told: bytes) -> None:
    try:
        heard = Decoder().feed(told)
    except Unreadable:
        return
    assert b"".join(map(encode, heard)) == told[: sum(3 + len(f.payload) for f in heard)]


def test_the_longest_frame_is_taken_and_a_longer_one_cannot_be_made() -> None:
    longest = Frame(framing.AUDIO_8K, bytes(65_535))
    assert Decoder().feed(encode(longest)) == [longest]
    with pytest.raises(ValueError, match="65535"):
        encode(Frame(framing.AUDIO_8K, bytes(65_536)))


def test_a_web_request_is_no_call() -> None:
    with pytest.raises(Unreadable):
        Decoder().feed(b"GET / HTTP/1.1\r\n\r\n")


def test_the_call_is_named_by_sixteen_bytes() -> None:
    name = uuid4()
    assert framing.call_id(Frame(framing.CALL, name.bytes)) == str(name)
    assert framing.call_id(Frame(framing.CALL, name.bytes[:15])) is None
    assert framing.call_id(Frame(framing.KEY, name.bytes)) is None


@pytest.mark.parametrize(
    ("payload", "key"),
    [(b"5", "5"), (b"#", "#"), (b"*", "*"), (b"", None), (b"55", None), (b"\xff", None), (b"A", None)],
)
def test_only_the_twelve_keys_of_a_telephone_count(payload: bytes, key: str | None) -> None:
    assert framing.key(Frame(framing.KEY, payload)) == key


def test_what_goes_back_is_as_asterisk_defines_it() -> None:
    assert framing.GIVE_BACK == b"\x00\x00\x00"
    assert framing.audio(bytes(320))[:3] == b"\x10\x01\x40"
    assert Frame(0x12).rate == 16_000
    assert Frame(0x00).rate is None
    assert UUID(framing.call_id(Frame(framing.CALL, bytes(16))) or "").int == 0
