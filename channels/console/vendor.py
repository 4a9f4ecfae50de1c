"""Renews the libraries that the console's pages stand on: `python -m channels.console.vendor`."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

FOLDER = Path(__file__).parent / "static" / "vendor"
REGISTRY = "https://registry.npmjs.org"
PACKAGE_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Package:
    """One package of npm at one version: its SHA-512 as npm says it, and its files by the names that we serve."""

    name: str
    version: str
    sha512: str
    files: dict[str, str]

    @property
    def address(self) -> str:
        return f"{REGISTRY}/{self.name}/-/{self.name}-{self.version}.tgz"


PACKAGES = (
    Package(
        "preact",
        "10.27.2",
        "5SYSgFKSyhCbk6SrXyMpqjb5+MQBgfvEKE/OC+PujcY34sOpqtr+0AZQtPYx5IA6VxynQ7rUPCtKzyovpj9Bpg==",
        {
            "dist/preact.module.js": "preact.js",
            "hooks/dist/hooks.module.js": "hooks.js",
            "LICENSE": "preact.LICENSE.txt",
        },
    ),
    Package(
        "htm",
        "3.1.1",
        "983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        {"dist/htm.module.js": "htm.js", "LICENSE": "htm.LICENSE.txt"},
    ),
)
# Browsers find a bare name only with an import map, which would have to stand inline.
BARE = b'from"preact"', b'from"./preact.js"'


def taken(package: Package, archive: bytes) -> dict[str, bytes]:
    """What we serve of a package's archive, by our names.

    Raises:
        ValueError: the archive is not the one that was pinned.
    """
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != package.sha512:
        raise ValueError(f"{package.name} {package.version} is not what was pinned: sha512-{found}")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {ours: _served(tar.extractfile(f"package/{theirs}")) for theirs, ours in package.files.items()}


def _served(file: IO[bytes] | None) -> bytes:
    if file is None:
        raise ValueError("a file of the package is a folder now")
    lines = [line for line in file.read().splitlines() if not line.startswith(b"//# sourceMappingURL")]
    return b"\n".join(lines).replace(*BARE) + b"\n"


def main() -> None:
    with httpx.Client(timeout=60, follow_redirects=True) as client:
        for package in PACKAGES:
            archive = client.get(package.address).raise_for_status().content
            if len(archive) > PACKAGE_BYTES:
                raise ValueError(f"{package.name} has grown to {len(archive)} bytes")
            for name, content in taken(package, archive).items():
                (FOLDER / name).write_bytes(content)


if __name__ == "__main__":
    main()
