"""Envelope and XML for any text, and for what an attacker may send."""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress

import pytest
import xmltodict
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from channels.wechat.crypto import BadEnvelope, Envelope, aes_bytes, is_fresh, is_signed, signature
from channels.wechat.wire import BadXml, Incoming, cdata, incoming, parse, reply_xml
from tests.channels.wechat.follower import AES_KEY, APP_ID, TOKEN, crypto

ENVELOPE = Envelope(AES_KEY, APP_ID)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
IN_XML = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=400)


@given(TEXTS)
def test_what_we_seal_the_peer_opens(text: str) -> None:
    sealed = ENVELOPE.seal(text)
    signed = signature(TOKEN, "1", "n", sealed)
    assert crypto().decrypt_message({"Encrypt": sealed}, signed, "1", "n") == text


@given(IN_XML)
def test_what_the_peer_seals_we_open(text: str) -> None:
    told = parse(crypto().encrypt_message(text, "n", "1").encode())
    assert is_signed(told["MsgSignature"], TOKEN, "1", "n", told["Encrypt"])
    assert ENVELOPE.open(told["Encrypt"]) == text


@given(st.binary(max_size=200), st.booleans())
def test_what_nobody_sealed_is_refused(raw: bytes, coded: bool) -> None:
    with pytest.raises(BadEnvelope):
        ENVELOPE.open(b64encode(raw).decode() if coded else raw.decode("latin-1"))


@given(TEXTS, st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_opens_as_something_of_another_length(text: str, at: int, by: int) -> None:
    raw = bytearray(b64decode(ENVELOPE.seal(text)))
    raw[at % len(raw)] ^= by
    with suppress(BadEnvelope):
        assert len(ENVELOPE.open(b64encode(raw).decode()).encode()) <= len(raw)


def sealed(plain: bytes) -> str:
    closing = Cipher(algorithms.AES(aes_bytes(AES_KEY)), modes.CBC(aes_bytes(AES_KEY)[:16])).encryptor()
    return b64encode(closing.update(plain) + closing.finalize()).decode()


def padded(content: bytes, app: bytes = APP_ID.encode(), length: int | None = None, pad: bytes | None = None) -> str:
    plain = b"sixteen any byte" + (len(content) if length is None else length).to_bytes(4, "big") + content + app
    count = 32 - len(plain) % 32
    return sealed(plain + (bytes([count]) * count if pad is None else (pad * 32)[: count or 32]))


@pytest.mark.parametrize(
    "text",
    [
        padded(b"x", app=b"wx-another"), padded(b"x", app=b""), padded(b"x", length=2**32 - 1), padded(b"x", length=0),
        padded(b"x", pad=b"\x00"), padded(b"x", pad=b"\xff"), padded(b"x", pad=b"\x21"), padded(b"x", pad=b"\x01\x02"),
        padded(b"\xff\xfe"), sealed(b"\x20" * 32), sealed(b"\x10" * 16), "", "====", "中文",
    ],
)  # fmt: skip
def test_wrong_padding_length_and_app_are_one_error(text: str) -> None:
    with pytest.raises(BadEnvelope):
        ENVELOPE.open(text)


@given(IN_XML)
def test_whatever_we_say_arrives_as_it_was(text: str) -> None:
    call = Incoming("default", "o1", "gh_1", "text", "1")
    told = xmltodict.parse(reply_xml(call, text, 1), strip_whitespace=False)["xml"]
    assert (told["Content"] or "") == text
    assert (told["ToUserName"], told["FromUserName"]) == ("o1", "gh_1")


@given(st.text(max_size=200))
def test_any_text_makes_xml_that_can_be_read(text: str) -> None:
    parse(f"<xml><a>{cdata(text)}</a></xml>".encode())


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    with suppress(BadXml):
        incoming("default", parse(raw))


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [("1000", True), ("700", True), ("1300", True), ("699", False), ("1301", False), ("", False), ("-1", False),
     ("１０００", False), ("9" * 5000, False), ("1e3", False)],
)  # fmt: skip
def test_a_timestamp_counts_for_five_minutes(timestamp: str, fresh: bool) -> None:
    assert is_fresh(timestamp, 1000.0) is fresh


@pytest.mark.parametrize("key", ["", "short", "x" * 42, "!" * 43])
def test_an_aes_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        aes_bytes(key)
