"""What agents and supervisors do in the console and what they see there."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

PASSWORD = "yanglao-8341-Xihu"


class Agent:
    """One member of the staff before one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def signs_in(self, username: str, password: str = PASSWORD) -> Agent:
        self.page.goto("/console")
        self.page.get_by_label("用户名").fill(username)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_role("button", name="登录").click()
        expect(self.page.locator(".top")).to_be_visible()
        return self

    def is_there(self) -> Agent:
        self.connected()
        self.page.get_by_label("我的状态").select_option("online")
        expect(self.page.locator(".top .dot--on")).to_be_visible()
        return self

    def rests(self) -> Agent:
        self.connected()
        self.page.get_by_label("我的状态").select_option("away")
        expect(self.page.locator(".top .dot--warn")).to_be_visible()
        return self

    def connected(self) -> None:
        expect(self.page.locator(".banner")).to_be_hidden()
        expect(self.page.get_by_label("我的状态")).to_be_enabled()

    def goes_to(self, name: str) -> Agent:
        self.page.get_by_role("navigation", name="主菜单").get_by_role("link", name=name, exact=True).click()
        return self

    def accepts(self) -> Agent:
        expect(self.offer).to_be_visible()
        self.page.keyboard.press("Alt+a")
        expect(self.offer).to_be_hidden()
        expect(self.head).to_contain_text("您在接待")
        return self

    def says(self, text: str) -> Locator:
        self.box.fill(text)
        self.box.press("Enter")
        said = self.page.locator(".turn--mine", has_text=text)
        expect(said).to_have_count(1)
        return said

    def presses(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).last.click()

    @property
    def offer(self) -> Locator:
        return self.page.get_by_role("alertdialog")

    @property
    def head(self) -> Locator:
        return self.page.locator(".talk__head")

    @property
    def box(self) -> Locator:
        return self.page.locator("#say")

    @property
    def chats(self) -> Locator:
        """My conversations."""
        return self.page.locator("button.item")

    @property
    def waiting(self) -> Locator:
        return self.page.locator(".waiting")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")
