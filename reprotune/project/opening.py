"""Files of any size as bytes or lines, whatever they are packed and encoded in."""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.data.reading.charset import find_mark, find_wide, guess_encoding
from reprotune.data.reading.formats import unpack
from reprotune.data.reading.kinds import START

BLOCK = 1 << 20  # bytes that are read at once
STANDARD = ("-", "/dev/stdin")
ADDRESS = re.compile(r"[a-z][a-z0-9+]+:/")  # of which a path has one slash
DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are no character, as Python hands them on


def check_there(file: Path) -> None:
    """Raise InputError if there is no such file here, for what it may be instead."""
    if file.is_file():
        return
    if file.is_dir():
        raise InputError(f"{file}: is a folder: name one file in it")
    if str(file) in STANDARD:
        raise InputError(f"{file}: is no file that stays: write standard input to one first")
    if ADDRESS.match(str(file)):
        raise InputError(
            f"{file}: is not on this machine: fetch the file first or, to have each run of the "
            "pipeline fetch its examples, see download.kind: url"
        )
    raise InputError(f"{file}: {tell_missing(file)}")


def tell_missing(file: Path) -> str:
    """What may be meant by the name of a file that is not there."""
    name = str(file)
    if file.is_symlink():
        return f"is a link to {file.readlink()}, and no such file is there"
    if name.startswith("~"):
        return "no such file: in quotation marks, ~ is not your home folder"
    if DRIVE.match(name) and not Path(name).drive:
        return "no such file: it is a path of Windows; WSL has the drive C: at /mnt/c"
    if Path(f"{name}.dvc").is_file():
        return f"is kept by DVC, and not here: dvc pull {name}.dvc"
    for meant in (paths.SOURCE_DATA / name, Path(name.replace("\\", "/"))):
        if meant.is_file():
            return f"no such file; you may mean {meant}"
    return "no such file"


@dataclass(frozen=True)
class Source:
    """A file, and what its name says of it."""

    path: Path
    kind: str
    packing: str | None

    def open(self) -> Any:
        """Its bytes, unpacked as they are read."""
        return pa.input_stream(str(self.path), compression=self.packing)

    def read(self) -> bytes:
        return unpack(self.path.read_bytes(), self.packing, str(self.path))

    def read_start(self, most: int = START) -> bytes:
        with self.open() as file:
            return bytes(file.read(most))

    def find_encoding(self) -> str:
        """UTF-8 if most of the text is."""
        right, wrong, sample, mark, begun = 0, 0, b"", None, False
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        with self.open() as file:
            while block := file.read(BLOCK):
                if not begun:
                    mark = find_mark(block) or find_wide(block)
                begun = True
                if not block.isascii():
                    beyond = re.sub("[\x00-\x7f]+", "", decoder.decode(block))
                    escaped = len(ESCAPED.findall(beyond))
                    right, wrong = right + len(beyond) - escaped, wrong + escaped
                    sample = sample or block
        return mark or (guess_encoding(sample) if wrong > right else "utf-8")

    def read_lines(self, encoding: str) -> Iterator[str]:
        """Lines with their ends, without a byte-order mark."""
        with (
            self.open() as file,
            io.TextIOWrapper(file, encoding, "surrogateescape", newline="") as lines,
        ):
            for number, line in enumerate(lines):
                yield line if number else line.removeprefix("\ufeff")
