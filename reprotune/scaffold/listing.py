"""The files of this repository that a project of one's own gets.

They are in git once: the build copies them into the wheel (``setup.py``), and an editable install
reads them where they are. Nothing but Python's own library is imported here, for the build has
no more.
"""

from collections.abc import Iterator
from pathlib import Path

PACKED = "scaffold/files"  # where they are in the wheel, under the package
PATTERNS = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots/*.json",
    ".dvcignore",
    ".gitattributes",
    ".github/report.sh",
    ".github/workflows/reprotune.yml",
    ".gitignore",
    "Makefile",
    "data/*.csv",
    "data/*/.gitignore",
    "data/.gitignore",
    "data/general.txt",
    "data/source/.gitkeep",
    "dvc.yaml",
    "models/.gitignore",
    "models/source/builtin/*",
    "pipelines/*.py",
    "prefect.yaml",
    "profiles/*.yaml",
    "profiles/accelerate/*.yaml",
    "requirements.lock",
    "stages/*.py",
    "sweeps/*.yaml",
)


def list_files(root: Path) -> Iterator[Path]:
    """The files, by their places under ``root``."""
    for pattern in PATTERNS:
        yield from sorted(file.relative_to(root) for file in root.glob(pattern) if file.is_file())
