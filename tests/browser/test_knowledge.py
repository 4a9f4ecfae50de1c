"""Policy changes overnight: a clerk uploads, a second person approves and publishes, a citizen is told the new rule."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.accounts import Accounts, Actor
from bot.staff import Role
from knowledge_base.uploads.columns import cells_of
from knowledge_base.uploads.sheets import write_xlsx
from tests.browser.agent import PASSWORD, Agent
from tests.browser.citizen import PHONE, Citizen, Complaints
from tests.browser.test_access import barriers
from tests.channels.console.clerk import entry
from tests.channels.serving import Server, furnish

WIDE = (1440, 900)
STAFF = {"linan": ("李楠", "2001", [Role.EDITOR]), "zhoumin": ("周敏", "2002", [Role.REVIEWER])}
OVERNIGHT = "夜里刚改的补贴怎么领"
NEW = "从今天起，补贴在浙里办申领。"


@pytest.fixture(scope="module")
def office(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a clerk, a reviewer, and the foreman that its process of chores would run."""
    with Server(furnish(home, tmp_path_factory.mktemp("office") / "var")) as server:
        accounts = Accounts(server.parts.database)
        for username, (name, number, roles) in STAFF.items():
            work = accounts.create(
                username, PASSWORD, roles=roles, by=Actor(), name=name, number=number, must_change=False
            )
            server.call(work)
        working = server.call(_begun(server))
        yield server
        server.call(_ended(working))


async def _begun(server: Server) -> asyncio.Task[None]:
    return asyncio.create_task(server.parts.foreman.run())


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


Window = Callable[..., Page]


@pytest.fixture
def window(chromium: Browser, office: Server, complaints: Complaints) -> Iterator[Window]:
    with ExitStack() as stack:

        def fresh(size: tuple[int, int] = WIDE) -> Page:
            context: BrowserContext = chromium.new_context(
                base_url=office.url, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce",
                locale="zh-CN",
            )  # fmt: skip
            context.set_default_timeout(20_000)
            context.on("page", complaints.listen)
            stack.callback(context.close)
            return context.new_page()

        yield fresh


def at_desk(window: Window, complaints: Complaints, username: str, part: str = "") -> Page:
    page = Agent(window()).signs_in(username).page
    complaints.expected("status of 401")
    page.goto(f"/console/knowledge{part}")
    return page


def sheet(*records: dict[str, Any]) -> bytes:
    return write_xlsx(map(cells_of, records))


def choose(page: Page, content: bytes) -> None:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    page.locator("input[type=file]").set_input_files({"name": "新政策.xlsx", "mimeType": kind, "buffer": content})
    expect(page.get_by_role("status").filter(has_text="试导入完成")).to_be_visible(timeout=60_000)


@pytest.mark.timeout(300)
def test_what_two_clerks_change_overnight_is_told_to_citizens_within_a_minute_and_can_be_taken_back(
    window: Window, complaints: Complaints
) -> None:
    good = [entry(f"night_{n}", f"昨晚新政策的第 {n} 条说了什么") for n in range(19)]
    good.append(entry("night_subsidy", OVERNIGHT, NEW, topic="unemployment.apply"))
    bad = [entry(f"bad_{n}", f"写错了的第 {n} 条") for n in range(3)]
    broken = [bad[0] | {"checked": "昨天"}, bad[1] | {"topic": "没有的主题"}, bad[2] | {"jurisdiction": "火星"}]

    clerk = at_desk(window, complaints, "linan", "#import")
    choose(clerk, sheet(*good, *broken))
    expect(clerk.get_by_text("新增 20，有错 3").first).to_be_visible()
    expect(clerk.get_by_role("row").nth(1)).to_contain_text("核对日期：日期要写成 2026-01-31")
    assert barriers(clerk) == []
    with clerk.expect_download() as saved:
        clerk.get_by_role("link", name="下载有错的行").click()
    assert saved.value.suggested_filename == "errors.xlsx"
    choose(clerk, sheet(*good, *bad))
    clerk.get_by_role("button", name="导入 23 条并送审").click()
    expect(clerk.get_by_role("status").filter(has_text="导入完成，已送审：新增 23")).to_be_visible(timeout=60_000)

    reviewer = at_desk(window, complaints, "zhoumin", "#review")
    expect(reviewer.get_by_role("article", name=OVERNIGHT)).to_contain_text(NEW)
    assert barriers(reviewer) == []
    reviewer.get_by_role("button", name="全部批准").click()
    expect(reviewer.get_by_role("status").filter(has_text="批准了 23 条")).to_be_visible(timeout=60_000)
    approved = time.monotonic()

    reviewer.get_by_role("navigation", name="知识").get_by_role("link", name="版本").click()
    reviewer.get_by_role("button", name="生成新版本").click()
    publish = reviewer.get_by_role("button", name="发布", exact=True)
    expect(publish).to_be_enabled(timeout=60_000)
    assert barriers(reviewer) == []
    publish.click()
    expect(reviewer.get_by_role("status").filter(has_text="已发布")).to_be_visible(timeout=30_000)
    citizen = Citizen(window(PHONE)).visits("/widget/demo").opens()
    expect(citizen.asks(OVERNIGHT)).to_contain_text(NEW)
    assert time.monotonic() - approved <= 60

    reviewer.get_by_role("button", name="回退到这一版").click()
    expect(reviewer.get_by_role("status").filter(has_text="已回退")).to_be_visible(timeout=30_000)
    later = Citizen(window(PHONE)).visits("/widget/demo").opens()
    expect(later.asks(OVERNIGHT)).not_to_contain_text(NEW)


@pytest.mark.timeout(200)
def test_an_entry_is_written_with_its_previews_and_two_editors_see_both_texts(
    window: Window, complaints: Complaints
) -> None:
    page = at_desk(window, complaints, "linan", "#entries?new")
    page.get_by_label("主题").select_option("pension.min_years")
    page.get_by_label("标准问题").fill("补缴的年限算不算")
    page.get_by_label("相似问法").fill("补交的算吗\n补缴年限认不认")
    page.get_by_label("答案", exact=True).fill("算，按规定补缴的计入累计年限。")
    page.get_by_label("电话里念的").fill("补缴的算数。")
    page.get_by_role("button", name="加一条依据").click()
    page.get_by_label("文件", exact=True).fill("社会保险法")
    page.get_by_label("条款").fill("第十六条")
    page.get_by_label("施行日期").fill("昨天")
    page.get_by_role("button", name="存草稿").click()
    expect(page.get_by_role("alert").filter(has_text="日期要写成")).to_be_visible()
    complaints.expected("status of 422")
    page.get_by_label("施行日期").fill("2011-07-01")
    expect(page.locator(".preview", has_text="电话")).to_contain_text("补缴的算数")
    assert barriers(page) == []
    page.get_by_role("button", name="存草稿").click()
    expect(page.get_by_role("status").filter(has_text="已存为草稿")).to_be_visible()
    address = page.url

    other = at_desk(window, complaints, "zhoumin")
    other.goto(address)
    other.get_by_label("通俗说法").fill("就是说，补的也算。")
    other.get_by_role("button", name="存草稿").click()
    expect(other.get_by_role("status").filter(has_text="已存为草稿")).to_be_visible()
    page.get_by_label("微信短答").fill("补缴的算。")
    page.get_by_role("button", name="送审").click()
    clash = page.get_by_role("alert", name="别人刚改过")
    expect(clash).to_contain_text("zhoumin 刚刚改过这一条")
    expect(clash).to_contain_text("补缴的算。")
    complaints.expected("status of 412")
    clash.get_by_role("button", name="用我写的").click()
    expect(page.get_by_role("status").filter(has_text="已存为草稿")).to_be_visible()
    page.get_by_role("button", name="历史").click()
    expect(page.get_by_role("dialog")).to_contain_text("第 3 稿")
    page.keyboard.press("Escape")
    page.get_by_role("main").get_by_role("link", name="命中测试").click()
    page.get_by_role("button", name="试一试").click()
    expect(page.get_by_role("region", name="候选条目")).to_be_visible()
    assert barriers(page) == []
