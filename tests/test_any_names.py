"""Class names and texts of any characters go the whole way, and come back as they were."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml as load_by_dvc
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reprotune import cli
from reprotune.comparison.contradictions import list_contradictions
from reprotune.comparison.evidence import Evidence
from reprotune.comparison.report import html, markdown
from reprotune.comparison.revision import WORKSPACE, Revision
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.core.params import Download
from reprotune.core.params_file import load_params
from reprotune.data.reading.bad_rows import find_fault
from reprotune.data.reading.cleaning import clean
from reprotune.data.reading.files import read_files
from reprotune.data.reading.labels import fold, spell, tidy
from reprotune.project import profiles
from reprotune.project.init import init
from reprotune.project.sniff import NUMBER
from reprotune.project.wanted import Wanted
from reprotune.tables import cells as tables
from stages import (
    audit,
    base_model,
    baseline,
    curate,
    download,
    evaluate,
    export,
    predictions,
    roles,
    split,
    train,
)
from tests import tiny
from tests.projects import ROOT

EXAMPLES = int(os.environ.get("REPROTUNE_EXAMPLES", "0"))  # of names and texts; 0: a few
ROWS = 11  # of a class
COPIED = [f"data/{name}" for name in ("decisions.csv", "general.txt", "sample.csv")]
COPIED += ["dvc.yaml", "pins.yaml"]
MARKS = [
    *"\"'`#:,;|@&*!%?<>{}[]()=~^$\\/-_+.\n\r\t\x85é中اא😀",
    *("${", "{{", "]]>", " - ", ": ", " #", "\u2028", "\u200f", "e\u0301", "\\n", "---", "**"),
]
NAMES = [
    *("${x}", "a|b", "*b*", "`c`", '"q"', "'s", "#h", "k: v", "-d", "=e", "+f", "@g", "??", "~"),
    *("null", "1.0", "1e5", "0x1F", "yes", "edit", "problem", "majority", "accuracy", "tuned"),
    *("id", "text", "label", "predicted", "part", "role", "class", "action", "reviewer", "score"),
    *("a\nb", "c\rd", "e\tf", "שלום", "😀", "<b>&amp;", "</td>", "%s {0}", "\u202eevil", "x" * 300),
    '"\x85"',  # which DVC writes as it is, and YAML folds to a space
]
WORDS = "delivery late broken kind price door lamp garden train chair quick warm".split()
STAGES = (download, roles, audit, curate, split, base_model, baseline, train, predictions, evaluate)
SETTINGS = settings(
    max_examples=EXAMPLES or 1,
    deadline=None,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
)
anything = st.lists(
    st.sampled_from(MARKS) | st.characters(exclude_categories=["Cs"]), max_size=6
).map("".join)
cells = anything.filter(lambda cell: cell == "" or not find_fault(f"x{cell}", "text"))
names = st.sampled_from(NAMES) | cells.filter(lambda name: fold(name) != "")


def are_apart(some: Sequence[str]) -> bool:
    """Whether a person would take these names for those of classes, and each for another one."""
    return len(set(map(fold, some))) == len(some) and not (
        any(map(NUMBER.fullmatch, some)) and {"true", "false"} & set(map(fold, some))
    )


some_names = st.lists(names, min_size=2, max_size=6).filter(are_apart)


def make_rows(classes: Sequence[str], odd: Sequence[str]) -> pd.DataFrame:
    """Texts that are words between odd characters, as many of each class."""
    rows = [
        (f"{odd[n % len(odd)]} {WORDS[n]} {WORDS[place % len(WORDS)]} {n}-{place} {odd[-1]}", name)
        for place, name in enumerate(classes)
        for n in range(ROWS)
    ]
    return pd.DataFrame(rows, columns=["text", "label"])


def write(rows: pd.DataFrame, file: Path) -> Path:
    if file.suffix == ".csv":
        rows.to_csv(file, index=False, quoting=csv.QUOTE_ALL)
    elif file.suffix == ".jsonl":
        rows.to_json(file, orient="records", lines=True)
    else:
        rows.to_parquet(file)
    return file


def read(file: Path) -> pd.DataFrame:
    if file.suffix == ".csv":
        return tables.read(file, dtype="str")
    if file.suffix == ".jsonl":
        return pd.DataFrame(map(json.loads, file.read_text("utf-8").split("\n")[:-1]))
    return pd.read_parquet(file)


def begin(root: Path) -> None:
    """An empty project with a tiny base model, in the working folder."""
    shutil.copytree(ROOT / "profiles", root / "profiles")
    (root / paths.SOURCE_DATA).mkdir(parents=True)
    for file in COPIED:
        shutil.copy(ROOT / file, root / file)
    tiny.save(root / paths.SOURCE_MODELS / "tiny", tiny.bert())


def come_back(rows: pd.DataFrame, file: Path) -> Download:
    """See that init and the reading of its files keep every text, and every label as a class."""
    init(Wanted([write(rows, file)], text="text", label="label", model="tiny"))
    params = load_params()
    names = dict.fromkeys(rows["label"])
    assert {tidy(raw) for raw in params.download.labels} == {tidy(spell(name)) for name in names}
    assert len(params.download.classes) == len(names)
    known = {tidy(raw): name for raw, name in params.download.labels.items()}
    found = read_files(params.download, paths.SOURCE_DATA)
    assert not found.bad
    assert found.rows["text"].tolist() == rows["text"].map(clean).tolist()
    assert found.rows["label"].tolist() == [known[tidy(spell(name))] for name in rows["label"]]
    by_dvc = load_by_dvc(str(paths.PARAMS))["download"]["labels"]
    assert {str(raw): name for raw, name in by_dvc.items()} == params.download.labels
    apply_overrides(paths.PARAMS, ["train.epochs=1", "threads=1"])  # as `dvc exp run -S` does
    again = load_params()
    assert (again.download, again.prompt) == (params.download, params.prompt)
    return again.download


class Tags(HTMLParser):
    """The tags of a page, but those of pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)


@SETTINGS
@example(NAMES[:14], MARKS[:11], ".csv")
@example(NAMES[14:29], MARKS[11:22], ".jsonl")
@example(NAMES[29:], MARKS[22:], ".parquet")
@given(some_names, st.lists(cells, min_size=1, max_size=5), st.sampled_from([".csv", ".jsonl"]))
def test_any_names_and_texts_are_read_as_they_were_written(
    classes: list[str], odd: list[str], kind: str
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        begin(Path(folder))
        patch.chdir(folder)
        come_back(make_rows(classes, odd), Path(f"own{kind}"))


def git(*command: str) -> None:
    subprocess.run(["git", *command], check=True, capture_output=True)


@SETTINGS
@example(["edit", "problem", "role", "class", "=e", "a|b"], ["=", "\r", "-", "`", "<b>"])
@given(some_names, st.lists(cells, min_size=1, max_size=5))
@pytest.mark.slow  # all stages: ten seconds a time
def test_any_names_and_texts_go_from_init_to_compare_and_predict(
    classes: list[str], odd: list[str]
) -> None:
    rows = make_rows(classes, odd)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        begin(Path(folder))
        patch.chdir(folder)
        known = come_back(rows, Path("own.parquet"))
        small = {"predictions.edited_rows": 5, "evaluate.resamples": 100, "train.fraction": 0.5}
        profiles.pin(small)
        params = load_params()
        for stage in (*STAGES, export):
            stage.run(params)
        evidence = Evidence(Revision(WORKSPACE, None))
        assert list(list_contradictions(evidence)) == []
        git("init", "-q")
        git("add", "params.yaml", "dvc.yaml", "metrics", "reports", "data/decisions.csv")
        git("commit", "-qm", "one")
        profiles.pin({"train.seed": 2, "train.learning_rate": 0.05})
        for stage in (train, predictions, evaluate):
            stage.run(load_params())
        found = compare_revisions("HEAD")
        assert {change.name for change in found.recalls} <= known.classes
        assert "<script" not in markdown(found.report)
        assert not Tags(html(found.report)).found & {"b", "script", "evil"}
        write(rows[["text"]], Path("new.parquet"))
        for kind in ("csv", "jsonl", "parquet"):
            cli.main(["predict", "new.parquet", "--output", f"out.{kind}"])
            said = read(Path(f"out.{kind}"))
            assert list(said) == ["text", "predicted", *sorted(known.classes), "problem"]
            assert said["text"].tolist() == rows["text"].tolist()
            assert set(said["predicted"]) <= known.classes
