"""Which rows `reprotune predict --doubts` hands to people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.project.doubts import Doubts, check_place
from reprotune.project.incoming import Row
from reprotune.project.labelling import Text
from reprotune.tables import cells
from tests.projects import ROOT

CLASSES = list(headlines.CLASSES)  # negative, neutral, positive
ROWS = [  # text, label of the file, shares, whether an answer is given, problem
    ("sure", "", (0.9, 0.05, 0.05), True, ""),
    ("unsure", None, (0.4, 0.35, 0.25), False, ""),
    ("contradicted", "Positive ", (0.85, 0.05, 0.1), True, ""),
    ("agreed", "neutral", (0.1, 0.8, 0.1), True, ""),
    ("of no class", "great", (0.3, 0.55, 0.15), False, ""),
    ("", "neutral", (0.1, 0.8, 0.1), False, "empty text"),
]


def collect(
    most: int = 500, *, abstains: bool = False, rows: Sequence[Any] = ROWS
) -> tuple[Doubts, str]:
    params = load_params(ROOT / "profiles/builtin.yaml")
    audit = params.audit.model_copy(update={"review_rows": most})
    doubts = Doubts(params.model_copy(update={"audit": audit}), CLASSES, abstains=abstains)
    part = [Text(Row({"text": t, "label": label}), t, said) for t, label, _, _, said in rows]
    answers = [
        {**dict(zip(CLASSES, shares, strict=True)), "predicted": "x" if is_said else "",
         "problem": problem or None}
        for _, _, shares, is_said, problem in rows
    ]  # fmt: skip
    return doubts, doubts.add(part, answers)


def test_the_less_a_label_or_else_the_answer_is_worth_the_sooner_it_is_asked(
    tmp_path: Path,
) -> None:
    doubts, kept = collect()
    doubts.take(kept)  # of a part that is there twice each text is asked once
    doubts.save(tmp_path / "doubts.csv")
    found = cells.read(tmp_path / "doubts.csv")
    assert found.to_numpy().tolist() == [
        ["contradicted", "positive", "negative", 0.1],
        ["unsure", "", "negative", 0.4],
        ["of no class", "", "neutral", 0.55],
        ["agreed", "neutral", "neutral", 0.8],
        ["sure", "", "negative", 0.9],
    ]


def test_of_any_number_of_parts_no_more_is_held_than_is_asked() -> None:
    doubts, kept = collect(2)
    doubts.take(kept)
    assert [one.text for one in doubts.found] == ["contradicted", "unsure"]
    assert "great" not in doubts.known  # of labels that are no class there may be one a row


def test_a_text_that_comes_again_and_again_takes_the_place_of_no_other() -> None:
    doubts, _ = collect(2, rows=[ROWS[2]] * 3 + ROWS)
    assert [one.text for one in doubts.found] == ["contradicted", "unsure"]


def test_with_a_promise_only_rows_without_an_answer_and_contradictions_are_asked() -> None:
    found = {one.text for one in collect(abstains=True)[0].found}
    assert found == {"contradicted", "unsure", "of no class"}


def test_a_place_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    for name in ("a.csv", "b.parquet", "out.csv"):
        with pytest.raises(InputError, match=rf"--doubts .*{name}: name a \.csv file that is not"):
            check_place(tmp_path / name, tmp_path / "out.csv")
