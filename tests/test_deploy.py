"""The deployment files: nginx takes the proxy, systemd the units, and no secret of the containers has a default."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FILES = ROOT / "docs" / "deploy"
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")
UNITS = sorted(path.name for path in FILES.glob("yida*.*") if path.suffix in (".service", ".timer"))


def tool(name: str) -> str:
    """The program's path; without it the test is skipped, in CI it fails."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def proxy(tmp_path: Path) -> Path:
    """The proxy's file with everything of the machine put into a temporary folder."""
    for name in ("tls", "logs", "acme", "yida"):
        (tmp_path / name).mkdir()
    made = run(
        tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
        "-keyout", tmp_path / "tls" / "yida.key", "-out", tmp_path / "tls" / "yida.crt",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    told = (FILES / "nginx.conf").read_text("utf-8")
    places = {
        "/etc/nginx/tls": "tls", "/var/log/nginx": "logs", "/var/www/acme": "acme", "/etc/nginx/yida": "yida",
        "/run/nginx.pid": "nginx.pid",
    }  # fmt: skip
    for place, here in places.items():
        assert place in told
        told = told.replace(place, str(tmp_path / here))
    told = re.sub(r"^user .*$", "", told, flags=re.MULTILINE)  # nginx -t opens ports and logs: anybody may run this
    for port in (80, 443):
        told = told.replace(f"listen {port}", f"listen 127.0.0.1:{free_port()}")
        told = told.replace(f"listen [::]:{port}", f"listen [::1]:{free_port()}" if has_ipv6() else "#")
    file = tmp_path / "nginx.conf"
    file.write_text(told, "utf-8")
    return file


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_nginx_takes_the_proxy(proxy: Path) -> None:
    tested = run(tool("nginx"), "-t", "-p", proxy.parent, "-e", proxy.parent / "logs" / "start.log", "-c", proxy)
    assert tested.returncode == 0, tested.stderr


def test_the_proxy_waits_longer_than_the_service_is_silent() -> None:
    told = (FILES / "nginx.conf").read_text("utf-8")
    waits = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s", told)]
    polls, sockets = (
        re.search(r"LONGEST_WAIT = (\d+)", source("channel")),
        re.search(r"IDLE = (\d+)", source("sockets")),
    )
    assert polls
    assert sockets
    assert waits[0] > int(polls[1])
    assert waits[1] > int(sockets[1])


def source(module: str) -> str:
    return (ROOT / "channels" / "web" / f"{module}.py").read_text("utf-8")


def test_the_proxy_lets_nothing_larger_through_than_the_service_takes() -> None:
    limit = re.search(r"client_max_body_size (\d+)k", (FILES / "nginx.conf").read_text("utf-8"))
    taken = re.search(r"BODY_BYTES = ([\d_]+)", (ROOT / "channels" / "app.py").read_text("utf-8"))
    assert limit
    assert taken
    assert int(limit[1]) * 1024 == int(taken[1])


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_takes_the_unit(unit: str, tmp_path: Path) -> None:
    for name in UNITS:  # the program's place exists on a machine that runs it, not here
        told = (FILES / name).read_text("utf-8").replace("/opt/yida/.venv/bin/python", sys.executable)
        (tmp_path / name).write_text(told, "utf-8")
    checked = run(tool("systemd-analyze"), "verify", "--man=no", tmp_path / unit)
    mine = [line for line in checked.stderr.splitlines() if "yida" in line]
    assert (mine, checked.returncode) == ([], 0)


@pytest.mark.parametrize("unit", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_gives_up_what_it_does_not_need(unit: str) -> None:
    told = (FILES / unit).read_text("utf-8").splitlines()
    for line in (
        "User=yida",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
    ):
        assert line in told


def strings(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Every text of the compose file with the key it stands under."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from strings(part, str(key))
    elif isinstance(value, list):
        for part in value:
            yield from strings(part, at)
    elif isinstance(value, str):
        yield at, value


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FILES / "compose.yml").read_text("utf-8"))
    return read


def test_the_compose_file_has_the_service_and_its_neighbours() -> None:
    assert set(compose()["services"]) == {"app", "postgres", "redis"}


def test_every_secret_of_the_compose_file_is_a_required_variable() -> None:
    seen = set()
    for key, told in strings(compose()):
        for name, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", told):
            if SECRET.search(name):
                seen.add(name)
                assert rest.startswith(":?"), f"{name} may be empty or has a default"
        if SECRET.search(key):
            assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", told), f"{key} is written out"
        for password in re.findall(r"://[^/@\s]*:([^@\s]+)@", told):
            assert password.startswith("${"), "a password is written out"
    assert seen == {"YIDA_POSTGRES_PASSWORD", "YIDA_REDIS_PASSWORD", "YIDA_CONTACT_KEY"}


def test_only_the_service_is_reachable_and_only_from_this_machine() -> None:
    ports = {name: service.get("ports", []) for name, service in compose()["services"].items()}
    assert ports.pop("app") == ["127.0.0.1:8000:8000"]
    assert not any(ports.values())


def test_the_environment_example_holds_no_secret_and_known_variables_only() -> None:
    lines = (FILES / "yida.env.example").read_text("utf-8").splitlines()
    told = dict(re.findall(r"^#?(YIDA_\w+)=(.*)$", "\n".join(lines), re.MULTILINE))
    assert set(told) == {"YIDA_CONFIG", "YIDA_STORE", "YIDA_BUS", "YIDA_CONTACT_KEY"}
    assert told["YIDA_CONTACT_KEY"] == ""
    assert not any(re.search(r"://[^/@]*:[^@]*@", value) for value in told.values())
    assert not any(line and not line.startswith("#") for line in lines)


def test_the_image_is_not_root_and_takes_all_that_the_service_reads() -> None:
    told = (FILES / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (.+)$", told, re.MULTILINE) == ["yida"]
    kept = re.findall(r"^!(\S+)$", (FILES / "Dockerfile.dockerignore").read_text("utf-8"), re.MULTILINE)
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", told, re.MULTILINE) for word in line.split()}
    assert all(any(word == name or word.startswith(f"{name}/") for name in kept) for word in copied)
    assert all((ROOT / word).exists() for word in copied)
    assert {"bot", "knowledge_base", "channels", "training_data", "config.yml", "pyproject.toml"} <= copied
