"""One's own session: in by password and code, out again, and nothing for whoever holds no token of ours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import httpx
import pyotp
import pytest
from sqlalchemy import func, select

from bot.staff import Role
from bot.tables import sessions
from channels.console.door import COOKIE
from tests.channels.citizen import fresh_address, http, opened
from tests.channels.conftest import ALLOWED, PROXY
from tests.channels.console.colleague import OTHER, PASSWORD, SESSION, Colleague, at_work, fresh_name, hired
from tests.channels.serving import Server

ME = SESSION


def cookie(response: httpx.Response) -> str:
    (told,) = response.headers.get_list("set-cookie")
    return told


# In


async def test_who_signs_in_is_told_who_they_are_and_gets_a_cookie_that_no_script_reads(server: Server) -> None:
    one = hired(server, Role.SUPERVISOR, Role.EDITOR, skills=["pension"], capacity=4)
    response = await one.sign_in()
    assert response.status_code == 200
    assert one.me["roles"] == ["editor", "supervisor"]
    assert one.me["rights"] == ["announce", "edit", "measure", "serve", "supervise"]
    assert (one.me["username"], one.me["skills"], one.me["capacity"]) == (one.username, ["pension"], 4)
    assert (one.me["must_change"], one.me["second_factor"], one.me["idle_minutes"]) == (False, False, 30)
    assert "token" not in one.me
    told = cookie(response).lower()
    assert told.startswith(f"{COOKIE}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in told.split(";")}
    assert "secure" not in told
    assert "no-store" in response.headers["cache-control"]
    assert (await one.call("GET", ME)).json() == one.me


async def test_a_program_gets_a_token_for_its_header_besides(server: Server) -> None:
    one = hired(server, Role.AGENT)
    response = await one.sign_in(bearer=True)
    bearer = Colleague(server, one.username, headers={"Authorization": f"Bearer {response.json()['token']}"})
    assert (await bearer.call("GET", ME)).json()["username"] == one.username
    assert cookie(response)


@pytest.mark.parametrize(
    ("headers", "secure"),
    [({}, False), ({"X-Forwarded-Proto": "https"}, True), ({"X-Forwarded-Proto": "https, http"}, False)],
)
async def test_behind_tls_the_cookie_is_for_tls_only(embedded: Server, headers: dict[str, str], secure: bool) -> None:
    one = hired(embedded, Role.AGENT)
    one.address, one.headers = PROXY, headers
    assert ("secure" in cookie(await one.sign_in()).lower()) == secure


async def test_what_a_stranger_says_about_tls_does_not_count(embedded: Server) -> None:
    one = hired(embedded, Role.AGENT)
    one.headers = {"X-Forwarded-Proto": "https"}
    assert "secure" not in cookie(await one.sign_in()).lower()


@pytest.mark.parametrize(
    "body",
    [
        {}, [], "x", {"username": "a"}, {"password": "a"}, {"username": 1, "password": "a"},
        {"username": "a", "password": None}, {"username": "a" * 201, "password": "a"},
        {"username": "a", "password": "a" * 4_001}, {"username": "a", "password": "a", "roles": ["admin"]},
    ],
)  # fmt: skip
async def test_what_is_no_signing_in_is_refused_without_being_repeated(server: Server, body: object) -> None:
    response = await Colleague(server, "x").call("POST", SESSION, body)
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
    assert "aaaa" not in response.text


@pytest.mark.parametrize("username", ["\x00", "' OR 1=1", "admin\n"])
async def test_strange_names_are_wrong_like_others(server: Server, username: str) -> None:
    one = Colleague(server, username, fresh_address())
    response = await one.sign_in()
    assert (response.status_code, response.json()["code"]) == (401, "wrong_credentials")
    assert "set-cookie" not in response.headers


async def test_ten_wrong_passwords_lock_for_this_address_alone_and_the_open_session_goes_on(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    stranger = Colleague(server, one.username, fresh_address(), "wrong")
    found = [(await stranger.sign_in()).status_code for _ in range(12)]
    assert found == [401] * 10 + [429] * 2
    stranger.password = PASSWORD
    response = await stranger.sign_in()
    assert (response.status_code, response.json()["code"]) == (429, "locked")
    assert 0 < int(response.headers["retry-after"]) <= 900
    assert (await one.call("GET", ME)).status_code == 200
    assert (await one.sign_in()).status_code == 200


async def test_fifty_through_the_proxy_from_many_addresses_lock_the_account_for_all(embedded: Server) -> None:
    one = hired(embedded, Role.AGENT)

    def behind(address: str, password: str) -> Colleague:
        return Colleague(embedded, one.username, PROXY, password, headers={"X-Forwarded-For": address})

    tries = [behind(f"203.0.113.{n // 10}", "wrong").sign_in() for n in range(50)]
    found = [response.status_code for response in await asyncio.gather(*tries)]
    assert found == [401] * 50
    assert (await behind("203.0.113.99", PASSWORD).sign_in()).status_code == 429


async def test_an_unknown_name_takes_about_as_long_as_a_wrong_password(server: Server) -> None:
    """Within a factor that no clock across a network could use; hashing takes by far the most of it."""
    one = hired(server, Role.AGENT)

    async def seconds(username: str) -> float:
        stranger = Colleague(server, username, fresh_address(), "wrong-password")
        began = perf_counter()
        assert (await stranger.sign_in()).status_code == 401
        return perf_counter() - began

    known, unknown = [], []
    for _ in range(5):
        known.append(await seconds(one.username))
        unknown.append(await seconds(fresh_name()))
    assert 0.3 < median(known) / median(unknown) < 3


# Tokens that are none of ours


@pytest.mark.parametrize("token", ["", "x", "null", "eyJhbGciOiJub25lIn0.eyJyb2xlcyI6WyJhZG1pbiJdfQ.", "a" * 5_000])
@pytest.mark.parametrize("way", ["cookie", "bearer", "address"])
async def test_a_token_that_is_none_of_ours_opens_nothing(server: Server, token: str, way: str) -> None:
    one = Colleague(server, "x")
    path = ME
    if way == "cookie":
        one.cookies = {COOKIE: token}
    elif way == "bearer":
        one.headers = {"Authorization": f"Bearer {token}".strip()}
    else:
        path = f"{ME}?token={token}"
    assert await one.code("GET", path) == (401, "unauthorized")


async def test_a_citizens_token_is_none_of_the_staffs_and_the_other_way_round(server: Server) -> None:
    device = await opened(server)
    citizen = Colleague(server, "x", headers={"Authorization": f"Bearer {device.token}"})
    assert await citizen.code("GET", ME) == (401, "unauthorized")
    one = hired(server, Role.AGENT)
    token = (await one.sign_in(bearer=True)).json()["token"]
    async with http(server) as client:
        response = await client.get(f"{device.path}/messages", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401


async def test_a_real_token_in_the_address_does_not_count(server: Server) -> None:
    one = hired(server, Role.AGENT)
    token = (await one.sign_in(bearer=True)).json()["token"]
    assert await Colleague(server, "x").code("GET", f"{ME}?token={token}&{COOKIE}={token}") == (401, "unauthorized")


async def test_a_wrong_bearer_beside_a_right_cookie_is_wrong(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    assert await one.code("GET", ME, Authorization="Bearer x") == (401, "unauthorized")


# Pages of others


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1", ALLOWED, "https://127.0.0.1.evil.example"]
)
async def test_a_page_of_others_changes_nothing_with_ones_cookie(embedded: Server, origin: str) -> None:
    """Also one that may embed the citizens' widget."""
    one = await at_work(embedded, Role.ADMIN)
    one.origin = origin
    for method, path, body in (
        ("DELETE", SESSION, None),
        ("PUT", f"{SESSION}/password", {"old": PASSWORD, "new": OTHER}),
        ("POST", f"{SESSION}/totp", {"password": PASSWORD}),
        ("DELETE", f"{SESSION}/places", None),
        ("POST", "/api/v1/staff", {"username": fresh_name(), "password": OTHER, "roles": ["admin"]}),
    ):
        assert await one.code(method, path, body) == (403, "foreign_origin")
    stranger = Colleague(embedded, one.username, origin=origin)
    assert await stranger.code("POST", SESSION, {"username": one.username, "password": PASSWORD}) == (
        403, "foreign_origin",
    )  # fmt: skip
    one.origin = None
    assert (await one.call("GET", ME)).status_code == 200


async def test_our_own_page_does(server: Server) -> None:
    one = hired(server, Role.AGENT)
    one.origin = server.url
    assert (await one.sign_in()).status_code == 200
    assert await one.code("DELETE", SESSION) == (204, "")


# Out


async def test_signing_out_ends_the_session_and_takes_the_cookie_back(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    response = await one.call("DELETE", SESSION)
    assert response.status_code == 204
    assert cookie(response).startswith(f'{COOKIE}=""')
    assert await one.code("GET", ME) == (401, "unauthorized")
    assert await one.code("DELETE", SESSION) == (401, "unauthorized")


async def test_who_did_nothing_for_too_long_signs_in_anew(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    long_ago = int(datetime.now(UTC).timestamp() * 1000) - 30 * 60_000
    mine = sessions.c.username == one.username
    server.change(sessions.update().where(mine).values(seen_at=long_ago))
    assert await one.code("GET", ME) == (401, "unauthorized")


# The password


async def test_an_account_that_must_change_its_password_may_do_nothing_else(server: Server) -> None:
    one = hired(server, Role.ADMIN, Role.AUDITOR, must_change=True)
    assert (await one.sign_in()).status_code == 200
    assert (one.me["must_change"], one.me["rights"]) == (True, [])
    assert (await one.call("GET", ME)).json() == one.me
    for method, path, body in (
        ("GET", f"{SESSION}/places", None), ("DELETE", f"{SESSION}/places", None),
        ("POST", f"{SESSION}/totp", {"password": PASSWORD}), ("DELETE", f"{SESSION}/totp", {"password": PASSWORD}),
        ("GET", "/api/v1/staff", None), ("GET", "/api/v1/audit", None), ("DELETE", "/api/v1/staff/x", None),
    ):  # fmt: skip
        assert await one.code(method, path, body) == (403, "password_change_required")
    assert await one.code("PUT", f"{SESSION}/password", {"old": PASSWORD, "new": OTHER}) == (204, "")
    assert (await one.call("GET", ME)).json()["rights"]
    assert await one.code("GET", "/api/v1/staff") == (200, "")


async def test_who_must_change_the_password_may_sign_out(server: Server) -> None:
    one = hired(server, Role.AGENT, must_change=True)
    await one.sign_in()
    assert await one.code("DELETE", SESSION) == (204, "")


async def test_a_new_password_ends_the_other_sessions(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    other = Colleague(server, one.username)
    await other.sign_in()
    assert await one.code("PUT", f"{SESSION}/password", {"old": PASSWORD, "new": OTHER}) == (204, "")
    assert (await one.call("GET", ME)).status_code == 200
    assert await other.code("GET", ME) == (401, "unauthorized")
    assert (await other.sign_in()).status_code == 401
    other.password = OTHER
    assert (await other.sign_in()).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "status", "code"),
    [
        (PASSWORD, "short", 422, "weak_password"),
        (PASSWORD, PASSWORD, 422, "weak_password"),
        (PASSWORD, "password1234", 422, "weak_password"),
        ("wrong", OTHER, 401, "wrong_credentials"),
    ],
)
async def test_a_new_password_that_is_refused_changes_nothing(
    server: Server, old: str, new: str, status: int, code: str
) -> None:
    one = await at_work(server, Role.AGENT)
    response = await one.call("PUT", f"{SESSION}/password", {"old": old, "new": new})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert len(response.json()["detail"]) > 8
    assert (await one.sign_in()).status_code == 200


# The second factor


async def test_a_second_factor_is_offered_confirmed_asked_for_and_taken_away(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    assert await one.code("POST", f"{SESSION}/totp", {"password": "wrong"}) == (401, "wrong_credentials")
    offered = (await one.call("POST", f"{SESSION}/totp", {"password": PASSWORD})).json()
    assert one.username in offered["uri"]
    totp = pyotp.TOTP(offered["secret"])
    assert await one.code("POST", f"{SESSION}/totp", {"code": "000000"}) == (401, "wrong_code")
    used = totp.now()
    assert await one.code("POST", f"{SESSION}/totp", {"code": used}) == (204, "")
    assert await one.code("POST", f"{SESSION}/totp", {"password": PASSWORD}) == (409, "totp_active")
    response = await one.sign_in()
    assert (response.status_code, response.json()["code"]) == (401, "code_required")
    assert (await one.sign_in(code=used)).json()["code"] == "wrong_code"
    assert (await one.sign_in(code=totp.at(datetime.now(UTC) + timedelta(seconds=30)))).status_code == 200
    assert one.me["second_factor"]
    assert await one.code("DELETE", f"{SESSION}/totp", {"password": "wrong"}) == (401, "wrong_credentials")
    assert await one.code("DELETE", f"{SESSION}/totp", {"password": PASSWORD, "code": "000000"}) == (401, "wrong_code")
    assert await one.code("DELETE", f"{SESSION}/totp", {"password": PASSWORD}) == (204, "")
    assert (await one.sign_in()).status_code == 200


# Where else one is signed in


async def test_one_sees_and_ends_ones_other_sessions(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    others = [Colleague(server, one.username, fresh_address()) for _ in range(3)]
    for other in others:
        await other.sign_in()
    told = (await one.call("GET", f"{SESSION}/places")).json()["places"]
    assert [place["address"] for place in told] == [o.address for o in reversed(others)] + ["127.0.0.1"]
    assert [place["id"] for place in told if place["current"]] == [one.me["session"]]
    assert await one.code("DELETE", f"{SESSION}/places/{others[0].me['session']}") == (204, "")
    assert [(await o.call("GET", ME)).status_code for o in others] == [401, 200, 200]
    assert await one.code("DELETE", f"{SESSION}/places") == (204, "")
    assert [(await o.call("GET", ME)).status_code for o in others] == [401, 401, 401]
    assert (await one.call("GET", ME)).status_code == 200


async def test_a_session_of_somebody_else_is_not_there(server: Server) -> None:
    one, other = await at_work(server, Role.ADMIN), await at_work(server, Role.AGENT)
    assert await one.code("DELETE", f"{SESSION}/places/{other.me['session']}") == (404, "not_found")
    assert await one.code("DELETE", f"{SESSION}/places/x") == (404, "not_found")
    assert (await other.call("GET", ME)).status_code == 200


async def test_what_a_browser_calls_itself_is_kept_without_tricks(server: Server) -> None:
    one = hired(server, Role.AGENT)
    one.headers = {"User-Agent": "Mozilla/5.0 " + "x" * 500}
    await one.sign_in()
    (place,) = (await one.call("GET", f"{SESSION}/places")).json()["places"]
    assert place["device"].startswith("Mozilla/5.0")
    assert len(place["device"]) == 200


async def test_one_person_may_sign_in_many_times_at_once(server: Server) -> None:
    one = hired(server, Role.AGENT)
    found = await asyncio.gather(*(Colleague(server, one.username).sign_in() for _ in range(30)))
    assert [response.status_code for response in found] == [200] * 30
    mine = select(func.count()).where(sessions.c.username == one.username)
    assert server.rows(mine)[0][0] == 30
