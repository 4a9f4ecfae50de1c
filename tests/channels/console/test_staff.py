"""Accounts and the audit log: for those whose role allows it, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from bot.staff import RIGHTS, Right, Role
from tests.channels.citizen import fresh_address
from tests.channels.console.colleague import OTHER, PASSWORD, SESSION, STAFF, Colleague, at_work, fresh_name, hired
from tests.channels.serving import Server

NEEDS: dict[tuple[str, str], Right] = {
    ("GET", STAFF): Right.MANAGE,
    ("POST", STAFF): Right.MANAGE,
    ("PATCH", f"{STAFF}/nobody"): Right.MANAGE,
    ("DELETE", f"{STAFF}/nobody"): Right.MANAGE,
    ("POST", f"{STAFF}/nobody/password"): Right.MANAGE,
    ("DELETE", f"{STAFF}/nobody/totp"): Right.MANAGE,
    ("GET", "/api/v1/audit"): Right.AUDIT,
}


def fresh(**more: Any) -> dict[str, Any]:
    return {"username": fresh_name(), "password": OTHER, "roles": ["agent"], "skills": [], "capacity": 3} | more


def body_for(method: str, path: str) -> dict[str, Any] | None:
    """One that would be taken."""
    if (method, path) == ("POST", STAFF):
        return fresh()
    return {} if method in ("PATCH", "POST") else None


@pytest.mark.parametrize("role", Role)
async def test_every_call_is_for_the_roles_that_have_its_right_and_no_other(server: Server, role: Role) -> None:
    one = await at_work(server, role)
    for (method, path), right in NEEDS.items():
        status, code = await one.code(method, path, body_for(method, path))
        if right in RIGHTS[role]:
            assert (status, code) in ((200, ""), (201, ""), (404, "not_found")), (method, path)
        else:
            assert (status, code) == (403, "forbidden"), (method, path)


async def test_what_the_staff_are_told_is_kept_nowhere_on_the_way(server: Server) -> None:
    one = await at_work(server, Role.ADMIN, Role.AUDITOR)
    for path in (STAFF, "/api/v1/audit", SESSION, f"{SESSION}/places"):
        assert (await one.call("GET", path)).headers["cache-control"] == "no-store"


async def test_without_a_session_nothing_is_told(server: Server) -> None:
    for method, path in NEEDS:
        assert await Colleague(server, "x").code(method, path, body_for(method, path)) == (401, "unauthorized")


async def test_roles_that_somebody_gives_themselves_count_nowhere(server: Server) -> None:
    one = await at_work(server, Role.AGENT)
    one.headers = {"X-Roles": "admin", "X-Yida-Roles": "admin"}
    one.cookies |= {"roles": "admin"}
    assert await one.code("GET", f"{STAFF}?roles=admin") == (403, "forbidden")
    assert await one.code("PATCH", f"{STAFF}/{one.username}", {"roles": ["admin"]}) == (403, "forbidden")
    assert await one.code("PUT", f"{SESSION}/password", {"old": PASSWORD, "new": OTHER, "roles": ["admin"]}) == (
        400, "bad_request",
    )  # fmt: skip
    assert (await one.call("GET", SESSION)).json()["roles"] == ["agent"]


async def test_an_account_is_made_changed_and_closed(server: Server) -> None:
    admin = await at_work(server, Role.ADMIN)
    told = fresh(name="陈晓", roles=["agent", "supervisor"], skills=["pension"], must_change=False)
    response = await admin.call("POST", STAFF, told)
    assert response.status_code == 201
    made = response.json()
    assert (made["username"], made["name"], made["roles"]) == (told["username"], "陈晓", ["agent", "supervisor"])
    assert (made["must_change"], made["disabled"], made["second_factor"]) == (False, False, False)
    assert OTHER not in response.text

    one = Colleague(server, told["username"], password=OTHER)
    assert (await one.sign_in()).status_code == 200
    path = f"{STAFF}/{one.username}"
    changed = (await admin.call("PATCH", path, {"capacity": 9, "roles": ["editor"]})).json()
    assert changed == made | {"capacity": 9, "roles": ["editor"]}
    assert (await one.call("GET", SESSION)).json()["rights"] == ["edit"]
    assert changed in (await admin.call("GET", STAFF)).json()["staff"]

    assert await admin.code("DELETE", path) == (204, "")
    assert await one.code("GET", SESSION) == (401, "unauthorized")
    assert (await one.sign_in()).status_code == 401
    assert (await admin.call("PATCH", path, {"disabled": False})).json()["disabled"] is False
    assert (await one.sign_in()).status_code == 200


async def test_a_new_account_must_change_its_password_unless_it_is_said_otherwise(server: Server) -> None:
    admin = await at_work(server, Role.ADMIN)
    told = fresh()
    assert (await admin.call("POST", STAFF, told)).json()["must_change"]
    one = Colleague(server, told["username"], password=OTHER)
    await one.sign_in()
    assert await one.code("GET", STAFF) == (403, "password_change_required")


async def test_without_a_password_a_one_time_one_is_made_and_told_once(server: Server) -> None:
    admin = await at_work(server, Role.ADMIN)
    told = fresh(must_change=False)
    del told["password"]
    response = await admin.call("POST", STAFF, told)
    assert "no-store" in response.headers["cache-control"]
    one = Colleague(server, told["username"], password=response.json()["password"])
    assert (await one.sign_in()).json()["must_change"]
    assert one.password not in (await admin.call("GET", STAFF)).text


async def test_an_empty_name_or_number_changes_nothing(server: Server) -> None:
    admin = await at_work(server, Role.ADMIN)
    made = (await admin.call("POST", STAFF, fresh())).json()
    assert (await admin.call("PATCH", f"{STAFF}/{made['username']}", {"name": " ", "number": ""})).json() == made


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"roles": ["root"]}, 400, "bad_request"),
        ({"roles": []}, 400, "bad_request"),
        ({"roles": "admin"}, 400, "bad_request"),
        ({"skills": [""]}, 400, "bad_request"),
        ({"skills": ["a\x00b"]}, 400, "bad_request"),
        ({"name": "陈\x00晓"}, 400, "bad_request"),
        ({"name": "陈" * 33}, 400, "bad_request"),
        ({"is_admin": True}, 400, "bad_request"),
        ({"username": "two words"}, 400, "bad_username"),
        ({"number": "12 34"}, 400, "bad_number"),
        ({"capacity": 0}, 400, "bad_capacity"),
        ({"password": "123456"}, 422, "weak_password"),
        ({"password": "password2026"}, 422, "weak_password"),
    ],
)
async def test_an_account_that_cannot_be_is_refused(
    server: Server, more: dict[str, Any], status: int, code: str
) -> None:
    admin = await at_work(server, Role.ADMIN)
    told = fresh(**more)
    assert await admin.code("POST", STAFF, told) == (status, code)
    named = {one["username"] for one in (await admin.call("GET", STAFF)).json()["staff"]}
    assert told["username"] not in named


async def test_a_name_or_number_that_is_taken_is_refused(server: Server) -> None:
    admin = await at_work(server, Role.ADMIN)
    made = (await admin.call("POST", STAFF, fresh())).json()
    assert await admin.code("POST", STAFF, fresh(username=made["username"].upper())) == (409, "username_taken")
    assert await admin.code("POST", STAFF, fresh(number=made["number"])) == (409, "number_taken")
    other = (await admin.call("POST", STAFF, fresh())).json()
    path = f"{STAFF}/{other['username']}"
    assert await admin.code("PATCH", path, {"number": made["number"]}) == (409, "number_taken")


async def test_the_last_admin_stays(own_server: Server) -> None:
    admin = await at_work(own_server, Role.ADMIN)
    path = f"{STAFF}/{admin.username}"
    assert await admin.code("DELETE", path) == (409, "last_admin")
    assert await admin.code("PATCH", path, {"roles": ["agent"]}) == (409, "last_admin")
    assert await admin.code("PATCH", path, {"disabled": True}) == (409, "last_admin")
    assert (await admin.call("GET", SESSION)).json()["roles"] == ["admin"]


async def test_an_admin_lets_somebody_in_again_who_is_locked_or_forgot(server: Server) -> None:
    admin, one = await at_work(server, Role.ADMIN), hired(server, Role.AGENT)
    for n in range(5):
        stranger = Colleague(server, one.username, fresh_address(), f"wrong-{n}")
        for _ in range(10):
            await stranger.sign_in()
    assert (await one.sign_in()).status_code == 429
    response = await admin.call("POST", f"{STAFF}/{one.username}/password")
    assert "no-store" in response.headers["cache-control"]
    one.password = response.json()["password"]
    assert (await one.sign_in()).json()["must_change"]
    assert await admin.code("POST", f"{STAFF}/{one.username}/password", {"password": "123"}) == (422, "weak_password")
    assert (await admin.call("POST", f"{STAFF}/{one.username}/password", {"password": OTHER})).status_code == 200


async def test_the_auditor_reads_who_did_what_and_no_secret_is_in_it(own_server: Server) -> None:
    admin, auditor = await at_work(own_server, Role.ADMIN), await at_work(own_server, Role.AUDITOR)
    told = fresh(must_change=False)
    await admin.call("POST", STAFF, told)
    await admin.call("PATCH", f"{STAFF}/{told['username']}", {"roles": ["editor"]})
    await Colleague(own_server, told["username"], password="wrong-password-99").sign_in()
    page = (await auditor.call("GET", "/api/v1/audit?limit=3")).json()
    assert [(row["actor"], row["action"], row["subject"]) for row in page["rows"]] == [
        ("", "sign_in_failed", told["username"]),
        (admin.username, "account_changed", told["username"]),
        (admin.username, "account_created", told["username"]),
    ]
    assert page["rows"][1]["detail"] == {"roles": [["agent"], ["editor"]]}
    assert page["rows"][0]["address"] == "127.0.0.1"
    rest = (await auditor.call("GET", f"/api/v1/audit?before={page['next']}&limit=500")).json()
    assert [row["seq"] for row in rest["rows"]] == list(range(page["next"] - 1, 0, -1))
    assert rest["next"] is None
    whole = str(page) + str(rest)
    for secret in (PASSWORD, OTHER, "wrong-password-99", "argon2"):
        assert secret not in whole


@pytest.mark.parametrize("query", ["before=0", "limit=0", "limit=501", "before=x", f"before={2**60}"])
async def test_a_page_of_the_log_that_cannot_be_is_refused(server: Server, query: str) -> None:
    auditor = await at_work(server, Role.AUDITOR)
    assert await auditor.code("GET", f"/api/v1/audit?{query}") == (400, "bad_request")


async def test_readiness_warns_of_the_environments_password_until_it_is_changed(own_server: Server) -> None:
    own_server.call(own_server.parts.accounts.first("from-env", "environment"))
    admin = Colleague(own_server, "admin", password="from-env")
    await admin.sign_in()
    response = await admin.call("GET", "/readyz")
    assert response.status_code == 200
    assert "YIDA_ADMIN_PASSWORD" in response.json()["accounts"]
    assert "from-env" not in response.text
    assert await admin.code("PUT", f"{SESSION}/password", {"old": "from-env", "new": OTHER}) == (204, "")
    assert (await admin.call("GET", "/readyz")).json()["accounts"] == "ok"
