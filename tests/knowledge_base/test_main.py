"""`python -m knowledge_base …`: what it prints and its exit status; never a traceback."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from knowledge_base.__main__ import app
from knowledge_base.corpus import SHIPPED, read_corpus
from knowledge_base.index import Index
from tests.knowledge_base.conftest import Write
from tests.knowledge_base.test_corpus import GOOD
from tests.knowledge_base.tiny import ENTRIES


def run(*arguments: str | Path, **environment: str) -> Result:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_good_entries_are_counted() -> None:
    done = run("check", ENTRIES.parent.parent / "corpora")
    assert done.exit_code == 1  # figures.yml lies beside them, and holds no entries
    assert "figures.yml:" in done.stdout


def test_every_fault_is_told_with_its_place_and_status_1(write: Write) -> None:
    folder = write(
        GOOD.replace("2026-11-01", "2026-02-30").replace("pension.min_years", "pension.luck") + "  colour: red\n"
    )
    done = run("check", folder)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Errors")
    assert {line.split(": ")[0] for line in lines[1:-1]} == {"one.yml:13", "one.yml:14"}
    assert lines[-1] == "2 errors"


def test_notes_do_not_make_a_check_fail(write: Write) -> None:
    done = run("check", write(GOOD))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Notes:"
    assert "one.yml:1: min_years: 1 distinct wordings beside the question, 12 are wanted" in lines
    assert "topics.yml:0: topic pension.min_years has 1 entries, 2 are wanted" in lines
    assert lines[-1] == "1 entries, 2 wordings, 1 topics: no errors"


def test_a_folder_that_is_not_there_is_told() -> None:
    done = run("check", "/nowhere")
    assert (done.exit_code, "no entries found" in done.stdout) == (1, True)


def test_the_shipped_knowledge_has_no_errors() -> None:
    done = run("check")
    corpus = read_corpus(SHIPPED)
    assert done.exit_code == 0
    assert f"{len(corpus.entries)} entries, " in done.stdout.splitlines()[-1]


def test_a_search_shows_hits_with_score_and_arms(built: Index, home: Path, tmp_path: Path) -> None:
    (tmp_path / "knowledge").symlink_to(home)
    done = run("search", "我的社保卡掉了要去哪补", YIDA_HOME=str(tmp_path))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"version {built.version}: answers from {built.bands.answer:.3f}")
    assert "card_loss" in lines[2]
    assert all(arm in lines[3] for arm in ("lexical", "dense", "phonetic", "topic"))


def test_a_search_that_finds_nothing_says_so(built: Index, home: Path, tmp_path: Path) -> None:
    (tmp_path / "knowledge").symlink_to(home)
    done = run("search", "？！", "--home", tmp_path, "--version", built.version)
    assert done.stdout.splitlines()[-1] == "nothing found"


def test_without_a_version_a_search_says_how_to_build_one(tmp_path: Path) -> None:
    done = run("search", "社保卡", "--home", tmp_path)
    assert (done.exit_code, "python -m bot publish" in done.stderr) == (1, True)


def test_an_unknown_version_is_one_message(tmp_path: Path) -> None:
    done = run("search", "社保卡", "--home", tmp_path, "--version", "none")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_a_pretrained_model_can_be_tuned(write: Write, pretrained: Path, tmp_path: Path) -> None:
    folder = write(ENTRIES.read_text("utf-8").replace("{{base_floor}}", "5000 元"))
    done = run("tune", "--model", pretrained, "--output", tmp_path / "tuned", "--folder", folder, "--epochs", "1")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "tuned" / "modules.json").exists()
    assert done.stdout == f"tuned: {tmp_path / 'tuned'}\n"


def test_what_tuning_cannot_do_is_one_message(write: Write, pretrained: Path, tmp_path: Path) -> None:
    for arguments, reason in (
        (["--model", "/nowhere", "--output", tmp_path / "a"], "there is no folder /nowhere\n"),
        (["--model", pretrained, "--output", tmp_path], f"{tmp_path} exists already\n"),
        (
            ["--model", pretrained, "--output", tmp_path / "a", "--folder", write("")],
            "one.yml:1: the file must be a list of entries\n",
        ),
    ):
        done = run("tune", *arguments)
        assert (done.exit_code, done.stderr) == (1, reason)
