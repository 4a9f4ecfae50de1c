"""A service starts for the first time: somebody can sign in, and nobody who reads its log can."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.stories.service import Service, run

FRESH = "桂花-Regenschirm-52"


def test_the_one_time_password_lies_in_a_file_and_in_no_log(tree: Path, home: Path) -> None:
    with Service(tree, home) as service, httpx.Client(base_url=service.url, trust_env=False) as browser:
        service.wait_until(lambda: "/docs" in service.log.read_text("utf-8"), 20)
        path = home / "admin-password"
        assert path.stat().st_mode & 0o777 == 0o600
        name, password = path.read_text("utf-8").split()
        log = service.log.read_text("utf-8")
        assert str(path) in log
        assert password not in log
        me = browser.post("/api/v1/session", json={"username": name, "password": password})
        assert me.json()["must_change"]
        assert browser.get("/api/v1/staff").json()["code"] == "password_change_required"
        changed = browser.put("/api/v1/session/password", json={"old": password, "new": FRESH})
        assert changed.status_code == 204
        assert [one["username"] for one in browser.get("/api/v1/staff").json()["staff"]] == ["admin"]
        path.unlink()
    with Service(tree, home) as service:
        assert not path.exists()
        assert service.readiness()[1]["accounts"] == "ok"
        verified = run(tree, home, "audit", "verify")
        assert (verified.returncode, verified.stdout.split(" rows")[0]) == (0, "3")


def test_the_environments_password_serves_at_once_and_every_worker_warns(tree: Path, home: Path) -> None:
    with Service(tree, home, "--workers", "2", YIDA_ADMIN_PASSWORD="geheim") as service:
        told = {"username": "admin", "password": "geheim"}
        me = httpx.post(f"{service.url}/api/v1/session", json=told, trust_env=False).json()
        assert (me["roles"], me["must_change"]) == (["admin"], False)
        assert all("YIDA_ADMIN_PASSWORD" in service.readiness()[1]["accounts"] for _ in range(8))
        assert not (home / "admin-password").exists()
        assert "geheim" not in service.log.read_text("utf-8")
