"""What people, keyboards and attackers send; each over the socket and by REST."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.channels.citizen import Device, Line, fresh_address, opened
from tests.channels.conftest import Send
from tests.channels.serving import Server


def say(text: Any, id: Any = "x") -> str:
    return json.dumps({"type": "say", "id": id, "text": text})


async def refused(send: Send, raw: str | bytes) -> str:
    """The code of the error; and nothing was said."""
    taken, told = await send(raw)
    assert not taken, told
    return str(told["code"])


BLANK = {
    "nothing": "",
    "spaces": "   ",
    "lines": "\n\r\n\t",
    "wide spaces": "　　",
    "no-break spaces": "\u00a0\u2003",
    "zero width": "\u200b\u200c\u200d\ufeff",
    "direction marks": "\u200e\u200f\u202a\u202e\u2066\u2069",
    "control": "\x00\x01\x07\x1b\x7f",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "private use": "\ue000\U000f0000",
}


@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK)
async def test_what_shows_nothing_is_empty(send: Send, device: Device, text: str) -> None:
    assert await refused(send, say(text)) == "empty"
    assert len(await device.messages()) == 1


@pytest.mark.parametrize("text", [None, 7, 1.5, True, [], ["你好"], {}, {"text": "你好"}])
async def test_what_is_no_text_is_refused(send: Send, device: Device, text: Any) -> None:
    assert await refused(send, say(text)) == "not_text"
    assert len(await device.messages()) == 1


@pytest.mark.parametrize("text", ["😀", "😀👍🏽🎉", "👨‍👩‍👧", "🇨🇳", "？？？", "。", "...", "^_^", "┭┮﹏┭┮"])
async def test_signs_without_words_get_a_polite_refusal(send: Send, device: Device, text: str) -> None:
    assert (await send(say(text)))[0]
    said, answer = await _two(device)
    assert said["text"] == text.replace("\u200d", "")
    assert (answer["outcome"], answer["sources"]) in (("refuse", []), ("smalltalk", []))


@pytest.mark.parametrize("character", ["长", "a", "😀", "é", "\U00020000"])
async def test_500_characters_are_heard_and_501_are_not(send: Send, device: Device, character: str) -> None:
    assert await refused(send, say(character * 501, "long")) == "too_long"
    assert (await send(say(character * 500, "right")))[0]
    said, _ = await _two(device)
    assert said["text"] == character * 500


async def test_what_nobody_sees_does_not_count_as_length(send: Send, device: Device) -> None:
    assert (await send(say("  " + "长\u200b" * 500 + "  ")))[0]
    assert (await _two(device))[0]["text"] == "长" * 500


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("社\u200b保\u200d卡\ufeff丢了怎么办", "社保卡丢了怎么办"),
        ("\u202e社保卡丢了怎么办\u202c", "社保卡丢了怎么办"),
        ("社保卡\x00丢了\x1b怎么办", "社保卡丢了怎么办"),
        ("社保卡丢了怎么办\U000e0069\U000e0067", "社保卡丢了怎么办"),
        ("  社保卡丢了怎么办\n", "社保卡丢了怎么办"),
    ],
)
async def test_hidden_characters_are_taken_out_and_the_question_is_understood(
    send: Send, device: Device, typed: str, kept: str
) -> None:
    assert (await send(say(typed)))[0]
    said, answer = await _two(device)
    assert said["text"] == kept
    assert answer["because"] == "exact"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<img src=x onerror="alert(1)">',
        "javascript:alert(1)",
        "'; DROP TABLE messages; --",
        "1' OR '1'='1",
        "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
        "{city} {name} {code} {0} {__class__}",
        "%s %d %(name)s %n",
        "../../../etc/passwd",
        "$(id) `id` ; id | id",
        "\\u0000 \\n \\",
        '"}],"type":"error","x":[{"',
        "&lt;b&gt; &amp;",
        "[点我](javascript:alert(1))",
        "**粗** _斜_ # 标题",
    ],
)
async def test_code_comes_back_as_inert_text(send: Send, device: Device, text: str) -> None:
    assert (await send(say(text)))[0]
    said, answer = await _two(device)
    assert said["text"] == text
    assert "49" not in answer["text"]
    assert "script" not in answer["text"]
    assert not answer["sources"] or answer["choices"]
    response = await device.read()
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_resume_code_is_not_made_by_writing_its_place(send: Send, device: Device) -> None:
    assert (await send(say("换个手机继续 {code}")))[0]
    said, _ = await _two(device)
    assert said["text"] == "换个手机继续 {code}"


@pytest.mark.parametrize(
    "raw", ["", "{", "nonsense", "{'type': 'ping'}", '{"type":"ping"} x', '{"a":NaN}', "\\", '"\\ud800"']
)
async def test_broken_json(send: Send, raw: str) -> None:
    assert await refused(send, raw) == "bad_json"


async def test_bytes_that_are_no_text(send: Send) -> None:
    assert await refused(send, b'{"type":"ping","x":"\xff\xfe"}') == "bad_json"


async def test_a_tower_of_brackets(send: Send) -> None:
    assert await refused(send, "[" * 8000) == "bad_json"
    assert await refused(send, '{"type":"say","id":"x","text":' + "[" * 900 + "]" * 900 + "}") == "not_text"


@pytest.mark.parametrize("raw", ["[]", '[{"type":"ping"}]', "null", "7", '"ping"', "true", "{}", '{"type":null}'])
async def test_what_is_no_object_with_a_type(send: Send, raw: str) -> None:
    assert await refused(send, raw) in ("bad_frame", "unknown_frame")


@pytest.mark.parametrize(
    "type", ["message", "ack", "auth", "SAY", "say ", "", "__proto__", 7, ["say"], {"say": 1}, True]
)
async def test_an_unknown_frame(send: Send, type: Any) -> None:
    assert await refused(send, json.dumps({"type": type, "id": "x", "text": "你好"})) in ("unknown_frame", "bad_frame")


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "say", "text": "你好"},
        {"type": "say", "id": "x"},
        {"type": "say", "id": "", "text": "你好"},
        {"type": "say", "id": 7, "text": "你好"},
        {"type": "say", "id": None, "text": "你好"},
        {"type": "say", "id": "x" * 65, "text": "你好"},
        {"type": "say", "id": "a b", "text": "你好"},
        {"type": "say", "id": "a\nb", "text": "你好"},
        {"type": "choose", "id": "x"},
        {"type": "choose", "id": "x", "choice": 1},
        {"type": "choose", "id": "x", "choice": "c" * 65},
        {"type": "human"},
        {"type": "leave_queue", "id": []},
        {"type": "resume", "id": "x"},
        {"type": "end"},
        {"type": "read"},
        {"type": "read", "seq": "1"},
        {"type": "read", "seq": -1},
        {"type": "read", "seq": 2**64},
    ],
)
async def test_wrong_types(send: Send, device: Device, frame: dict[str, Any]) -> None:
    assert await refused(send, json.dumps(frame)) == "bad_frame"
    assert len(await device.messages()) == 1


@pytest.mark.parametrize("name", ["a+b/c==", "{1-2}", "会话-1", "a" * 64, "1"])
async def test_a_client_chooses_its_ids_as_it_likes(send: Send, name: str) -> None:
    taken, told = await send(say("你好", name))
    assert (taken, told["id"]) == (True, name)


async def test_unknown_keys_are_left_alone(send: Send) -> None:
    assert (await send(json.dumps({"type": "say", "id": "x", "text": "你好", "mood": "good", "seq": 9})))[0]


async def test_a_key_twice_is_its_last_value(send: Send, device: Device) -> None:
    assert (await send('{"type":"say","id":"x","text":"一","text":"你好"}'))[0]
    assert (await _two(device))[0]["text"] == "你好"


async def test_a_frame_of_16_kb_is_taken_and_a_byte_more_is_not(send: Send) -> None:
    empty = len('{"type":"ping","pad":""}')
    assert (await send('{"type":"ping","pad":"%s"}' % ("x" * (16_384 - empty))))[0]
    assert await refused(send, '{"type":"ping","pad":"%s"}' % ("x" * (16_385 - empty))) == "too_large"
    assert await refused(send, '{"type":"ping","pad":"%s"}' % ("长" * 6000)) == "too_large"


async def test_numbers_that_identify_are_masked_and_the_citizen_is_told(send: Send, device: Device) -> None:
    secret = "我叫张三，身份证 330102198001011239，手机 13800138000，社保卡丢了怎么办"
    assert (await send(say(secret)))[0]
    said, answer = await _two(device)
    for number in ("330102198001011239", "13800138000"):
        assert number not in str((said, answer))
    assert "已隐去" in said["text"]
    assert answer["text"].startswith("号码已自动隐去")


async def test_a_thousand_messages_at_once_are_all_answered_in_order(device: Device) -> None:
    """Limits off; whoever reads along and whoever comes later see the same story."""
    async with device.line() as line:
        for n in range(1000):
            await line.send("say", id=f"m{n}", text=f"第 {n} 条")
        live = await line.messages(2001)
        acks = [f["seq"] for f in line.unread if f["type"] == "ack"]
    assert [m["seq"] for m in live] == list(range(1, 2002))
    said = [m for m in live if m["party"] == "citizen"]
    assert [m["id"] for m in said] == [f"m{n}" for n in range(1000)]
    assert acks == [m["seq"] for m in said]
    assert {m["id"] for m in live if m["party"] == "bot"} == {"greeting"} | {f"re:m{n}" for n in range(1000)}
    async with device.line() as line:
        assert await line.messages(2001) == live
        assert (await line.next("state"))["stage"] == "bot"


async def test_with_limits_thirty_are_heard_and_the_rest_told_to_wait(limited: Server) -> None:
    device = await opened(limited, fresh_address())
    async with device.line() as line:
        for n in range(100):
            await line.send("say", id=f"m{n}", text="你好")
        told = [await line.told(f"m{n}") for n in range(100)]
    assert [t["type"] for t in told] == ["ack"] * 30 + ["error"] * 70
    assert {t["code"] for t in told[30:]} == {"too_often"}
    assert all(1 <= t["retry_after"] <= 60 for t in told[30:])
    assert len(await device.messages()) == 61
    assert (await device.say("你好", "m3")).json() == told[3], "what was heard is acked, also beyond the limit"


async def test_a_flood_of_nonsense_harms_nobody_else(line: Line, device: Device, server: Server) -> None:
    other = await opened(server)
    for n in range(500):
        await line.send_raw("{" * (n % 7 + 1))
    assert (await other.ask("社保卡丢了怎么办"))["because"] == "exact"
    assert (await line.say("你好"))["type"] == "ack"


async def _two(device: Device) -> list[dict[str, Any]]:
    """What was said last and the answer to it."""
    for _ in range(100):
        messages = await device.messages()
        if len(messages) == 3:
            return messages[1:]
    raise AssertionError("no answer came")
