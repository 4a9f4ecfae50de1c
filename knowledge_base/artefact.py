"""Folders that are written once: a manifest with the hash of every file; a damaged one is refused."""

from __future__ import annotations

import json
from errno import EEXIST, ENOTEMPTY
from hashlib import file_digest
from pathlib import Path
from typing import Any

from knowledge_base.errors import ArtefactError

MANIFEST = "manifest.json"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)


def seal(folder: Path, facts: dict[str, Any]) -> None:
    """Writes the manifest, last of all."""
    files = {name: _digest(folder / name) for name in _names(folder)}
    told = json.dumps({**facts, "files": files}, ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(told, "utf-8")


def place(draft: Path, target: Path) -> None:
    """Puts a sealed folder where it is looked for, on the same disk. Of two made at once the first stays: a name stands
    for the content, and others may read it already."""
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (ENOTEMPTY, EEXIST):
            raise


def verify(folder: Path, *, kind: str) -> dict[str, Any]:
    """The sealed facts. Raises ArtefactError when a file is missing, foreign, changed or cut short."""
    try:
        facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        if facts["kind"] != kind:
            raise ArtefactError(f"{folder.name} is not of kind {kind}")
        if facts["version"] != folder.name:
            raise ArtefactError(f"{folder.name} was sealed as {facts['version']}")
        if sorted(facts["files"]) != _names(folder):
            raise ArtefactError(f"{folder.name} does not have the files it was sealed with")
        for name, digest in facts["files"].items():
            if _digest(folder / name) != digest:
                raise ArtefactError(f"{folder.name}: {name} is damaged")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtefactError(f"{folder.name} cannot be read: {error}") from error
    return facts
