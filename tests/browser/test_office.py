"""A supervisor and a citizen on a bad day, and the pages of figures and learning as people and axe see them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from bot.accounts import Actor
from bot.learning import gather
from bot.staff import Role
from bot.tallies import Tallies
from tests.browser.agent import PASSWORD, Agent
from tests.browser.citizen import PHONE, Citizen, Complaints
from tests.browser.test_access import barriers
from tests.channels.serving import Server, furnish

PAGES = (
    "settings#notices", "settings#holidays", "settings#audit", "figures#overview", "figures#records",
    "figures#health", "learning#unanswered", "learning#feedback", "learning#proposals", "learning#recall",
)  # fmt: skip


@pytest.fixture(scope="module")
def office(home: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(furnish(home, tmp_path_factory.mktemp("office") / "var")) as server:  # type: ignore[arg-type]
        make = server.parts.accounts.create
        server.call(make("hejing", PASSWORD, roles=list(Role), by=Actor(), name="何静", must_change=False))
        yield server


@pytest.fixture
def boss(chromium: Browser, office: Server, complaints: Complaints) -> Iterator[Page]:
    context = chromium.new_context(base_url=office.url, viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.on("page", complaints.listen)
    page = context.new_page()
    Agent(page).signs_in("hejing")
    yield page
    context.close()
    complaints.expected("status of 401")  # a page asks who is signed in before anybody is


@pytest.fixture
def citizen(chromium: Browser, office: Server) -> Iterator[Citizen]:
    context = chromium.new_context(base_url=office.url, viewport={"width": PHONE[0], "height": PHONE[1]})
    yield Citizen(context.new_page()).visits("/widget/demo").opens()
    context.close()


def test_an_emergency_in_one_step_reaches_a_citizen_whose_page_is_open(boss: Page, citizen: Citizen) -> None:
    boss.goto("/console/settings#notices")
    boss.get_by_role("button", name="发紧急通知").click()
    boss.get_by_label("内容").fill("医保系统正在抢修，预计 14 时恢复。")
    boss.get_by_role("dialog").get_by_role("button", name="发布").click()
    expect(boss.locator(".notice-row")).to_contain_text("正在显示")
    expect(citizen.page.locator(".note--danger")).to_contain_text("医保系统正在抢修", timeout=5_000)
    boss.get_by_role("button", name="结束").first.click()
    expect(boss.locator(".notice-row")).to_contain_text("已结束")


def test_a_question_without_an_answer_is_counted_shown_and_settled(
    boss: Page, citizen: Citizen, office: Server
) -> None:
    citizen.asks("犀牛能不能坐船去火星养蜂")
    expect(citizen.page.locator(".msg--bot .letter__text")).to_have_count(2)
    now = datetime.now(UTC)
    Tallies(office.parts.database, office.parts.settings.site.zone).bring_up(now)
    gather(office.parts.database, office.parts.library.current.models, now)
    boss.goto("/console/figures")
    expect(boss.locator(".kpi__n").first).to_contain_text("1")
    expect(boss.locator(".kpi", has_text="机器人独立解决率")).to_contain_text("没有转人工")
    for name in PAGES:
        boss.goto(f"/console/{name}")
        expect(boss.locator("h1")).to_be_visible()
        assert barriers(boss) == [], name
    boss.goto("/console/learning#unanswered")
    card = boss.locator(".card", has_text="犀牛")
    if card.count():  # it may have been asked back about instead
        card.get_by_role("button", name="不归我们管").click()
        boss.get_by_role("dialog").get_by_role("button", name="记下").click()
        expect(card).to_have_count(0)
