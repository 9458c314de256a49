"""What git holds against a run is found, and the verdict is then unproven."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ruamel.yaml import YAML

from reprotune.comparison.contradictions import find_contradiction
from reprotune.comparison.lineage import find_breaks
from reprotune.comparison.report import Verdict, markdown
from reprotune.comparison.revision import WORKSPACE, Revision, read_revision
from reprotune.comparison.succession import find_breach
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.runs import write_figures
from tests.comparison.test_verdict import commit, git, write_run

HERE = Revision(WORKSPACE, None)
SAME = "has the same code, parameters and inputs as in"
DAG = """
vars: []
stages:
  split:
    cmd: python split.py
    deps: [split.py, "${curate.decisions}"]
    params: [roles.train_per_class]
    outs:
      - data/splits/train.parquet: {persist: true}
      - reports/rows.csv: {cache: false}
  audit:
    cmd: python audit.py
    outs: [data/splits/audited.csv]
  train:
    cmd: python train.py
    deps: [data/splits, library]
    params: [train]
    outs: [models/tuned]
  predict:
    cmd: python predict.py
    deps: [models/tuned, reports/rows.csv]
    metrics:
      - metrics/predicted.json: {cache: false}
"""


def md5(content: str | bytes) -> str:
    return hashlib.md5(content.encode() if isinstance(content, str) else content).hexdigest()


def folder(files: dict[str, str]) -> str:
    """The hash of a folder, as DVC makes it."""
    listed = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return md5(json.dumps(listed, sort_keys=True)) + ".dir"


def file(path: str) -> dict[str, str]:
    return {"path": path, "md5": md5(Path(path).read_bytes())}


def write_pipeline() -> dict[str, Any]:
    """A pipeline that was run to its end, by its lock; nothing of it is in a cache."""
    for name, text in {
        "dvc.yaml": DAG,
        "split.py": "split",
        "library/one.py": "one",
        "library/sub/two.py": "two",
        "data/decisions.csv": "id,action,label,reviewer,note\n",
        "metrics/predicted.json": "{}",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    params = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
    splits = {"train.parquet": md5("train"), "audited.csv": md5("audited")}
    library = {"one.py": md5("one"), "sub/two.py": md5("two")}
    tuned = {"path": "models/tuned", "md5": md5("weights") + ".dir"}
    return {
        "split": {
            "cmd": "python split.py",
            "deps": [file("data/decisions.csv"), file("split.py")],
            "params": {
                "params.yaml": {"roles.train_per_class": params["roles"]["train_per_class"]}
            },
            "outs": [
                {"path": "data/splits/train.parquet", "md5": splits["train.parquet"]},
                file("reports/rows.csv"),
            ],
        },
        "audit": {
            "cmd": "python audit.py",
            "outs": [{"path": "data/splits/audited.csv", "md5": splits["audited.csv"]}],
        },
        "train": {
            "cmd": "python train.py",
            "deps": [
                {"path": "data/splits", "md5": folder(splits)},
                {"path": "library", "md5": folder(library)},
            ],
            "params": {"params.yaml": {"train": params["train"]}},
            "outs": [tuned],
        },
        "predict": {
            "cmd": "python predict.py",
            "deps": [tuned, file("reports/rows.csv")],
            "outs": [file("metrics/predicted.json")],
        },
    }


def write_lock(stages: dict[str, Any]) -> None:
    Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run on main, whose lock and figures are in order; the stages of its lock."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path(".gitignore").write_text("/reports/comparison.*\n/data/splits/\n__pycache__/\n")
    write_run(0.80, rows=300)
    write_figures()
    stages = write_pipeline()
    write_lock(stages)
    commit("a run")
    git("checkout", "-qb", "change")
    return stages


def test_a_run_in_order_has_nothing_against_it_here_and_as_a_commit(
    repository: dict[str, Any],
) -> None:
    for run in (HERE, read_revision("HEAD")):
        assert find_breaks(run) == {}
        assert find_contradiction(run) == ""
    Path("library/__pycache__").mkdir()
    Path("library/__pycache__/one.pyc").write_text("compiled")
    assert find_breaks(HERE) == {}


def out(stages: dict[str, Any], stage: str, path: str) -> dict[str, str]:
    return next(one for one in stages[stage]["outs"] if one["path"] == path)


def change_parameter() -> None:
    text = paths.PARAMS.read_text()
    assert "learning_rate: 0.001" in text
    paths.PARAMS.write_text(text.replace("learning_rate: 0.001", "learning_rate: 0.002"))


def link_code() -> None:
    """Change the code of a folder, and put a link beside it, whose content git does not know."""
    for name in ("elsewhere.py", "library/sub/two.py"):
        Path(name).write_text("three")
    Path("library/more.py").symlink_to("../elsewhere.py")


SPLITS = "data/splits is not what audit and split made"
STALE: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, list[str]]]] = {
    "an output that a later stage did not take": (
        lambda stages: stages["train"]["outs"].__setitem__(
            0, {"path": "models/tuned", "md5": "0" * 32 + ".dir"}
        ),
        {"predict": ["models/tuned is not what train made"]},
    ),
    "an output within a folder that a later stage reads": (
        lambda stages: out(stages, "split", "data/splits/train.parquet").update(md5="0" * 32),
        {"train": [SPLITS]},
    ),
    "another output of the same folder": (
        lambda stages: out(stages, "audit", "data/splits/audited.csv").update(md5="0" * 32),
        {"train": [SPLITS]},
    ),
    "a parameter of a section": (
        lambda stages: change_parameter(),
        {"train": ["params.yaml: train.learning_rate"]},
    ),
    "code": (
        lambda stages: Path("library/sub/two.py").write_text("three"),
        {"train": ["library"]},
    ),
    "code behind a link": (lambda stages: link_code(), {"train": ["library"]}),
    "code that is gone": (lambda stages: Path("split.py").unlink(), {"split": ["split.py"]}),
    "decisions, whose place is a parameter": (
        lambda stages: Path("data/decisions.csv").write_text("id\n"),
        {"split": ["data/decisions.csv"]},
    ),
    "an output that git keeps": (
        lambda stages: Path("metrics/predicted.json").write_text("{ }"),
        {"predict": ["metrics/predicted.json is not what the stage made"]},
    ),
    "an output that git kept": (
        lambda stages: Path("metrics/predicted.json").unlink(),
        {"predict": ["metrics/predicted.json is not in git"]},
    ),
    "a stage that never ran": (
        lambda stages: stages.pop("predict"),
        {"predict": ["it was not run"]},
    ),
    "a command": (
        lambda stages: stages["audit"].update(cmd="python other.py"),
        {"audit": ["its command"]},
    ),
}


@pytest.mark.parametrize("what", STALE)
def test_what_was_changed_and_not_run_is_named_with_its_stage(
    repository: dict[str, Any], what: str
) -> None:
    change, expected = STALE[what]
    change(repository)
    write_lock(repository)
    assert find_breaks(HERE) == expected
    commit(what)
    assert find_breaks(read_revision("HEAD")) == expected


def test_what_a_stage_depends_on_no_more_stands_beside_the_verdict(
    repository: dict[str, Any],
) -> None:
    edit(Path("dvc.yaml"), "deps: [data/splits, library]", "deps: [data/splits]")
    edit(Path("library/one.py"), "one", "another")
    commit("nothing ran, and nothing is stale")
    assert find_breaks(read_revision("HEAD")) == {}
    text = markdown(compare_revisions("main", "HEAD").report)
    assert "**Stages depend no more on**: `library` (`train`)" in text


def write_answer(stages: dict[str, Any], figure: float) -> None:
    """What the last stage, all of whose outputs git has, says."""
    write(Path("metrics/predicted.json"), json.dumps({"accuracy": figure}))
    stages["predict"]["outs"] = [file("metrics/predicted.json")]
    write_lock(stages)
    commit(f"{figure}")


@pytest.mark.parametrize(("figure", "is_noise"), [(0.9004, True), (0.91, False)])
def test_another_answer_to_the_same_question_is_unproven_but_for_noise(
    repository: dict[str, Any], figure: float, is_noise: bool
) -> None:
    write_answer(repository, 0.9)
    git("branch", "-f", "main")
    write_answer(repository, figure)
    result = compare_revisions("main", "HEAD")
    found = f"`predict` {SAME} `main`, but another metrics/predicted.json"
    assert (found in result.sentence) != is_noise
    assert (result.verdict == Verdict.UNPROVEN) != is_noise
    told = "**Other outputs of the same inputs (another machine, or no run at all)**: `predict`"
    assert told in markdown(result.report)
    repository["predict"]["deps"][0]["md5"] = "2" * 32 + ".dir"
    repository["train"]["outs"][0]["md5"] = "2" * 32 + ".dir"
    write_answer(repository, figure)
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.SAME, "other weights may answer otherwise"
    assert "(another machine, or no run at all)**: `train`" in markdown(result.report)


def test_no_machine_moves_a_row(repository: dict[str, Any]) -> None:
    edit(paths.ROWS, "train", "spare")
    listed = file("reports/rows.csv")
    repository["split"]["outs"][1] = repository["predict"]["deps"][1] = listed
    repository["split"]["outs"][0]["md5"] = md5("one row less")
    write_lock(repository)
    commit("one row less")
    breach = find_breach(read_revision("main"), read_revision("HEAD"))
    assert breach == f"`split` {SAME} `main`, but another reports/rows.csv"


def test_what_an_unproven_run_answered_binds_nobody(repository: dict[str, Any]) -> None:
    write_answer(repository, 0.9)
    git("branch", "-f", "main")
    write_answer(repository, 0.8)
    git("checkout", "-q", "main")
    edit(paths.EVALUATE_METRICS, '"accuracy": 0.', '"accuracy": 0.9')
    commit("forged")
    assert compare_revisions("main", "change").verdict == Verdict.SAME


def test_figures_that_no_stage_makes_any_more_are_unproven(repository: dict[str, Any]) -> None:
    edit(Path("dvc.yaml"), "      - reports/rows.csv: {cache: false}\n", "")
    repository["split"]["outs"].pop()
    write_lock(repository)
    commit("by hand from now on")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert "no stage makes reports/rows.csv any more, as split does in `main`" in result.sentence


def test_a_pipeline_may_be_without_its_export_and_what_is_left_of_it_is_said(
    repository: dict[str, Any],
) -> None:
    entry = (
        "  export:\n    cmd: x\n    outs: [models/merged, metrics/export.json: {cache: false}]\n"
    )
    edit(Path("dvc.yaml"), "stages:\n", f"stages:\n{entry}")
    merged = {"path": "models/merged", "md5": md5("merged") + ".dir"}
    repository["export"] = {"cmd": "x", "outs": [merged, file(str(paths.EXPORT_METRICS))]}
    write_lock(repository)
    commit("with an export")
    git("branch", "-f", "main")
    edit(Path("dvc.yaml"), entry, "")
    commit("without one")
    left = "no stage makes metrics/export.json any more, as export does in `main`; git rm metrics/"
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN and result.sentence.count(left) == 1
    paths.EXPORT_METRICS.unlink()
    commit("and without what was left of it")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.SAME, result.sentence
    assert "- **Stages that are no more**: `export`" in markdown(result.report)
    bare = "stages:\n  export:\n    cmd: x\n    outs: [models/merged]\n"
    edit(Path("dvc.yaml"), "stages:\n", bare)
    repository["export"]["outs"].pop()
    write_lock(repository)
    commit("an export that tells nothing of itself")
    assert "metrics/export.json is not in git any more" in compare_revisions("main").sentence


@pytest.mark.parametrize("is_link", [True, False])
def test_a_pipeline_that_git_does_not_hold_is_unproven(
    repository: dict[str, Any], is_link: bool
) -> None:
    Path("dvc.yaml").rename("elsewhere.yaml")
    if is_link:
        Path("dvc.yaml").symlink_to("elsewhere.yaml")
    Path("dvc.lock").unlink()
    commit("nothing to run")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert "dvc.yaml lists no stages any more, as it does in `main`" in result.sentence


def test_a_test_row_keeps_its_text(repository: dict[str, Any]) -> None:
    """Its id is a hash of it; else an easy text could stand in the place of a hard one."""
    table = tables.read(paths.PREDICTIONS)
    table.loc[9, "text"] = "Sales rose easily"
    tables.write(table, paths.PREDICTIONS)
    write_figures()
    commit("easy")
    result = compare_revisions("main", "HEAD")
    row = "Unproven: reports/predictions/evaluate.csv, row `0000000000000009`: it has another text"
    assert result.sentence.startswith(f"{row} than in `main`")


def test_figures_of_other_code_are_told_and_predictions_against_themselves_unproven(
    repository: dict[str, Any],
) -> None:
    write(Path("reprotune/evaluation/metrics.py"), "def accuracy(): return 1.0")
    edit(paths.EVALUATE_METRICS, '"accuracy": 0.', '"accuracy": 0.9')
    commit("a better measure")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.SAME
    told = "of other code than that which judges here: metrics/evaluate.json: `test.accuracy` is"
    assert told in result.sentence
    edit_table(paths.PREDICTIONS, predicted="neutral")
    commit("and better answers")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert "the prediction is not its likeliest class" in result.sentence


@pytest.mark.parametrize("path", [paths.EVALUATE_METRICS, paths.PREDICTIONS])
def test_what_git_held_before_may_not_leave_it(repository: dict[str, Any], path: Path) -> None:
    for made in (path, paths.EVALUATE_METRICS, paths.SUMMARY_METRICS):  # so that nothing lacks
        made.unlink(missing_ok=True)
    commit("no figures, nor does the pipeline name them")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert " is not in git any more, as it is of `main`" in result.sentence


@pytest.mark.parametrize("folder", [".", "library/..", "library"])
def test_a_stage_in_a_folder_of_its_own_is_looked_at(
    repository: dict[str, Any], folder: str
) -> None:
    edit(Path("dvc.yaml"), "  train:\n", f"  train:\n    wdir: {folder}\n")
    if folder == "library":
        train = repository["train"]
        train["deps"][1]["path"] = "."
        train["deps"][0]["path"] = "../data/splits"
        train["params"] = {"../params.yaml": train["params"].pop("params.yaml")}
        write_lock(repository)
    change_parameter()
    commit("nothing ran")
    where = "params.yaml: train.learning_rate"
    assert where in find_breaks(read_revision("HEAD"))["train"]


def test_what_decides_on_checks_stands_beside_the_verdict(repository: dict[str, Any]) -> None:
    write(Path(".github/workflows/checks.yml"), "on: push")
    for number in range(6):
        write(Path(f"docs/{number}.md"), "x")
    commit("the checks are others")
    text = markdown(compare_revisions("main", "HEAD").report)
    assert "**Checks, and what git and DVC ignore**: `.github/workflows/checks.yml`" in text


def test_whatever_decides_is_named_beside_the_verdict(repository: dict[str, Any]) -> None:
    for name in ("audit.review_rows", "baseline.folds", "baseline.ngrams", "baseline.shots"):
        section, key = name.split(".")
        tree = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
        tree[section][key] += 1
        tree["compare"]["gate"]["tolerance"] = 0.5
        with paths.PARAMS.open("w") as opened:
            YAML(typ="safe", pure=True).dump(tree, opened)
    write(Path("requirements.lock"), "torch==2.13.1\nevil @ https://example.org/evil.whl\n")
    write(Path("reports/helper.ipynb"), "{}")
    write(Path("library/.gitattributes"), "* -diff")
    for place in ("dvc.yaml", "dvc.lock"):
        edit(Path(place), "python audit.py", "python audit.py | tee metrics/x.json")
    commit("many changes")
    told = markdown(compare_revisions("main", "HEAD").report).partition("###")[0]
    for line in (
        "- **The gate, of which the one before judges**: `compare.gate.tolerance` `0.0` → `0.5`",
        "- **Packages**: `requirements.lock: evil` none → `@ https://example.org/evil.whl`",
        "- **Checks, and what git and DVC ignore**: `library/.gitattributes`",
        "- **Commands**: `audit` `python audit.py` → `python audit.py | tee metrics/x.json`",
        "- **Documents and other files**: `reports/helper.ipynb`",
    ):
        assert line in told, told


def test_a_record_of_a_stage_that_is_no_more_says_nothing(repository: dict[str, Any]) -> None:
    gone = {"cmd": "x", "deps": [{"path": "gone.py", "md5": "0" * 32}], "outs": []}
    write_lock(repository | {"gone": gone})
    assert find_breaks(HERE) == {}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def edit_table(path: Path, **columns: object) -> None:
    """Set columns of the first row."""
    table = pd.read_csv(path, dtype={"id": "str"}, keep_default_na=False)
    for name, value in columns.items():
        table.loc[0, name] = value
    table.to_csv(path, index=False)


def forge_leaks(rows: int, accuracy: float) -> None:
    """In both files that hold the accuracy without leaked rows."""
    subset = {"rows": rows, "accuracy": accuracy}
    found = json.loads(paths.EVALUATE_METRICS.read_text())
    found["without_leaked"] |= subset
    paths.EVALUATE_METRICS.write_text(json.dumps(found))
    told = json.loads(paths.SUMMARY_METRICS.read_text()) | {"unleaked_acc": accuracy}
    paths.SUMMARY_METRICS.write_text(json.dumps(told))


FORGED: dict[str, tuple[Callable[[], object], str]] = {
    "a figure": (
        lambda: edit(paths.EVALUATE_METRICS, '"accuracy": 0.', '"accuracy": 0.9'),
        "metrics/evaluate.json: `test.accuracy` is `0.9",
    ),
    "a figure of a baseline": (
        lambda: edit(paths.BASELINE_METRICS, '"macro_f1": 0.1', '"macro_f1": 0.0'),
        "metrics/baseline.json: `baselines.parrot.macro_f1` is `0.0",
    ),
    "a figure that is none": (
        lambda: edit(paths.EVALUATE_METRICS, '"test": {', '"test": {"f2": 1.0, '),
        "metrics/evaluate.json: `test.f2` rests on nothing",
    ),
    "a prediction": (
        lambda: edit_table(paths.PREDICTIONS, predicted="neutral"),
        "reports/predictions/evaluate.csv, row `0000000000000000`: the prediction is not its",
    ),
    "a prediction on a training row": (
        lambda: edit_table(paths.FIT, predicted="neutral"),
        "reports/predictions/fit.csv, row `t0000000000000000`: the prediction is not its",
    ),
    "a prediction with its probabilities": (
        lambda: edit_table(
            paths.PREDICTIONS, predicted="neutral", negative=0.1, neutral=0.8, positive=0.1
        ),
        "metrics/evaluate.json: `test.accuracy` is ",
    ),
    "an answer to an edited text": (
        lambda: edit_table(paths.EDITED, predicted="neutral"),
        "reports/predictions/edited.csv, row `0000000000000004`: the prediction is not its",
    ),
    "an edited text": (
        lambda: edit_table(paths.EDITED, text="sales rose"),
        "reports/predictions/edited.csv, row `0000000000000004`: no edit makes this",
    ),
    "edited texts that are left out": (
        lambda: paths.EDITED.write_text(paths.EDITED.read_text().rpartition('\n"0')[0]),
        "reports/predictions/edited.csv has ",
    ),
    "a probability": (
        lambda: edit_table(paths.PREDICTIONS, positive=0.7),
        "reports/predictions/evaluate.csv, row `0000000000000000`: its probabilities are none",
    ),
    "a label": (
        lambda: edit_table(paths.PREDICTIONS, label="neutral"),
        "reports/predictions/evaluate.csv, row `0000000000000000`: it has no such label",
    ),
    "a row that is left out": (
        lambda: paths.PREDICTIONS.write_text(
            "".join(paths.PREDICTIONS.read_text().splitlines(keepends=True)[:-1])
        ),
        "reports/predictions/evaluate.csv: `test` has 299 rows; by reports/rows.csv, 300",
    ),
    "a part that is left out": (
        lambda: paths.FIT.write_text("".join(paths.FIT.read_text().splitlines(keepends=True)[:61])),
        "reports/predictions/fit.csv: `validation` has 0 rows; by reports/rows.csv, 60",
    ),
    "a picture": (
        lambda: edit_table(paths.CLASSWISE, recall=1.0),
        "reports/plots/classes.csv does not follow from reports/predictions/evaluate.csv",
    ),
    "a mistake that is hidden": (
        lambda: edit_table(paths.ERRORS, text="none"),
        "reports/errors.csv does not follow from reports/predictions/evaluate.csv",
    ),
    "the rows without leaks": (
        lambda: forge_leaks(290, 1.0),
        "metrics/evaluate.json: `without_leaked` is `1 of 290 rows`; of the 300 test rows",
    ),
    "no list of rows": (
        paths.ROWS.unlink,
        "reports/predictions/evaluate.csv rests on reports/rows.csv, which is not there",
    ),
    "no baselines": (
        paths.BASELINE_PREDICTIONS.unlink,
        "`metrics/evaluate.json rests on reports/predictions/baseline.csv, which is not there`",
    ),
    "no table": (
        lambda: paths.FIT.write_text('"a\n'),
        "`reports/predictions/fit.csv of workspace is no table",
    ),
    "an emptied table": (
        lambda: paths.ERRORS.write_text(""),
        "`reports/errors.csv of workspace is no table",
    ),
    "a kind of rows that is there twice": (
        lambda: paths.SLICES.write_text(
            paths.SLICES.read_text() + paths.SLICES.read_text().splitlines(keepends=True)[1]
        ),
        "reports/slices.csv, row `0000000000000000`: it is there twice",
    ),
    "a kind of rows by length": (
        lambda: edit_table(paths.SLICES, length="1 to 2 characters"),
        "reports/slices.csv, row `0000000000000000`: its text has another length",
    ),
    "a doubt that is hidden": (
        lambda: edit_table(paths.SLICES, doubt=""),
        "metrics/evaluate.json: `without_doubted.rows` is `291`; what it rests on gives `292`",
    ),
    "columns in another order": (
        lambda: paths.SLICES.write_text(
            pd.read_csv(paths.SLICES, dtype="str").iloc[:, ::-1].to_csv(index=False)
        ),
        "reports/slices.csv: its columns are not `id, length, words, doubt`",
    ),
    "words for numbers": (
        lambda: write(paths.TRAIN_CURVE, "step\ttrain_loss\n1\tlow\n"),
        "`reports/live/plots/metrics/train_loss.tsv of workspace: 'low' in column train_loss",
    ),
    "a mark before a table": (
        lambda: paths.SLICES.write_text("\ufeff" + paths.SLICES.read_text()),
        "reports/slices.csv is not written as its stage writes it",
    ),
    "a key that is there twice": (
        lambda: edit(paths.EVALUATE_METRICS, "{", '{"fit": {"train": 1.0},'),
        "metrics/evaluate.json is not written as its stage writes it",
    ),
    "figures that are none": (
        lambda: paths.AUDIT_METRICS.write_text("[]"),
        "`metrics/audit.json: not the figures that this version writes",
    ),
    "a number that no reader holds": (
        lambda: edit(paths.EXPORT_METRICS, '"rows": 300', f'"rows": {10**400}'),
        "`metrics/export.json: rows is no number`",
    ),
    "rows that nobody counted": (
        lambda: metrics.write(
            paths.CURATE_METRICS, metrics.Curate(kept=9, quarantined={}, relabelled=0)
        ),
        "metrics/curate.json keeps 9 rows; reports/rows.csv has 420",
    ),
    "a decision that was not followed": (
        lambda: write(
            Path("data/decisions.csv"),
            "id,action,label,reviewer,note\n0000000000000000,quarantine,,ann,\n",
        ),
        "reports/rows.csv, row `0000000000000000`: it is not as was decided",
    ),
    "a decision that nobody took": (
        lambda: metrics.write(
            paths.CURATE_METRICS, metrics.Curate(kept=420, quarantined={}, relabelled=1)
        ),
        "metrics/curate.json counts 1 decision to relabel, of 0",
    ),
    "a count below nothing": (
        lambda: metrics.write(paths.AUDIT_METRICS, metrics.Audit(findings={"label": -1})),
        "`metrics/audit.json: findings.label is -1, and nothing is counted below 0`",
    ),
    "a text of a baseline": (
        lambda: edit_table(paths.BASELINE_PREDICTIONS, text="sales rose"),
        "reports/predictions/baseline.csv, row `0000000000000000`: it has no such text",
    ),
    "a loss that is left out": (
        lambda: (
            metrics.write(
                paths.TRAIN_METRICS,
                metrics.Train(rows=60, texts_cut=0, trained_parameters=9, loss={}),
            )
            or write(paths.TRAIN_CURVE, "step\ttrain_loss\n1\t0.5\n")
        ),
        "metrics/train.json: `loss.train_loss` is `None`; what it rests on gives `0.5`",
    ),
    "another base model": (
        lambda: (
            write(Path("models/source/builtin/config.json"), '{"architectures": ["BertModel"]}'),
            metrics.write(
                paths.BASE_METRICS,
                metrics.BaseModelFigures(architecture="GPT2Model", parameters=1, bytes=1),
            ),
        ),
        "metrics/base_model.json: a `GPT2Model`; by models/source/builtin/config.json, `BertModel`",
    ),
    "folds that nobody asked for": (
        lambda: metrics.write(paths.FOLDS_METRICS, metrics.Folds(models=3)),
        "metrics/folds.json says 3, and `audit.judge` is ",
    ),
    "rows of the export": (
        lambda: edit(paths.EXPORT_METRICS, '"rows": 300', '"rows": 3000'),
        "metrics/export.json: `rows` is `3000`; what it rests on gives `300`",
    ),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forgery_is_named_with_file_and_row_or_key(repository: dict[str, Any], what: str) -> None:
    forge, expected = FORGED[what]
    forge()
    assert find_contradiction(HERE).startswith(expected)


@pytest.mark.parametrize(
    ("rows", "against"), [(30, ""), (60, "metrics/train.json: `rows` is `60`")]
)
def test_a_training_on_half_of_its_rows_has_half_of_them(
    repository: dict[str, Any], rows: int, against: str
) -> None:
    edit(paths.PARAMS, "  fraction: 1.0", "  fraction: 0.5")
    trained = metrics.Train(rows=rows, texts_cut=0, trained_parameters=1, loss={})
    metrics.write(paths.TRAIN_METRICS, trained)
    assert find_contradiction(HERE)[: len(against) or None] == against


def test_noise_of_another_cpu_is_no_forgery(repository: dict[str, Any]) -> None:
    figures = metrics.read(paths.EVALUATE_METRICS, metrics.Evaluation)
    test = figures.test.model_copy(update={"log_loss": figures.test.log_loss + 2e-6})
    metrics.write(paths.EVALUATE_METRICS, figures.model_copy(update={"test": test}))
    assert find_contradiction(HERE) == ""


def test_a_forged_run_is_unproven_with_the_finding_on_top(repository: dict[str, Any]) -> None:
    table = pd.read_csv(paths.PREDICTIONS, dtype={"id": "str"}, keep_default_na=False)
    table.assign(predicted=table["label"]).to_csv(paths.PREDICTIONS, index=False)
    commit("forged")
    result = compare_revisions("main", "HEAD")
    assert (result.verdict, result.exit_code) == (Verdict.UNPROVEN, 3)
    finding = "the prediction is not its likeliest class"
    assert result.sentence.startswith("Unproven: reports/predictions/evaluate.csv, row ")
    assert finding in result.sentence and "as they stand say: Better" in result.sentence
    text = markdown(result.report)
    assert text.index("**Unproven**") < text.index("### Evidence") < text.index("### Metrics")
    assert finding in result.as_json()["evidence"][0]["contradiction"]  # type: ignore[index]
    mended = compare_revisions("HEAD", "main")
    assert mended.verdict == Verdict.WORSE, "an old side that is forged stops no repair"
    text = markdown(mended.report)
    assert "Nothing contradicts the new side" in text and finding in text
    assert "only a rebuild shows it" in text


def test_a_row_that_is_there_twice_is_unproven_and_counts_once(repository: dict[str, Any]) -> None:
    lines = paths.PREDICTIONS.read_text().splitlines(keepends=True)
    paths.PREDICTIONS.write_text("".join([*lines[:-1], lines[1]]))
    commit("a wrong row is a right one once more")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert "it is there twice" in result.sentence
    assert "on 299 test rows that both have" in result.sentence


@pytest.mark.parametrize("path", [paths.PREDICTIONS, paths.CLASSWISE, paths.TRAIN_CURVE])
def test_a_table_that_is_none_is_unproven_and_no_fault_of_this_program(
    repository: dict[str, Any], path: Path
) -> None:
    write(path, "one,two\n1,2\n")
    commit("no such table")
    result = compare_revisions("main", "HEAD")
    assert result.verdict == Verdict.UNPROVEN
    assert f"{path} of HEAD has no column " in result.sentence
    assert str(path) in markdown(result.report)


def test_a_run_by_half_is_unproven_even_if_nothing_can_be_compared(
    repository: dict[str, Any],
) -> None:
    out(repository, "split", "data/splits/train.parquet").update(md5="0" * 32)
    write_lock(repository)
    paths.PREDICTIONS.unlink()
    for path in (paths.EVALUATE_METRICS, paths.EXPORT_METRICS):
        path.unlink()
    result = compare_revisions("main")
    assert (result.verdict, result.exit_code) == (Verdict.UNPROVEN, 3)
    assert SPLITS in result.sentence and "Not comparable" in result.sentence
