"""What a pull request could do so that a reviewer believes it: each way is found, or told."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reprotune.comparison.changed import list_files, summarize_changes
from reprotune.comparison.contradictions import find_contradiction
from reprotune.comparison.lineage import find_breaks
from reprotune.comparison.report import Verdict, html, markdown
from reprotune.comparison.revision import WORKSPACE, Revision, find_base, read_revision
from reprotune.comparison.statement import Outcome, Statement, tell_rebuild
from reprotune.comparison.succession import find_breach
from reprotune.comparison.verdict import compare_revisions
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from tests.comparison.runs import write_figures
from tests.comparison.test_proof import (
    SAME,
    edit,
    file,
    md5,
    out,
    repository,
    write,
    write_answer,
    write_lock,
)
from tests.comparison.test_verdict import commit, git

__all__ = ["repository"]
HERE = Revision(WORKSPACE, None)
LARGE = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
POINTER = "outs:\n- path: {}\n  md5: {}\n"
FOLDER = "0" * 32 + ".dir"


def add_maker(stages: dict[str, Any], path: str, md5: str) -> None:
    """A stage that says that it makes a file or folder."""
    edit(Path("dvc.yaml"), "stages:\n", f"stages:\n  more:\n    cmd: x\n    outs: [{path}]\n")
    stages["more"] = {"cmd": "x", "outs": [{"path": path, "md5": md5}]}


HIDDEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "a file that looks like one in Git LFS": lambda stages: write(Path("library/notes"), LARGE),
    "a pointer to a folder that nobody has": lambda stages: write(
        Path("library/x.dvc"), POINTER.format("x", FOLDER)
    ),
    "a pointer that says what the code is": lambda stages: write(
        Path("x.dvc"), POINTER.format("library/one.py", md5("one"))
    ),
    "a pointer that says what the folder of the code is": lambda stages: write(
        Path("x.dvc"), POINTER.format("library", stages["train"]["deps"][1]["md5"])
    ),
    "a stage that makes something in the folder": lambda stages: add_maker(
        stages, "library/made", FOLDER
    ),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_nothing_beside_the_code_hides_that_it_was_changed(
    repository: dict[str, Any], what: str
) -> None:
    HIDDEN[what](repository)
    edit(Path("library/one.py"), "one", "another")
    write_lock(repository)
    commit(what)
    for run in (HERE, read_revision("HEAD")):
        assert "library" in find_breaks(run)["train"][0]


def test_an_output_without_a_hash_or_with_two_makers_is_no_record(
    repository: dict[str, Any],
) -> None:
    tuned = out(repository, "train", "models/tuned")
    add_maker(repository, "models/tuned", str(tuned["md5"]))
    tuned["md5"] = "1" * 32 + ".dir"  # trained again: what read it, did not run
    write_lock(repository)
    assert ["models/tuned is made by another stage, too"] in find_breaks(HERE).values()
    del tuned["md5"]
    write_lock(repository)
    assert "models/tuned has no hash in the lock" in find_breaks(HERE)["train"]


def rename_stage(stages: dict[str, Any]) -> None:
    edit(Path("dvc.yaml"), "  predict:\n", "  answer:\n")
    stages["answer"] = stages.pop("predict")


EXCUSES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a parameter": lambda stages: stages["predict"].update(params={"params.yaml": {"seed": 1}}),
    "a file": lambda stages: stages["predict"]["deps"].append(file("split.py")),
    "another name of the stage": rename_stage,
}


@pytest.mark.parametrize("what", EXCUSES)
def test_what_a_lock_alone_names_is_no_reason_for_another_answer(
    repository: dict[str, Any], what: str
) -> None:
    write_answer(repository, 0.8)
    git("branch", "-f", "main")
    write(Path("metrics/predicted.json"), json.dumps({"accuracy": 0.9}))
    repository["predict"]["outs"] = [file("metrics/predicted.json")]
    EXCUSES[what](repository)
    write_lock(repository)
    commit("better")
    found = find_breach(read_revision("main"), read_revision("HEAD"))
    assert found == f"`predict` {SAME} `main`, but another metrics/predicted.json"


def curve(middle: float) -> str:
    """A learning curve of three steps."""
    return f"step\ttrain_loss\n1\t1.0\n2\t{middle}\n3\t0.1\n"


def test_figures_of_the_same_weights_are_the_same_curves_included(
    repository: dict[str, Any],
) -> None:
    edit(Path("dvc.yaml"), "[models/tuned]", "[models/tuned, reports/live: {cache: false}]")
    write(paths.TRAIN_CURVE, curve(0.5))
    live = {"path": "reports/live", "md5": hash_live()}
    repository["train"]["outs"].append(live)
    write_lock(repository)
    commit("a curve")
    git("branch", "-f", "main")
    write(paths.TRAIN_CURVE, curve(0.2))
    live["md5"] = hash_live()
    write_lock(repository)
    commit("a nicer one")
    found = find_breach(read_revision("main"), read_revision("HEAD"))
    assert found == f"`train` {SAME} `main`, but another {paths.TRAIN_CURVE}"
    repository["train"]["outs"][0]["md5"] = repository["predict"]["deps"][0]["md5"] = FOLDER
    write_lock(repository)
    commit("of other weights")
    assert find_breach(read_revision("main"), read_revision("HEAD")) == ""


def hash_live() -> str:
    name = paths.TRAIN_CURVE.relative_to("reports/live").as_posix()
    listed = [{"md5": md5(paths.TRAIN_CURVE.read_bytes()), "relpath": name}]
    return md5(json.dumps(listed)) + ".dir"


def test_a_source_is_read_again_even_if_some_of_it_is_elsewhere(
    repository: dict[str, Any],
) -> None:
    edit(
        Path("dvc.yaml"),
        "    cmd: python audit.py\n",
        "    cmd: python audit.py\n    deps: [models/source]\n",
    )
    write(Path("models/source/tiny/config.json"), "{}")
    repository["audit"]["deps"] = [{"path": "models/source", "md5": FOLDER, "nfiles": 9}]
    write_lock(repository)
    commit("a model")
    git("branch", "-f", "main")
    assert find_breaks(HERE) == {}
    write(Path("models/source/tiny/config.json"), '{"layers": 9}')
    commit("another")
    found = find_breach(read_revision("main"), read_revision("HEAD"))
    assert found == "models/source is another than in `main`, and `audit` did not run"


@pytest.mark.parametrize(
    "path", [".reprotune/checkpoints/1/sealed.json", "library/__pycache__/one.cpython-311.pyc"]
)
def test_what_a_run_leaves_is_not_in_git_or_a_rebuild_would_go_on_from_it(
    repository: dict[str, Any], path: str
) -> None:
    write(Path(path), "")
    assert find_contradiction(HERE) == ""
    git("add", "-f", path)
    git("commit", "-qm", "left")
    for run in (HERE, read_revision("HEAD")):
        assert find_contradiction(run).startswith(f"`{path}` is in git: the next run would go on")


def test_what_makes_a_record_worth_less_stands_beside_the_verdict(
    repository: dict[str, Any],
) -> None:
    pipeline = Path("dvc.yaml")
    edit(pipeline, "  audit:\n", "  audit:\n    frozen: true\n    deps: [split.py]\n")
    edit(pipeline, "  predict:\n", "  predict:\n    matrix: {one: [1]}\n")
    tree = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
    tree["train"]["learning_rate"] = 0.002
    with paths.PARAMS.open("w") as opened:
        YAML(typ="safe", pure=True).dump(tree, opened)
    repository["audit"]["deps"] = [file("split.py")]
    repository["predict@1"] = repository.pop("predict")
    repository["train"]["params"]["params.yaml"]["train"] = tree["train"]
    write_lock(repository)
    commit("nothing is stale")
    assert find_breaks(HERE) == {}
    told = summarize_changes(read_revision("main"), read_revision("HEAD"))
    assert "**Stages that DVC never runs (frozen)**: `audit`" in told
    assert "**Stages depend now on**: `split.py` (`audit`)" in told
    assert "**Stages that are no more**: `predict`" in told
    assert "**Other parameters, the same bytes (without effect, or not run)**: `train`" in told


def test_no_change_of_checks_hides_behind_names_or_in_another_folder(
    repository: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Path(".github/workflows/tests.yml"), "on: push\njobs: {}\n")
    write(Path("project/reports/rows.csv"), "")
    commit("checks")
    git("branch", "-f", "main")
    Path("docs").mkdir()
    git("mv", ".github/workflows/tests.yml", "docs/tests.md")
    write(Path("reprotune/comparison/proof.py"), "")
    for number in range(9):
        write(Path(f"a{number}.py"), "")
    Path(os.fsdecode(b"docs/no-\xff-text")).write_text("")
    commit("renamed")
    sides = read_revision("main"), read_revision("HEAD")
    checks = "`.github/workflows/tests.yml`, `reprotune/comparison/proof.py`"
    assert f"**Checks, and what git and DVC ignore**: {checks}" in summarize_changes(*sides)
    monkeypatch.chdir("project")
    files = ["/.github/workflows/tests.yml", "/reprotune/comparison/proof.py"]
    assert list_files(*sides) == files


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "dvc.lock", "pins.yaml"])
def test_a_run_that_cannot_be_read_is_unproven_in_a_report(
    repository: dict[str, Any], name: str
) -> None:
    Path(name).write_text("a: 1\na: 2\n")
    commit("a key twice")
    result = compare_revisions("main", "HEAD")
    assert (result.verdict, result.exit_code) == (Verdict.UNPROVEN, 3)
    assert f"HEAD:{name}: not readable as YAML" in result.sentence
    assert name in markdown(result.report) and name in html(result.report)


def test_thousands_of_reasons_fit_into_a_comment(repository: dict[str, Any]) -> None:
    more = "".join(f"  {'k' * 40}{number}: 1\n" for number in range(2000))
    edit(paths.PARAMS, "\ntrain:\n", f"\ntrain:\n{more}")
    commit("many")
    result = compare_revisions("main", "HEAD")
    assert len(result.sentence) < 1500 and "1996 more" in result.sentence
    assert len(find_breaks(HERE)["train"]) == 2000, "programs have all"


def test_a_statement_tells_of_every_output_or_is_none(repository: dict[str, Any]) -> None:
    outputs = dict.fromkeys(
        (one["path"] for stage in repository.values() for one in stage["outs"]), Outcome.IDENTICAL
    )
    said = Statement(
        commit="1",
        lock=hashlib.sha256(Path("dvc.lock").read_bytes()).hexdigest(),
        machine="one",
        seconds=1,
        verdict=Outcome.IDENTICAL,
        reason="",
        outputs=outputs,
    )
    metrics.write(paths.VERIFIED, said)
    assert tell_rebuild(HERE).endswith(": bit-identical.")
    left_out = {path: found for path, found in outputs.items() if path != "models/tuned"}
    for other in (left_out, outputs | {"models/tuned": Outcome.DRIFTED}, {}):
        metrics.write(paths.VERIFIED, said.model_copy(update={"outputs": other}))
        assert "is not whole, and so no statement" in tell_rebuild(HERE)


def forge(stages: dict[str, Any]) -> None:
    """Easy texts, answers that are all right, and all that follows, in the lock as well."""
    table = tables.read(paths.PREDICTIONS)
    tables.write(table.assign(text=[f"easy {name}" for name in table["id"]]), paths.PREDICTIONS)
    write_figures()
    stages["predict"]["outs"] = [file(one["path"]) for one in stages["predict"]["outs"]]
    write_lock(stages)


def test_a_forgery_that_was_merged_can_be_reverted_and_not_merged_again(
    repository: dict[str, Any],
) -> None:
    edit(
        Path("dvc.yaml"),
        "    metrics:\n",
        f"    metrics:\n      - {paths.PREDICTIONS}: {{cache: false}}\n",
    )
    repository["predict"]["outs"].append(file(str(paths.PREDICTIONS)))
    write_lock(repository)
    honest = commit("honest")
    forge(repository)
    forged = commit("forged")
    assert compare_revisions(honest, forged).verdict == Verdict.UNPROVEN
    git("revert", "--no-edit", forged)
    reverted = git("rev-parse", "HEAD")
    result = compare_revisions(forged, reverted)
    assert result.verdict != Verdict.UNPROVEN
    told = f"`predict` {SAME} `{honest[:7]}`, but another {paths.PREDICTIONS}"
    assert told in markdown(result.report), "said of the old side"
    git("revert", "--no-edit", reverted)
    assert compare_revisions(reverted, "HEAD").verdict == Verdict.UNPROVEN


def test_the_base_is_where_the_branch_left_the_newest_main_and_no_tag(
    repository: dict[str, Any],
) -> None:
    newest = git("rev-parse", "main")
    write(Path("more"), "")
    later = commit("later")
    git("tag", "main", later)
    assert find_base() == newest
    git("update-ref", "refs/remotes/origin/main", later)
    write(Path("more"), "more")
    commit("change")
    assert find_base() == later, "main was not pulled"
    with pytest.raises(InputError, match="'main' is a branch and a tag; name refs/heads/main"):
        read_revision("main")
