"""What each client frame does, whichever way it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.errors import StoreBusy
from bot.store.conversations import ms
from bot.tables import contacts, conversations, feedback, ratings, resume_codes, tickets
from tests.channels.citizen import Device, Frame, Line, fresh_address, fresh_id, opened, problem
from tests.channels.serving import Server

QUESTION = "养老保险最低要交多少年"
CARD_LOST = "社保卡丢了怎么办"
Tell = Callable[..., Awaitable[Frame]]


@pytest.fixture(params=["socket", "rest"])
async def tell(request: pytest.FixtureRequest, device: Device) -> Any:
    """Sends a frame and gives its ack or error (of a problem: what a socket would have said)."""
    if request.param == "rest":

        async def post(type: str, **frame: Any) -> Frame:
            response = await device.post(type, **frame)
            told: Frame = response.json()
            return told if response.status_code == 200 else {**told, "type": "error", "id": frame.get("id")}

        yield post
        return
    async with device.line() as line:
        await line.next("state")

        async def send(type: str, **frame: Any) -> Frame:
            await line.send(type, **frame)
            return await line.told(frame["id"])

        yield send


class TestOnce:
    """A client's id is heard once and always acked alike."""

    async def test_on_one_line(self, line: Line) -> None:
        assert [(await line.say(QUESTION, "q"))["seq"] for _ in range(5)] == [2] * 5
        assert len([f for f in await line.quiet() if f["type"] == "message"]) == 3

    async def test_on_both_ways_at_once(self, device: Device) -> None:
        async with device.line() as one, device.line() as two:
            for line in (one, two):
                await line.next("state")

            async def by_rest() -> int:
                return int((await device.say(QUESTION, "q")).json()["seq"])

            async def by(line: Line) -> int:
                return int((await line.say(QUESTION, "q"))["seq"])

            sending = [by_rest() for _ in range(10)] + [by(line) for line in (one, two)]
            assert set(await asyncio.gather(*sending)) == {2}
        assert [m["id"] for m in await device.story(3)] == ["greeting", "q", "re:q"]

    async def test_with_other_words(self, tell: Tell, device: Device) -> None:
        first = await tell("say", id="q", text=QUESTION)
        assert await tell("say", id="q", text=CARD_LOST) == first
        assert await tell("human", id="q") == first
        assert (await device.state())["stage"] == "bot"

    async def test_in_another_conversation_it_is_another_message(self, server: Server, device: Device) -> None:
        other = await opened(server)
        for one in (device, other):
            assert (await one.say(QUESTION, "q")).json()["seq"] == 2

    @pytest.mark.parametrize("name", ["greeting", "re:q", "sys:q", "form:q"])
    async def test_an_id_of_our_own_messages_is_never_acked_unheard(
        self, tell: Tell, device: Device, name: str
    ) -> None:
        await tell("say", id="q", text=QUESTION)
        told = await tell("say", id=name, text=CARD_LOST)
        heard = [m["text"] for m in await device.messages() if m["party"] == "citizen"]
        assert told["type"] == "error" or heard[-1] == CARD_LOST


class TestFailing:
    """An answer that fails comes later: what was kept is acked all the same."""

    @pytest.fixture(params=["StoreBusy", "ValueError"])
    def broken(self, request: pytest.FixtureRequest, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
        async def fails(*told: object) -> None:
            raise StoreBusy("full") if request.param == "StoreBusy" else ValueError("秘密的话")

        monkeypatch.setattr(own_server.parts.switchboard, "answer", fails)
        return own_server

    async def test_by_rest(self, broken: Server) -> None:
        device = await opened(broken)
        assert (await device.say(QUESTION, "q")).json() == {"type": "ack", "id": "q", "seq": 2}

    async def test_on_a_line(self, broken: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        device = await opened(broken)
        async with device.line() as line:
            assert (await line.say(QUESTION, "q"))["seq"] == 2
            assert "error" not in {f["type"] for f in await line.quiet()}
            monkeypatch.undo()
            assert (await line.say(QUESTION, "q"))["seq"] == 2
            assert (await line.answer("q"))["seq"] == 3

    async def test_a_store_that_cannot_keep_says_so(self, own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        async def full(*told: object) -> None:
            raise StoreBusy("OperationalError: database or disk is full")

        device = await opened(own_server)
        async with device.line() as line:
            monkeypatch.setattr(own_server.parts.database, "write", full)
            error = await line.say(QUESTION, "q")
            assert (error["type"], error["code"], error["retry_after"]) == ("error", "store_busy", 2)
            response = await device.say(QUESTION, "q")
            assert problem(response) == (503, "store_busy")
            assert response.headers["retry-after"] == "2"
            monkeypatch.undo()
            assert (await line.say(QUESTION, "q"))["seq"] == 2


class TestChoosing:
    async def test_by_click(self, tell: Tell, device: Device) -> None:
        await tell("say", id="q", text=QUESTION)
        assert (await tell("choose", id="c", choice="r1.2"))["seq"] == 4
        said, answer = (await device.story(5))[3:5]
        assert (said["party"], said["text"]) == ("citizen", "我什么时候可以退休")
        assert (answer["because"], answer["id"]) == ("chosen", "re:c")
        assert "63 岁" in answer["text"]

    async def test_by_number(self, line: Line) -> None:
        await line.ask(QUESTION)
        answer = await line.ask("2")
        assert answer["because"] == "chosen"
        assert "单位补缴" in answer["text"]

    async def test_a_repeated_click_is_heard_once(self, tell: Tell, device: Device) -> None:
        await tell("say", id="q", text=QUESTION)
        first = await tell("choose", id="c", choice="r1.2")
        assert await tell("choose", id="c", choice="r1.2") == first
        assert len(await device.story(5)) == 5

    @pytest.mark.parametrize("choice", ["r9", "", "c1", "<b>", "human"])
    async def test_an_unknown_choice_is_refused(self, tell: Tell, device: Device, choice: str) -> None:
        await tell("say", id="q", text=QUESTION)
        assert (await tell("choose", id="c", choice=choice))["code"] == "unknown_choice"
        assert len(await device.story(3)) == 3

    async def test_an_offer_that_was_passed_over_may_still_be_taken(self, line: Line) -> None:
        await line.ask(QUESTION)
        await line.ask("谢谢")
        await line.send("choose", id="c", choice="r2.2")
        assert (await line.answer("c"))["because"] == "chosen"

    async def test_an_older_button_means_what_it_says(self, line: Line) -> None:
        older = await line.ask(QUESTION)
        await line.ask(CARD_LOST)
        choice = older["choices"][0]
        await line.send("choose", id="c", choice=choice["id"])
        assert (await line.next("message", id="c"))["text"] == choice["label"]


class TestHuman:
    async def test_asking_joins_the_queue_and_offers_the_form(self, tell: Tell, device: Device) -> None:
        assert (await tell("human", id="h"))["seq"] == 2
        said, answer = (await device.story(3))[1:3]
        assert (said["party"], said["text"]) == ("citizen", "转人工")
        assert (answer["outcome"], answer["card"]) == ("handoff", {"kind": "form", "form": "message"})
        state = await device.state()
        assert state["stage"] == "waiting"
        assert state["position"] >= 1

    async def test_words_do_the_same(self, line: Line) -> None:
        await line.ask("转人工")
        assert (await line.next("state"))["stage"] == "waiting"

    async def test_while_one_waits_the_bot_goes_on_answering(self, line: Line) -> None:
        await line.send("human", id="h")
        await line.answer("h")
        assert "15 年" in (await line.ask(QUESTION))["text"]

    async def test_whoever_came_first_is_nearer(self, own_server: Server) -> None:
        devices = [await opened(own_server) for _ in range(3)]
        for device in devices:
            await device.post("human", id="h")
        assert [(await d.state())["position"] for d in devices] == [1, 2, 3]
        await devices[0].post("leave_queue", id="l")
        assert [(await d.state())["position"] for d in devices] == [None, 1, 2]

    async def test_leaving_the_queue(self, tell: Tell, device: Device) -> None:
        await tell("human", id="h")
        await device.story(3)
        assert await tell("leave_queue", id="l") == {"type": "ack", "id": "l", "seq": 4}
        assert (await device.state())["stage"] == "bot"
        assert (await device.messages())[-1]["because"] == "left_queue"

    async def test_leaving_a_queue_one_is_not_in_changes_nothing(self, tell: Tell, device: Device) -> None:
        assert await tell("leave_queue", id="l") == {"type": "ack", "id": "l", "seq": 1}
        assert len(await device.messages()) == 1


FORM = {"topic": "退休", "text": "想请人回电", "phone": "13800138000", "consent": True}


class TestMessageForm:
    async def test_is_kept_and_confirmed_in_the_conversation(self, tell: Tell, server: Server, device: Device) -> None:
        assert await tell("message_form", id="f", **FORM) == {"type": "ack", "id": "f", "seq": 2}
        notice = (await device.messages())[-1]
        assert (notice["party"], notice["because"]) == ("system", "message_form")
        [row] = server.rows(tickets.select().where(tickets.c.conversation_id == device.id))
        assert row.id in notice["text"]
        assert (row.topic, row.text, row.status) == ("退休", "想请人回电", "open")
        assert server.call(server.parts.contacts.reveal(row.contact_id)) == "13800138000"

    async def test_twice_is_once(self, tell: Tell, server: Server, device: Device) -> None:
        first = await tell("message_form", id="f", **FORM)
        assert await tell("message_form", id="f", **FORM) == first
        assert len(server.rows(tickets.select().where(tickets.c.conversation_id == device.id))) == 1
        assert len(await device.messages()) == 2

    @pytest.mark.parametrize(
        ("fault", "code"),
        [
            ({"text": ""}, "empty"),
            ({"text": " \n\t　"}, "empty"),
            ({"text": "\u200b\u2060"}, "empty"),
            ({"text": "长" * 1001}, "too_long"),
            ({"consent": False}, "no_consent"),
            ({"phone": ""}, "bad_phone"),
            ({"phone": "12345"}, "bad_phone"),
            ({"phone": "23800138000"}, "bad_phone"),
            ({"phone": "138001380001"}, "bad_phone"),
            ({"phone": "abc"}, "bad_phone"),
            ({"phone": "'; DROP TABLE tickets;--"}, "bad_phone"),
            ({"text": 7}, "bad_frame"),
            ({"text": None}, "bad_frame"),
            ({"phone": 13800138000}, "bad_frame"),
            ({"consent": "true"}, "bad_frame"),
            ({"consent": 1}, "bad_frame"),
            ({"topic": []}, "bad_frame"),
        ],
    )
    async def test_each_fault_is_named_and_keeps_nothing(
        self, tell: Tell, server: Server, device: Device, fault: Frame, code: str
    ) -> None:
        error = await tell("message_form", id="f", **(FORM | fault))
        assert (error["type"], error["code"]) == ("error", code)
        assert not server.rows(tickets.select().where(tickets.c.conversation_id == device.id))
        assert len(await device.messages()) == 1

    @pytest.mark.parametrize("missing", ["text", "phone", "consent"])
    async def test_a_missing_part_is_a_fault(self, tell: Tell, device: Device, missing: str) -> None:
        error = await tell("message_form", id="f", **{k: v for k, v in FORM.items() if k != missing})
        assert error["code"] == ("no_consent" if missing == "consent" else "bad_frame")

    @pytest.mark.parametrize("phone", ["138 0013 8000", "+86 13800138000", "0571-87654321", "（0571）87654321"])
    async def test_a_number_may_be_written_as_people_do(self, tell: Tell, phone: str) -> None:
        assert (await tell("message_form", id="f", **(FORM | {"phone": phone})))["type"] == "ack"

    async def test_numbers_in_its_words_are_masked_and_the_phone_is_sealed(
        self, tell: Tell, server: Server, device: Device
    ) -> None:
        told = FORM | {"text": "我的身份证 330102198001011234", "topic": "打 13900139000"}
        await tell("message_form", id="f", **told)
        [row] = server.rows(tickets.select().where(tickets.c.conversation_id == device.id))
        assert "3301" not in row.text
        assert "139" not in row.topic
        [contact] = server.rows(contacts.select().where(contacts.c.id == row.contact_id))
        assert b"13800138000" not in contact.sealed
        assert "13800138000" not in str(await device.messages())

    async def test_forms_count_as_messages_of_their_address(self, embedded: Server) -> None:
        device = await opened(embedded, fresh_address())
        codes = [(await device.post("message_form", id=f"f{n}", **FORM)).status_code for n in range(11)]
        assert codes == [200] * 10 + [429]


class TestFeedback:
    async def test_is_kept_and_a_changed_mind_counts(self, tell: Tell, server: Server, device: Device) -> None:
        await tell("say", id="q", text=QUESTION)
        await device.story(3)
        for helpful in (True, False):
            told = await tell("feedback", id=fresh_id(), seq=3, helpful=helpful)
            assert (told["type"], told["seq"]) == ("ack", 3)
            [row] = server.rows(feedback.select().where(feedback.c.conversation_id == device.id))
            assert bool(row.helpful) is helpful

    @pytest.mark.parametrize("seq", [2, 99, 0, -1, 2**31, 2**53, 2**63, 2**64 - 1])
    async def test_about_nothing_the_service_said_is_refused(self, tell: Tell, seq: int) -> None:
        await tell("say", id="q", text=QUESTION)
        assert (await tell("feedback", id="f", seq=seq, helpful=True))["code"] in ("unknown_message", "bad_frame")

    @pytest.mark.parametrize("fault", [{"seq": "3"}, {"seq": 3.0}, {"seq": True}, {"helpful": "yes"}, {"helpful": 1}])
    async def test_of_the_wrong_type_is_refused(self, tell: Tell, fault: Frame) -> None:
        assert (await tell("feedback", **({"id": "f", "seq": 1, "helpful": True} | fault)))["code"] == "bad_frame"

    async def test_a_refusal_does_not_look_like_a_lost_conversation(self, device: Device) -> None:
        """401, 403 and 404 make a device begin anew."""
        assert (await device.post("feedback", id="f", seq=99, helpful=True)).status_code == 400


class TestRating:
    async def test_the_first_one_counts(self, tell: Tell, server: Server, device: Device) -> None:
        first = {"stars": 2, "reasons": ["答非所问", "我的电话 13800138000"], "text": "等了很久，电话 13900139000"}
        assert (await tell("rate", id="r1", **first))["type"] == "ack"
        assert (await tell("rate", id="r2", stars=5))["type"] == "ack"
        [row] = server.rows(ratings.select().where(ratings.c.conversation_id == device.id))
        assert row.stars == 2
        assert row.reasons[0] == "答非所问"
        assert "138" not in str(row.reasons)
        assert "139" not in row.text

    @pytest.mark.parametrize(
        "fault",
        [
            {"stars": 0}, {"stars": 6}, {"stars": "5"}, {"stars": 4.5}, {"stars": None}, {"stars": True},
            {"reasons": "慢"}, {"reasons": [1]}, {"reasons": ["慢"] * 11}, {"reasons": ["长" * 41]},
            {"text": "长" * 501}, {"text": []},
        ],
    )  # fmt: skip
    async def test_a_fault_is_refused(self, tell: Tell, server: Server, device: Device, fault: Frame) -> None:
        assert (await tell("rate", **({"id": "r", "stars": 5} | fault)))["code"] == "bad_frame"
        assert not server.rows(ratings.select().where(ratings.c.conversation_id == device.id))


class TestEnd:
    async def test_closes_and_forgets_the_token(self, server: Server, device: Device) -> None:
        other = await opened(server, id=device.id)
        async with device.line() as line:
            await line.next("state")
            await line.send("end", id="e")
            assert (await line.told("e"))["seq"] == 2
            assert await line.closed() == 1000
        assert (await device.read()).status_code == 401
        assert await device.refusal() == 4401
        assert (await other.state())["stage"] == "closed"
        assert (await other.messages())[-1]["because"] == "closed_by_citizen"

    async def test_by_rest_too(self, device: Device) -> None:
        assert (await device.post("end", id="e")).json() == {"type": "ack", "id": "e", "seq": 2}
        assert (await device.read()).status_code == 401

    async def test_other_devices_are_told(self, server: Server, device: Device, line: Line) -> None:
        await (await opened(server, id=device.id)).post("end", id="e")
        assert (await line.next("message", seq=2))["party"] == "system"
        assert (await line.next("state"))["stage"] == "closed"

    async def test_ending_twice_is_ending_once(self, server: Server, device: Device) -> None:
        other = await opened(server, id=device.id)
        for one in (device, other):
            assert (await one.post("end", id="e")).json()["seq"] == 2


@pytest.fixture
async def closed(server: Server, device: Device) -> Device:
    """A conversation that another device of the citizen has ended."""
    await (await opened(server, id=device.id)).post("end", id="e")
    return device


class TestAfterTheEnd:
    async def test_a_word_within_24_hours_reopens_with_the_bot(self, server: Server, closed: Device) -> None:
        _closed_before(server, closed, hours=23.9)
        async with closed.line() as line:
            assert (await line.next("state"))["stage"] == "closed"
            name = fresh_id()
            assert await line.say(QUESTION, name) == {"type": "ack", "id": name, "seq": 3}
            assert (await line.answer(name))["seq"] == 4
            assert (await line.next("state"))["stage"] == "bot"

    async def test_a_word_later_is_gone(self, server: Server, closed: Device) -> None:
        _closed_before(server, closed, hours=24.1)
        response = await closed.say(QUESTION)
        assert (response.status_code, response.json()["code"]) == (410, "gone")
        async with closed.line() as line:
            error = await line.say(QUESTION)
            assert (error["type"], error["code"]) == ("error", "gone")
        assert (await closed.state())["stage"] == "closed"
        assert len(await closed.messages()) == 2

    async def test_a_word_from_before_is_still_acked(self, server: Server, device: Device) -> None:
        first = (await device.say(QUESTION, "q")).json()
        await (await opened(server, id=device.id)).post("end", id="e")
        _closed_before(server, device, hours=48)
        assert (await device.say(QUESTION, "q")).json() == first

    async def test_it_can_be_rated(self, tell: Tell, closed: Device) -> None:
        assert (await tell("rate", id="r", stars=4))["type"] == "ack"
        assert (await closed.state())["stage"] == "closed"


def _closed_before(server: Server, device: Device, *, hours: float) -> None:
    at = ms(datetime.now(UTC) - timedelta(hours=hours))
    server.change(conversations.update().where(conversations.c.id == device.id).values(closed_at=at))


class TestResume:
    """Each test comes from an address of its own: wrong tries are counted by address."""

    @pytest.fixture
    async def code(self, device: Device) -> str:
        answer = await device.ask("我想换个手机继续")
        assert answer["because"] == "resume_code"
        digits = answer["text"].partition("继续码：")[2][:6]
        assert digits.isdigit()
        return str(digits)

    @pytest.fixture
    async def phone(self, server: Server) -> Device:
        return await opened(server, fresh_address())

    async def test_a_code_opens_the_conversation_on_another_device(
        self, server: Server, device: Device, code: str, phone: Device
    ) -> None:
        async with phone.line() as line:
            await line.send("resume", id="r", code=code)
            resumed = await line.next("resumed")
            assert (resumed["id"], resumed["conversation"]) == ("r", device.id)
            assert (await line.told("r"))["seq"] == 3
        there = Device(server, resumed["conversation"], resumed["token"])
        assert [m["seq"] for m in await there.messages()] == [1, 2, 3]
        assert (await device.read()).status_code == 200, "the first device may go on too"

    async def test_by_rest_the_ack_holds_the_token(
        self, server: Server, device: Device, code: str, phone: Device
    ) -> None:
        told = (await phone.post("resume", id="r", code=f" {code} ")).json()
        assert (told["type"], told["id"], told["seq"], told["conversation"]) == ("ack", "r", 3, device.id)
        assert (await Device(server, device.id, told["token"]).read()).status_code == 200

    async def test_it_works_once(self, code: str, phone: Device) -> None:
        assert (await phone.post("resume", id="r1", code=code)).status_code == 200
        response = await phone.post("resume", id="r2", code=code)
        assert (response.status_code, response.json()["code"]) == (400, "bad_code")

    async def test_two_at_once_one_wins(self, code: str, phone: Device) -> None:
        answers = await asyncio.gather(*(phone.post("resume", id=f"r{n}", code=code) for n in range(4)))
        assert sorted(a.status_code for a in answers) == [200, 400, 400, 400]

    @pytest.mark.parametrize(("minutes", "status"), [(14.9, 200), (15.1, 400)])
    async def test_it_lives_fifteen_minutes(
        self, server: Server, device: Device, code: str, phone: Device, minutes: float, status: int
    ) -> None:
        mine = resume_codes.update().where(resume_codes.c.conversation_id == device.id)
        server.change(mine.values(ends_at=resume_codes.c.ends_at - int(minutes * 60_000)))
        assert (await phone.post("resume", id="r", code=code)).status_code == status

    @pytest.mark.parametrize("wrong", ["", "12345", "1234567", "abcdef", "' OR 1=1", "１２３４５"])
    async def test_a_wrong_code_is_told(self, phone: Device, wrong: str) -> None:
        assert (await phone.post("resume", id="r", code=wrong)).json()["code"] == "bad_code"

    @pytest.mark.parametrize("wrong", [None, 123456, ["123456"], "1" * 40])
    async def test_a_code_of_the_wrong_type_is_a_bad_frame(self, phone: Device, wrong: Any) -> None:
        assert (await phone.post("resume", id="r", code=wrong)).json()["code"] == "bad_frame"

    async def test_after_five_wrong_tries_the_address_has_to_wait(
        self, server: Server, code: str, phone: Device
    ) -> None:
        for n in range(5):
            assert (await phone.post("resume", id=f"w{n}", code="none")).json()["code"] == "bad_code"
        response = await phone.post("resume", id="r", code=code)
        assert (response.status_code, response.json()["code"]) == (429, "too_often")
        assert 60 < int(response.headers["retry-after"]) <= 900
        async with phone.line() as line:
            await line.send("resume", id="s", code=code)
            assert (await line.told("s"))["code"] == "too_often"
        same_address = await opened(server, phone.address)
        assert (await same_address.post("resume", id="r", code=code)).status_code == 429
        elsewhere = await opened(server, fresh_address())
        assert (await elsewhere.post("resume", id="r", code=code)).status_code == 200

    async def test_right_codes_do_not_use_up_the_tries(self, device: Device, phone: Device) -> None:
        for n in range(6):
            answer = await device.ask("我想换个手机继续")
            code = answer["text"].partition("继续码：")[2][:6]
            assert (await phone.post("resume", id=f"r{n}", code=code)).status_code == 200
