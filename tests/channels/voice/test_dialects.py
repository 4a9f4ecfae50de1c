"""What gateways say on a websocket, and what we say back."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import proofs, sound
from channels.voice.dialects import DRACHTIO, JAMBONZ, Key, Linear, Sound, Started, Stopped, Twilio, Unreadable

PCM = sound.beep(8_000, 400, 20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def start(**more: object) -> str:
    told = {
        "streamSid": "MZ1",
        "callSid": "CA1",
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    return json.dumps({"event": "start", "streamSid": "MZ1", "start": told | more})


@pytest.mark.parametrize("kind", [DRACHTIO, JAMBONZ, None])
def test_the_first_text_names_the_call_and_audio_goes_both_ways_as_it_is(kind: str | None) -> None:
    dialect = Linear(kind)
    assert dialect.hear(json.dumps({"uuid": "a-1", "sampleRate": 16000})) == [Started("a-1", 16_000)]
    assert dialect.hear(PCM) == [Sound(PCM)]
    assert dialect.audio(PCM) == PCM


def test_the_call_may_be_named_in_the_metadata_with_its_secret_and_number() -> None:
    told = {"metadata": {"uuid": "b-2", "secret": "s", "number": "13800138000"}}
    assert Linear(JAMBONZ).hear(json.dumps(told)) == [Started("b-2", 8_000, "s", "13800138000")]


@pytest.mark.parametrize(("kind", "told"), [(DRACHTIO, "killAudio"), (JAMBONZ, "killAudio"), (None, None)])
def test_barge_in_kills_what_is_queued_where_the_dialect_can(kind: str | None, told: str | None) -> None:
    flush = Linear(kind).flush()
    assert (json.loads(flush)["type"] if flush else None) == told


@pytest.mark.parametrize("back", ["playAudio", "streamAudio"])
def test_gateways_that_play_no_binary_messages_get_json(back: str) -> None:
    dialect = Linear(None)
    dialect.hear(json.dumps({"uuid": "a", "playback": back}))
    told = json.loads(dialect.audio(PCM))
    assert told["type"] == back
    assert PCM in [base64.b64decode(v) for v in told["data"].values() if isinstance(v, str) and len(v) > 20]


@pytest.mark.parametrize("rate", [44_100, 0, -8000, True, "fast", None, [8000]])
def test_another_rate_is_refused(rate: object) -> None:
    with pytest.raises(Unreadable):
        Linear(DRACHTIO).hear(json.dumps({"uuid": "a", "sampleRate": rate}))


def test_a_key_is_a_key_in_each_dialect() -> None:
    dialect = Linear(JAMBONZ)
    dialect.hear("{}")
    assert dialect.hear('{"event":"dtmf","dtmf":"5","duration":"1600"}') == [Key("5")]
    twilio = Twilio()
    twilio.hear(start())
    assert twilio.hear('{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"#"}}') == [Key("#")]
    assert twilio.hear('{"event":"stop"}') == [Stopped()]


def test_twilio_speaks_mu_law_in_base64() -> None:
    twilio = Twilio()
    assert twilio.hear('{"event":"connected","protocol":"Call","version":"1.0.0"}') == []
    assert twilio.hear(start(customParameters={"secret": "s"})) == [Started("CA1", 8_000, "s")]
    payload = base64.b64encode(sound.to_ulaw(PCM)).decode()
    heard = twilio.hear(json.dumps({"event": "media", "media": {"track": "inbound", "payload": payload}}))
    assert heard == [Sound(sound.from_ulaw(sound.to_ulaw(PCM)))]
    assert twilio.hear(json.dumps({"event": "media", "media": {"track": "outbound", "payload": payload}})) == []
    told = json.loads(twilio.audio(PCM))
    assert (told["event"], told["streamSid"], base64.b64decode(told["media"]["payload"])) == (
        "media",
        "MZ1",
        sound.to_ulaw(PCM),
    )
    assert json.loads(twilio.flush() or "") == {"event": "clear", "streamSid": "MZ1"}
    assert json.loads(twilio.mark("m1"))["mark"] == {"name": "m1"}


@given(
    st.one_of(
        st.text(max_size=60),
        json_values.map(json.dumps),
        st.dictionaries(
            st.sampled_from(["event", "start", "media", "dtmf", "uuid", "metadata", "sampleRate", "type"]),
            json_values,
            max_size=4,
        ).map(json.dumps),
    )
)
def test_whatever_text_comes_is_understood_or_refused(text: str) -> None:
    for dialect in (Twilio(), Linear(DRACHTIO), Linear(None)):
        for _ in range(2):
            try:
                dialect.hear(text)
            except Unreadable:
                pass


@pytest.mark.parametrize("payload", ["%%%", 5, None, "AA\n="])
def test_a_payload_that_is_no_base64_is_refused(payload: object) -> None:
    with pytest.raises(Unreadable):
        Twilio().hear(json.dumps({"event": "media", "media": {"payload": payload}}))


def basic(user: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "right"),
    [
        ({"x-yida-secret": "geheim"}, True),
        ({"x-yida-secret": "Geheim"}, False),
        ({"authorization": basic("yida", "geheim")}, True),
        ({"authorization": basic("root", "geheim")}, False),
        ({"authorization": "Basic %%%"}, False),
        ({"authorization": "Bearer geheim"}, False),
        ({"x-twilio-signature": proofs.signature("wss://x.cn/voice/twilio", "geheim")}, True),
        ({"x-twilio-signature": proofs.signature("wss://y.cn/voice/twilio", "geheim")}, False),
        ({}, False),
    ],
)
def test_a_handshake_proves_its_right(headers: dict[str, str], right: bool) -> None:
    assert proofs.proves(headers, "geheim", ["ws://x.cn/voice/twilio", "wss://x.cn/voice/twilio"]) is right


def test_without_a_secret_nobody_is_let_in() -> None:
    assert not proofs.proves({"x-yida-secret": ""}, "")
    assert not proofs.proves({"authorization": basic("yida", "")}, "")
