"""Large type on a small screen, the keyboard alone, and what axe finds."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.citizen import DESKTOP, PHONE, SMALL_PHONE, Citizen
from tests.browser.conftest import Device

QUESTION = "养老保险最低要交多少年"
LOOKS = {
    "light": (PHONE, {}),
    "dark": (PHONE, {"theme": "dark"}),
    "elder": (SMALL_PHONE, {"elder": True}),
    "elder and dark": (PHONE, {"elder": True, "theme": "dark"}),
    "english": (DESKTOP, {"locale": "en"}),
}


@pytest.fixture
def looking(device: Device) -> Callable[[str], Page]:
    """A page of somebody who once chose this look."""

    def page(name: str) -> Page:
        size, look = LOOKS[name]
        context = device(size=size)
        chosen = json.dumps(json.dumps(look))
        context.add_init_script(f"try {{ localStorage['shebao-yida.look'] ??= {chosen}; }} catch {{}}")
        return context.new_page()

    return page


def barriers(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{v['id']}: {node['target']} {node['failureSummary']}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_bars_the_way_on_the_station(looking: Callable[[str], Page], look: str) -> None:
    citizen = Citizen(looking(look)).visits("/").greeted()
    page = citizen.page
    page.locator(".topic summary").first.click()
    page.locator("#ask-button").click()  # with nothing written: its error is looked at too
    expect(page.locator("#ask-error")).to_be_visible()
    assert barriers(page) == []
    assert citizen.sideways == 0


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_bars_the_way_in_the_window(looking: Callable[[str], Page], look: str, vague: str) -> None:
    page = looking(look)
    citizen = Citizen(page).visits("/widget/demo")
    expect(page.locator(".launcher")).to_be_visible()
    assert barriers(page) == []
    citizen.opens()
    assert barriers(page) == []
    citizen.asks("社保卡丢了怎么办").locator(".basis summary").click()
    assert barriers(page) == []
    citizen.asks(vague)
    page.locator(".to-human").click()
    expect(page.locator(".queue")).to_be_visible()
    page.locator(".letter--form .btn--primary").click()
    expect(page.locator(".letter--form .error:visible").first).to_be_visible()
    assert barriers(page) == []
    page.locator(".to-more").click()
    page.locator(".to-resume").click()
    page.locator("#resume-code").press("Enter")
    expect(page.locator("#resume-error")).to_be_visible()
    page.locator(".to-more").click()
    citizen.writes("字" * 501)
    assert barriers(page) == []
    assert citizen.sideways == 0


def test_large_type_fits_a_small_screen(device: Device, vague: str) -> None:
    citizen = Citizen(device(size=SMALL_PHONE).new_page()).visits("/widget/demo").opens()
    page = citizen.page
    page.locator(".to-size").click()
    expect(page.locator("shebao-chat")).to_have_attribute("data-elder", "on")
    expect(page.locator(".elder-back")).to_have_text("标准版")
    for question in ("养老保险断了能不能补缴", vague, "我的身份证330106198001011234", "长" * 200):
        citizen.asks(question)
        assert citizen.sideways == 0
    page.locator(".basis summary").first.click()
    page.locator(".to-human").click()
    expect(page.locator(".queue")).to_be_visible()
    page.locator(".to-more").click()
    assert citizen.sideways == 0
    small = page.evaluate(
        """(() => {
          const root = document.querySelector('shebao-chat').shadowRoot;
          const seen = [...root.querySelectorAll('.panel *')].filter((e) => e.getClientRects().length
            && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && !e.closest('.vh'));
          return seen.filter((e) => parseFloat(getComputedStyle(e).fontSize) < 24).map((e) => e.outerHTML.slice(0, 80));
        })()"""
    )
    assert small == []
    low = page.evaluate(
        """(() => {
          const root = document.querySelector('shebao-chat').shadowRoot;
          const seen = [...root.querySelectorAll('button, summary, select, input:not([type=checkbox]), label.check')];
          return seen.filter((e) => e.getClientRects().length && e.getBoundingClientRect().height < 55.5)
            .map((e) => e.outerHTML.slice(0, 80));
        })()"""
    )
    assert low == []
    page.reload()
    expect(page.locator("shebao-chat")).to_have_attribute("data-elder", "on")


def test_the_keyboard_alone_opens_asks_reads_and_folds(device: Device) -> None:
    citizen = Citizen(device(size=DESKTOP).new_page()).visits("/widget/demo")
    page = citizen.page
    expect(page.locator(".launcher")).to_be_visible()
    _tabs_to(citizen, "launcher")
    page.keyboard.press("Enter")
    citizen.greeted()
    assert citizen.focused == "say"
    page.keyboard.type(QUESTION)
    page.keyboard.press("Enter")
    expect(citizen.letters).to_have_count(2)
    assert citizen.focused == "say"
    basis = page.locator(".basis")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.querySelector('shebao-chat').shadowRoot.activeElement?.localName") == "summary":
            break
    page.keyboard.press("Enter")
    expect(basis.locator(".basis__doc")).to_be_visible()
    _tabs_to(citizen, "say")
    page.keyboard.type("第一行")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("第二行")
    expect(citizen.box).to_have_value("第一行\n第二行")
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    assert citizen.focused == "launcher"
    page.keyboard.press("Enter")
    expect(citizen.box).to_have_value("第一行\n第二行")


def test_escape_folds_the_menu_first_and_gives_the_focus_back(citizen: Citizen) -> None:
    citizen.page.locator(".to-more").click()
    citizen.page.keyboard.press("Escape")
    expect(citizen.page.locator(".chat__menu")).to_be_hidden()
    expect(citizen.page.locator(".panel")).to_be_visible()
    assert "to-more" in citizen.focused


def test_a_window_over_the_whole_screen_keeps_the_focus_inside(citizen: Citizen) -> None:
    for key in ("Tab", "Shift+Tab"):
        for _ in range(20):
            citizen.page.keyboard.press(key)
            assert citizen.focused


def test_an_answer_does_not_take_the_focus_from_where_it_was(citizen: Citizen) -> None:
    citizen.writes(QUESTION)
    citizen.page.locator(".to-more").focus()
    expect(citizen.letters).to_have_count(2)
    assert "to-more" in citizen.focused


def _tabs_to(citizen: Citizen, name: str) -> None:
    for _ in range(40):
        if name in citizen.focused:
            return
        citizen.page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached by Tab")
