"""Citizens, agents and a supervisor live through a working day in windows of their own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import select

from bot.accounts import Accounts, Actor
from bot.staff import Role
from bot.tables import conversations, messages, services
from tests.browser.agent import PASSWORD, Agent
from tests.browser.citizen import NETWORK, PHONE, Citizen, Complaints
from tests.browser.test_access import barriers
from tests.channels.serving import Server, furnish

WIDE, NARROW = (1440, 900), (1024, 768)
STAFF = {
    "chenxiao": ("陈晓", "1027", [Role.AGENT]),
    "limin": ("李敏", "1031", [Role.AGENT]),
    "zhangwei": ("张伟", "1001", [Role.SUPERVISOR]),
    "guanli": ("管理", "1000", [Role.ADMIN]),
    "zhaomin": ("赵敏", "1040", [Role.AUDITOR]),
}
QUESTION = "养老保险最低要交多少年"


@pytest.fixture(scope="module")
def bureau(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with staff, whose dispatcher runs beside it as it does in the process of chores."""
    with Server(furnish(home, tmp_path_factory.mktemp("bureau") / "var")) as server:
        accounts = Accounts(server.parts.database)
        for username, (name, number, roles) in STAFF.items():
            server.call(
                accounts.create(
                    username, PASSWORD, roles=roles, by=Actor(), name=name, number=number, must_change=False
                )
            )
        dispatching = server.call(_begun(server))
        yield server
        server.call(_ended(dispatching))


async def _begun(server: Server) -> asyncio.Task[None]:
    return asyncio.create_task(server.parts.dispatcher.run())


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


Window = Callable[..., BrowserContext]


@pytest.fixture
def window(chromium: Browser, bureau: Server, complaints: Complaints) -> Iterator[Window]:
    """Another person's browser."""
    with ExitStack() as stack:

        def fresh(size: tuple[int, int] = WIDE, **more: object) -> BrowserContext:
            context = chromium.new_context(
                base_url=bureau.url, viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce",
                locale="zh-CN", **more,
            )  # fmt: skip
            context.set_default_timeout(20_000)
            context.on("page", complaints.listen)
            stack.callback(context.close)
            return context

        yield fresh
    bureau.change(conversations.update().where(conversations.c.stage != "bot").values(stage="closed", agent_id=None))
    bureau.change(
        services.update().where(services.c.ended_at.is_(None)).values(ended_at=1)
    )  # the next test begins anew
    complaints.expected("status of 401")  # a page asks who is signed in before anybody is


@pytest.fixture
def agent(window: Window) -> Agent:
    return Agent(window().new_page()).signs_in("chenxiao").is_there()


@pytest.fixture
def citizen(window: Window) -> Citizen:
    return Citizen(window(PHONE).new_page()).visits("/widget/demo").opens()


def calls(citizen: Citizen) -> None:
    citizen.page.locator(".to-human").click()
    expect(citizen.page.locator(".to-human")).not_to_have_text("转人工")


def ends(agent: Agent) -> None:
    agent.presses("结束")
    agent.dialog.get_by_label("已解决").check()
    agent.dialog.get_by_label("办理结果").select_option(index=1)
    agent.dialog.get_by_role("button", name="结束会话").click()
    expect(agent.dialog).to_be_hidden()
    expect(agent.page.get_by_role("button", name="结束", exact=True)).to_be_hidden()  # the desk heard it


def test_a_citizen_two_agents_and_a_supervisor_live_through_a_conversation(
    window: Window, citizen: Citizen, complaints: Complaints
) -> None:
    first = Agent(window().new_page()).signs_in("chenxiao").is_there()
    citizen.asks(QUESTION)
    calls(citizen)

    first.accepts()
    expect(citizen.page.locator(".to-human")).to_have_attribute("aria-label", re.compile("已接通.*陈晓"))
    expect(first.log).to_contain_text(QUESTION)  # nobody has to say it again
    first.says("您好，我来帮您看")
    expect(citizen.page.locator(".msg--agent .bubble")).to_have_text("您好，我来帮您看")
    citizen.writes("断缴两年了")
    expect(first.log).to_contain_text("断缴两年了")
    expect(first.page.locator(".suggest").first).to_be_visible()

    second = Agent(window(NARROW).new_page()).signs_in("limin").is_there()
    first.presses("转接")
    first.dialog.get_by_label(re.compile("李敏")).check()
    first.dialog.get_by_label("交代几句").fill("断缴两年，想补")
    first.dialog.get_by_role("button", name="转接", exact=True).click()
    expect(first.chats).to_have_count(0)
    expect(second.head).to_contain_text("您在接待")
    expect(second.page.locator(".turn--note")).to_contain_text("断缴两年，想补")
    expect(second.log).to_contain_text("断缴两年了")

    supervisor = Agent(window().new_page()).signs_in("zhangwei").is_there()
    supervisor.goes_to("班长")
    supervisor.presses("旁听")
    expect(supervisor.head).to_contain_text("旁听")
    expect(supervisor.log).to_contain_text("断缴两年了")
    supervisor.box.fill("先问是不是灵活就业")
    supervisor.box.press("Enter")
    expect(second.page.locator(".turn--note", has_text="先问是不是灵活就业")).to_contain_text("班长悄悄话")

    second.page.context.set_offline(True)
    expect(second.page.locator(".banner")).to_contain_text("网络断了")
    citizen.writes("还在吗")
    second.box.fill("在的，请稍等")
    second.box.press("Enter")
    expect(second.page.locator(".msg__state", has_text="接通后发送")).to_be_visible()
    second.page.context.set_offline(False)
    second.connected()
    expect(second.log).to_contain_text("还在吗")
    expect(citizen.page.locator(".msg--agent .bubble", has_text="在的，请稍等")).to_have_count(1)
    expect(second.page.locator(".turn--mine", has_text="在的，请稍等")).to_have_count(1)

    ends(second)
    expect(second.page.locator(".talk__over")).to_be_visible()
    citizen.page.locator('.rate__level input[value="5"]').check()
    citizen.presses("提交评价")
    expect(citizen.page.locator(".chat__lines")).to_contain_text("谢谢您的评价")
    assert "先问是不是灵活就业" not in citizen.page.locator("shebao-chat").inner_text()
    assert "断缴两年，想补" not in citizen.page.locator("shebao-chat").inner_text()
    complaints.expected(NETWORK)


def test_script_in_what_a_citizen_wrote_stays_words(agent: Agent, citizen: Citizen) -> None:
    written = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    citizen.writes(written)
    expect(agent.log).to_contain_text(written)
    assert agent.page.locator(".desk img, .desk script").count() == 0
    assert "社保易答" in agent.page.title()
    ends(agent)


def test_a_second_tab_of_an_agent_shows_the_same(agent: Agent, citizen: Citizen) -> None:
    other = Agent(agent.page.context.new_page())
    other.page.goto("/console")
    other.connected()
    citizen.asks(QUESTION)
    calls(citizen)
    expect(other.offer).to_be_visible()
    agent.accepts()
    expect(other.offer).to_be_hidden()
    expect(other.head).to_contain_text("您在接待")
    agent.says("您好")
    expect(other.page.locator(".turn--mine", has_text="您好")).to_have_count(1)
    other.says("还有别的吗")
    expect(agent.page.locator(".turn--mine", has_text="还有别的吗")).to_have_count(1)
    agent.page.reload()
    expect(agent.page.locator(".turn--mine")).to_have_count(2)
    ends(agent)


def test_the_keyboard_alone_takes_a_conversation_answers_and_ends_it(agent: Agent, citizen: Citizen) -> None:
    page = agent.page
    page.locator("body").press("?")
    expect(agent.dialog).to_contain_text("快捷键")
    page.keyboard.press("Escape")
    expect(agent.dialog).to_be_hidden()
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    page.keyboard.press("Alt+r")
    page.keyboard.type("您好")
    page.keyboard.press("Enter")
    expect(citizen.page.locator(".msg--agent .bubble")).to_have_text("您好")
    page.keyboard.press("Alt+n")
    page.keyboard.type("记一笔")
    page.keyboard.press("Enter")
    expect(page.locator(".turn--note")).to_contain_text("记一笔")
    page.keyboard.press("Alt+q")
    expect(agent.dialog).to_contain_text("结束会话")
    page.keyboard.press("Escape")
    expect(agent.dialog).to_be_hidden()
    ends(agent)


def test_own_words_can_be_taken_back(agent: Agent, citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    agent.says("说错了的话")
    expect(citizen.page.locator(".msg--agent .bubble")).to_have_text("说错了的话")
    agent.presses("撤回")
    expect(agent.log).to_contain_text("这条消息已撤回")
    expect(citizen.page.locator(".chat__lines")).not_to_contain_text("说错了的话")
    ends(agent)


def test_an_agent_sends_what_a_guide_says_of_this_citizens_case(agent: Agent, citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    aside = agent.page.get_by_role("complementary", name="市民情况与推荐答复")
    aside.get_by_label("办事指南").select_option("单位增减员")
    aside.get_by_role("button", name="单位经办人", exact=True).click()
    aside.get_by_role("button", name="离职停保", exact=True).click()
    aside.get_by_role("button", name="发给市民").first.click()
    expect(citizen.page.locator(".msg--agent .bubble")).to_contain_text("单位增减员（")
    ends(agent)


def test_an_agent_reckons_for_the_citizen_and_sees_that_it_was_read(agent: Agent, citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    aside = agent.page.get_by_role("complementary", name="市民情况与推荐答复")
    aside.get_by_label("算一算").select_option("退休时间测算")
    aside.get_by_role("button", name="算", exact=True).click()
    expect(aside.get_by_role("alert")).not_to_be_empty()
    aside.locator("#r-birth").fill("1976-08")
    aside.locator("#r-category").select_option(index=1)
    aside.get_by_role("button", name="算", exact=True).click()
    aside.get_by_role("button", name="发给市民").first.click()
    expect(citizen.page.locator(".msg--agent .bubble")).to_contain_text("2039 年 7 月")
    expect(agent.log.locator(".msg__state").last).to_contain_text("已读")
    ends(agent)


def test_what_the_knowledge_lacks_is_proposed_from_the_desk(agent: Agent, citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    agent.presses("提给知识库")
    expect(agent.dialog).to_contain_text(QUESTION)
    agent.dialog.get_by_label("知识库缺什么").fill("没说灵活就业的人怎么算")
    agent.dialog.get_by_role("button", name="提交").click()
    expect(agent.dialog).to_contain_text("由知识审核员处理")
    agent.dialog.get_by_role("button", name="好", exact=True).click()
    ends(agent)


def test_a_canned_reply_is_filled_in_and_not_sent_while_something_is_open(agent: Agent, citizen: Citizen) -> None:
    agent.goes_to("工单")
    agent.presses("常用语")
    agent.presses("新建常用语")
    agent.dialog.get_by_label("名称").fill("问候")
    agent.dialog.get_by_label("内容").fill("您好，我是{{姓名}}，想办{{事项}}吗")
    agent.dialog.get_by_role("button", name="保存").click()
    agent.goes_to("坐席")
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    agent.box.press("/")
    agent.page.keyboard.type("问候")
    agent.page.keyboard.press("Enter")
    expect(agent.box).to_have_value("您好，我是陈晓，想办{{事项}}吗")
    agent.box.press("Enter")
    expect(agent.box).to_have_value("您好，我是陈晓，想办{{事项}}吗")
    agent.page.keyboard.type("补缴")
    expect(agent.box).to_have_value("您好，我是陈晓，想办补缴吗")
    agent.box.press("Enter")
    expect(citizen.page.locator(".msg--agent .bubble")).to_have_text("您好，我是陈晓，想办补缴吗")
    ends(agent)


def test_an_admin_makes_an_account_whose_owner_chooses_the_password(window: Window) -> None:
    admin = Agent(window().new_page()).signs_in("guanli")
    admin.goes_to("账号")
    admin.presses("新建账号")
    admin.dialog.get_by_label("用户名").fill("wangqiang")
    admin.dialog.get_by_label("姓名").fill("王强")
    admin.dialog.get_by_label("初始密码").fill(PASSWORD)
    admin.dialog.get_by_role("button", name="保存").click()
    expect(admin.page.get_by_role("row", name=re.compile("王强"))).to_contain_text("坐席")

    page = window(NARROW).new_page()
    page.goto("/console")
    page.get_by_label("用户名").fill("wangqiang")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="请先设置新密码")).to_be_visible()
    page.get_by_label("原密码").fill(PASSWORD)
    page.get_by_label("新密码", exact=True).fill("gongshang-5527-Xixi")
    page.get_by_label("再输一遍新密码").fill("gongshang-5527-Xixi")
    page.get_by_role("button", name="设置新密码").click()
    expect(page.locator(".top")).to_contain_text("王强")
    expect(page.get_by_role("link", name="账号", exact=True)).to_have_count(0)


def test_a_wrong_password_says_so_and_keeps_the_name(window: Window, complaints: Complaints) -> None:
    page = window().new_page()
    page.goto("/console")
    page.get_by_label("用户名").fill("chenxiao")
    page.get_by_label("密码").fill("nicht-richtig-1")
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
    expect(page.get_by_label("用户名")).to_have_value("chenxiao")
    complaints.expected("the server responded with a status of 40")


@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_bars_the_way_in_the_console(
    window: Window, citizen: Citizen, look: str, size: tuple[int, int]
) -> None:
    page = window(size, color_scheme=look).new_page()
    page.goto("/console")
    expect(page.get_by_label("用户名")).to_be_visible()
    assert barriers(page) == []
    agent = Agent(page).signs_in("zhangwei").is_there()
    citizen.asks(QUESTION)
    calls(citizen)
    expect(agent.offer).to_be_visible()
    assert barriers(page) == []
    agent.accepts()
    citizen.writes("失业金可以领几个月")
    agent.says("您好")
    expect(agent.page.locator(".suggest").first).to_be_visible()
    assert barriers(page) == []
    for key in ("Alt+t", "Alt+q", "Alt+/"):
        page.keyboard.press(key)
        expect(agent.dialog).to_be_visible()
        assert barriers(page) == []
        page.keyboard.press("Escape")
    for name in ("工单", "班长", "我的账号"):
        agent.goes_to(name)
        expect(page.locator("h1")).to_be_visible()
        assert barriers(page) == []
    assert page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth") == 0
    agent.goes_to("坐席")
    ends(agent)


OPEN_AND_DRAWN = """async (last) => {
  const begun = performance.now();
  document.querySelector('.offer .btn--accept').click();
  while (![...document.querySelectorAll('.talk__log .bubble')].some((b) => b.textContent === last)) {
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - begun;
}"""


READ_UP_TO = """async (wanted) => {
  const log = document.querySelector('.talk__log');
  const stands = () => [...log.querySelectorAll('.bubble')].some((b) => b.textContent === wanted);
  for (let end = performance.now() + 20000; !stands() && performance.now() < end;) {
    log.scrollTop = log.scrollTop > 20 ? 0 : 20;
    await new Promise(requestAnimationFrame);
  }
}"""


def test_ten_thousand_messages_open_within_a_second_and_are_read_page_by_page(
    agent: Agent, citizen: Citizen, bureau: Server
) -> None:
    citizen.asks(QUESTION)
    calls(citizen)
    expect(agent.offer).to_be_visible()
    name = citizen.remembered["id"]
    citizen.page.close()  # a window that is sent ten thousand messages at once is not what is measured here
    first = bureau.rows(select(conversations.c.last_seq).where(conversations.c.id == name))[0][0] + 1
    rows = [
        {
            "conversation_id": name, "seq": seq, "id": f"m{seq}", "party": "citizen" if seq % 2 else "bot",
            "text": f"第 {seq} 条", "at": 1_790_000_000_000 + seq, "because": "", "answer_code": "",
        }
        for seq in range(first, 10_001)
    ]  # fmt: skip
    bureau.change(messages.insert().values(rows[: len(rows) // 2]))
    bureau.change(messages.insert().values(rows[len(rows) // 2 :]))
    bureau.change(conversations.update().where(conversations.c.id == name).values(last_seq=10_000))

    assert agent.page.evaluate(OPEN_AND_DRAWN, "第 10000 条") < 1000
    drawn = agent.page.locator(".talk__log .bubble")
    assert drawn.count() <= 100
    for seq in (9_800, 9_600, 9_400):
        agent.page.evaluate(READ_UP_TO, f"第 {seq} 条")
        expect(agent.log.get_by_text(f"第 {seq} 条", exact=True)).to_have_count(1)
        shown = [int(text[2:-2]) for text in drawn.all_inner_texts()]
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        assert len(shown) <= 100
    agent.presses("回到最新消息")
    expect(agent.log.get_by_text("第 10000 条", exact=True)).to_be_visible()
    ends(agent)


def test_a_supervisor_takes_over_and_sends_an_absent_agent_away(window: Window, agent: Agent, citizen: Citizen) -> None:
    supervisor = Agent(window(NARROW).new_page()).signs_in("zhangwei").rests()
    citizen.asks(QUESTION)
    calls(citizen)
    agent.accepts()
    agent.says("您好")
    supervisor.goes_to("班长")
    row = supervisor.page.get_by_role("row", name=re.compile("陈晓.*已答复"))
    row.get_by_role("button", name="接管").click()
    expect(supervisor.head).to_contain_text("您在接待")
    expect(supervisor.log).to_contain_text("您好")
    expect(agent.page.locator(".notice")).to_contain_text("接管")
    expect(agent.chats).to_have_count(0)
    expect(citizen.page.locator(".to-human")).to_have_attribute("aria-label", re.compile("张伟"))
    supervisor.says("我是班长，由我来办")
    expect(citizen.page.locator(".msg--agent .bubble").last).to_have_text("我是班长，由我来办")

    supervisor.goes_to("班长")
    supervisor.page.get_by_role("button", name=re.compile("设为离开.*陈晓")).click()
    expect(agent.page.get_by_label("我的状态")).to_have_value("away")
    supervisor.goes_to("坐席")
    ends(supervisor)


def test_an_offer_calls_on_every_page_and_on_the_desktop_until_it_is_taken(window: Window, citizen: Citizen) -> None:
    context = window(permissions=["notifications"])
    context.add_init_script(
        "window.told = []; window.Notification = class { static permission = 'granted';"
        " constructor(title, more) { told.push([title, more.body]); } close() { told.push(['closed']); } };"
    )
    agent = Agent(context.new_page()).signs_in("chenxiao").is_there().goes_to("工单")
    citizen.asks(QUESTION)
    calls(citizen)
    expect(agent.page).to_have_title(re.compile("新会话"))
    assert agent.page.evaluate("told")[0][0] == "新会话等您接入"
    assert QUESTION not in str(agent.page.evaluate("told"))  # a notice may stay on a locked screen
    assert barriers(agent.page) == []
    agent.presses("接入")
    expect(agent.head).to_contain_text("您在接待")
    expect(agent.page).to_have_title("工作台 · 社保易答")
    assert agent.page.evaluate("told")[-1] == ["closed"]
    ends(agent)


def test_a_message_left_becomes_a_ticket_that_is_answered_and_closed(window: Window, citizen: Citizen) -> None:
    page = citizen.page
    citizen.asks(QUESTION)
    calls(citizen)  # nobody is there
    form = page.locator(".letter--form").last
    form.get_by_label("想问什么事").fill("养老")
    form.get_by_label("具体情况").fill("断缴两年，想补")
    form.get_by_label("联系电话").fill("138 0013 8000")
    form.get_by_label("同意用这个电话联系我").check()
    citizen.presses("送出留言")
    expect(form).to_contain_text("留言已收到")

    agent = Agent(window().new_page()).signs_in("limin").goes_to("工单")
    ticket = agent.page.locator("article", has_text="断缴两年，想补")
    expect(ticket).to_contain_text("应于")
    ticket.get_by_role("button", name="我来办").click()
    ticket.get_by_role("button", name="看电话").click()
    ticket.get_by_label("为什么要看电话").fill("回电")
    ticket.get_by_role("button", name="查看电话").click()
    expect(ticket).to_contain_text("13800138000")
    ticket.get_by_role("button", name="答复").click()
    ticket.get_by_label("答复市民").fill("可以补，请带身份证到窗口")
    ticket.get_by_role("button", name="发出答复").click()
    expect(page.locator(".chat__lines")).to_contain_text("可以补，请带身份证到窗口")
    ticket.get_by_role("button", name="办结").click()
    agent.dialog.get_by_label("办理结果").select_option(index=1)
    agent.dialog.get_by_role("button", name="办结", exact=True).click()
    expect(ticket).to_have_count(0)
    agent.presses("已办结")
    expect(agent.page.locator("article", has_text="断缴两年，想补")).to_be_visible()


def test_a_second_factor_is_set_up_and_asked_for(window: Window) -> None:
    page = window(NARROW).new_page()
    Agent(page).signs_in("zhaomin").goes_to("我的账号")
    page.get_by_label("登录密码").fill(PASSWORD)
    page.get_by_role("button", name="开启动态验证码").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    clock = datetime.now(UTC)
    page.get_by_role("textbox", name="动态验证码").fill(pyotp.TOTP(secret).at(clock))
    page.get_by_role("button", name="确认开启").click()
    expect(page.get_by_role("status")).to_contain_text("动态验证码已开启")
    page.get_by_role("button", name="退出", exact=True).click()
    page.get_by_label("用户名").fill("zhaomin")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("textbox", name="动态验证码").fill("000000")
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_role("alert")).to_contain_text("不对")
    page.get_by_role("textbox", name="动态验证码").fill(
        pyotp.TOTP(secret).at(clock, counter_offset=1)
    )  # each is accepted once
    page.get_by_role("button", name="确认").click()
    expect(page.locator(".top")).to_be_visible()
