"""Rasa's model: written from our data in Rasa's own words, trained in Rasa's own environment, named by its hash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from bot.children import end_with_parent
from bot.config import ROOT, Rasa
from bot.errors import NeighbourError
from bot.nlu.examples import TrainingData
from bot.nlu.rasa_data import rasa_yaml, tokenizer_words
from knowledge_base.corpus import Corpus

PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
SIDECAR = Path(__file__).with_name("rasa_sidecar.py")
SUFFIX = ".tar.gz"
PATIENCE = 900  # seconds of training before it counts as stuck
KEPT = 3  # models on disk: the one in service, the one before, one that is new


def is_installed() -> bool:
    """Whether `make rasa-setup` has made Rasa's environment."""
    return PYTHON.exists()


def command(verb: str, **given: str | Path) -> list[str]:
    """A call of the sidecar. Isolated (-I): else `import rasa` would find our rasa.py beside it."""
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [str(PYTHON), "-I", str(SIDECAR), verb, *options]


def environment() -> dict[str, str]:
    """What Rasa's processes see of ours: no secret, and one thread, for the machine is shared."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YIDA_", "PYTHON"))}
    return kept | {"OMP_NUM_THREADS": "1"}


def newest(home: Path) -> tuple[str, Path] | None:
    """The id and file of the model that was trained last; None before the first."""
    models = _by_age(home / "rasa")
    return (models[0].name.removesuffix(SUFFIX), models[0]) if models else None


def train(settings: Rasa, data: TrainingData, corpus: Corpus, home: Path) -> Path:
    """Trains what is missing; a model appears whole or not at all. Raises NeighbourError."""
    told = rasa_yaml(data, corpus, each=settings.wordings_per_topic)
    words = tokenizer_words(data)
    target = home / "rasa" / f"{_id(settings, told, words)}{SUFFIX}"
    if target.exists():
        target.touch()  # it is what the files ask for: the newest again
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as made:
        folder = Path(made)
        config = {
            "recipe": "default.v1",
            "assistant_id": "yida",
            "language": settings.language,
            "pipeline": list(settings.pipeline),
            "policies": [],
        }
        (folder / "config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        (folder / "nlu.yml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
        (folder / "words").mkdir()
        (folder / "words" / "words.txt").write_text(words, "utf-8")
        _run(command("train", data="nlu.yml", config="config.yml", output="model.tar.gz"), folder)
        shutil.move(folder / "model.tar.gz", target)
    for old in _by_age(target.parent)[KEPT:]:
        old.unlink(missing_ok=True)
    return target


def _id(settings: Rasa, told: dict[str, Any], words: str) -> str:
    """The hash of all that the model is trained from."""
    everything = json.dumps([settings.language, settings.pipeline, told, words], ensure_ascii=False, sort_keys=True)
    return sha256(everything.encode()).hexdigest()[:16]


def _by_age(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter and script)
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
            preexec_fn=end_with_parent,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NeighbourError(f"rasa training: {error}") from error
    if done.returncode or not (folder / "model.tar.gz").exists():
        raise NeighbourError(f"rasa training failed: {done.stderr.strip()[-500:]}")
