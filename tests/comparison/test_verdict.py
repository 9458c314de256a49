"""The pull-request report, on real git repositories."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.comparison.report import (
    MOST_CHARACTERS,
    Data,
    Report,
    Section,
    Verdict,
    code,
    html,
    markdown,
)
from reprotune.comparison.statistics import Change
from reprotune.comparison.verdict import compare_revisions, decide
from reprotune.core import paths
from reprotune.core.params.model import Gate
from reprotune.tables import metrics
from reprotune.tables import predictions as tables
from reprotune.tables.figures import Characters

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ["negative", "neutral", "positive"]
GUARD = {"metric": "accuracy", "tolerance": 0.0, "confidence": 0.95, "classes": ["neutral"]}
HOSTILE = [
    "</table><script>alert(1)</script><h1>gone",
    "a | b || c `code` ``two`` @octocat #1 [link](http://example.org) <!-- x -->",
    "**bold** _it_ ~~no~~ \u202eright to left\u202c\nnew line\r\n| --- |",
    "x" * 10_000,
    "=cmd|' /C calc'!A0",
    "```\nfence\n```",
    "in\u061cvis\ufeffible\U000e0041",
    "",
]

EXPORT = metrics.Export(
    agreement=1.0,
    ties=0,
    log_likelihood_change=0.0,
    log_likelihood_change_max=0.0,
    rows=900,
    bytes=0,
)


def git(*command: str) -> str:
    done = subprocess.run(["git", *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def predictions(rows: int, accuracy: float, seed: int) -> pd.DataFrame:
    classes = CLASSES
    draw = np.random.default_rng(0)
    labels, luck = draw.choice(classes, rows), draw.random(rows)
    luck = np.where(np.random.default_rng(seed).random(rows) < 0.05, 1 - luck, luck)
    wrong = np.array([classes[(classes.index(name) + 1) % 3] for name in labels])
    said = np.where(luck < accuracy, labels, wrong)
    table = pd.DataFrame({"id": [f"{i:016x}" for i in range(rows)]})
    table["text"] = [HOSTILE[i] if i < len(HOSTILE) else f"Sales rose {i} %" for i in range(rows)]
    return say(table.assign(label=labels, predicted=said), classes)


def say(table: pd.DataFrame, classes: Sequence[str] = CLASSES) -> pd.DataFrame:
    """The table with probabilities of what it predicts."""
    shares = {name: np.where(table["predicted"] == name, 0.8, 0.1) for name in classes}
    return table.assign(**shares)


def write_predictions(table: pd.DataFrame) -> None:
    """The predictions, and what follows from them."""
    for path in (paths.PREDICTIONS, paths.CONFUSION, paths.EVALUATE_METRICS):
        path.parent.mkdir(parents=True, exist_ok=True)
    tables.write(table, paths.PREDICTIONS)
    tables.write(table[["label", "predicted"]], paths.CONFUSION)
    tables.write(table[["id", "label"]].assign(role="test"), paths.ROWS)


def write_run(accuracy: float, seed: int = 1, rows: int = 900, **changes: Any) -> None:
    """What the pipeline leaves in git, made up."""
    write_predictions(predictions(rows, accuracy, seed))
    export = EXPORT.model_copy(update={"bytes": 1_000_000 * seed, "rows": rows})
    metrics.write(paths.EXPORT_METRICS, export)
    tree = YAML(typ="safe", pure=True).load((ROOT / "profiles/builtin.yaml").read_text())
    for key, value in changes.items():
        section, name = key.split("__")
        tree[section][name] = value
    with paths.PARAMS.open("w") as file:
        YAML(typ="safe", pure=True).dump(tree, file)
    Path("pins.yaml").write_text(f"models:\n  torch: 2.13.{seed}\n")
    code = Path("stages/train.py")
    code.parent.mkdir(exist_ok=True)
    code.write_text(f"{seed}")
    deps = [{"path": str(code), "md5": hashlib.md5(code.read_bytes()).hexdigest()}]
    lock = {"stages": {"train": {"cmd": "x", "deps": deps, "outs": [{"path": "m", "md5": "1"}]}}}
    Path("dvc.lock").write_text(json.dumps(lock))


def commit(message: str) -> str:
    git("add", "-A")
    git("commit", "-qm", message)
    return git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a run on main, on a branch that left it."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    Path(".gitignore").write_text("/reports/comparison.*\n/.reprotune/\n")
    write_run(0.80)
    commit("a run")
    git("checkout", "-qb", "change")
    return tmp_path


def compare(*arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["compare", *arguments])
    return stopped.value.code, paths.COMPARISON.with_suffix(".md").read_text()  # type: ignore[return-value]


def write_audit(doubted: int) -> None:
    metrics.write(paths.AUDIT_METRICS, metrics.Audit(findings={"label": doubted}))
    characters = Characters(median=70)
    found = metrics.Download(rows=1000, left_out=0, classes={"a": 1000}, characters=characters)
    metrics.write(paths.DOWNLOAD_METRICS, found)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(("after", "exit_code"), [(250, 1), (210, 0)])
def test_many_more_doubtful_labels_close_the_gate(
    repository: Path, after: int, exit_code: int, older: bool
) -> None:
    git("checkout", "-q", "main")
    write_audit(170)
    if older:  # before left_out was counted
        paths.DOWNLOAD_METRICS.write_text(json.dumps({"rows": 1000, "classes": {"a": 1000}}))
    commit("an audit")
    git("checkout", "-qb", "new-labels")
    write_run(0.87, 2)
    write_audit(after)
    ended, text = compare()
    assert ended == exit_code
    closed = "**Worse**: the audit doubts 25.0 % of the labels, before 17.0 % (+5.0 points are let"
    assert (closed in text) == bool(exit_code)
    assert f"Labels that the audit doubts: 17.0 % → {after / 10} %." in text


@pytest.mark.parametrize(
    ("accuracy", "seed", "word", "exit_code"),
    [
        (0.87, 2, "**Better**: accuracy 0.", 0),
        (0.80, 2, "**No significant change**: accuracy", 0),
        (0.73, 2, "**Worse**: accuracy", 1),
    ],
)
def test_the_verdict_is_right_and_so_is_the_exit_code(
    repository: Path, accuracy: float, seed: int, word: str, exit_code: int
) -> None:
    write_run(accuracy, seed, train__learning_rate=5e-4)
    ended, text = compare()
    assert ended == exit_code
    assert word in text.splitlines()[3]
    assert "on 900 test rows that both have" in text
    assert "| `train.learning_rate` | `0.001` | `0.0005` |" in text
    assert "| `torch` | `2.13.1` | `2.13.2` |" in text
    assert "| `train` | no | `stages/train.py` |" in text
    assert "| size of the export, MB | 1.0 | 2.0 |" in text


def test_the_rate_that_trials_chose_stands_beside_the_verdict(repository: Path) -> None:
    write_run(0.87, 2, train__learning_rate="auto")
    trials = [metrics.Trial(learning_rate=3e-3, loss=0.9), metrics.Trial(learning_rate=1e-3)]
    trained = metrics.Train(
        rows=900, texts_cut=0, trained_parameters=1, learning_rate=3e-3, trials=trials, loss={}
    )
    metrics.write(paths.TRAIN_METRICS, trained)
    _, text = compare()
    assert "**Parameters**: `train.learning_rate` `0.001` → `auto`" in text
    assert "**Chosen by trials**: `train.learning_rate` none → `0.003`" in text


def test_a_result_says_as_json_what_the_report_says(repository: Path) -> None:
    write_run(0.87, 2)
    result = compare_revisions("main")
    said = json.loads(json.dumps(result.as_json()))
    assert (said["verdict"], said["exit_code"], said["rows"]) == ("better", 0, 900)
    assert said["sentence"] == result.sentence
    assert said["sentence"].startswith("Better: accuracy 0.")
    assert said["base"] == [{"name": "main", "commit": git("rev-parse", "main")}]
    assert said["head"] == [{"name": "workspace", "commit": None}]
    names = [change["name"] for change in said["metrics"]]
    assert names == ["accuracy", "macro-F1", "log loss"]
    assert [change["name"] for change in said["classes"]] == ["negative", "neutral", "positive"]
    accuracy = said["metrics"][0]
    low, high = accuracy["interval"]
    assert accuracy["difference"] == pytest.approx(accuracy["head"] - accuracy["base"])
    assert low < accuracy["difference"] < high
    assert accuracy["p_value"] <= accuracy["p_corrected"] < 0.05


@pytest.mark.parametrize("as_good", [False, True])
def test_a_baseline_that_is_not_beaten_is_named_beside_the_verdict(
    repository: Path, as_good: bool
) -> None:
    from tests.comparison.runs import write_figures  # which imports this module

    write_run(0.87, 2)
    write_figures(as_good=as_good)
    told = compare_revisions().sentence
    said = "not shown to be above the baseline `parrot` (+0.000, +0.000 to +0.000). What may help"
    assert (said in told) == as_good


def test_runs_that_cannot_be_compared_have_a_sentence_and_no_figures(repository: Path) -> None:
    paths.PREDICTIONS.unlink()
    result = compare_revisions()
    assert (result.verdict, result.exit_code) == (Verdict.NONE, 2)
    assert result.sentence.startswith("Not comparable: workspace has no reports/predictions")
    assert (result.rows, result.changes, result.as_json()["classes"]) == (0, [], [])


@pytest.mark.parametrize("written", ["{}", '{"size": 3}', "[]", "", "no JSON", '{"bytes": "many"}'])
def test_figures_of_another_version_are_unknown_and_no_hindrance(
    repository: Path, written: str
) -> None:
    git("checkout", "-q", "main")
    for file in (paths.AUDIT_METRICS, paths.DOWNLOAD_METRICS, paths.EXPORT_METRICS):
        file.write_text(written)
    paths.EVALUATE_METRICS.write_text(written)
    commit("another version")
    git("checkout", "-qb", "this-version")
    paths.EVALUATE_METRICS.unlink()
    write_run(0.87, 2)
    write_audit(250)
    ended, text = compare()
    assert ended == 0 and "**Better**" in text
    assert "Labels that the audit doubts" not in text and "size of the export" not in text


def test_packages_are_compared_by_name_whether_grouped_or_not(repository: Path) -> None:
    git("checkout", "-q", "main")
    Path("pins.yaml").write_text("torch: 2.13.1\nnumpy: 2.4.6\nrensa: 0.5.0\n")
    commit("before the groups")
    git("checkout", "-qb", "groups")
    groups = "tables:\n  numpy: 2.4.6\nmodels:\n  torch: 2.13.2\n  trl: 1.16.0\n"
    Path("pins.yaml").write_text(groups)
    packages = compare()[1].partition("<summary>Packages")[2].partition("</details>")[0]
    rows = [line for line in packages.splitlines() if line.startswith("| `")]
    assert rows == [
        "| `rensa` | `0.5.0` | `none` |",
        "| `torch` | `2.13.1` | `2.13.2` |",
        "| `trl` | `none` | `1.16.0` |",
    ]


def test_a_lock_of_another_form_is_no_hindrance(repository: Path) -> None:
    git("checkout", "-q", "main")
    Path("dvc.lock").write_text("stages: [train]\n")
    commit("another form")
    write_run(0.87, 2)
    assert "| `train` | new |" in compare("HEAD")[1]


def test_a_seed_that_is_no_number_is_told(repository: Path) -> None:
    git("checkout", "-q", "main")
    edited = paths.PARAMS.read_text().replace("\nseed: 1\n", "\nseed: one\n")
    paths.PARAMS.write_text(edited)
    commit("a slip")
    with pytest.raises(SystemExit, match=r"params\.yaml of HEAD: compare: the seed is 'one'"):
        cli.main(["compare", "HEAD"])


def test_a_gate_is_that_of_the_base_and_tolerance_lets_through(repository: Path) -> None:
    open_gate = {"metric": "accuracy", "tolerance": 0.5, "confidence": 0.95, "classes": []}
    write_run(0.73, 2, compare__gate=open_gate)
    assert compare()[0] == 1, "a change that opens its own gate does not get through"
    git("checkout", "-q", "main")
    write_run(0.80, compare__gate=open_gate)
    commit("tolerant")
    write_run(0.73, 2, compare__gate=open_gate)
    ended, text = compare("HEAD")
    assert ended == 0 and "a loss of 50 points is tolerated" in text


@pytest.mark.parametrize(
    ("classes", "verdict"), [(["a"], Verdict.WORSE), (["a", "b"], Verdict.SAME)]
)
def test_of_several_classes_that_may_not_drop_each_is_judged_for_their_number(
    classes: list[str], verdict: Verdict
) -> None:
    still = Change("accuracy", 0.9, 0.9, (-0.01, 0.01), 1.0)
    recalls = [Change(name, 0.9, 0.8, (-0.2, 0.0), 0.03, 0.09) for name in "abc"]
    gate = Gate(metric="accuracy", tolerance=0, confidence=0.95, classes=classes)
    assert decide(still, recalls, gate)[0] == verdict


def guard_neutral() -> pd.DataFrame:
    """A gate on the recall of neutral, and answers in which it drops, and all others are right."""
    git("checkout", "-q", "main")
    write_run(0.80, compare__gate=GUARD)
    commit("gate")
    table = predictions(900, 0.80, 1)
    neutral = table["label"] == "neutral"
    table.loc[neutral & (table.index % 4 == 0), "predicted"] = "positive"
    table.loc[~neutral, "predicted"] = table["label"]
    return table


def test_a_class_that_may_not_drop_decides(repository: Path) -> None:
    table = guard_neutral()
    write_predictions(say(table))
    ended, text = compare("HEAD")
    assert ended == 1 and "**Worse**: recall of `neutral`" in text


@pytest.mark.parametrize("new", ["other", ""])
def test_a_guarded_class_is_so_under_its_new_name_and_may_not_go(
    repository: Path, new: str
) -> None:
    table = guard_neutral()
    names = {"negative": "negative", "neutral": new or "positive", "positive": "positive"}
    names |= {} if new else {"zero": "zero"}
    classes = list(dict.fromkeys(names.values()))
    write_run(
        0.80,
        compare__gate=GUARD | {"classes": [new] if new else []},
        download__labels=names,
        prompt__verbalizers={name: name for name in classes},
    )
    table = table[["id", "text"]].assign(**{c: table[c].map(names) for c in ("label", "predicted")})
    write_predictions(say(table, classes))
    ended, text = compare("HEAD")
    told = f"recall of `{new}`" if new else "`neutral`, guarded by `compare.gate.classes`, is no"
    assert ended == 1 and f"**Worse**: {told}" in text, text[:600]


@pytest.mark.parametrize("gated", [False, True])
def test_a_class_that_falls_is_named_beside_another_that_rises(
    repository: Path, gated: bool
) -> None:
    git("checkout", "-q", "main")
    classes = ["neutral"] if gated else []
    gate = {"metric": "accuracy", "tolerance": 0.0, "confidence": 0.95, "classes": classes}
    table = predictions(900, 0.80, 1)
    write_run(0.80, compare__gate=gate)
    commit("gate")
    for name, other in (("neutral", "positive"), ("positive", "negative")):  # recalls of 0.80
        of = table.index[table["label"] == name]
        table.loc[of, "predicted"] = name
        table.loc[of[: len(of) // 5], "predicted"] = other
    write_predictions(say(table))
    before = commit("base")
    for name, share in (("neutral", 0.35), ("positive", 0.05)):  # one falls as the other rises
        of = table.index[table["label"] == name]
        table.loc[of, "predicted"] = name
        table.loc[of[: int(share * len(of))], "predicted"] = "negative"
    write_predictions(say(table))
    ended, text = compare(before)
    headline = text.splitlines()[3]
    assert ended == int(gated)
    assert "Recall fell: `neutral` 0.80" in headline and "(p < 0.001)." in headline
    assert "`positive`" not in headline


def test_uneven_classes_show_what_accuracy_hides(repository: Path) -> None:
    write_run(0.9)
    assert "Uneven classes" not in compare()[1]
    even = predictions(900, 0.9, seed=1)
    uneven = even[(even["label"] != "positive") | (even.index % 5 == 0)]
    write_predictions(say(uneven))
    before = commit("uneven")
    write_predictions(say(uneven.assign(predicted="negative")))
    page = compare(before)[1]
    assert "## Uneven classes" in page and re.search(r"Balanced accuracy 0\.9\d\d → 0\.333", page)
    assert re.search(r"\| `positive` \| \d\d \| 0\.\d{3} \| 0\.000 \|", page)


def test_other_test_rows_are_scored_apart(repository: Path) -> None:
    write_run(0.80, rows=1000)
    ended, text = compare()
    assert ended == 0
    assert "on 900 test rows that both have" in text
    assert "| only after | 100 |" in text
    assert "| added | 100 |" in text


@pytest.mark.parametrize("why", ["rows", "none"])
def test_what_cannot_be_compared_is_said_with_the_reason(repository: Path, why: str) -> None:
    table = predictions(900, 0.8, 1)
    if why == "rows":
        write_predictions(table.assign(id=table["id"] + "new"))
    else:
        paths.PREDICTIONS.unlink()
    ended, text = compare()
    expected = {
        "rows": "**Inconclusive**: 100.0 % of the former test rows are not there to compare on "
        "(5 % are let through by `compare.gate.test_changed`); they share 0 test rows; 30 are the "
        "least; 900 of 900 former test rows are gone.",
        "none": "**Not comparable**: workspace has no reports/predictions/evaluate.csv",
    }
    assert ended == {"rows": 1, "none": 2}[why] and expected[why] in text


def test_predictions_of_no_row_on_either_side_are_told(repository: Path) -> None:
    table = predictions(900, 0.8, 1)
    write_predictions(table[:0])
    ended, text = compare()
    assert ended == 3 and "100.0 % of the former test rows are not there" in text
    before = commit("predictions without rows")
    write_predictions(table)
    ended, text = compare(before)
    assert ended == 2 and "has no reports/predictions/evaluate.csv (nothing was run" in text


def test_names_of_classes_that_no_side_shares_are_no_markdown(repository: Path) -> None:
    classes = ["@octocat", "**b**"]
    write_run(
        0.8,
        download__labels={name: name for name in classes},
        prompt__verbalizers={name: name for name in classes},
    )
    table = predictions(900, 0.8, 1)[["id", "text"]]
    write_predictions(say(table.assign(label=classes[0], predicted=classes[1]), classes))
    assert "no class in common: `**b**`, `@octocat`, `negative`" in compare()[1]


def test_a_first_commit_has_nothing_to_compare_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    git("checkout", "-q", "--orphan", "fresh")
    git("rm", "-rqf", ".")
    Path("README").write_text("")
    empty = commit("first")
    write_run(0.8)
    ended, text = compare(empty)
    assert ended == 2 and "has no reports/predictions/evaluate.csv" in text


def test_several_seeds_count_by_their_spread(repository: Path) -> None:
    names = []
    gate = {"metric": "macro_f1", "tolerance": 0.0, "confidence": 0.95, "classes": []}
    for seed, accuracy in ((2, 0.79), (3, 0.80), (4, 0.81), (5, 0.86), (6, 0.87), (7, 0.88)):
        write_run(accuracy, seed, train__seed=seed, compare__gate=gate)
        commit(f"seed {seed}")
        git("tag", f"seed{seed}")
        names.append(f"seed{seed}")
    ended, text = compare(",".join(names[:3]), ",".join(names[3:]))
    assert ended == 0 and "**Better**" in text
    assert "seed2" in text and "seed7" in text
    assert "The verdict rests on accuracy" in text, "of which alone the spread is known"


def test_merge_commits_and_a_sub_folder(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("checkout", "-q", "main")
    Path("project").mkdir()
    for name in ("reports", "metrics", "stages", "params.yaml", "pins.yaml", "dvc.lock"):
        git("mv", name, "project")
    commit("moved into a folder")
    git("checkout", "-q", "change")
    Path("notes").write_text("")
    commit("notes")
    git("merge", "-q", "--no-edit", "main")
    monkeypatch.chdir(repository / "project")
    write_run(0.87, 2)
    commit("better")
    ended, text = compare("main", "change")
    assert ended == 0 and "**Better**" in text


def test_a_shallow_clone_is_told_what_to_fetch(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(0.87, 2)
    commit("better")
    clone = tmp_path_factory.mktemp("clones") / "shallow"
    git("clone", "-q", "--depth", "1", f"file://{repository}", str(clone))
    monkeypatch.chdir(clone)
    with pytest.raises(SystemExit, match=r"no branch main or master.*git fetch origin main"):
        cli.main(["compare"])
    with pytest.raises(SystemExit, match="shallow: git fetch --unshallow"):
        cli.main(["compare", "main"])


def test_a_baseline_that_is_new_or_another_is_shown(repository: Path) -> None:
    known = metrics.Baselines.model_validate_json((ROOT / paths.BASELINE_METRICS).read_text())
    metrics.write(paths.BASELINE_METRICS, known)
    commit("baselines")
    git("branch", "-f", "main")
    found = known.baselines | {"naive_bayes": known.baselines["tfidf"]}
    metrics.write(paths.BASELINE_METRICS, known.model_copy(update={"baselines": found}))
    commit("one more")
    _, text = compare()
    section = text.split("Baselines, accuracy")[1]
    assert re.search(r"naive\\?_bayes[` ]*\|  *\| 0\.672", section)
    assert "zero" not in section.split("\n\n")[1]


def test_texts_stay_texts(repository: Path) -> None:
    write_run(0.70, 9)
    _, text = compare()
    page = paths.COMPARISON.with_suffix(".html").read_text()
    assert "<script" not in page and "<h1>gone" not in page
    assert "default-src 'none'" in page
    compare()
    assert paths.COMPARISON.with_suffix(".html").read_text() == page
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    for table in tables:
        widths = {len(unescaped(line)) for line in table}
        assert len(widths) == 1, table
    outside = "".join(part for part in split_code(text))
    assert "@octocat" not in outside and "<script>" not in outside and "http:" not in outside
    assert len(text) < MOST_CHARACTERS


def unescaped(line: str) -> list[str]:
    return line.replace(r"\|", "").split("|")


def split_code(text: str) -> list[str]:
    """What lies outside of code spans, by CommonMark's rule: runs of backticks of one length."""
    outside, position = [], 0
    while (start := text.find("`", position)) >= 0:
        outside.append(text[position:start])
        size = len(text[start:]) - len(text[start:].lstrip("`"))
        close = start + size
        while True:
            close = text.index("`", close)
            run = len(text[close:]) - len(text[close:].lstrip("`"))
            close += run
            if run == size:
                break
        position = close
    return [*outside, text[position:]]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_code_span_holds_any_text(text: str) -> None:
    span = code(text)
    assert "\n" not in span and len(span) < 300
    assert "".join(split_code(span)) == ""


def test_a_report_too_long_for_a_comment_says_what_it_leaves_out() -> None:
    rows = [[Data("x" * 200)]] * 500
    sections = [Section("Short", ["a note"]), Section("Long", [], [""], rows)]
    report = Report("title", Verdict.SAME, "verdict", sections)
    text = markdown(report)
    assert len(text) < 65_536
    assert "a note" in text and "in the HTML page: Long" in text
    assert "x" * 200 in html(report)


FAKE_GH = """#!/usr/bin/env python3
import json, os, pathlib, sys
state = pathlib.Path(os.environ["GH_STATE"])
comments = json.loads(state.read_text()) if state.exists() else []
args = sys.argv[1:]
assert args[0] == "api", args
if "--paginate" in args:
    asked = args[args.index("--jq") + 1]
    assert 'select(.user.type == "Bot" and (.body | startswith("<!-- reprotune -->")))' in asked
    ours = [i for i, (kind, body) in enumerate(comments)
            if kind == "Bot" and body.startswith("<!-- reprotune -->")]
    print("\\n".join(map(str, ours)))
    sys.exit()
if os.environ.get("GH_FORK"):
    sys.exit("HTTP 403: Resource not accessible by integration")
body = next(a for a in args if a.startswith("body=@")).removeprefix("body=@")
text = pathlib.Path(body).read_text()
if "PATCH" in args:
    comments[int(args[args.index("PATCH") + 1].split("/")[-1])] = ["Bot", text]
else:
    comments.append(["Bot", text])
state.write_text(json.dumps(comments))
"""


@pytest.fixture
def report(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, forking: str
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The script of the workflow, with a stand-in for gh that keeps the comments in a file."""
    tools = tmp_path_factory.mktemp("tools")
    (tools / "gh").write_text(FAKE_GH)
    (tools / "gh").chmod(0o755)

    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": f"{tools}{os.pathsep}{forking}", "GH_STATE": str(tools / "comments.json")}
        known |= {"GITHUB_STEP_SUMMARY": str(tools / "summary.md"), "PYTHONPATH": str(ROOT)}
        known |= {"REPOSITORY": "someone/project", "PULL_REQUEST": "7"}
        return subprocess.run(
            ["bash", str(ROOT / ".github/report.sh"), "main", "HEAD"],
            env=os.environ | known | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    run.tools = tools  # type: ignore[attr-defined]
    return run


def test_one_comment_is_posted_and_then_updated(report: Any) -> None:
    state = report.tools / "comments.json"
    said = ["User", "<!-- reprotune --> **Better**, says a person"]
    state.write_text(json.dumps([said]))
    for accuracy, expected, exit_code in ((0.87, "**Better**", 0), (0.73, "**Worse**", 1)):
        write_run(accuracy, 2)
        commit(expected)
        done = report()
        assert done.returncode == exit_code, done.stderr
        person, (_, comment) = json.loads(state.read_text())
        assert person == said and expected in comment
    assert "**Worse**" in (report.tools / "summary.md").read_text()


def test_a_fork_gets_the_report_in_the_summary(report: Any) -> None:
    write_run(0.87, 2)
    commit("better")
    done = report(GH_FORK="1")
    assert done.returncode == 0
    assert "no right to comment here" in done.stdout
    assert "**Better**" in (report.tools / "summary.md").read_text()


def test_the_job_that_may_write_runs_the_code_of_the_branch_and_uses_no_cache() -> None:
    """A cache that the change's own code has filled would bring that code along."""
    workflow = YAML(typ="safe", pure=True).load(
        (ROOT / ".github/workflows/reprotune.yml").read_text()
    )
    jobs = workflow["jobs"]
    writing = [name for name, job in jobs.items() if "write" in job.get("permissions", {}).values()]
    assert "write" not in workflow["permissions"].values() and writing == ["report"]
    checkout, first, *others = jobs["report"]["steps"]
    assert checkout["uses"].startswith("actions/checkout@") and "ref" not in checkout["with"]
    assert first["run"] == 'git checkout --quiet --detach "$GITHUB_SHA^1"'
    assert "checkout" not in json.dumps(others) and "cache" not in json.dumps(others)


def test_a_branch_without_this_package_has_no_report_yet() -> None:
    """The pull request that brings it is the first: there is no code of the branch to run."""
    workflow = YAML(typ="safe", pure=True).load(
        (ROOT / ".github/workflows/reprotune.yml").read_text()
    )
    steps = workflow["jobs"]["report"]["steps"]
    ours = [
        step for step in steps if "make" in step.get("run", "") or ".github" in step.get("run", "")
    ]
    assert [step["if"] for step in ours] == ["hashFiles('.github/report.sh') != ''"] * 2


@pytest.mark.parametrize("let_through", [0.05, None])
def test_other_test_rows_fail_the_job_unless_the_branch_lets_them_in(
    report: Any, let_through: float | None
) -> None:
    git("checkout", "-q", "main")
    tree = YAML(typ="safe", pure=True).load(paths.PARAMS.read_text())
    tree["compare"]["gate"]["test_changed"] = let_through
    YAML(typ="safe", pure=True).dump(tree, paths.PARAMS)
    git("commit", "-q", "--allow-empty", "-am", "the gate")
    git("checkout", "-q", "-B", "change")
    tree["compare"]["gate"]["test_changed"] = 0.05 if let_through is None else None
    YAML(typ="safe", pure=True).dump(tree, paths.PARAMS)
    table = predictions(900, 0.8, 1)
    write_predictions(table.assign(id=table["id"] + "new"))
    commit("other rows, and another gate from the next change on")
    done = report()
    assert done.returncode == (0 if let_through is None else 1)
    assert ("::warning::not comparable" in done.stdout) == (let_through is None)
    shutil.rmtree("reports")


def test_a_report_that_cannot_be_made_fails_the_job(report: Any) -> None:
    paths.PARAMS.write_text("compare: {gate: nonsense}")
    commit("broken")
    git("branch", "-qf", "main", "HEAD")
    paths.COMPARISON.with_suffix(".md").write_text("**Better**, says who committed this")
    done = report()
    assert done.returncode == 1
    assert not (report.tools / "summary.md").exists()
    assert "params.yaml of main: compare: 1 parameter is wrong" in done.stderr
