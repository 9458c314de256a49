"""The files of a revision with the hashes that DVC gives them, from git alone."""

import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from reprotune.comparison.revision import Revision, git, run

LINK, SUBMODULE = "120000", "160000"
LINKED = ""  # for a hash: another file could be put in its place, and git would show nothing
LARGE = b"version https://git-lfs"  # git holds a pointer, and the hash is that of the file


class Tree:
    """What git holds of a revision under this folder, and what the pointers of DVC say beside it.

    A hash is None where git does not have the content of a large file, LINKED where it has none
    of what the code may be: links, submodules, and what lies among code and not in git.
    """

    def __init__(self, revision: Revision, under: Collection[str]) -> None:
        self.revision = revision
        hashes = hash_commit(revision.commit, under) if revision.commit else hash_workspace(under)
        self.hashes: dict[str, str | None] = dict(hashes)
        held = list(self.hashes)
        folders = {str(folder) for path in held for folder in Path(path).parents}
        for path in [path for path in held if path.endswith(".dvc")]:
            known = read_pointer(revision, Path(path))
            self.hashes |= {
                name: md5 for name, md5 in known.items() if name not in {*self.hashes, *folders}
            }  # what git holds itself, no pointer says
        self.unseen = [] if revision.commit else list_unseen(self.hashes)

    def hash(self, path: str, made: dict[str, str | None]) -> str | None:
        """The hash of a file or folder, some of whose files are ``made``; None if git lacks some.

        Of a folder it is that of the list of its files, as DVC makes it.
        """
        known = self.hashes | made
        if path in known:
            return known[path]
        inside = {file: md5 for file, md5 in known.items() if is_under(file, path)}
        if LINKED in inside.values():
            return LINKED
        if not all(inside.values()) or any(str(md5).endswith(".dir") for md5 in inside.values()):
            return LINKED if any(file.endswith(".py") for file in inside) else None
        unseen = (one for one in self.unseen if one not in known)
        if not inside or any(is_under(one, path) or is_under(path, one) for one in unseen):
            return None
        return hash_list({file.removeprefix(f"{path}/"): md5 for file, md5 in inside.items()})

    def count(self, path: str) -> int:
        """How many files there are at or under a path."""
        return sum(file == path or is_under(file, path) for file in self.hashes)


def hash_list(files: Mapping[str, str | None]) -> str:
    """The hash that DVC gives a folder, from those of its files."""
    listed = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def is_under(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def hash_commit(commit: str, under: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """The files of a commit, those under some paths with their hash."""
    wanted = []
    for line in run("ls-tree", "-r", "-z", commit).decode(errors="replace").split("\0")[:-1]:
        about, path = line.split("\t", 1)
        mode, _, name = about.split()
        if mode in (LINK, SUBMODULE) or not is_wanted(path, under):
            yield path, LINKED if is_wanted(path, under) else None
        else:
            wanted.append((path, name))
    with tempfile.TemporaryFile() as names:
        names.write("".join(f"{name}\n" for _, name in wanted).encode())
        names.seek(0)
        command = ["git", "cat-file", "--batch"]
        with subprocess.Popen(command, stdin=names, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for path, _ in wanted:
                size = int(process.stdout.readline().split()[-1])
                found = hash_content(process.stdout.read(size + 1)[:-1])
                yield path, LINKED if found is None and path.endswith(".py") else found


def hash_workspace(under: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """The files here that git has or would take, those under some paths with their hash."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as ignored:
        ignored.writelines(f"{pattern}\n" for pattern in list_ignored(Path(".dvcignore")))
        ignored.flush()
        how = ["--exclude-standard", f"--exclude-from={ignored.name}", "--deduplicate"]
        listed = git("ls-files", "-z", "-co", *how)
    for path in listed.split("\0")[:-1]:
        file = Path(path)
        if file.is_file():
            known = LINKED if file.is_symlink() else hash_content(file.read_bytes())
            yield path, known if is_wanted(path, under) else None


def list_ignored(file: Path) -> Iterator[str]:
    """The patterns of a file in this folder, as git takes them: from the top of its repository."""
    if not file.is_file():
        return
    top = re.sub(r"[*?\[\\]", r"\\\g<0>", git("rev-parse", "--show-prefix").strip("\n"))
    for line in file.read_text("utf-8").splitlines():
        mark = "!" if line.startswith("!") else ""
        pattern = line.removeprefix(mark)
        is_placed = "/" in pattern.rstrip("/") and not line.startswith("#")
        yield f"{mark}/{top}{pattern.removeprefix('/')}" if is_placed else line


def is_wanted(path: str, under: Collection[str]) -> bool:
    return any(path == one or is_under(path, one) for one in under)


def hash_content(content: bytes) -> str | None:
    return None if content.startswith(LARGE) else hashlib.md5(content).hexdigest()


def read_pointer(revision: Revision, path: Path) -> dict[str, str | None]:
    """The hashes of what a ``.dvc`` file points to."""
    outs = revision.read_yaml(path).get("outs")
    listed = [out for out in outs if isinstance(out, dict)] if isinstance(outs, list) else []
    return {
        (path.parent / str(out.get("path"))).as_posix(): str(out["md5"]) if "md5" in out else None
        for out in listed
    }


def list_unseen(known: Collection[str]) -> list[str]:
    """Files and folders here that git ignores, and no pointer names."""
    found = git("ls-files", "-z", "-oi", "--exclude-standard", "--directory").split("\0")[:-1]
    return [
        path.rstrip("/")
        for path in found
        if path.rstrip("/") not in known and "__pycache__" not in Path(path).parts
    ]
