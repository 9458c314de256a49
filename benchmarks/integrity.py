"""What ``reprotune verify --cache`` finds of flipped bits, and takes beside ``dvc status``."""

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

from dvc.cli import main as dvc
from dvc.repo import Repo
from huggingface_hub import constants

from reprotune.core import paths
from reprotune.core.seals import hash_file
from reprotune.models.manifest import Manifest, PinnedFile
from reprotune.project.integrity import check_bytes, list_kept

OBJECTS = 10_000
FLIPS = 100
SIZE = 20_000  # bytes of a file
REVISION = "0" * 40
HUB = Path("hub")  # the Hub's cache
FETCHED = HUB / "models--owner--name/snapshots" / REVISION
SAVED = paths.SOURCE_MODELS / "tiny"


def write(folder: Path, count: int, size: int = SIZE) -> None:
    draw = random.Random(folder.name)
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.safetensors").write_bytes(draw.randbytes(size))


def pin(kind: str, location: str, folder: Path) -> None:
    """A manifest of a base model in a folder, or in the Hub's cache."""
    files = [
        PinnedFile(name=file.name, bytes=file.stat().st_size, sha256=hash_file(file))
        for file in sorted(folder.iterdir())
    ]
    revision = REVISION if kind == "hub" else None
    told = {"architecture": "LlamaForCausalLM", "parameters": 1, "files": files}
    Manifest(kind=kind, location=location, revision=revision, **told).write(paths.BASE)


def flip(file: Path, draw: random.Random) -> bytes:
    """Change one bit; the bytes before."""
    before = file.read_bytes()
    changed = bytearray(before)
    changed[draw.randrange(len(before))] ^= 1 << draw.randrange(8)
    file.chmod(0o644)  # DVC protects its objects
    file.write_bytes(changed)
    return before


def count_found(folder: Path, flips: int, draw: random.Random) -> int:
    """How many flipped bits in files under a folder are found, each under its name and no other."""
    kept = [one.path for _, files in list_kept() for one in files]
    files = sorted({path for path in kept if folder.resolve() in path.resolve().parents})
    found = 0
    for _ in range(flips):
        file = draw.choice(files)
        before = flip(file, draw)
        found += list(check_bytes().wrong["damaged"]) == [str(file)]
        file.write_bytes(before)
    return found


def show_flips() -> None:
    for folder in (paths.TUNED, paths.MERGED, FETCHED, SAVED):
        write(folder, 3)
    dvc(["add", "-q", str(paths.TUNED), str(paths.MERGED)])
    pin("path", SAVED.as_posix(), SAVED)
    places = {
        "DVC's cache": Path(".dvc/cache"), "base model": SAVED, "`models/tuned`": paths.TUNED,
        "`models/merged`": paths.MERGED, "the Hub's cache": HUB,
    }  # fmt: skip
    print("| one flipped bit in | found |\n|---|---|")
    for name, folder in places.items():
        if folder == HUB:
            pin("hub", "owner/name", FETCHED)
        found = count_found(folder, FLIPS // len(places), random.Random(name))
        print(f"| {name} | {found} of {FLIPS // len(places)} |", flush=True)


def measure(ask: Callable[[], object]) -> str:
    """Seconds of the clock and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    ask()
    return f"{time.perf_counter() - began:.1f} | {time.process_time() - worked:.1f}"


def ask_status() -> None:
    with Repo() as repo:
        repo.status()


def show_seconds() -> None:
    write(Path("data/many"), OBJECTS, SIZE // 10)
    dvc(["add", "-q", "data/many"])
    print(f"\n| {OBJECTS:,} objects and their copies | seconds | of the processor |\n|---|---|---|")
    print(f"| `dvc status` | {measure(ask_status)} |", flush=True)
    print(f"| `reprotune verify --cache` | {measure(check_bytes)} |", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as work, chdir(work):
        constants.HF_HUB_CACHE = str(HUB.resolve())
        dvc(["init", "-q", "--no-scm"])
        show_flips()
        shutil.rmtree(paths.BASE)
        show_seconds()


if __name__ == "__main__":
    main()
