"""Frames as text and text as frames, by properties and by tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import Choice, Conversation, Message, Party, Source, Stage
from bot.desk import Standing, Wait
from bot.errors import Refused
from channels.web import wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TYPES = (
    "say",
    "choose",
    "human",
    "leave_queue",
    "message_form",
    "resume",
    "rate",
    "feedback",
    "end",
    "typing",
    "read",
    "ping",
)
KEYS = ("id", "text", "choice", "topic", "phone", "consent", "code", "stars", "reasons", "seq", "helpful")
NEAR = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(TYPES) | JSON,
    st.dictionaries(st.sampled_from(KEYS), JSON | st.just("x") | st.just(1)),
)
TEXT = st.text()  # without lone surrogates, which no JSON of ours can hold
ID = st.text(st.sampled_from("abcXYZ019_.:-社"), min_size=1, max_size=64).filter(
    lambda name: name != "greeting" and not name.startswith(("re:", "sys:", "form:"))
)
SEQ = st.integers(0, 2**31 - 1)
FRAMES = st.one_of(
    st.builds(wire.Say, type=st.just("say"), id=ID, text=TEXT),
    st.builds(wire.Choose, type=st.just("choose"), id=ID, choice=TEXT.filter(lambda t: len(t) <= 64)),
    st.builds(wire.Human, type=st.just("human"), id=ID),
    st.builds(wire.LeaveQueue, type=st.just("leave_queue"), id=ID),
    st.builds(
        wire.MessageForm, type=st.just("message_form"), id=ID, topic=st.just("退休"), text=st.just("请回电"),
        phone=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), consent=st.booleans(),
    ),
    st.builds(wire.Resume, type=st.just("resume"), id=ID, code=st.from_regex(r"[0-9]{6}", fullmatch=True)),
    st.builds(
        wire.Rate, type=st.just("rate"), id=ID, stars=st.integers(1, 5),
        reasons=st.lists(st.sampled_from(["慢", "清楚"]), max_size=10), text=st.just("谢谢"),
    ),
    st.builds(wire.Feedback, type=st.just("feedback"), id=ID, seq=SEQ, helpful=st.booleans()),
    st.builds(wire.End, type=st.just("end"), id=ID),
    st.builds(wire.Typing, type=st.just("typing")),
    st.builds(wire.Read, type=st.just("read"), seq=SEQ),
    st.builds(wire.Ping, type=st.just("ping")),
)  # fmt: skip


def parsed(raw: str | bytes) -> wire.ClientFrame | str:
    """The frame, or the code of the refusal; anything else raised fails the test."""
    try:
        return wire.parse(raw)
    except Refused as error:
        return error.code if error.sentence else "silent"


@given(FRAMES)
def test_a_valid_frame_comes_back_as_it_was(frame: wire.ClientFrame) -> None:
    assert wire.parse(wire.encode(frame.model_dump())) == frame
    assert wire.parse(json.dumps(frame.model_dump()).encode()) == frame


@given(FRAMES, st.dictionaries(st.text().filter(lambda k: k not in KEYS and k != "type"), JSON, max_size=3))
def test_keys_of_the_future_change_nothing(frame: wire.ClientFrame, more: dict[str, Any]) -> None:
    told = parsed(json.dumps({**more, **frame.model_dump()}, allow_nan=True))
    assert told in (frame, "bad_json")


@given(st.text(st.characters()) | st.binary())
def test_any_text_is_a_frame_or_refused(raw: str | bytes) -> None:
    assert parsed(raw) in ("bad_json", "bad_frame")


@given(JSON | NEAR)
def test_any_json_is_a_frame_or_refused(told: Any) -> None:
    result = parsed(json.dumps(told))
    if isinstance(result, str):
        assert result in ("bad_json", "bad_frame", "unknown_frame")
    else:
        assert result.type == told["type"]


@given(JSON | NEAR | st.binary() | st.text(st.characters()))
def test_auth_and_ids_are_found_or_not_but_never_raise(told: Any) -> None:
    raw = told if isinstance(told, bytes | str) else json.dumps(told)
    assert wire.parse_auth(raw) is None or isinstance(wire.parse_auth(raw), str)
    name = wire.frame_id(raw)
    assert name is None or len(name) <= 64


@given(TEXT)
def test_an_auth_frame_holds_a_token(token: str) -> None:
    held = wire.parse_auth(json.dumps({"type": "auth", "token": token}))
    assert held == (token if len(token) <= 128 else None)


def test_a_message_tells_what_clients_need_and_no_more() -> None:
    at = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    message = Message(
        "re:1", Party.BOT, "答复", at, seq=3, choices=(Choice("r1", "再问", entry="secret_entry", action="x"),),
        sources=(Source("社会保险法", "第十六条", "2011-07-01", "全国", "2026-11-01", "https://www.gov.cn/x"),),
        card={"kind": "form"}, because="exact", answer_code="ABCD-EFGH",
        details={"score": 0.93, "entry": "secret_entry", "outcome": "answer", "masked": ["mobile"]},
    )  # fmt: skip
    frame = wire.message_frame(message)
    assert frame == {
        "type": "message", "seq": 3, "id": "re:1", "party": "bot", "text": "答复",
        "choices": [{"id": "r1", "label": "再问"}],
        "sources": [{
            "title": "社会保险法", "article": "第十六条", "effective": "2011-07-01", "jurisdiction": "全国",
            "checked": "2026-11-01", "url": "https://www.gov.cn/x", "mark": "",
        }],
        "card": {"kind": "form"}, "answer_code": "ABCD-EFGH", "because": "exact", "outcome": "answer",
        "at": "2026-11-24T08:30:00.000+00:00",
    }  # fmt: skip
    assert json.loads(wire.encode(frame)) == frame


def test_a_message_of_a_citizen_does_not_tell_what_was_masked() -> None:
    message = Message("1", Party.CITIZEN, "［已隐去］", datetime.now(UTC), details={"masked": ["mobile"]})
    assert "mobile" not in wire.encode(wire.message_frame(message))


@pytest.mark.parametrize("stage", Stage)
def test_a_state_tells_stage_place_and_agent(stage: Stage) -> None:
    conversation = Conversation("c", "web", datetime.now(UTC), stage=stage)
    standing = Standing(3, Wait(120, 30, 260)) if stage is Stage.WAITING else None
    told = wire.state_frame(conversation, standing, ("林", "012") if stage is Stage.AGENT else None)
    assert told["stage"] == stage.value
    assert (told["position"], told["wait_seconds"]) == ((3, 120) if standing else (None, None))
    assert told["wait_range"] == ([30, 260] if standing else None)
    assert told["agent"] == ({"name": "林", "number": "012"} if stage is Stage.AGENT else None)


def test_a_notice_of_recalling_tells_which_message_is_taken_back() -> None:
    notice = Message("sys:recall:7", Party.SYSTEM, "撤回了", datetime.now(UTC), details={"recalled": 7})
    assert wire.recalled_frame(notice) == {"type": "recalled", "seq": 7}
    assert wire.recalled_frame(Message("m", Party.AGENT, "您好", datetime.now(UTC))) is None


def test_an_agents_message_names_her_as_citizens_know_her() -> None:
    said = Message(
        "a1", Party.AGENT, "您好", datetime.now(UTC), details={"agent": "lin", "name": "林", "number": "012"}
    )
    told = wire.message_frame(said)
    assert told["agent"] == {"name": "林", "number": "012"}
    assert "lin" not in str(told)


def test_an_error_tells_what_the_refusal_knows() -> None:
    error = Refused("too_often", "请稍等。", retry_after=30)
    assert wire.error_frame(error) == {
        "type": "error", "code": "too_often", "message": "请稍等。", "retry_after": 30,
    }  # fmt: skip
    assert wire.error_frame(Refused("empty", "空"), "x") == {
        "type": "error",
        "code": "empty",
        "message": "空",
        "id": "x",
    }
