"""What a file is, by its name and by how it begins; and what to do with one that is not read."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

from reprotune.core.errors import InputError
from reprotune.data.reading.charset import is_utf8

TABLES = (".csv", ".tsv", ".tab", ".psv", ".data", ".dat")
OBJECTS = (".jsonl", ".ndjson")
LINES = (".txt", ".neg", ".pos", ".text", ".label", ".train", ".valid", ".dev", ".test")
WORDS = (".data", ".dat", *LINES[3:])  # that may end a sentence, too
DELIMITED = (*TABLES, *LINES)
TEXTS = (*DELIMITED, *OBJECTS, ".json")
ARROW = (".arrow", ".feather")
SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
READABLE = (*TEXTS, ".parquet", *ARROW, *SHEETS)
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}  # behind another ending

START = 1000  # bytes that tell what a file is
PAGES = (b"<html", b"<!doctype", b"<table", b"<meta")
PAGE = re.compile(rb"(?i)(\xef\xbb\xbf)?\s*<(\?xml|!doctype|html)\b[^\n]*>\s*(\n|$)")
POINTER = b"version https://git-lfs"  # what a clone holds in the place of a large file
OBJECT = re.compile(rb'(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*"[^"\n]*"\s*:')
PANDAS = "pandas.{}({!r}).to_csv('rows.csv', index=False)"  # what makes a file that can be read
READERS = {  # of pandas, by the ending
    ".dta": "read_stata",
    ".sav": "read_spss",
    ".zsav": "read_spss",
    ".sas7bdat": "read_sas",
    ".xpt": "read_sas",
    ".orc": "read_orc",
    ".pkl": "read_pickle",
    ".pickle": "read_pickle",
    ".xml": "read_xml",
    ".h5": "read_hdf",
    ".hdf": "read_hdf",
    ".xlsb": "read_excel",
}
OTHERS = {  # by the ending: what to do
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pdf", ".pptx"), "a document has no rows: "
    "put its texts and their labels into a table, such as .csv or .xlsx"),
    **dict.fromkeys((".html", ".htm"), "a page has no rows: save its table as .csv or .xlsx"),
    **dict.fromkeys((".conll", ".conllu", ".iob", ".iob2", ".bio"), "a word and its tag a line are "
    "no texts with a label each: put whole texts and their labels into a table, such as .csv"),
    **dict.fromkeys((".libsvm", ".svm", ".svmlight", ".npy", ".npz"), "numbers are no texts: take "
    "the texts that they were made of, in a table such as .csv"),
    **dict.fromkeys((".yml", ".yaml"), "save its rows as .json, a list of objects"),
    ".arff": "save the lines below @data as .csv, below a line with the names of the columns",
    ".avro": "save its rows as .jsonl or .parquet",
    **dict.fromkeys((".rds", ".rda", ".rdata"), "in R: write.csv(rows, 'rows.csv')"),
    **dict.fromkeys((".7z", ".rar", ".xz", ".lz4"), "unpack it first"),
    ".ipynb": "a notebook has no rows: have it write them, such as rows.to_csv('rows.csv')",
    ".sql": "load it into a database, and save the rows that you want as .csv",
    ".manifest": "of lines with an object each: let its name end in .jsonl",
    ".geojson": "let its name end in .json",
    **dict.fromkeys((".sgm", ".sgml", ".eml", ".mbox", ".md"), "put its texts and their labels "
    "into a table, such as .csv"),
    ".gsheet": "download it as .xlsx or .csv",
    ".numbers": "export it as .xlsx or .csv",
}  # fmt: skip


class Sign(NamedTuple):
    """How files of a kind begin."""

    sign: bytes
    name: str
    endings: tuple[str, ...]  # that they may have; none: nothing reads it


SIGNS = (
    Sign(b"PAR1", "Parquet", (".parquet",)),
    Sign(b"ARROW1", "Arrow", ARROW),
    Sign(b"PK\3\4", "a zip archive or a workbook", (".xlsx", ".xlsm", ".ods", ".zip")),
    Sign(b"\xd0\xcf\x11\xe0", "an old workbook", (".xls", ".xlsx")),
    Sign(b"\x1f\x8b", "gzip", (".csv.gz",)),
    Sign(b"\x28\xb5\x2f\xfd", "zstd", (".csv.zst",)),
    Sign(b"BZh91AY&SY", "bzip2", (".csv.bz2",)),
    Sign(b"\xfd7zXZ", "xz", ()),
    Sign(b"%PDF-", "PDF", ()),
)


def tell_kind(path: str) -> tuple[str, str | None]:
    """The ending of a file's name in small letters, and how it is packed, if it is.

    Raises:
        InputError: no such file can be read.
    """
    name = PurePosixPath(urlsplit(path).path if "://" in path else path)
    packing = PACKED.get(name.suffix.lower())
    kind = (name.with_suffix("") if packing else name).suffix.lower()
    if kind not in READABLE:
        raise InputError(f"{path}: {tell_way_out(kind, name.name)}")
    return kind, packing


def tell_way_out(kind: str, name: str) -> str:
    """What to do with a file that is of no kind that is read."""
    if kind in READERS:
        return f"cannot read a {kind} file; in Python: {PANDAS.format(READERS[kind], name)}"
    if kind in OTHERS:
        return f"cannot read a {kind} file; {OTHERS[kind]}"
    allowed = f"{', '.join(READABLE)}, and each of them packed as {', '.join(PACKED)}"
    if not kind:
        return f"its name does not end in what it is; allowed: {allowed}; rename it"
    return (
        f"cannot read a {kind} file; allowed: {allowed}; unpack an archive, rename a file of lines "
        "to .txt, and save other kinds as one of these"
    )


def check_kind(raw: bytes, path: str) -> None:
    """Raise InputError if a file begins as one of another kind than its name says.

    ``raw``: its first bytes, unpacked, or all.
    """
    kind = tell_kind(path)[0]
    if raw.startswith(POINTER):
        raise InputError(f"{path}: is what Git LFS has in the place of the file: git lfs pull")
    found = next((known for known in SIGNS if raw.startswith(known.sign)), None)
    if kind not in TEXTS:
        is_page = raw[:START].lstrip().lower().startswith(PAGES)
        found = found or (Sign(b"", "a page of HTML", ()) if is_page else None)
    elif kind in DELIMITED and (ending := tell_objects(raw)):
        found = Sign(b"", "JSON", (ending,))
    elif kind not in LINES and PAGE.match(raw[:START]):
        found = Sign(b"", "a page of HTML or XML", ())
    if found and kind not in found.endings:
        endings = " or ".join(found.endings)
        how = f"let its name end in {endings}" if endings else "save its rows as .csv or .xlsx"
        raise InputError(f"{path}: begins as {found.name} does, and is no {kind} file: {how}")
    if kind in (*SHEETS, ".parquet") and raw and not found and is_utf8(raw[:START]):
        raise InputError(
            f"{path}: holds text, and is no {kind} file: let its name end in .csv or .tsv"
        )


def tell_objects(raw: bytes) -> str:
    """The ending of a file that begins as JSON does; empty if it does not.

    A row of CSV may begin with an object, too, and goes on behind it.
    """
    found = OBJECT.match(raw)
    line = raw.lstrip().partition(b"\n")[0].rstrip()
    if not found or not line.endswith((b"{", b"}", b"[", b"]", b",")):
        return ""
    return ".jsonl" if line.endswith(b"}") else ".json"
