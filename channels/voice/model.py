"""Fetches the official small Chinese model: `python -m channels.voice.model`, which `make voice-model` runs.

Resumed where it broke off, checked against pinned hashes, put in place whole or not at all.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from bot.config import read_settings

NAME = "vosk-model-small-cn-0.22"
URL = f"https://alphacephei.com/vosk/models/{NAME}.zip"
FILES = {  # SHA-256; the archive itself may be packed anew, these are what is listened with
    "am/final.mdl": "91eda2c04c4f599361cb92b0e5298ccdf6b3c7a1fa52bfcefcd2c4e07aa1c131",
    "graph/Gr.fst": "46d41a9b1723abccdcb354d731a5b58d87c060100d88ada1a3e31220f52b0434",
    "graph/HCLr.fst": "798af0d9ba6f2d727747f58e1e7b2305f8618bc8ea7f6c51beecd8a2c965b965",
    "ivector/final.ie": "c39d46fbff04efb7baa9660ae7a728b0e2f35a4a1250b56ed3a599e26956df86",
}
PATIENCE = 20.0
LARGEST = 500 * 2**20


class Unfetched(Exception):
    """Why there is no model, for the terminal."""


def fetch(folder: Path, url: str = URL, files: dict[str, str] | None = None, screen: Console | None = None) -> Path:
    """The model's folder. Raises Unfetched; what was fetched so far stays for the next try."""
    pinned = FILES if files is None else files
    target = folder / "model"
    if not wrong(target, pinned):
        return target
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "model.zip.part"
    _download(url, archive, screen or Console(stderr=True))
    making = folder / "model.new"
    shutil.rmtree(making, ignore_errors=True)
    try:
        _unpack(archive, making)
        if bad := wrong(making, pinned):
            raise Unfetched(f"the archive is not the one that is pinned: {', '.join(bad)}; it is removed")
    except (Unfetched, zipfile.BadZipFile, OSError) as error:
        archive.unlink(missing_ok=True)
        shutil.rmtree(making, ignore_errors=True)
        raise (
            error if isinstance(error, Unfetched) else Unfetched(f"the archive is damaged and removed: {error}")
        ) from error
    shutil.rmtree(target, ignore_errors=True)
    making.rename(target)
    archive.unlink()
    return target


def wrong(model: Path, pinned: dict[str, str]) -> list[str]:
    """The files that are absent or are not what they should be."""
    return [name for name, told in pinned.items() if _hash(model / name) != told]


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        digest = sha256()
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()


def _download(url: str, archive: Path, screen: Console) -> None:
    have = archive.stat().st_size if archive.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        with (
            httpx.stream("GET", url, headers=headers, timeout=PATIENCE, follow_redirects=True) as answer,
            Progress(*columns, console=screen, disable=not screen.is_terminal) as progress,
        ):
            if answer.status_code == 416:
                return  # all of it is here
            answer.raise_for_status()
            have = have if answer.status_code == 206 else 0
            size = have + int(answer.headers.get("content-length", 0))
            task = progress.add_task(NAME, total=size or None, completed=have)
            with archive.open("ab" if have else "wb") as file:
                for piece in answer.iter_bytes(2**16):
                    file.write(piece)
                    progress.advance(task, len(piece))
                    if file.tell() > LARGEST:
                        raise Unfetched(f"{url} is larger than any model of this kind")
    except httpx.HTTPError as error:
        kept = archive.stat().st_size if archive.exists() else 0
        raise Unfetched(
            f"{url} could not be fetched ({type(error).__name__}); {kept} bytes are kept. "
            "Run `make voice-model` again. Without a network: unpack a model elsewhere and set "
            "channels.voice.transcriber to vosk:FOLDER"
        ) from error


def _unpack(archive: Path, into: Path) -> None:
    """Without the archive's own top folder; names that lead outside are refused."""
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            inside = Path(*Path(item.filename).parts[1:])
            if item.is_dir() or inside == Path():
                continue
            if ".." in inside.parts or inside.is_absolute():
                raise Unfetched(f"the archive holds {item.filename}")
            path = into / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(item) as source, path.open("wb") as file:
                shutil.copyfileobj(source, file)


def main() -> None:
    screen = Console(stderr=True)
    try:
        path = fetch(read_settings().home / "voice", screen=screen)
    except Unfetched as error:
        screen.print(str(error), style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(2)
    screen.print(f"{path}: ready; restart the service to use it", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
