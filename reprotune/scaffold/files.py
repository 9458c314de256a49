"""A project of one's own: every file as this version of the library writes it."""

import json
import re
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reprotune import __version__
from reprotune.core import dvc, paths
from reprotune.core.errors import InputError
from reprotune.core.io import whole_file
from reprotune.core.rooms import LIBRARY, PACKAGE, PINS
from reprotune.project import pins
from reprotune.scaffold.listing import PACKED, list_files

Files = dict[str, bytes]  # place in the project: content

BASE = Path(".template.zip")  # the files as the library wrote them last
WHEELS = Path("wheels")  # of a library that pip cannot have elsewhere
LARGE = 1 << 20  # bytes from which the base holds a hash in place of the content
HASHED = b"sha256:"
FIRST = (1980, 1, 1, 0, 0, 0)  # the day of every file in the base: the same files, the same bytes
OURS = re.compile(
    r".*(/tests/|/site/|\.ci/|\.egg-info|import_linter|/reprotune/\*\*|room is no code).*\n"
)  # no lines of theirs
TARGETS = re.compile(r"(test|check|bench|docs):|# (Strict|Tools)")  # of our Makefile alone


def find_root() -> Path:
    """Where the files are: in the package, or in the checkout that is installed."""
    packed = PACKAGE / PACKED
    return packed if packed.is_dir() else PACKAGE.parent


def render() -> Files:
    """Every file of a new project, but the base."""
    root = find_root()
    files = {file.as_posix(): (root / file).read_bytes() for file in list_files(root)}
    for name in (".gitignore", ".dvcignore", ".gitattributes"):
        files[name] = OURS.sub("", files[name].decode()).encode()
    text, rooms = pin_rooms(files[dvc.FILE.as_posix()].decode())
    files[dvc.FILE.as_posix()] = text.encode()
    lock = files[pins.LOCK.as_posix()].decode()
    files[PINS.as_posix()] = pins.render(lock, rooms).encode()
    files[paths.PARAMS.as_posix()] = files["profiles/builtin.yaml"]
    files["Makefile"] = adapt_makefile(files["Makefile"].decode()).encode()
    workflow = ".github/workflows/reprotune.yml"
    files[workflow] = replace(files[workflow].decode(), "pyproject.toml", "Makefile").encode()
    files["README.md"] = (Path(__file__).parent / "own/README.md").read_bytes()
    return files


def pin_rooms(text: str) -> tuple[str, list[str]]:
    """``dvc.yaml`` with the hashes of rooms in place of their folders, and these rooms."""
    head, *stages = re.split(r"^(?=  \w+:\n    cmd:)", text, flags=re.MULTILINE)
    head = re.sub(
        r"^# A test holds.*\n(?=#).*\n",
        "# The library's rooms that a stage executes stand under `pins.yaml`, each with the hash\n"
        "# of its code, so that another version re-runs what it touches (`reprotune upgrade`).\n",
        head,
        flags=re.MULTILINE,
    )
    found: set[str] = set()
    for number, stage in enumerate(stages):
        rooms = re.findall(rf"^      - {LIBRARY}/(\w+)$", stage, re.MULTILINE)
        found |= set(rooms)
        kept = re.sub(rf"^      - {LIBRARY}/\w+\n", "", stage, flags=re.MULTILINE)
        pinned = ", ".join(f"{LIBRARY}.{room}" for room in rooms)
        stages[number] = replace(kept, "{pins.yaml: [", f"{{pins.yaml: [{pinned}, ")
    return head + "".join(stages), sorted(found)


def adapt_makefile(text: str) -> str:
    """Our Makefile without what only we need, and with the library as a package."""
    text = "\n\n".join(part for part in text.split("\n\n") if not TARGETS.match(part))
    text = re.sub(r"^(\.PHONY: help install repro).*$", r"\1", text, flags=re.MULTILINE)
    text = replace(text, 'make test ARGS="-m slow"', "make repro ARGS=--dry")
    text = replace(text, "pyproject.toml", f"Makefile $(wildcard {WHEELS}/*)")
    told = "# The library, as pip installs it; `reprotune upgrade` moves it on."
    text = replace(text, "ARGS ?=\n", f"ARGS ?=\n\n{told}\nLIBRARY ?= {name_library()}\n")
    wheels = f"$(if $(wildcard {WHEELS}),--find-links {WHEELS})"
    told = f'install --no-deps --force-reinstall {wheels} "$(LIBRARY)"'
    return replace(text, "install --no-deps -e .", told)


def replace(text: str, old: str, new: str) -> str:
    """A text with a part replaced that must be there."""
    assert old in text, old
    return text.replace(old, new)


def name_library() -> str:
    """What pip installs this library by: its version, or the address that it was installed from."""
    origin = read_origin()
    address, vcs = str(origin.get("url", "")), origin.get("vcs_info")
    if isinstance(vcs, dict):
        return f"{LIBRARY} @ {vcs['vcs']}+{address}@{vcs['commit_id']}"
    return f"{LIBRARY} @ {address}" if address.startswith("http") else f"{LIBRARY}=={__version__}"


def read_origin() -> dict[str, object]:
    """Where pip installed this library from (PEP 610); empty if from an index."""
    return dict(json.loads(distribution(LIBRARY).read_text("direct_url.json") or "{}"))


def find_wheel() -> Path | None:
    """The wheel on this machine that this library was installed from."""
    parts = urlsplit(str(read_origin().get("url", "")))
    wheel = Path(unquote(parts.path))
    return wheel if parts.scheme == "file" and wheel.suffix == ".whl" and wheel.is_file() else None


def find_wheels() -> Files:
    """The wheel that no index has, as a file of the project, where every clone finds it."""
    wheel = find_wheel()
    return {(WHEELS / wheel.name).as_posix(): wheel.read_bytes()} if wheel else {}


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files of a project; scripts can be run."""
    for place, content in files.items():
        with whole_file(folder / place) as partial:
            partial.write_bytes(content)
            if content.startswith(b"#!"):
                partial.chmod(0o755)


def pack(files: Mapping[str, bytes], version: str = __version__) -> bytes:
    """The base: these files in one, of large ones the hash."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = version.encode()
        for place, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(place, FIRST), shorten(content), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(folder: Path = Path()) -> tuple[str, Files]:
    """The version that wrote a project last, and what it wrote.

    Raises:
        InputError: this is no such project, or its base is damaged.
    """
    if not (folder / BASE).is_file():
        raise InputError(
            f"{BASE}: no such file: this folder is no project that `reprotune new` wrote; "
            "`reprotune new DIR` writes one"
        )
    try:
        with zipfile.ZipFile(folder / BASE) as archive:
            return archive.comment.decode(), {
                name: archive.read(name) for name in archive.namelist()
            }
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{BASE} is damaged ({error}); git checkout HEAD {BASE}") from None


def shorten(content: bytes) -> bytes:
    """A content as the base holds it."""
    return content if len(content) < LARGE else HASHED + sha256(content).hexdigest().encode()
