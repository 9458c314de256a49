"""No spreadsheet takes a text for a formula, and every text comes back as it was."""

import io
import random
from pathlib import Path

import pandas as pd
import pytest

from reprotune.tables import cells

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
ALPHABET = ["'", '"', ",", "a", " ", "1", "é", *DANGEROUS]
LOTUS = '=HYPERLINK("http://x";"y")|cmd\'!A1'


def make_texts(count: int, seed: int, alphabet: list[str] = ALPHABET) -> list[str]:
    """Short texts, of which many begin with apostrophes and what a formula begins with."""
    draw = random.Random(seed)
    return ["".join(draw.choices(alphabet, k=draw.randint(0, 6))) for _ in range(count)]


@pytest.mark.parametrize("guarded", [True, False])
def test_any_text_comes_back_exactly(guarded: bool) -> None:
    for text in [LOTUS, *make_texts(20_000, seed=1)]:
        assert cells.unguard(cells.guard(text, guarded)) == text


def test_no_guarded_text_begins_as_a_formula() -> None:
    for text in [LOTUS, *make_texts(20_000, seed=2)]:
        assert not str(cells.guard(text)).startswith(DANGEROUS)


def test_what_is_no_formula_is_written_as_it_is() -> None:
    for text in ("Net sales rose = good", "'tis", "", "a-b", "'", " =1"):
        assert cells.guard(text) == text
    assert [cells.guard(value) for value in (-1, -0.5, None)] == [-1, -0.5, None]
    assert cells.guard("=1", guarded=False) == "=1"


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("alphabet", [ALPHABET, [c for c in ALPHABET if c != "\r"]])
def test_a_file_comes_back_with_its_texts_numbers_and_columns(
    tmp_path: Path, guarded: bool, alphabet: list[str]
) -> None:
    texts = [LOTUS, *make_texts(500, seed=3, alphabet=alphabet)]
    numbers = [-0.5 * n for n in range(len(texts))]
    table = pd.DataFrame({"text": texts, "-": numbers, "=1": "+", "'+": "'-"})
    file = tmp_path / "folder" / "a.csv"
    cells.write(table, file, guarded)
    kinds = dict.fromkeys(("text", "=1", "'=1", "''+"), "str")
    pd.testing.assert_frame_equal(cells.read(file, dtype=kinds), table, check_dtype=False)


def test_a_guarded_file_has_no_cell_that_runs_and_its_numbers_are_numbers() -> None:
    table = pd.DataFrame({"text": [LOTUS, "-2+3", "fine"], "score": [-1.5, 0.0, 2.0]})
    written = pd.read_csv(io.StringIO(cells.mark(table, guarded=True).to_csv(index=False)))
    assert written["score"].tolist() == [-1.5, 0.0, 2.0]
    assert written["text"].tolist() == [f"'{LOTUS}", "'-2+3", "fine"]
