"""One call's turn-taking, told as lists of events under a clock of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.voice import ear, words
from channels.voice import events as on
from channels.voice.call import Call, Manners
from channels.voice.events import Option, Phase, Place


class Story:
    """Plays a gateway: what is said is heard as long as it takes, unless somebody interrupts."""

    def __init__(self, **manners: Any) -> None:
        self.call = Call(Manners(city="杭州", phones="一二三", **manners))
        self.at = 0
        self.actions: list[on.Action] = []
        self.saying: on.Say | None = None
        self.number = 0
        self.left = 0.0
        self.quiet = 0
        self.speaks = 0

    def tell(self, event: on.Event) -> list[on.Action]:
        told = self.call.handle(event)
        for action in told:
            self.actions.append(action)
            if isinstance(action, on.Say):
                self.saying, self.number = action, action.first
                self.left = ear.seconds(action.parts[action.first]) * 1000 if action.parts else 0
            elif isinstance(action, on.Hush):
                self.saying = None
        return told

    def begin(self, **more: Any) -> Story:
        self.tell(on.Began(0, **more))
        return self

    def go(self, ms: int) -> Story:
        for _ in range(ms // 20):
            self.at += 20
            self.quiet += 20
            if self.saying is not None:
                self.left -= 20
                if self.left <= 0:
                    told, self.number = self.saying, self.number + 1
                    done = self.number >= len(told.parts)
                    if done:
                        self.saying = None
                    else:
                        self.left = ear.seconds(told.parts[self.number]) * 1000
                    self.tell(on.Played(self.at, told.saying, self.number, done))
            self.tell(on.Tick(self.at, self.speaks, self.quiet))
        return self

    def hear_out(self, most: int = 60_000) -> Story:
        end = self.at + most
        while self.call.phase is Phase.SPEAKING and self.at < end:
            self.go(100)
        return self

    def says(self, text: str, confidence: float = 1.0, pause: int = 700) -> Story:
        """Half of it first, then all; the recogniser's last word when it is asked for."""
        self.quiet = 0
        self.tell(on.Partial(self.at, text[: max(1, len(text) // 2)]))
        self.go(300)
        self.quiet = 0
        self.tell(on.Partial(self.at, text))
        count = len(self.actions)
        self.go(pause)
        if any(isinstance(a, on.EndTurn) for a in self.actions[count:]):
            self.tell(on.Final(self.at, text, confidence))
        return self

    def presses(self, keys: str, pause: int = 200) -> Story:
        for key in keys:
            self.tell(on.Pressed(self.at, key))
            self.go(pause)
        return self

    def answers(self, text: str = "答复是这样的。", **more: Any) -> Story:
        asked = self.of(on.Ask, on.AskHuman)[-1]
        self.tell(on.Replied(self.at, asked.turn, text, **more))
        return self

    def of(self, *kinds: type) -> list[Any]:
        return [a for a in self.actions if isinstance(a, kinds)]

    @property
    def asked(self) -> list[str]:
        return [a.text for a in self.of(on.Ask)]

    @property
    def spoken(self) -> str:
        return "".join(self.of(on.Say)[-1].parts)


def ready(**manners: Any) -> Story:
    return Story(**manners).begin().hear_out()


def test_the_caller_learns_first_that_a_machine_answers_and_what_is_kept_then_is_asked_openly() -> None:
    first = Story(records=True).begin().of(on.Say)[0].parts
    assert "机器" in first[0]
    assert "录音" in first[1]
    assert "请直接说" in first[2]
    assert "录音" not in Story().begin().spoken


def test_a_question_is_asked_once_it_is_over_and_its_answer_said() -> None:
    story = ready().says("养老金什么时候发")
    assert story.asked == ["养老金什么时候发"]
    story.answers("每月十五日前后到账。")
    assert "每月十五日" in story.spoken
    assert "还有什么要问的" in story.spoken


def test_words_that_are_meant_to_interrupt_stop_the_voice_and_others_do_not() -> None:
    story = ready().says("养老金什么时候发").answers("这是很长的一句话。" * 6)
    for text in ("嗯", "好的", "嗯嗯", "知道了"):
        story.go(300).tell(on.Partial(story.at, text))
        assert story.call.phase is Phase.SPEAKING
        story.tell(on.Final(story.at, text, spent=False))
        story.quiet = 0
        story.go(2_000)
    story.tell(on.Partial(story.at, "失业金"))
    assert story.of(on.Hush)
    assert story.call.phase is Phase.LISTENING


def test_the_legal_notice_is_not_interrupted_by_words_but_by_keys() -> None:
    story = Story().begin().go(500)
    story.tell(on.Partial(story.at, "养老金什么"))
    assert not story.of(on.Hush)
    story.hear_out()
    assert story.of(on.Hush)  # once the notice was heard
    keyed = Story().begin().go(500).presses("0")
    assert keyed.of(on.AskHuman)


def test_what_was_not_heard_is_not_counted_as_said() -> None:
    story = ready().says("养老金什么时候发").answers("第一句话是这样的。第二句话是那样的。第三句话又是另一样。")
    story.go(3_000)
    story.tell(on.Partial(story.at, "失业金怎么领"))
    (heard,) = story.of(on.HeardOf)
    assert heard.parts == ("第一句话是这样的。",)
    assert not heard.whole


def test_an_interruption_that_comes_to_nothing_lets_the_sentence_go_on() -> None:
    story = ready().says("养老金什么时候发").answers("第一句话是这样的。第二句话是那样的。")
    story.go(3_000)
    story.tell(on.Partial(story.at, "咳咳咳"))
    assert story.of(on.Hush)
    story.tell(on.Partial(story.at, ""))
    story.quiet = 0
    story.go(2_600)
    say = story.of(on.Say)[-1]
    assert say.parts[say.first] == "第二句话是那样的。"


@pytest.mark.parametrize("text", ["我的身份证号是三三零一零六", "一九七六年三月", "我想问一下", "手机号是一三八"])
def test_numbers_dates_and_words_that_go_on_are_waited_for(text: str) -> None:
    story = ready()
    story.tell(on.Partial(story.at, text))
    story.quiet = 0
    story.go(1_200)
    assert not story.of(on.EndTurn)
    story.go(700)
    assert story.of(on.EndTurn)


def test_an_identity_number_with_pauses_of_a_second_stays_one_turn() -> None:
    story = ready()
    for piece in ("我的身份证号是三三零一零六", "一九七六零三零八", "一二三四"):
        story.quiet = 0
        story.tell(on.Partial(story.at, piece))
        story.go(400)
        story.tell(on.Final(story.at, piece, spent=False))
        story.quiet = 400
        story.go(600)
    assert story.asked == ["我的身份证号是三三零一零六一九七六零三零八一二三四"]


def test_options_are_told_with_keys_and_taken_by_key_by_number_and_by_name() -> None:
    offered = (Option("c1", "养老金什么时候发"), Option("c2", "养老金怎么调整"), Option("none", "都不是"))
    for take, expected in (("2", "c2"), ("*", "none")):
        story = ready().says("养老金").answers("您想问的是哪一个？", outcome="clarify", options=offered)
        assert "怎么调整，请按二" in story.spoken
        story.presses(take)
        assert story.of(on.Ask)[-1].choice == expected
    story = ready().says("养老金").answers("哪一个？", outcome="clarify", options=offered).hear_out().says("第二个")
    assert story.of(on.Ask)[-1].choice == "c2"


def test_a_long_answer_stops_after_25_seconds_and_goes_on_when_asked() -> None:
    story = (
        ready()
        .says("养老保险怎么办理")
        .answers("".join(f"这是第{n}句比较长的说明文字。" for n in "一二三四五六七八九十"))
    )
    assert "还要继续听吗" in story.spoken
    assert sum(map(ear.seconds, story.of(on.Say)[-1].parts[:-1])) <= 25
    story.hear_out().says("要")
    assert "第十句" in story.spoken
    assert len(story.asked) == 1


def test_the_full_answer_is_offered_where_there_is_one() -> None:
    story = ready().says("养老保险怎么办理").answers("短的。", more="长的说明在这里。还有很多细节。")
    assert "还要听更详细的吗" in story.spoken
    story.hear_out().presses("1")
    assert "很多细节" in story.spoken
    other = (
        ready()
        .says("养老保险怎么办理")
        .answers("短的。", more="长的说明在这里。还有很多细节。")
        .hear_out()
        .says("不用了")
    )
    assert "还有什么要问的" in other.spoken


@pytest.mark.parametrize("way", ["0", "转人工", "我要找人工客服"])
def test_a_human_is_one_step_away_at_any_prompt(way: str) -> None:
    for story in (ready(), ready().says("养老金").answers("这样。"), Story().begin().go(1_000).hear_out()):
        story.presses(way) if way == "0" else story.says(way)
        assert story.of(on.AskHuman)
        story.answers("", outcome="handoff", handed=True).hear_out()
        assert story.call.outcome == "human"
        assert story.actions[-1] == on.GiveBack("human")


def test_silence_is_met_twice_then_with_keys_then_with_a_human_and_never_again() -> None:
    story = ready()
    prompts = []
    for _ in range(3):
        story.go(7_200)
        prompts.append(story.spoken)
        story.hear_out()
    assert prompts == [words.say("again_1"), words.say("again_2"), words.say("keys")]
    story.go(7_200)
    assert story.of(on.AskHuman)


def test_nothing_understood_goes_the_same_way() -> None:
    story = ready()
    for expected in ("unclear_1", "unclear_2", "keys"):
        story.speaks, story.quiet = 800, 0
        story.go(40)
        story.speaks = 0
        story.go(1_700)
        story.tell(on.Final(story.at, ""))
        assert story.spoken == words.say(expected)
        story.hear_out()
    story.presses("3")
    assert story.asked == [words.say("key_3")]


def test_after_three_refusals_there_are_keys_not_a_fourth_refusal() -> None:
    story = ready()
    for _ in range(3):
        story.says("天南海北的话").answers("这个问题我答不准。", outcome="refuse").hear_out()
    assert "请按一" in story.spoken


def test_the_last_answer_is_said_again_slower_and_louder() -> None:
    story = ready().says("养老金什么时候发").answers("每月十五日。").hear_out().says("再说一遍")
    assert "每月十五日" in story.spoken
    story.hear_out().says("慢一点")
    assert story.of(on.Manner)[-1].speed == pytest.approx(0.8)
    assert "每月十五日" in story.spoken
    story.hear_out().presses("9")
    assert "每月十五日" in story.spoken
    story.hear_out().says("大声一点", pause=1_200)
    assert story.of(on.Manner)[-1].gain > 1


def test_what_was_heard_badly_is_confirmed_before_it_is_asked() -> None:
    story = ready().says("失业金怎么领", confidence=0.2)
    assert story.asked == []
    assert "失业金怎么领，对吗" in story.spoken
    story.hear_out().says("是的")
    assert story.asked == ["失业金怎么领"]
    no = ready().says("失业金怎么领", confidence=0.2).hear_out().presses("2")
    assert no.spoken == words.say("unclear_1")


def test_a_number_by_keys_ends_with_a_hash_or_a_pause() -> None:
    assert ready().presses("13800138000#").asked == ["13800138000"]
    assert ready().presses("330106").go(3_500).asked == ["330106"]
    numeric = ready().says("帮我算退休").answers("您哪年出生？", numeric=True).hear_out().presses("1976#")
    assert numeric.asked[-1] == "1976"
    assert not ready().presses("13*#").of(on.Ask)


def test_an_unused_key_is_answered() -> None:
    story = ready().presses("7").go(2_000)
    assert story.spoken == words.say("key_unknown")


def test_losing_the_recogniser_in_the_middle_of_a_sentence_is_told_at_once() -> None:
    story = ready()
    story.tell(on.Partial(story.at, "养老金什"))
    story.tell(on.Hears(story.at, able=True, lost=True))
    assert story.spoken == words.say("lost_ear")
    gone = ready()
    gone.tell(on.Partial(gone.at, "养老金什"))
    gone.tell(on.Hears(gone.at, able=False))
    assert words.say("deaf") in gone.spoken
    assert "请按一" in gone.spoken


def test_without_a_recogniser_the_call_goes_by_keys() -> None:
    story = Story().begin(hears=False).hear_out()
    assert "请按一" in story.spoken
    story.presses("1")
    assert story.asked == [words.say("key_1")]


def test_a_slow_answer_is_bridged_and_one_that_never_comes_is_given_up() -> None:
    story = ready().says("养老金什么时候发").go(1_500)
    assert story.spoken == words.say("moment")
    story.go(8_000)
    assert story.spoken == words.say("trouble")
    late = story.of(on.Ask)[-1]
    story.tell(on.Replied(story.at, late.turn, "太晚的答复。"))
    assert "太晚" not in story.spoken


def test_good_bye_is_followed_by_a_rating_by_key() -> None:
    story = ready().says("没有了谢谢").hear_out().presses("5")
    assert story.of(on.Rate) == [on.Rate(5)]
    story.hear_out()
    assert story.actions[-1] == on.GiveBack("answered")
    silent = ready().says("再见").hear_out().go(6_500).hear_out()
    assert silent.actions[-1] == on.GiveBack("answered")
    assert not silent.of(on.Rate)


def test_the_answer_is_offered_by_text_message_where_that_is_possible() -> None:
    story = ready(texts=True).says("养老金什么时候发").answers("每月十五日。").hear_out().says("没有了").hear_out()
    assert story.spoken == words.say("sms")
    story.presses("1")
    assert story.of(on.SendText)
    story.tell(on.Sent(story.at, done=True))
    story.hear_out()
    assert story.spoken == words.say("rate")


def test_whoever_waits_hears_music_and_the_place_may_ask_and_may_leave() -> None:
    story = ready().presses("0").answers("已为您转人工，前面还有 2 人。", outcome="handoff")
    story.tell(on.Moved(story.at, Place.QUEUE, 2))
    story.hear_out()
    assert story.of(on.Music)[-1].on
    story.go(21_000)
    assert "您前面还有二位" in story.spoken
    story.hear_out().says("养老金什么时候发")
    assert story.asked == ["养老金什么时候发"]
    story.answers("每月十五日。").hear_out().presses("*")
    assert story.of(on.LeaveQueue)
    assert story.call.place is Place.BOT


def test_an_agents_typed_words_are_spoken_and_the_caller_is_written_down() -> None:
    story = ready()
    story.tell(on.Moved(story.at, Place.AGENT))
    story.tell(on.Announced(story.at, "您好，我是八号坐席。"))
    assert "八号坐席" in story.spoken
    story.hear_out().says("我的养老金没到账")
    assert story.asked == ["我的养老金没到账"]
    assert not any(isinstance(a, on.AskHuman) for a in story.actions)
    story.tell(on.Moved(story.at, Place.LEAVING))
    story.hear_out()
    assert story.spoken == words.say("rate")


def test_a_channel_that_is_switched_off_says_why_and_gives_the_call_back() -> None:
    story = Story()
    story.call.rest("系统升级，请稍后再打。")
    story.begin().hear_out()
    assert "系统升级" in "".join(story.of(on.Say)[0].parts)
    assert story.actions[-1] == on.GiveBack("human")


events = st.one_of(
    st.builds(lambda k: ("key", k), st.sampled_from("0123456789*#")),
    st.builds(lambda t: ("says", t), st.sampled_from(["嗯", "好的", "养老金", "再说一遍", "慢一点", "转人工", "是", "不要", "没有了", "再见", "返回", "第一个", "三三零一", ""])),
    st.builds(lambda n: ("go", n), st.integers(1, 200)),
    st.builds(lambda o: ("reply", o), st.sampled_from(["answer", "clarify", "refuse", "handoff", "smalltalk", "failed"])),
    st.builds(lambda p: ("moved", p), st.sampled_from(list(Place))),
    st.sampled_from([("deaf", ""), ("hears", ""), ("lost", ""), ("agent", ""), ("hangup", "")]),
)  # fmt: skip


@given(st.lists(events, max_size=25))
def test_whatever_happens_the_call_goes_on_or_is_given_back_once(told: list[tuple[str, Any]]) -> None:
    story = Story(texts=True).begin()
    for kind, value in told:
        if kind == "key":
            story.presses(value, 20)
        elif kind == "says":
            story.says(value or "嗯")
        elif kind == "go":
            story.go(value * 20)
        elif kind == "reply" and story.of(on.Ask, on.AskHuman):
            turn = story.of(on.Ask, on.AskHuman)[-1].turn
            options = (Option("c1", "甲"), Option("none", "都不是")) if value == "clarify" else ()
            story.tell(
                on.Failed(story.at, turn) if value == "failed" else on.Replied(story.at, turn, "答。", value, options)
            )
        elif kind == "moved":
            story.tell(on.Moved(story.at, value, 1))
        elif kind in ("deaf", "hears", "lost"):
            story.tell(on.Hears(story.at, able=kind != "deaf", lost=kind == "lost"))
        elif kind == "agent":
            story.tell(on.Announced(story.at, "您好。"))
        elif kind == "hangup":
            story.tell(on.HungUp(story.at))
    backs = story.of(on.GiveBack)
    assert len(backs) <= 1
    assert (story.call.phase is Phase.OVER) == bool(backs)
    if not backs:
        story.tell(on.HungUp(story.at))
        assert story.call.phase is Phase.OVER
    assert story.tell(on.Pressed(story.at, "0")) == []


@given(st.lists(st.sampled_from(["silence", "refuse"]), min_size=5, max_size=8))
def test_no_ladder_ever_goes_round(steps: list[str]) -> None:
    story = ready()
    for step in steps:
        if story.of(on.AskHuman):
            break
        if step == "silence":
            story.go(7_400)
        else:
            story.says("天南海北的话").answers("答不准。", outcome="refuse")
        story.hear_out()
    assert story.of(on.AskHuman)
