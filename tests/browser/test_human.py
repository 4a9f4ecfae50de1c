"""A person is one press away, and leaves a way to be called back when nobody is there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.citizen import Citizen


def test_one_press_and_the_citizen_waits(citizen: Citizen) -> None:
    citizen.asks("养老保险最低要交多少年")
    place = citizen.page.locator(".to-human")
    place.click()
    expect(place).to_contain_text("排队中")
    expect(place).to_contain_text("位")
    expect(citizen.page.locator(".queue")).to_contain_text("正在为您转接人工")
    expect(citizen.letters.last).to_contain_text("已为您登记转人工")
    expect(citizen.bubbles.last).to_have_text("转人工")
    answer = citizen.asks("社保卡丢了怎么办")
    expect(answer.locator(".lead")).to_have_text("先挂失，再补卡。")
    expect(place).to_contain_text("排队中")


def test_asking_in_words_is_the_same(citizen: Citizen) -> None:
    citizen.asks("转人工")
    expect(citizen.page.locator(".to-human")).to_contain_text("排队中")


def test_a_message_is_left_once_the_telephone_is_right(citizen: Citizen) -> None:
    page = citizen.page
    page.locator(".to-human").click()
    form = page.locator(".letter--form")
    form.get_by_label("想问什么事").fill("养老")
    form.get_by_label("具体情况").fill("断缴两年，想补")
    form.get_by_label("联系电话").fill("12345")
    citizen.presses("送出留言")
    expect(form.locator(".error:visible")).to_have_text(["请写能打通的电话", "请勾选同意，我们才能给您回电话"])
    form.get_by_label("同意用这个电话联系我").check()
    form.get_by_label("联系电话").fill("10000000000")
    citizen.presses("送出留言")
    expect(form.locator(".error:visible")).to_have_text(["请检查电话号码：手机 11 位，座机请带区号"])
    assert citizen.focused.endswith("-phone")
    expect(form.get_by_label("具体情况")).to_have_value("断缴两年，想补")
    form.get_by_label("联系电话").fill("138 0013 8000")
    citizen.presses("送出留言")
    expect(form).to_contain_text("留言已收到")
    expect(page.locator(".divider").last).to_contain_text("编号")
    citizen.reloads()
    expect(form).to_contain_text("留言已收到")
    assert "13800138000" not in page.content()


def test_leaving_the_queue_gives_the_button_back(citizen: Citizen) -> None:
    page = citizen.page
    page.locator(".to-human").click()
    citizen.presses("取消排队")
    expect(page.locator(".queue")).to_be_hidden()
    expect(page.locator(".to-human")).to_have_text("转人工")
    expect(page.locator(".divider").last).to_contain_text("已取消排队")
    assert citizen.focused == "say"


def test_the_form_in_the_talk_is_the_one_that_the_queue_opens(citizen: Citizen) -> None:
    page = citizen.page
    page.locator(".to-human").click()
    expect(page.locator(".queue")).to_be_visible()
    citizen.presses("改为留言")
    expect(page.locator(".letter--form:visible")).to_have_count(1)
    assert citizen.focused.endswith("-topic")
