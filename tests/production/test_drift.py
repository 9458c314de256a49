"""New texts beside the old ones: what is found, what is no alarm, and what so few could tell."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune import cli
from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.data.ids import add_ids
from reprotune.production import drift, drift_page, two_samples
from reprotune.production.drift import ALPHA, compare, find_detectable, look
from reprotune.production.keeping import hash_folder
from reprotune.production.shares import estimate, solve
from reprotune.production.two_samples import Kinds, adjust, find_script, shuffle
from reprotune.tables import predictions, schemas
from tests.production.made import DAG, MERGED, export, git, register

ROOT = Path(__file__).resolve().parents[2]
KINDS = Kinds(0.8, "words", 1)
OLD = headlines.examples(rows=300, wrong=0.06, repeated=0.02, seed=1)["text"].tolist()
LATER = headlines.examples(rows=60, wrong=0.06, repeated=0.02, seed=2)["text"].tolist()
FOREIGN = [f"the {a} {b} of this film is {c}" for a in ("slow", "bleak", "witty")
           for b in ("plot", "cast", "tone", "score") for c in ("dull", "moving")]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    rows = add_ids(headlines.examples(rows=300, wrong=0.06, repeated=0.02, seed=1))
    rows["split"] = pd.Series([None] * len(rows), dtype="str")
    paths.RAW.parent.mkdir(parents=True)
    schemas.write(rows.assign(row=range(len(rows))), paths.RAW, schemas.Raw)
    return tmp_path


def note_made() -> None:
    """As a lock does, that a stage made the model that lies here."""
    made = {"cmd": "true", "outs": [{"path": str(MERGED), "md5": hash_folder(MERGED)}]}
    Path("dvc.lock").write_text(json.dumps({"stages": {"export": made}}))


def test_later_rows_of_the_same_kind_are_no_drift() -> None:
    assert min(compare(OLD, LATER, KINDS).p_values) > ALPHA


def test_a_tenth_of_other_texts_is_found_by_its_words() -> None:
    found = compare(OLD, [*LATER[:54], *FOREIGN[:6]], KINDS)
    p_values = dict(zip(drift.TESTS, found.p_values, strict=True))
    assert p_values["words"] <= ALPHA < p_values["script"]
    assert set(np.argsort(-found.scores)[:3]) <= set(range(54, 60)), "they look newest"


def test_other_lengths_and_scripts_are_named() -> None:
    for cause, new in (
        ("length", [f"{text} {text}" for text in LATER]),
        ("script", [f"Ж {'и' * len(text)}" for text in LATER]),
    ):
        found = dict(zip(drift.TESTS, compare(OLD, new, KINDS).p_values, strict=True))
        assert found[cause] <= ALPHA


@pytest.mark.parametrize("new", [OLD, OLD[:50], [LATER[0]] * 30, ["?"] * 12])
def test_copies_are_no_evidence(new: list[str]) -> None:
    assert compare(OLD, new, KINDS).p_values[0] > ALPHA


def test_a_file_of_copies_is_too_little_to_tell(project: Path) -> None:
    with pytest.raises(InputError, match="500 texts, 3 if copies and near-copies count once, are"):
        look(
            [LATER[0], LATER[9], LATER[17], *[LATER[0]] * 497], Path("models/merged"), load_params()
        )


def test_texts_without_spaces_are_compared_by_characters() -> None:
    rng = np.random.default_rng(1)
    old, new = (
        ["".join(map(chr, rng.integers(start, start + 200, 30))) for _ in range(count)]
        for start, count in ((0x4E00, 100), (0x5E00, 30))
    )
    assert min(compare(old, new, Kinds(0.8, "characters", 1)).p_values) <= ALPHA
    assert min(compare(old[:70], old[70:], Kinds(0.8, "characters", 1)).p_values) > ALPHA


def test_groups_are_exchanged_as_a_whole_and_with_such_of_their_size() -> None:
    groups = np.array([0, 1, 1, 2, 3, 3, 4, 5, 5, 5])
    is_new = np.array([1, 1, 1, 0, 0, 0, 0, 1, 1, 0], dtype=bool)
    labels = shuffle(is_new, groups, 50, 1).labels
    assert (labels[:, 0] == is_new).all() and (labels.sum(axis=0) == is_new.sum()).all()
    assert (labels[1] == labels[2]).all() and (labels[4] == labels[5]).all()
    assert (labels[7:].sum(axis=0) == 2).all(), "the only group of three stays new"
    assert {*map(tuple, labels[[0, 3, 6]].T)} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_p_values_that_are_adjusted_hold_for_all_tests_together() -> None:
    rng = np.random.default_rng(1)
    alarms = [adjust(rng.normal(size=(4, 200))).min() <= ALPHA for _ in range(1000)]
    assert 0.03 < np.mean(alarms) < 0.07
    assert adjust(np.ones((2, 100))).tolist() == [1, 1], "nothing differs"


@pytest.mark.slow  # 200 tests
def test_one_file_in_twenty_of_the_same_kind_is_an_alarm() -> None:
    rng = np.random.default_rng(1)
    pool = headlines.examples(rows=3000, wrong=0.06, repeated=0.02, seed=3)["text"].tolist()
    alarms = 0
    for seed in range(200):
        drawn = [pool[n] for n in rng.permutation(len(pool))[:260]]
        p_values = compare(drawn[:200], drawn[200:], KINDS._replace(seed=seed)).p_values
        alarms += min(p_values) <= ALPHA
    assert alarms <= 17, "18 of 200 come in 1 of 100 such tests if the level is 5 %"


def test_shares_follow_from_predictions() -> None:
    test = np.array([[90, 10, 0], [10, 80, 20], [0, 10, 80]])
    rates, truth = test / test.sum(axis=0), np.array([0.1, 0.3, 0.6])
    assert solve(rates, rates @ truth) == pytest.approx(truth, abs=1e-4)
    found = estimate(test, [500, 300, 200], np.round(rates @ truth * 1000).astype(int), 1)
    assert found is not None and found.p_value <= 0.001
    bounds = zip(found.low, truth, found.high, strict=True)
    assert all(low <= share <= high for low, share, high in bounds)
    same = rates @ np.array([0.5, 0.3, 0.2])
    quiet = estimate(test, [500, 300, 200], np.round(same * 200).astype(int), 1)
    assert quiet is not None and quiet.p_value > 0.5
    assert estimate(np.array([[5, 0], [5, 0]]), [1, 1], [1, 1], 1) is None


def test_shares_that_no_mixture_explains_stay_shares() -> None:
    rates = np.array([[0.8, 0.1], [0.2, 0.9]])
    assert solve(rates, np.array([1.0, 0.0])).tolist() == [1, 0]


@pytest.mark.slow  # sixty tests of planted texts
def test_few_rows_say_what_they_could_have_shown(project: Path) -> None:
    found = look(LATER[:20], Path("models/merged"), load_params())
    assert not found.has_drifted and found.detectable is not None and found.detectable <= 0.5
    assert f"would have been found from a share of {found.detectable:.0%} on" in found.sentence
    assert "models/merged is not here" in found.notes[0]
    with pytest.raises(InputError, match="9 texts are too few to tell; 10 are the least"):
        look(LATER[:9], Path("models/merged"), load_params())
    assert find_detectable(LATER[:12], 10, KINDS) > 1, "there is nothing to draw from"


def test_the_script_is_that_of_most_letters() -> None:
    texts = ["prices", "цены", "価格 A", "가격", "12 %", ""]
    assert [*map(find_script, texts)] == ["LATIN", "CYRILLIC", "CJK", "HANGUL", "none", "none"]


def test_drift_is_an_exit_code_a_page_and_json(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "<script>alert(1)</script> | **x** film"
    pd.DataFrame({"text": [*LATER[:30], *FOREIGN, hostile]}).to_csv("new.csv", index=False)
    with pytest.raises(SystemExit) as end:
        cli.main(["drift", "new.csv", "--json"])
    assert end.value.code == 3
    found = json.loads(capsys.readouterr().out)
    assert found["drift"] and "words" in found["causes"]
    page = paths.DRIFT.read_text("utf-8")
    assert "<script>" not in page and "Drift" in page and "prefers-color-scheme: dark" in page
    monkeypatch.setattr(drift, "FEW", 0)
    pd.DataFrame({"text": LATER}).to_csv("later.csv", index=False)
    cli.main(["drift", "later.csv"])
    assert capsys.readouterr().out.startswith("No drift found in 60 new texts.\n")


def test_the_shares_of_the_classes_are_on_the_page_and_in_the_verdict(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = add_ids(headlines.examples(rows=300, wrong=0, repeated=0, seed=4))
    classes = [*headlines.CLASSES]
    told = rows.assign(label=rows["label"].astype("str"))
    said = np.eye(3)[[classes.index(label) for label in told["label"]]]
    predictions.write(predictions.table(told, said, classes), paths.PREDICTIONS)
    MERGED.mkdir(parents=True)
    note_made()

    class Says:
        def __init__(self) -> None:
            self.classes = classes

        def predict(self, texts: list[str]) -> np.ndarray:
            return np.array(["negative"] * len(texts))

    asked = []
    monkeypatch.setattr(drift.predict, "load", lambda *given: asked.append(given) or Says())
    found = look(LATER, Path("models/merged"), load_params(), Path("key.pub"))
    assert asked == [(Path("models/merged"), Path("key.pub"))]
    assert "classes" in found.causes and found.shares["negative"]["new"] > 0.95
    page = drift_page.draw_up(found)
    assert "Shares of the classes" in [section.title for section in page.sections]


def test_after_a_rollback_the_answers_are_those_of_the_version_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Path("dvc.yaml").write_text(DAG)
    rows = add_ids(headlines.examples(rows=30, wrong=0, repeated=0, seed=4))
    rows["label"] = rows["label"].astype("str")
    paths.PREDICTIONS.parent.mkdir(parents=True)
    for number, said in enumerate(([1, 0, 0], [0, 1, 0]), start=1):
        export(f"the weights of {number}")
        shutil.copytree(MERGED, f"v{number}")
        note_made()
        table = predictions.table(rows, np.array([said] * len(rows)), [*headlines.CLASSES])
        predictions.write(table, paths.PREDICTIONS)
        git("add", "-A")
        git("commit", "-qm", "a run")
        register(f"v0.0.{number}", number)
    told = [drift.read_answers(folder) for folder in (Path("v1"), Path("v2"), MERGED)]
    assert [set(one["predicted"]) for one in told if one is not None] == [
        {headlines.CLASSES[0]}, {headlines.CLASSES[1]}, {headlines.CLASSES[1]}
    ]  # fmt: skip
    export("of no version")
    assert drift.read_answers(MERGED) is None, "the answers of another model are no measure of it"


def test_without_examples_it_says_what_to_pull(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"dvc pull data/raw/examples\.parquet"):
        drift.read_old()


def test_words_that_nobody_shares_leave_nothing_to_compare() -> None:
    shuffled = shuffle(np.array([0, 0, 1, 1], dtype=bool), np.arange(4), 9, 1)
    assert two_samples.extract(["a", "b", "c", "d"], KINDS).shape == (4, 1)
    assert (two_samples.count_unseen(["", "", "", ""], shuffled, KINDS) == 0).all()
