"""The shelf of versions: whole or not at all, and never in the way of those who ask."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge_base.corpus import Corpus
from knowledge_base.entry import Answer
from knowledge_base.errors import ArtefactError, NoVersion
from knowledge_base.index import Index
from knowledge_base.library import Library
from tests.knowledge_base.tiny import ANYONE, INTENTS, changed


@pytest.fixture
def copy(built: Index, home: Path, tmp_path: Path) -> Path:
    """A home to be hurt."""
    return Path(shutil.copytree(home, tmp_path / "home"))


def folders(home: Path, index: Index) -> list[Path]:
    library = Library(home)
    return [library.folder(index.version), library.models_folder(index.models.version)]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


def removed(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("hurt", [truncated, altered, removed])
def test_a_version_with_any_file_damaged_is_refused(copy: Path, built: Index, hurt: Callable[[Path], None]) -> None:
    files = [p for folder in folders(copy, built) for p in folder.rglob("*") if p.is_file()]
    assert len(files) > 12
    for path in files:
        kept = path.read_bytes()
        hurt(path)
        with pytest.raises(ArtefactError):
            Library(copy).load(built.version)
        path.write_bytes(kept)
    assert Library(copy).load(built.version).version == built.version


def test_the_version_in_service_answers_on_when_the_next_is_refused(copy: Path, built: Index) -> None:
    library = Library(copy)
    library.serve(library.load(built.version))
    truncated(library.folder(built.version) / "corpus.json")
    with pytest.raises(ArtefactError):
        library.load(built.version)
    assert library.search("社保卡丢了怎么办", ANYONE).exact


@pytest.mark.parametrize("part", ["join.json", "classifier/weights.npz"])
def test_a_damaged_version_is_built_anew(copy: Path, built: Index, corpus: Corpus, part: str) -> None:
    path = next(folder / part for folder in folders(copy, built) if (folder / part).exists())
    truncated(path)
    again = Library(copy).build(corpus, INTENTS)
    assert again.version == built.version
    assert again.search("社保卡丢了没", ANYONE) == built.search("社保卡丢了没", ANYONE)
    assert Library(copy).load(built.version).version == built.version


def test_what_is_built_already_is_not_built_again(copy: Path, built: Index, corpus: Corpus) -> None:
    before = {p: p.stat().st_mtime_ns for p in copy.rglob("*")}
    assert Library(copy).build(corpus, INTENTS).version == built.version
    assert {p: p.stat().st_mtime_ns for p in copy.rglob("*")} == before


def test_another_answer_makes_another_version_with_the_same_models(copy: Path, built: Index, corpus: Corpus) -> None:
    library = Library(copy)
    told: list[tuple[str, int, int]] = []
    following = library.build(
        changed(corpus, "base", answer=Answer(text="另一个答复")),
        INTENTS,
        progress=lambda stage, done, of: told.append((stage, done, of)),
    )
    assert following.version != built.version
    assert following.models.version == built.models.version
    assert told == [("index", 0, 1), ("index", 1, 1)]
    assert library.versions() == [following.version, built.version]
    assert library.has(following.version)
    assert library.load(following.version).entries["base"].answer.text == "另一个答复"


def test_what_is_half_made_is_no_version(copy: Path, built: Index) -> None:
    (copy / "versions" / ".making-x").mkdir()
    assert Library(copy).versions() == [built.version]


def test_before_the_first_version_there_is_nothing(tmp_path: Path) -> None:
    library = Library(tmp_path / "nowhere")
    assert library.versions() == []
    with pytest.raises(NoVersion, match="python -m bot publish"):
        library.search("社保", ANYONE)
    with pytest.raises(ArtefactError):
        library.load("0" * 16)


def test_answers_go_on_while_other_versions_are_loaded(copy: Path, built: Index, corpus: Corpus) -> None:
    library = Library(copy)
    other = library.build(changed(corpus, "base", answer=Answer(text="另一个答复")), INTENTS)
    library.serve(built)
    loaded, answered, failed = threading.Event(), [0, 0, 0], []

    def ask(mine: int) -> None:
        n = 0
        while not loaded.is_set():
            n += 1
            try:
                found = library.search(f"社保卡丢了怎么办{n % 50}", ANYONE)
                assert found.hits[0].entry.id == "card_loss"
                assert found.version in (built.version, other.version)
                answered[mine] += 1
            except Exception as error:
                failed.append(error)
                return

    asking = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
    for thread in asking:
        thread.start()
    try:
        for version in (other.version, built.version) * 5:
            library.serve(Library(copy).load(version))
    finally:
        loaded.set()
        for thread in asking:
            thread.join()
    assert not failed
    assert min(answered) > 0
    assert library.current.version == built.version
