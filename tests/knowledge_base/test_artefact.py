"""Sealed folders: as they were written, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from knowledge_base.artefact import MANIFEST, place, seal, verify
from knowledge_base.errors import ArtefactError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "v1"
    (made / "deep").mkdir(parents=True)
    (made / "a.bin").write_bytes(b"abc" * 100)
    (made / "deep" / "b.txt").write_text("b", "utf-8")
    seal(made, {"kind": "index", "version": "v1", "entries": 3})
    return made


def test_a_sealed_folder_tells_its_facts(folder: Path) -> None:
    facts = verify(folder, kind="index")
    assert (facts["version"], facts["entries"]) == ("v1", 3)
    assert set(facts["files"]) == {"a.bin", "deep/b.txt"}


def test_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="not of kind models"):
        verify(folder, kind="models")


def test_a_folder_under_another_name_is_refused(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="was sealed as v1"):
        verify(folder.rename(folder.with_name("v2")), kind="index")


def test_a_missing_file_and_a_foreign_one_are_refused(folder: Path) -> None:
    (folder / "c.txt").write_text("c", "utf-8")
    with pytest.raises(ArtefactError, match="does not have the files"):
        verify(folder, kind="index")
    (folder / "c.txt").unlink()
    (folder / "a.bin").unlink()
    with pytest.raises(ArtefactError, match="does not have the files"):
        verify(folder, kind="index")


@pytest.mark.parametrize("content", [b"", b"abc", b"abc" * 99 + b"abx"])
def test_a_changed_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / "a.bin").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"a\.bin is damaged"):
        verify(folder, kind="index")


@pytest.mark.parametrize(
    "told", ["", "{", "[]", "null", '{"kind": "index"}', '{"kind": "index", "version": "v1", "files": 3}']
)
def test_a_manifest_that_cannot_be_read_is_refused(folder: Path, told: str) -> None:
    (folder / MANIFEST).write_text(told, "utf-8")
    with pytest.raises(ArtefactError):
        verify(folder, kind="index")


def test_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot be read"):
        verify(tmp_path / "nothing", kind="index")


def test_of_two_made_at_once_the_first_stays_whole(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    for name in ("one", "two"):
        draft = tmp_path / name / "v1"
        shutil.copytree(folder, draft)
        place(draft, tmp_path / "kept" / "v1")
    assert verify(tmp_path / "kept" / "v1", kind="index")["entries"] == 3
