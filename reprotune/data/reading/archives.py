"""Single files out of zip archives that others made."""

import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from reprotune.core.errors import InputError

LARGEST = 1 << 31  # bytes of a file, unpacked
RATIO = 200  # of unpacked to packed: text reaches 20, a bomb 1,000
SMALL = 1 << 20  # bytes that are no danger at any ratio


def divide(location: str) -> tuple[str, str]:
    """``dir/a.zip/b/c.txt`` as the archive ``dir/a.zip`` and its member ``b/c.txt``, if any."""
    head, mark, member = location.partition(".zip/")
    return (f"{head}.zip", member) if mark else (location, "")


def read_member(raw: bytes, name: str, where: str) -> bytes:
    """One file of a zip archive, unpacked in memory; nothing is written.

    Raises:
        InputError: no zip, no such member, damaged, or built to do harm.
    """
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            names = [info.filename for info in archive.infolist()]
            check_names(names, where)
            if name not in names:
                files = [one for one in names if not one.endswith("/")]
                raise InputError(f"{where}: has no {name!r}; it has {files}")
            info = archive.getinfo(name)
            check_member(info, where)
            with archive.open(info) as file:
                return file.read(info.file_size)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{where}: not readable as a zip archive: {error}; fetch it again"
        ) from None


def check_names(names: list[str], where: str) -> None:
    outside = [n for n in names if PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts]
    if outside:
        raise InputError(
            f"{where}: holds names that lead out of it, such as {outside[0]!r}: it is damaged or "
            "meant to do harm; do not use it"
        )


def check_member(info: zipfile.ZipInfo, where: str) -> None:
    """Raise InputError for a file that has a password or a size that does harm."""
    if info.flag_bits & 1:
        raise InputError(f"{where}: {info.filename} has a password: unpack it into data/source")
    bomb = info.file_size > SMALL and info.file_size > RATIO * info.compress_size
    if bomb or info.file_size > LARGEST:
        raise InputError(
            f"{where}: {info.filename} unpacks from {info.compress_size} to {info.file_size} "
            f"bytes, more than {LARGEST} or {RATIO} times as much: if that is meant, unpack it "
            "into data/source"
        )
