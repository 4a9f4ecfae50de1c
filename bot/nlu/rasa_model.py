"""Rasa's model: written from our data in Rasa's own words, trained in Rasa's own environment, named by its hash."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import yaml

from bot.children import end_with_parent
from bot.config import ROOT, Rasa
from bot.errors import NeighbourError
from bot.nlu.examples import TrainingData, rasa_yaml
from knowledge_base.corpus import Corpus

PYTHON = ROOT / ".venv-rasa" / "bin" / "python"
SIDECAR = Path(__file__).with_name("rasa_sidecar.py")
LOCK = ROOT / "training_data" / "rasa" / "requirements-py311.lock.txt"
PATIENCE = 900  # seconds of training before it counts as stuck


def is_installed() -> bool:
    """Whether `make rasa-setup` has made Rasa's environment."""
    return PYTHON.exists()


def model_id(settings: Rasa, data: TrainingData, corpus: Corpus) -> str:
    """The hash of all that the model is trained from."""
    told = [settings.language, settings.pipeline, rasa_yaml(data, corpus)]
    return sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def model_path(home: Path, name: str) -> Path:
    return home / "rasa" / f"{name}.tar.gz"


def train(settings: Rasa, data: TrainingData, corpus: Corpus, home: Path) -> Path:
    """Trains what is missing; a model appears whole or not at all. Raises NeighbourError."""
    target = model_path(home, model_id(settings, data, corpus))
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as made:
        folder = Path(made)
        config = {
            "recipe": "default.v1",
            "language": settings.language,
            "pipeline": list(settings.pipeline),
            "policies": [],
        }
        (folder / "config.yml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        (folder / "nlu.yml").write_text(yaml.safe_dump(rasa_yaml(data, corpus), allow_unicode=True), "utf-8")
        command = [
            str(PYTHON), "-I", str(SIDECAR), "train", "--data", str(folder / "nlu.yml"),
            "--config", str(folder / "config.yml"), "--output", str(folder / "model.tar.gz"),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False, preexec_fn=end_with_parent
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NeighbourError(f"rasa training: {error}") from error
        if done.returncode or not (folder / "model.tar.gz").exists():
            raise NeighbourError(f"rasa training failed: {done.stderr.strip()[-500:]}")
        shutil.move(folder / "model.tar.gz", target)
    return target
