"""Settings: every fault is told with its path and its reason, before anything starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.config import ROOT, Settings, read_settings
from bot.errors import SettingsError


@pytest.fixture
def told(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Reads a config.yml of these lines under this environment."""

    def read(text: str, **environment: str) -> Settings:
        path = tmp_path / "config.yml"
        path.write_text(text, "utf-8")
        return read_settings({"YIDA_CONFIG": str(path), "YIDA_HOME": str(tmp_path / "var"), **environment})

    return read


def test_the_shipped_file_says_what_the_code_takes_for_granted(tmp_path: Path) -> None:
    shipped = read_settings({"YIDA_HOME": str(tmp_path)})
    bare = Settings()
    assert shipped.conversation == bare.conversation
    assert shipped.limits == bare.limits
    assert shipped.server == bare.server
    assert (shipped.site.name, shipped.site.timezone, shipped.bus) == (bare.site.name, bare.site.timezone, bare.bus)
    assert [p.number for p in shipped.site.phones][:2] == ["12333", "12393"]
    assert shipped.nlu.rasa.pipeline


def test_an_empty_file_means_what_is_taken_for_granted(told) -> None:  # type: ignore[no-untyped-def]
    settings = told("")
    assert settings.site.zone.key == "Asia/Shanghai"
    assert settings.limits.message_characters == 500


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        ("sites: {}", "sites", "Extra inputs are not permitted"),
        ("site: {citty: 杭州}", "site.citty", "Extra inputs are not permitted"),
        ("limits: {per_address: {messages: 1}}", "limits.per_address.messages", "Extra inputs are not permitted"),
        ("site: {timezone: Asia/Hangzhou}", "site.timezone", "is not a time zone, write one such as Asia/Shanghai"),
        ("server: {port: 0}", "server.port", "greater than or equal to 1"),
        ("server: {port: viele}", "server.port", "valid integer"),
        ("server: {workers: 0}", "server.workers", "greater than or equal to 1"),
        ("server: {trusted_proxies: [nginx]}", "server.trusted_proxies.0", "not a valid IPv4"),
        ("site: {phones: [{number: 12333, for: 社保}]}", "site.phones.0.number", "valid string"),
        ("site: {phones: [{number: '12333'}]}", "site.phones.0.for", "required"),
        ("nlu: {engine: gpt}", "nlu.engine", "'rasa' or 'local'"),
        ("limits: {message_characters: -1}", "limits.message_characters", "greater than or equal to 1"),
        ("server: 8000", "server", "valid dictionary"),
        ("store: [a]", "store", "valid string"),
        ("1: 2", "1", "Keys should be strings"),
    ],
)
def test_a_fault_is_told_with_its_path_and_reason(told, tmp_path: Path, text: str, path: str, why: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as fault:
        told(text)
    assert str(fault.value).startswith(f"{tmp_path}/config.yml: {path}")
    assert why in str(fault.value)


def test_all_faults_are_told_at_once(told) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SettingsError) as fault:
        told("server: {port: 0, workers: 0}\nsites: {}")
    assert len(str(fault.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"site: [", "is not YAML"),
        (b"- a\n- b", "must be a mapping"),
        (b"just words", "must be a mapping"),
        ("site: {city: 杭州}".encode("gbk"), "is not UTF-8"),
        (b"site: {name: \x00}", "is not YAML"),
    ],
)
def test_a_file_that_is_no_settings_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "c.yml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=why) as fault:
        read_settings({"YIDA_CONFIG": str(path)})
    assert str(path) in str(fault.value)


@pytest.mark.parametrize("name", ["absent.yml", "."])
def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be read: (No such file|Is a directory)"):
        read_settings({"YIDA_CONFIG": str(tmp_path / name)})


def test_the_environment_goes_over_the_file(told, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = "store: sqlite:///file.db\nbus: redis://file\nhome: /nowhere"
    settings = told(text, YIDA_STORE="postgresql://u@h/n", YIDA_BUS="memory://")
    assert (settings.store, settings.bus, settings.home) == ("postgresql://u@h/n", "memory://", tmp_path / "var")
    assert told(text, YIDA_STORE="").store == f"sqlite:///{tmp_path}/var/file.db"


def test_a_relative_database_and_home_have_one_place_wherever_one_stands(
    told,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    assert told("store: sqlite:///a/b.db").store == f"sqlite:///{tmp_path}/var/a/b.db"
    assert told("store: sqlite:////srv/b.db").store == "sqlite:////srv/b.db"
    monkeypatch.chdir(tmp_path)
    assert told("", YIDA_HOME="here").home == tmp_path / "here"
    assert read_settings({}).home == ROOT / "var"


def test_settings_do_not_change_after_they_are_read(told) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="frozen"):
        told("").server.port = 1


def test_a_command_tells_the_fault_in_a_line_and_not_in_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("site: {timezone: Mars}")
    ran = subprocess.run(
        [sys.executable, "-m", "bot", "backup", str(tmp_path / "b")], capture_output=True, text=True, check=False,
        env={**os.environ, "YIDA_CONFIG": str(tmp_path / "c.yml"), "YIDA_HOME": str(tmp_path), "COLUMNS": "300"},
    )  # fmt: skip
    assert ran.returncode == 2
    assert "site.timezone" in ran.stderr
    assert "Traceback" not in ran.stderr
