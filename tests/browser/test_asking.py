"""A citizen asks, and reads what was answered."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.citizen import DESKTOP, Citizen
from tests.browser.conftest import Device

QUESTION = "养老保险最低要交多少年"


def test_the_greeting_says_that_a_machine_answers(citizen: Citizen) -> None:
    expect(citizen.letters.first).to_contain_text("机器自动应答")
    expect(citizen.page.locator(".chat__who")).to_have_text("AI 智能助手")


def test_an_answer_begins_with_its_conclusion_and_unfolds_its_basis(citizen: Citizen) -> None:
    answer = citizen.asks(QUESTION)
    expect(answer.locator(".lead")).to_have_text("2029 年及以前退休，累计缴费满 15 年；2039 年起要满 20 年。")
    basis = answer.locator(".basis")
    expect(basis.locator("summary")).to_contain_text("依据 1 条")
    expect(basis.locator("summary")).to_contain_text("2026-11-01 核对")
    expect(basis.locator(".basis__doc")).to_be_hidden()
    basis.locator("summary").click()
    expect(basis.locator(".basis__doc")).to_have_text("《国务院关于渐进式延迟法定退休年龄的办法》第二条")
    expect(basis.locator("dt")).to_have_text(["施行", "适用", "核对"])
    expect(basis.locator("dd")).to_have_text(["2025-01-01", "全国", "2026-11-01"])
    original = basis.get_by_role("link", name="查看原文")
    expect(original).to_have_attribute("href", re.compile(r"^https://www\.gov\.cn/"))
    expect(original).to_have_attribute("rel", "noopener noreferrer")


def test_what_no_official_text_was_found_for_is_told_and_named_in_the_basis(citizen: Citizen) -> None:
    answer = citizen.asks("社保卡丢了怎么办")
    expect(answer.locator(".note")).to_contain_text("还没有核对到官方原文，请以 12333 答复为准")
    basis = answer.locator(".basis--unverified")
    basis.locator("summary").click()
    expect(basis.locator(".tag--warn")).to_contain_text("未核对到原文")
    expect(basis.locator("dd").first).to_have_text("挂失渠道")
    expect(basis).not_to_contain_text("《待核实")
    expect(answer.get_by_role("link", name="12333").first).to_have_attribute("href", "tel:12333")


def test_a_question_under_the_answer_is_asked_by_pressing_it(citizen: Citizen) -> None:
    answer = citizen.asks(QUESTION)
    answer.locator(".rows").get_by_role("button", name="我什么时候可以退休").click()
    expect(citizen.letters).to_have_count(3)
    expect(citizen.letters.last.locator(".lead")).to_contain_text("逐步延到 63 岁")


def test_a_vague_question_is_explained_by_a_click(citizen: Citizen, vague: str) -> None:
    offer = citizen.asks(vague)
    expect(offer.locator(".choice")).to_have_count(3)
    expect(offer.locator(".choice").last).to_contain_text("都不是")
    expect(offer.locator(".letter__text")).to_have_text("您想问的是哪一个？")
    wanted = offer.locator(".choice", has_text="医保")
    wanted.click()
    expect(citizen.letters.last.locator(".lead")).to_have_text("在国家医保服务平台申请。")
    expect(citizen.bubbles.last).to_have_text("医保怎么转到杭州")


def test_a_vague_question_is_explained_by_its_number(citizen: Citizen, vague: str) -> None:
    offer = citizen.asks(vague)
    second = offer.locator(".choice").nth(1)
    expect(second.locator(".n")).to_have_text("2")
    leads = {"养老": "在网上申请，不用回原来的地方。", "医保": "在国家医保服务平台申请。"}
    wanted = leads[second.inner_text().split("\n")[-1].strip()[:2]]
    expect(citizen.asks("2").locator(".lead")).to_have_text(wanted)


def test_none_of_them_asks_for_other_words(citizen: Citizen, vague: str) -> None:
    citizen.asks(vague)
    expect(citizen.asks("0")).to_contain_text("换个说法")


def test_an_older_offer_still_means_what_it_says(citizen: Citizen, vague: str) -> None:
    older = citizen.asks(vague).locator(".choice", has_text="医保")
    citizen.asks(QUESTION)
    citizen.asks(vague)
    older.click()
    expect(citizen.letters.last.locator(".lead")).to_have_text("在国家医保服务平台申请。")


def test_what_is_none_of_its_business_is_refused_without_sources_or_feedback(citizen: Citizen) -> None:
    refusal = citizen.asks("今天天气怎么样")
    expect(refusal).to_contain_text("我只懂社保")
    expect(refusal.locator(".basis, .letter__foot")).to_have_count(0)


def test_feedback_is_asked_for_answers_only_and_remembered(citizen: Citizen) -> None:
    expect(citizen.letters.first.locator(".letter__foot")).to_have_count(0)
    answer = citizen.asks(QUESTION)
    answer.get_by_role("button", name="没用").click()
    expect(answer.get_by_role("status")).to_contain_text("换个说法")
    citizen.reloads()
    expect(citizen.letters.last.get_by_role("button", name="没用")).to_have_attribute("aria-pressed", "true")


def test_an_identity_number_is_hidden_everywhere(citizen: Citizen) -> None:
    number = "330106198001011234"
    answer = citizen.asks(f"我的身份证{number}")
    expect(answer.locator(".note--info")).to_contain_text("号码已自动隐去")
    expect(citizen.bubbles).to_have_count(1)
    expect(citizen.bubbles.first).to_contain_text("隐去")
    assert number not in "".join(citizen.said)
    assert number not in str(citizen.page.evaluate("JSON.stringify({ ...localStorage, ...sessionStorage })"))
    citizen.reloads()
    expect(citizen.bubbles.first).to_contain_text("隐去")


@pytest.mark.parametrize(
    "text",
    [
        '<img src="/nowhere" onerror="window.hurt = 1">',
        "<script>window.hurt = 1</script>",
        "**<b onmouseover=alert(1)>粗</b>** [点我](javascript:alert(1))",
        "{{7*7}}</textarea></p><iframe src=//example.com>",
    ],
)
def test_markup_in_a_question_stays_text(citizen: Citizen, text: str) -> None:
    citizen.asks(text)
    expect(citizen.bubbles.last).to_have_text(text)
    assert citizen.bubbles.last.locator("*").count() == 0
    assert citizen.page.evaluate("window.hurt") is None


def test_a_text_that_is_too_long_is_refused_in_plain_words_and_kept(citizen: Citizen) -> None:
    text = "字" * 501
    citizen.writes(text)
    expect(citizen.page.locator("#composer-error")).to_have_text("最多 500 字，请分几次说")
    expect(citizen.page.locator(".composer__count")).to_have_text("超出 1 字")
    expect(citizen.box).to_have_value(text)
    expect(citizen.bubbles).to_have_count(0)
    citizen.asks("字" * 500)
    expect(citizen.bubbles).to_have_count(1)


def test_nothing_written_is_nothing_sent(citizen: Citizen) -> None:
    citizen.writes("   ")
    expect(citizen.page.locator("#composer-error")).to_have_text("请先写下您的问题")
    expect(citizen.bubbles).to_have_count(0)


def test_the_station_lists_questions_by_subject_and_asks_them(device: Device) -> None:
    citizen = Citizen(device(size=DESKTOP).new_page()).visits("/").greeted()
    page = citizen.page
    subject = page.locator(".topic", has_text="社保卡")
    subject.locator("summary").click()
    subject.get_by_role("button", name="社保卡丢了怎么办").click()
    expect(citizen.letters.last.locator(".lead")).to_have_text("先挂失，再补卡。")
    page.locator("#ask").fill(QUESTION)
    page.locator("#ask-button").click()
    expect(citizen.letters.last.locator(".lead")).to_contain_text("15 年")
    expect(page.get_by_role("link", name="12333").first).to_have_attribute("href", "tel:12333")


def test_a_printed_code_opens_the_station_with_its_scene(device: Device) -> None:
    page = device().new_page()
    with page.expect_request("**/api/v1/conversations") as opening:
        citizen = Citizen(page).visits("/s/abc").greeted()
    assert opening.value.post_data_json["scene"] == "abc"
    assert citizen.sideways == 0


def test_the_english_window_says_that_answers_are_chinese(device: Device) -> None:
    citizen = Citizen(device(size=DESKTOP).new_page()).visits("/").greeted()
    page = citizen.page
    page.locator("#locale").click()
    expect(page.locator("h1")).to_have_text("How can we help?")
    expect(page.locator(".chat__log .note").first).to_contain_text("Answers are given in Chinese only")
    expect(page.get_by_role("button", name="Human")).to_be_visible()
    answer = citizen.asks(QUESTION)
    expect(answer.locator("summary")).to_contain_text("Legal basis (1)")
    expect(answer.locator(".letter__text")).to_have_attribute("lang", "zh-CN")
    expect(page.locator("shebao-chat")).to_have_attribute("lang", "en")
    citizen.writes("字" * 501)
    expect(page.locator("#composer-error")).to_contain_text("At most 500 characters")
