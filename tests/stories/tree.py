"""The project on a small scale: our code by links, and a few entries and intents that train in seconds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
TINY = ROOT / "tests" / "knowledge_base" / "corpora"
LINKED = ("bot", "channels", ".venv-rasa")
OWN = ("corpora", "figures.yml", "__pycache__")  # of the knowledge: a tree has small ones, or none
INTENTS = (
    "greet",
    "thanks",
    "human",
    "crisis",
    "out_of_scope_weather",
    "out_of_scope_finance",
    "faq_pension_min_years",
)
EXAMPLES = 12  # an intent: enough to tell them apart
NO_LIMITS = {
    "per_address": {"conversations_per_minute": 0, "messages_per_minute": 0},
    "per_conversation": {"messages_per_minute": 0},
}


def plant(folder: Path) -> Path:
    """A tree in which `python -m bot` works; its entries may be edited."""
    folder.mkdir(parents=True)
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    (folder / "knowledge_base" / "corpora").mkdir(parents=True)
    for path in (ROOT / "knowledge_base").iterdir():
        if path.name not in OWN:
            (folder / "knowledge_base" / path.name).symlink_to(path)
    shutil.copy(TINY / "tiny.yml", folder / "knowledge_base" / "corpora" / "tiny.yml")
    shutil.copy(TINY / "figures.yml", folder / "knowledge_base" / "figures.yml")
    (folder / "training_data" / "nlu").mkdir(parents=True)
    for path in sorted((ROOT / "training_data" / "nlu").glob("*.yml")):
        blocks = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["nlu"]
        kept = [_shortened(b) for b in blocks if b.get("intent", INTENTS[0]) in INTENTS]
        told = {"version": "3.1", "nlu": kept}
        (folder / "training_data" / "nlu" / path.name).write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    configure(folder)
    return folder


def _shortened(block: dict[str, Any]) -> dict[str, Any]:
    if "intent" not in block:
        return block
    return {**block, "examples": "".join(block["examples"].splitlines(keepends=True)[:EXAMPLES])}


def configure(tree: Path, **sections: Any) -> None:
    """Our config.yml without limits and without Rasa, unless a test wants it."""
    told = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
    told["nlu"]["engine"] = "local"
    told["limits"] |= NO_LIMITS
    for name, section in sections.items():
        told[name] = told[name] | section if isinstance(section, dict) else section
    (tree / "config.yml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")


def copied(tree: Path, folder: Path) -> Path:
    """A tree of a test's own: links stay links."""
    shutil.copytree(tree, folder, symlinks=True)
    return folder


def furnished(template: Path, home: Path) -> Path:
    """A home of a test's own with everything trained and published."""
    shutil.copytree(template, home, ignore=shutil.ignore_patterns("rasa", "*.lock"))
    return home


def rewrite(tree: Path, old: str, new: str) -> None:
    """Edits an entry, as an editor would in a file."""
    path = tree / "knowledge_base" / "corpora" / "tiny.yml"
    text = path.read_text("utf-8")
    assert old in text
    fresh = path.with_suffix(".new")
    fresh.write_text(text.replace(old, new), "utf-8")
    os.replace(fresh, path)
