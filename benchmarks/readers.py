"""How many of the delimited files of tests/files other readers read right, beside our own.

DuckDB, clevercsv and polars are no requirements of this project: those that are not installed are
left out. All get the text in UTF-8, without a byte-order mark, and are told of a header.
"""

import csv
import importlib
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reprotune.core.yaml_file import read_yaml
from reprotune.data.reading.bad_rows import Broken, find_fault
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.kinds import DELIMITED, TABLES
from reprotune.data.reading.labels import fold
from reprotune.data.reading.parsing import parse_rows
from reprotune.project.dialects import SAMPLE, Sought, choose

FILES = Path(__file__).resolve().parents[1] / "tests/files"
Rows = Sequence[Sequence[object]]


def read_as_we_do(text: str, path: Path, header: bool) -> Rows:
    known = read_yaml(FILES / "expected.yaml")[path.name]
    lines = list(io.StringIO(text, newline=""))
    text, label = known.get("text", "text"), known.get("label", "label")
    dialect = choose(Sought([lines[:SAMPLE]], [text], label, path.suffix in TABLES, 0.01))
    rows = [row for _, row in parse_rows(lines, dialect)]
    return [row for row in rows if not isinstance(row, Broken)]


def read_with_sniffer(text: str, path: Path, header: bool) -> Rows:
    return list(csv.reader(io.StringIO(text, newline=""), csv.Sniffer().sniff(text)))


def read_with_clevercsv(text: str, path: Path, header: bool) -> Rows:
    clevercsv = importlib.import_module("clevercsv")
    found = clevercsv.Detector().detect(text)
    return list(clevercsv.reader(io.StringIO(text, newline=""), found))


def read_with_duckdb(text: str, path: Path, header: bool) -> Rows:
    duckdb = importlib.import_module("duckdb")
    options = f"header={header}, all_varchar=true, ignore_errors=true"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        table = duckdb.sql(f"SELECT * FROM read_csv('{copy}', {options})")
        return [table.columns] * header + table.fetchall()


def read_with_polars(text: str, path: Path, header: bool) -> Rows:
    polars = importlib.import_module("polars")
    table = polars.read_csv(
        text.encode(errors="surrogateescape"),
        separator="\t" if path.suffix == ".tsv" else ",",
        has_header=header,
        infer_schema=False,
        ignore_errors=True,
        truncate_ragged_lines=True,
    )
    return [table.columns] * header + table.rows()


READERS: dict[str, Callable[[str, Path, bool], Rows]] = {
    "ours": read_as_we_do,
    "csv.Sniffer": read_with_sniffer,
    "clevercsv": read_with_clevercsv,
    "duckdb": read_with_duckdb,
    "polars": read_with_polars,
}


def is_right(rows: Rows, known: dict[str, Any]) -> bool:
    """Whether the texts of each class are there that were written down, bad rows aside."""
    text, label = str(known.get("text", "text")).split(".")[0], str(known.get("label", "label"))
    places, body = [text, label], rows
    if not text.isdecimal():
        header, body = [str(name).strip() for name in rows[0]], rows[1:]
        places = [str(header.index(name)) for name in places]
    names = dict(pair.split("=") for pair in known.get("names", ()))
    width = len(rows[0])
    whole = [row for row in body if len(row) >= width and not any(row[width:])]
    cells = [[row[int(place)] for place in places] for row in whole]
    good = [pair for pair in cells if not (find_fault(pair[0], "") or find_fault(pair[1], ""))]
    counts = Counter(fold(names.get(str(name), str(name)).removeprefix("__label__"))
                     for _, name in good)  # fmt: skip
    first = str(known.get("first", "")) if "." not in str(known.get("text")) else ""
    begins = str(good[0][0]).replace("\r\n", "\n").startswith(first.replace("\r\n", "\n"))
    classes = known["classes"].items()
    expected = Counter({fold(str(name)).replace("$ {", "${"): count for name, count in classes})
    return counts == expected and begins


def try_reader(name: str, path: Path, known: dict[str, Any]) -> bool:
    raw = path.read_bytes()
    text = raw.decode(guess_encoding(raw), "surrogateescape").removeprefix("\ufeff")
    header = not str(known.get("text", "text")).isdecimal()
    try:
        return is_right(READERS[name](text, path, header), known)
    except ModuleNotFoundError:
        raise
    except Exception:  # of each library another
        return False


def main() -> None:
    expected = read_yaml(FILES / "expected.yaml")
    files = {
        FILES / name: known
        for name, known in expected.items()
        if Path(name).suffix in DELIMITED and "refused" not in known
    }
    for name in READERS:
        try:
            wrong = [
                path.name for path, known in files.items() if not try_reader(name, path, known)
            ]
        except ModuleNotFoundError:
            print(f"{name}: not installed")
            continue
        shown = f"; wrong: {', '.join(wrong)}" if wrong else ""
        print(f"{name}: {len(files) - len(wrong)} of {len(files)}{shown}")


if __name__ == "__main__":
    main()
