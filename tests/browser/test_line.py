"""The conversation outlives reloads, tabs, networks and devices."""

from __future__ import annotations

import re

from playwright.sync_api import WebSocketRoute, expect

from tests.browser.citizen import DESKTOP, NETWORK, REFUSED, Citizen, Complaints
from tests.browser.conftest import Device

QUESTION = "养老保险最低要交多少年"


def test_a_reloaded_page_shows_the_conversation_as_it_was(device: Device) -> None:
    citizen = Citizen(device(size=DESKTOP).new_page()).visits("/widget/demo").opens()
    citizen.asks(QUESTION)
    before, name = citizen.said, citizen.remembered["id"]
    citizen.page.reload()
    expect(citizen.letters).to_have_count(2)
    assert citizen.said == before
    assert citizen.remembered["id"] == name
    citizen.connected()
    citizen.asks("失业金可以领几个月")
    assert len(citizen.said) == len(before) + 2


def test_a_second_tab_shows_the_same_and_both_hear(citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    other = Citizen(citizen.page.context.new_page()).visits("/").greeted()
    expect(other.letters).to_have_count(2)
    assert other.said == citizen.said
    other.asks("失业金可以领几个月")
    expect(citizen.letters).to_have_count(3)
    assert citizen.said == other.said


def test_what_is_said_without_a_network_arrives_once_when_it_is_back(citizen: Citizen, complaints: Complaints) -> None:
    context = citizen.page.context
    context.set_offline(True)
    expect(citizen.page.locator(".banner")).to_contain_text("网络断了")
    citizen.writes(QUESTION)
    expect(citizen.page.locator(".msg__state")).to_have_text("正在发送")
    citizen.box.fill("还没写完的")
    context.set_offline(False)
    expect(citizen.letters).to_have_count(2)
    citizen.connected()
    expect(citizen.page.locator(".msg__state").last).to_have_text("已送达")
    expect(citizen.bubbles).to_have_count(1)
    expect(citizen.box).to_have_value("还没写完的")
    citizen.reloads()
    expect(citizen.bubbles).to_have_text([QUESTION])
    complaints.expected(NETWORK)


def test_a_socket_that_dies_is_replaced_and_nothing_is_heard_twice(device: Device) -> None:
    page = device().new_page()
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket(re.compile("/socket"), connect)
    citizen = Citizen(page).visits("/widget/demo").opens()
    for count, question in enumerate((QUESTION, "失业金可以领几个月", "社保卡丢了怎么办"), start=1):
        citizen.writes(question)
        sockets[-1].close(code=1011)
        expect(citizen.letters).to_have_count(count + 1)
        expect(citizen.bubbles).to_have_count(count)
        citizen.connected()
    assert len(sockets) >= 4


def test_where_sockets_are_barred_the_window_polls(device: Device, vague: str) -> None:
    page = device().new_page()
    page.route_web_socket(re.compile("/socket"), lambda socket: socket.close(code=1011))
    with page.expect_request(re.compile(r"/messages\?after=\d+&wait=25")):
        citizen = Citizen(page).visits("/widget/demo").opens()
    citizen.asks(vague).locator(".choice", has_text="医保").click()
    expect(citizen.letters.last.locator(".lead")).to_have_text("在国家医保服务平台申请。")
    page.locator(".to-human").click()
    expect(page.locator(".queue")).to_be_visible()
    expect(citizen.bubbles).to_have_text([vague, "医保怎么转到杭州", "转人工"])


def test_another_device_goes_on_with_the_code(citizen: Citizen, device: Device) -> None:
    citizen.asks(QUESTION)
    told = citizen.asks("换手机继续").inner_text()
    code = re.search(r"\d{6}", told)
    assert code, told
    other = Citizen(device(size=DESKTOP).new_page()).visits("/widget/demo").opens()
    page = other.page
    other.asks("失业金可以领几个月")
    _enters(other, "12345")
    expect(page.locator("#resume-error")).to_have_text("请输入 6 位数字的继续码")
    wrong = f"{(int(code[0]) + 1) % 1_000_000:06d}"
    _enters(other, wrong)
    expect(page.locator("#resume-error")).to_have_text("继续码不对，或者已经过期、用过了")
    expect(page.locator("#resume-code")).to_have_value(wrong)
    page.locator("#resume-code").fill(f"{code[0][:3]} {code[0][3:]}")
    page.locator("#resume-code").press("Enter")
    expect(other.letters).to_have_count(3)
    expect(page.locator(".chat__log")).to_contain_text("已接上另一台设备上的对话")
    expect(page.locator("#resume-code")).to_be_hidden()
    assert other.said == citizen.said
    assert other.remembered["id"] == citizen.remembered["id"]
    assert other.focused == "say"
    other.asks("社保卡丢了怎么办")
    expect(citizen.letters).to_have_count(4)
    page.reload()
    expect(other.letters).to_have_count(4)


def test_a_code_is_taken_without_a_socket_and_by_other_tabs(
    citizen: Citizen, device: Device, complaints: Complaints
) -> None:
    told = citizen.asks("换手机继续").inner_text()
    code = re.search(r"\d{6}", told)
    assert code, told
    context = device(size=DESKTOP)
    page, neighbour = context.new_page(), Citizen(context.new_page())
    page.route_web_socket(re.compile("/socket"), lambda socket: socket.close(code=1011))
    other = Citizen(page).visits("/widget/demo").opens()
    neighbour.visits("/").greeted()
    _enters(other, "000000" if code[0] != "000000" else "000001")
    expect(page.locator("#resume-error")).to_have_text("继续码不对，或者已经过期、用过了")
    _enters(other, code[0])
    expect(other.letters).to_have_count(2)
    expect(neighbour.letters).to_have_count(2)
    assert other.said == neighbour.said == citizen.said
    complaints.expected(REFUSED)  # without a socket a refusal is an HTTP status


def test_an_ended_conversation_leaves_nothing_on_the_device(citizen: Citizen) -> None:
    citizen.asks(QUESTION)
    first = citizen.remembered["id"]
    citizen.page.locator(".to-more").click()
    citizen.presses("结束对话")
    expect(citizen.page.locator(".banner")).to_contain_text("对话已结束")
    assert citizen.remembered == {}
    citizen.writes("失业金可以领几个月")
    expect(citizen.letters).to_have_count(2)
    assert citizen.bubbles.all_inner_texts() == ["失业金可以领几个月"]
    assert citizen.remembered["id"] != first


def _enters(citizen: Citizen, code: str) -> None:
    if not citizen.page.locator("#resume-code").is_visible():
        citizen.page.locator(".to-more").click()
        citizen.presses("输入继续码")
    citizen.page.locator("#resume-code").fill(code)
    citizen.presses("接着咨询")
