"""Somebody new comes to the console: a password for once, one of their own, a second factor, and out again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from playwright.sync_api import Page, expect

from bot.accounts import Actor
from bot.staff import Role
from tests.browser.citizen import DESKTOP, Complaints
from tests.browser.conftest import Device
from tests.browser.test_access import barriers
from tests.channels.serving import Server

GIVEN = "梧桐-Fahrrad-41"
OWN = "桂花-Regenschirm-52"


@pytest.fixture
def page(device: Device, complaints: Complaints) -> Page:
    page = device(size=DESKTOP).new_page()
    page.goto("/console")
    expect(page.get_by_role("heading", name="工作人员登录")).to_be_visible()
    complaints.expected("status of 401")  # it asks who is signed in before anybody is
    return page


def hired(server: Server, name: str, *, must_change: bool = False) -> None:
    work = server.parts.accounts.create(name, GIVEN, roles=[Role.ADMIN], by=Actor(), must_change=must_change)
    server.call(work)


def enter(page: Page, name: str, password: str) -> None:
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码", exact=True).fill(password)
    page.get_by_role("button", name="登录", exact=True).click()


def test_somebody_new_sets_a_password_and_a_second_factor_and_comes_in_with_both(
    page: Page, server: Server, complaints: Complaints
) -> None:
    hired(server, "xinlai", must_change=True)
    enter(page, "xinlai", GIVEN)
    expect(page.get_by_role("heading", name="请先设置新密码")).to_be_visible()
    page.get_by_label("原密码").fill(GIVEN)
    for label in ("新密码", "再输一遍新密码"):
        page.get_by_label(label, exact=True).fill("xinlai-2026-ok")
    page.get_by_role("button", name="设置新密码").click()
    expect(page.get_by_text("密码里不能有用户名或姓名。")).to_be_visible()
    complaints.expected("status of 422")
    for label in ("新密码", "再输一遍新密码"):
        page.get_by_label(label, exact=True).fill(OWN)
    page.get_by_role("button", name="设置新密码").click()
    expect(page.locator(".top")).to_be_visible()

    page.goto("/console/own")
    page.get_by_label("登录密码").fill(OWN)
    page.get_by_role("button", name="开启动态验证码").click()
    totp = pyotp.TOTP(page.locator(".secret").inner_text().replace(" ", ""))
    page.get_by_role("textbox", name="动态验证码").fill(totp.now())
    page.get_by_role("button", name="确认开启").click()
    expect(page.get_by_role("status").filter(has_text="动态验证码已开启。")).to_be_visible()
    assert barriers(page) == []

    page.get_by_role("button", name="退出", exact=True).click()
    enter(page, "xinlai", OWN)
    page.get_by_role("textbox", name="动态验证码").fill("000000")
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_text("动态验证码不对")).to_be_visible()
    page.get_by_role("textbox", name="动态验证码").fill(totp.at(datetime.now(UTC) + timedelta(seconds=30)))
    page.get_by_role("button", name="确认").click()
    expect(page.locator(".top")).to_be_visible()
    complaints.expected("status of 401")


def test_a_wrong_password_says_what_follows_and_the_page_bars_nobody(
    page: Page, server: Server, complaints: Complaints
) -> None:
    hired(server, "laoren")
    enter(page, "laoren", "falsch")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("用户名或密码不对")
    expect(alert).to_contain_text("再错 9 次，账号会锁定一段时间。")
    expect(alert).to_be_focused()
    complaints.expected("status of 401")
    assert barriers(page) == []


def test_who_is_signed_out_elsewhere_comes_back_to_the_door(page: Page, server: Server, complaints: Complaints) -> None:
    hired(server, "weg")
    enter(page, "weg", GIVEN)
    expect(page.locator(".top")).to_be_visible()
    server.call(server.parts.accounts.reset("weg", by=Actor()))
    page.reload()
    expect(page.get_by_role("heading", name="工作人员登录")).to_be_visible()
    complaints.expected("status of 401")
