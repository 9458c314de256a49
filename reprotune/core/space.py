"""A disk that is full or may not be written, in one message: which path, and what to do."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reprotune.core.errors import InputError

FULL = {errno.ENOSPC, errno.EDQUOT}
SAID = re.compile(  # by libraries that keep no error number; the last two are of torch
    r"no space left|os error 28|quota exceeded|disk is full|PytorchStreamWriter failed"
    r"|inline_container.*unexpected pos",
    re.IGNORECASE,
)
REMEDY = "make room, then run this again"
DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}


def is_full(error: BaseException | None) -> bool:
    """Whether an error comes from a full disk, however often it was wrapped."""
    seen: set[int] = set()  # a chain may lead back to itself
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if getattr(error, "errno", None) in FULL or SAID.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def telling(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Tell in one message that the disk was full, whatever error that has become.

    ``partial`` holds what is to be at ``path``, as far as it was written; of another error that
    names it, the file is ``path``.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise explain(error, path, measure(partial) if partial else 0) from None
        if partial and isinstance(error, OSError) and str(error.filename) == str(partial):
            error.filename = str(path)
        raise


def require_space(path: Path, needed: int) -> None:
    """Raise InputError if the disk of ``path`` has no room for so many bytes."""
    if needed > (free := measure_free(path)):
        raise InputError(f"{path}: needs {show(needed)}, and {show(free)} are free; {REMEDY}")


def explain(error: BaseException, path: Path, written: int = 0) -> InputError:
    """What is told in place of an error of a full disk, where so many bytes were written."""
    if isinstance(error, InputError):  # it is told already
        return error
    room = written + measure_free(path)
    told = f"needs more than the {show(room)} that were free"
    return InputError(f"{path}: the disk is full: {told}; {REMEDY}")


def explain_anywhere(error: BaseException) -> InputError:
    """The same where the error itself has to say what was written."""
    named = getattr(error, "filename", None)
    return explain(error, Path(str(named)) if named else Path.cwd())


def is_denied(error: BaseException) -> bool:
    """Whether a file may not be read or written, or nothing can be where it lies."""
    return isinstance(error, OSError) and error.errno in DENIED and error.filename is not None


def explain_denied(error: BaseException) -> InputError:
    """What is told in place of such an error."""
    assert isinstance(error, OSError)
    return InputError(
        f"{error.filename}: {str(error.strerror).lower()}; see who may read and write there, or "
        "work in a copy of your own"
    )


def measure_free(path: Path) -> int:
    """Bytes that are free where ``path`` is or will be."""
    path = path.absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    return shutil.disk_usage(there).free


def measure(path: Path) -> int:
    """Bytes of a file or of the files of a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def show(size: float) -> str:
    """A size for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1 << 10 or unit == "GiB":
            break
        size /= 1 << 10
    return f"{size:.1f}".removesuffix(".0") + f" {unit}"
