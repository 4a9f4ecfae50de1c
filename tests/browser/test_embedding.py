"""The widget on a stranger's site with a strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.citizen import DESKTOP, FOREIGN, Citizen, Complaints
from tests.browser.conftest import Device
from tests.browser.sites import Site
from tests.channels.serving import Server


def test_a_site_of_the_settings_embeds_the_window(device: Device, server: Server, allowed_site: Site) -> None:
    allowed_site.service = server.url
    citizen = Citizen(device(size=DESKTOP).new_page()).visits(f"{allowed_site.origin}/").opens()
    answer = citizen.asks("养老保险最低要交多少年")
    expect(answer.locator(".lead")).to_contain_text("满 15 年")
    colour = answer.evaluate("e => getComputedStyle(e).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
    expect(citizen.page.locator("h1")).to_have_text("示例市办事大厅")


def test_a_site_that_nobody_allowed_is_told_so_in_plain_words(
    device: Device, server: Server, other_site: Site, complaints: Complaints
) -> None:
    other_site.service = server.url
    page = device(size=DESKTOP).new_page()
    page.goto(f"{other_site.origin}/")
    page.locator(".launcher").click()
    barred = page.locator(".barred")
    expect(barred).to_contain_text("这个网站还没有接入许可")
    expect(barred.get_by_role("link")).to_have_attribute("href", f"{server.url}/")
    expect(page.locator("#say")).to_be_hidden()
    expect(page.locator(".to-human")).to_be_hidden()
    complaints.expected(FOREIGN)


@pytest.mark.parametrize("path", ["/", "/s/abc", "/widget/demo"])
def test_our_own_pages_forbid_what_is_inline(device: Device, complaints: Complaints, path: str) -> None:
    """That they keep to it themselves every test here shows: a complaint fails it."""
    page = device().new_page()
    page.goto(path)
    expect(page.locator("shebao-chat")).to_be_attached()
    policy = page.evaluate(
        """async () => {
          const heard = new Promise((resolve) => document.addEventListener('securitypolicyviolation', (e) => resolve(e.effectiveDirective)));
          const node = document.createElement('p');
          node.setAttribute('style', 'color: red');
          document.body.append(node);
          return heard;
        }"""
    )
    assert policy == "style-src-attr"
    complaints.expected("Applying inline style violates")
