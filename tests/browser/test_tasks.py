"""Procedures and calculators as pages: walked by hand and by keyboard, on small screens, in each look, on paper."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.citizen import DESKTOP, PHONE, REFUSED, SMALL_PHONE, Complaints
from tests.browser.conftest import Device
from tests.browser.test_access import barriers

TRANSFER = "/procedures/pension_transfer"
CASE = f"{TRANSFER}?direction=in&stopped=yes&channel=counter"
RETIREMENT = "/calculators/retirement"
LOOKS = {
    "light": {},
    "dark": {"theme": "dark"},
    "elder": {"elder": True},
    "elder and dark": {"elder": True, "theme": "dark"},
}


@pytest.fixture
def page(device: Device) -> Page:
    return device().new_page()


def sideways(page: Page) -> int:
    found: int = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
    return found


def answers(page: Page, *labels: str) -> None:
    for label in labels:
        page.get_by_role("link", name=label, exact=True).click()


class TestProcedure:
    def test_from_the_station_to_a_checklist_that_keeps_its_ticks(self, page: Page) -> None:
        page.goto("/")
        page.get_by_role("link", name="办事指南").first.click()
        page.get_by_role("link", name=re.compile("养老保险关系转移")).click()
        answers(page, "转进杭州", "已停保", "去窗口")
        expect(page).to_have_url(re.compile(r"\?direction=in&stopped=yes&channel=counter$"))
        expect(page.get_by_role("heading", name="办事清单")).to_be_visible()
        expect(page.locator(".checklist [role=status]")).to_have_text(re.compile(r"^已勾 0 项，共 \d+ 项$"))
        page.get_by_label("身份证", exact=True).check()
        expect(page.locator(".checklist [role=status]")).to_have_text(re.compile("^已勾 1 项"))
        page.reload()
        expect(page.get_by_label("身份证", exact=True)).to_be_checked()
        page.get_by_role("button", name="清空勾选").click()
        page.reload()
        expect(page.get_by_label("身份证", exact=True)).not_to_be_checked()

    def test_back_change_and_again(self, page: Page) -> None:
        page.goto(TRANSFER)
        answers(page, "转进杭州", "已停保")
        expect(page.locator("#question")).to_have_text("您想在网上办，还是去窗口办？")
        expect(page.locator("#question")).to_be_focused()
        answers(page, "上一步")
        expect(page.locator("#question")).to_have_text("原来参保的地方，现在停保了吗？")
        answers(page, "还在交", "网上办")
        page.get_by_role("link", name=re.compile("^改 ?您是把养老保险")).click()
        answers(page, "从杭州转出")
        expect(page.locator(".given li")).to_have_count(2)  # whether one has stopped matters no more
        expect(page).to_have_url(re.compile(r"\?direction=out&channel=online$"))
        answers(page, "重新选")
        expect(page).to_have_url(re.compile(f"{TRANSFER}$"))
        page.go_back()
        expect(page.get_by_role("heading", name="办事清单")).to_be_visible()

    def test_an_address_that_somebody_sent_goes_on_from_there(self, page: Page, complaints: Complaints) -> None:
        page.goto(f"{TRANSFER}?direction=in&stopped=perhaps&from=singlemessage")
        expect(page.locator("#question")).to_have_text("原来参保的地方，现在停保了吗？")
        expect(page).to_have_url(re.compile(r"\?direction=in$"))
        answers(page, "上一步")
        expect(page.locator("#question")).to_have_text("您是把养老保险转进杭州，还是从杭州转出去？")
        complaints.expected(REFUSED)

    def test_the_link_is_copied(self, device: Device) -> None:
        page = device(permissions=["clipboard-read", "clipboard-write"]).new_page()
        page.goto(CASE)
        page.get_by_role("button", name="复制链接").click()
        expect(page.get_by_role("button", name="已复制")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == page.url

    def test_who_is_not_clear_asks_the_station(self, page: Page) -> None:
        page.goto(CASE)
        page.get_by_role("link", name=re.compile("问一问")).click()
        expect(page.locator("#ask")).to_have_value("关于养老保险关系转移，")
        expect(page.locator("#ask")).to_be_focused()

    def test_a_guide_that_is_not_there_leads_to_the_list(self, page: Page, complaints: Complaints) -> None:
        page.goto("/procedures/nothing")
        page.get_by_role("link", name="看全部办事指南").click()
        expect(page.get_by_role("heading", name="办事指南")).to_be_visible()
        complaints.expected(REFUSED)

    def test_without_a_network_it_says_so_and_tries_again(self, page: Page, complaints: Complaints) -> None:
        page.goto(TRANSFER)
        expect(page.locator("#question")).to_be_visible()
        page.context.set_offline(True)
        answers(page, "转进杭州")
        expect(page.get_by_role("alert")).to_have_text("没有连上网络，请检查后再试。")
        page.context.set_offline(False)
        page.get_by_role("button", name="再试一次").click()
        expect(page.locator("#question")).to_have_text("原来参保的地方，现在停保了吗？")
        complaints.expected(r"net::ERR_INTERNET_DISCONNECTED")

    def test_on_paper_it_is_one_page_without_what_one_would_press(self, page: Page) -> None:
        page.goto(CASE)
        expect(page.locator(".checklist")).to_be_visible()
        assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
        page.emulate_media(media="print")
        for pressed in (".site", ".ways", ".checklist .btn", ".ask-us", ".basis"):
            expect(page.locator(pressed).first).to_be_hidden()
        expect(page.locator(".on-paper")).to_contain_text("《中华人民共和国社会保险法》第十九条")
        expect(page.locator(".ticks input").first).to_be_visible()


class TestCalculator:
    def test_an_error_stands_beside_its_field_and_then_there_is_a_result(
        self, page: Page, complaints: Complaints
    ) -> None:
        page.goto("/calculators")
        page.get_by_role("link", name=re.compile("退休时间测算")).click()
        birth = page.get_by_label("您是哪年哪月出生的？")
        page.get_by_role("button", name="开始算").click()
        expect(page.locator("#birth-error")).to_have_text("请填这一项。")
        expect(page.locator("#category-error")).to_have_text("请选一项。")
        expect(birth).to_be_focused()
        page.get_by_label("男职工", exact=True).check()
        birth.fill("1976年13月")
        birth.press("Enter")
        expect(page.locator("#birth-error")).to_contain_text("请写清年和月")
        expect(page.locator("#category-error")).to_be_hidden()
        expect(birth).to_be_focused()
        birth.fill("1976.8")
        birth.press("Enter")
        expect(page.locator(".result .lead")).to_contain_text("2039 年 7 月")
        expect(page.locator("#result")).to_be_focused()
        expect(page.locator(".result")).to_contain_text("怎么算的：")
        expect(page.locator(".result .note")).to_contain_text("核定为准")
        page.locator(".result .basis summary").click()
        expect(page.locator(".result .basis__doc").first).to_be_visible()
        assert page.url.endswith(RETIREMENT), "what was filled in stands in no address that others see"
        birth.fill("1976.9")
        expect(page.locator(".result")).to_be_hidden()
        complaints.expected(REFUSED)

    def test_years_and_months_have_a_box_each_and_unknown_is_a_button(self, page: Page) -> None:
        page.goto("/calculators/pension_estimate")
        paid = page.get_by_role("group", name="到退休时，养老保险一共交多久？")
        age = page.get_by_role("group", name="您多大年龄退休？")
        paid.get_by_label("年", exact=True).fill("25")
        age.get_by_label("岁").fill("30")
        page.get_by_label(re.compile("个人账户一共有多少元")).fill("120,000 元")
        for unknown in page.locator(".chip").all():
            unknown.click()
        page.get_by_role("button", name="开始算").click()
        expect(page.locator("#age_months-error")).to_contain_text("不能少于 40 岁")
        age.get_by_label("岁").fill("60")
        age.get_by_label("个月").fill("8")
        page.keyboard.press("Enter")
        expect(page.locator(".result .lead")).to_contain_text("个人账户养老金估算每月")

    def test_what_an_answer_makes_needless_is_not_asked(self, page: Page) -> None:
        page.goto("/calculators/min_years")
        expect(page.get_by_label("您是哪年哪月出生的？")).to_be_visible()
        page.get_by_label(re.compile("^您哪一年退休")).fill("2035")
        expect(page.get_by_label("您是哪年哪月出生的？")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.locator(".result .lead")).to_contain_text("216 个月")
        page.get_by_role("button", name="清空").click()
        expect(page.get_by_label(re.compile("^您哪一年退休"))).to_have_value("")

    def test_every_form_can_be_sent(self, page: Page, complaints: Complaints) -> None:
        """Whatever it lacks is said beside a field, never by silence."""
        page.goto("/calculators")
        addresses = [link.get_attribute("href") for link in page.locator(".links a").all()]
        assert len(addresses) > 5
        for address in addresses:
            page.goto(str(address))
            page.get_by_role("button", name="开始算").click()
            expect(page.locator(".form .error:visible").first).to_be_visible()
        complaints.expected(REFUSED)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [SMALL_PHONE, PHONE, DESKTOP], ids=["small", "phone", "desktop"])
def test_nothing_bars_the_way_and_nothing_scrolls_sideways(device: Device, look: str, size: tuple[int, int]) -> None:
    context = device(size=size)
    chosen = json.dumps(json.dumps(LOOKS[look]))
    context.add_init_script(f"try {{ localStorage['shebao-yida.look'] ??= {chosen}; }} catch {{}}")
    page = context.new_page()
    for address, ready in (
        ("/procedures", ".links"), (f"{TRANSFER}?direction=in", "#question"), (CASE, ".checklist"),
        ("/calculators", ".links"), ("/calculators/pension_estimate", ".form"), (RETIREMENT, ".form"),
    ):  # fmt: skip
        page.goto(address)
        expect(page.locator(ready).first).to_be_visible()
        assert sideways(page) == 0
        if size == PHONE:
            assert barriers(page) == []
    page.get_by_role("button", name="开始算").click()
    expect(page.locator("#birth-error")).to_be_visible()
    if size == PHONE:
        assert barriers(page) == []
    page.get_by_label("您是哪年哪月出生的？").fill("1976-08")
    page.get_by_label("男职工", exact=True).check()
    page.keyboard.press("Enter")
    expect(page.locator(".result")).to_be_visible()
    assert sideways(page) == 0
    if size == PHONE:
        assert barriers(page) == []


def test_large_type_is_large_everywhere_and_what_one_presses_is_high(device: Device) -> None:
    context = device(size=SMALL_PHONE)
    context.add_init_script("""try { localStorage['shebao-yida.look'] ??= '{"elder":true}'; } catch {}""")
    page = context.new_page()
    for address in (CASE, f"{TRANSFER}?direction=in", "/procedures", "/calculators/min_years"):
        page.goto(address)
        expect(page.locator("h1")).to_be_visible()
        small = page.evaluate(
            """[...document.body.querySelectorAll('*')].filter((e) => e.getClientRects().length && !e.closest('.vh, .skip')
              && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && parseFloat(getComputedStyle(e).fontSize) < 24)
              .map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert small == []
        low = page.evaluate(
            """[...document.querySelectorAll('.sheet :is(button, summary, .btn, .choice, .links a, .ask-us, label.check, .input)')]
              .filter((e) => e.getClientRects().length && e.getBoundingClientRect().height < 55.5).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert low == []


def test_the_keyboard_alone_walks_and_ticks_and_counts(device: Device) -> None:
    page = device(size=DESKTOP).new_page()
    page.goto(TRANSFER)
    expect(page.locator("#question")).to_be_visible()
    for label in ("转进杭州", "已停保", "去窗口"):
        reach(page, label)
        page.keyboard.press("Enter")
        expect(page.locator(".given")).to_contain_text(label)
    reach(page, "身份证")
    page.keyboard.press("Space")
    expect(page.get_by_label("身份证", exact=True)).to_be_checked()
    page.goto(RETIREMENT)
    expect(page.locator(".form")).to_be_visible()
    while page.evaluate("document.activeElement.id") != "birth":
        page.keyboard.press("Tab")
    page.keyboard.type("1976年8月")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator(".result .lead")).to_contain_text("2039 年 7 月")


def reach(page: Page, label: str) -> None:
    """Tabs on to the link or box of this name."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent") == label:
            return
    raise AssertionError(f"{label} cannot be reached by Tab")
