"""From download to split: nothing is lost, nothing leaks, and people's decisions arrive."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from stages import audit, curate, download, roles, split

Changed = Callable[[dict[str, Any]], Params]
HEADER = "id,action,label,reviewer,note\n"
PARTS = ("train", "validation", "test")
SMALL = {
    "seed": 1,
    "download.kind": "builtin",
    "download.builtin": {"rows": 700, "wrong_labels": 0.06, "repeated": 0.15},
    "download.labels": {name: name for name in headlines.CLASSES},
    "prompt.verbalizers": {name: f" {name}" for name in headlines.CLASSES},
    "expectations.rows": {"min": 100, "max": 1000, "severity": "stop"},
    "expectations.repeated": {"max": 0.5, "severity": "stop"},
    "roles.strategy": "hashed",
    "roles.near_duplicate_threshold": 0.8,
    "roles.test_per_class": 20,
    "roles.validation_per_class": 10,
    "roles.train_per_class": 25,
    "audit.folds": 3,
    "audit.review_rows": 30,
    "curate.duplicates": "quarantine",
    "curate.conflicts": "quarantine",
    "curate.doubtful": "quarantine",
    "curate.doubtful_share": 0.05,
}


@dataclass
class Route:
    """The stages' files in one folder."""

    folder: Path

    def at(self, name: str) -> Path:
        return self.folder / name

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self.at(f"{name}.parquet"))

    def metrics(self, stage: str) -> Any:
        return json.loads(self.at(f"{stage}.json").read_text())

    def parts(self) -> pd.DataFrame:
        """Rows of the three parts, with their part and near-duplicate group."""
        parts = pd.concat([self.table(part).assign(part=part) for part in PARTS])
        return parts.merge(self.table("roles"), on="id")

    def run(self, params: Params, source: Path | None = None) -> "Route":
        return self.audit(params, source).curate(params)

    def audit(self, params: Params, source: Path | None = None) -> "Route":
        """The first half, from the download to what is found of the rows."""
        at = self.at
        raw, role, findings = at("raw.parquet"), at("roles.parquet"), at("findings.parquet")
        download.run(params, source or self.folder, raw, at("download.json"), at("bad_rows.csv"))
        roles.run(params, raw, role, at("roles.json"))
        none = audit.Columns(at("features.npy"), at("folds.npy"))
        audit.run(params, raw, role, none, findings, at("review.csv"), at("audit.json"))
        return self

    def curate(self, params: Params) -> "Route":
        """The second half: what is done about it, and the split."""
        at = self.at
        raw, role, findings = at("raw.parquet"), at("roles.parquet"), at("findings.parquet")
        curated, parts = at("curated.parquet"), [at(f"{part}.parquet") for part in PARTS]
        quarantine = at("quarantine.parquet")
        curate.run(params, raw, role, findings, curated, quarantine, at("curate.json"))
        split.run(params, curated, role, parts, at("rows.csv"), at("split.json"))
        return self

    def curated_again(self, folder: Path, params: Params) -> "Route":
        """The first half of this route, with another second one in a folder of its own."""
        folder.mkdir(exist_ok=True)
        for name in ("raw", "roles", "findings"):
            shutil.copy(self.at(f"{name}.parquet"), folder)
        return Route(folder).curate(params)


@pytest.fixture(scope="module", autouse=True)
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The report on the data goes to the working folder."""
    with contextlib.chdir(tmp_path_factory.mktemp("here")):
        yield


@pytest.fixture(scope="module")
def small(changed: Changed) -> Changed:
    """Parameters of a small data set, with changes; nobody has decided anything."""
    decisions = Path("none.csv")
    decisions.write_text(HEADER)
    return lambda values: changed(SMALL | {"curate.decisions": str(decisions)} | values)


@pytest.fixture(scope="module")
def route(tmp_path_factory: pytest.TempPathFactory, small: Changed) -> Route:
    return Route(tmp_path_factory.mktemp("route")).run(small({}))


@pytest.mark.parametrize("strategy", ["hashed", "published"])
def test_no_test_row_is_in_quarantine_without_a_decision(
    tmp_path: Path, small: Changed, route: Route, strategy: str
) -> None:
    if strategy == "published":
        params = small({"roles.strategy": strategy, "roles.train_per_class": None})
        route = Route(tmp_path).run(params)
    role = route.table("roles").set_index("id")["role"]
    assert set(route.table("quarantine")["reason"]) == {"duplicate", "conflict", "label"}
    assert not (role[route.table("quarantine")["id"]] == "test").any()
    tempting = route.table("findings").query("issue != 'near_duplicate'")
    assert (role[tempting["id"]] == "test").any()


def test_headlines_of_a_class_that_is_null_are_left_out(small: Changed, route: Route) -> None:
    labels = {"negative": "bad", "neutral": None, "positive": "good"}
    answers = {"bad": " bad", "good": " good"}
    settings = small({"download.labels": labels, "prompt.verbalizers": answers}).download
    found = download.as_raw(download.fetch(settings, route.folder, seed=1).rows)
    raw = route.table("raw").query("label != 'neutral'")
    assert found["text"].tolist() == raw["text"].tolist()
    assert found["label"].tolist() == raw["label"].map(labels).tolist()
    wrong = raw["reference_label"] == "neutral"
    assert wrong.any() and found["reference_label"].isna().tolist() == wrong.tolist()


def test_every_raw_row_is_curated_or_in_quarantine_unchanged(route: Route) -> None:
    parts = [route.table(name)[["id", "text", "label"]] for name in ("curated", "quarantine")]
    after = pd.concat(parts).set_index("id").sort_index()
    raw = route.table("raw").set_index("id").sort_index()
    assert after.equals(raw[["text", "label"]])
    counted = route.metrics("curate")
    assert counted["kept"] + sum(counted["quarantined"].values()) == len(raw)


def test_parts_share_no_row_and_no_near_duplicate_group(route: Route) -> None:
    parts = route.parts()
    assert parts["id"].is_unique
    assert parts.groupby("group")["part"].nunique().max() == 1
    assert parts["group"].duplicated().any(), "no group to straddle anything"
    assert route.metrics("roles")["leaked_test_rows"] == 0


def test_counts_are_exact_and_the_metrics_say_so(route: Route) -> None:
    counts = route.parts().groupby(["part", "label"]).size()
    assert (counts["train"] == 25).all()
    assert (counts["test"] == 20).all()
    assert counts["validation"].between(1, 10).all()
    for part in PARTS:
        assert route.metrics("split")[part] == counts[part].to_dict()


def test_the_listing_has_every_curated_row_with_the_part_it_is_in(route: Route) -> None:
    listing = pd.read_csv(route.at("rows.csv"), dtype="str").set_index("id")
    curated = route.table("curated").set_index("id")
    assert listing.index.tolist() == sorted(curated.index)
    assert listing["label"].equals(curated["label"].reindex(listing.index))
    part = route.parts().set_index("id")["part"]
    assert listing["role"].equals(part.reindex(listing.index).fillna("spare").rename("role"))


def test_training_rows_are_those_of_lowest_rank(route: Route) -> None:
    pool = route.table("curated").merge(route.table("roles").query("role == 'train'"), on="id")
    lowest = pool.sort_values("rank").groupby("label").head(25)
    assert set(lowest["id"]) == set(route.table("train")["id"])


def test_the_same_parameters_give_the_same_bytes(
    tmp_path: Path, small: Changed, route: Route
) -> None:
    Route(tmp_path).run(small({}))
    files = {path.name: path.read_bytes() for path in route.folder.iterdir()}
    assert files == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not Route(tmp_path).run(small({"seed": 2})).table("test").equals(route.table("test"))


def test_the_audit_beats_chance_where_the_truth_is_known(route: Route) -> None:
    rates = route.metrics("audit")["against_reference"]
    assert rates["precision"] > 2 * 0.06
    assert rates["recall"] > 0.5


def test_the_review_queue_shows_texts_and_labels_of_its_rows(route: Route) -> None:
    queue = pd.read_csv(route.at("review.csv"), dtype={"text": "str"})
    raw = route.table("raw").set_index("id")
    assert len(queue) == 30
    assert (queue["text"].to_numpy() == raw.loc[queue["id"], "text"].to_numpy()).all()
    assert (queue["label"].to_numpy() == raw.loc[queue["id"], "label"].to_numpy()).all()


def test_decisions_reach_every_part_and_win_over_the_policy(
    tmp_path: Path, small: Changed, route: Route
) -> None:
    tested, trained = (
        route.table(part).query("label == 'neutral'")["id"].iloc[0] for part in ("test", "train")
    )
    spared, gone = route.table("quarantine")["id"].iloc[0], route.table("test")["id"].iloc[-1]
    rows = [f"{i},relabel,positive,ann," for i in (tested, trained)]
    rows += [f"{spared},keep,,,", f"{gone},quarantine,,ann,spam"]
    decisions = Path("decisions.csv")
    decisions.write_text(HEADER + "\n".join(rows) + "\n")
    again = route.curated_again(tmp_path, small({"curate.decisions": str(decisions)}))
    assert again.table("test").set_index("id")["label"][tested] == "positive"
    assert (
        again.table("curated").set_index("id")["label"][[tested, trained]].tolist()
        == ["positive"] * 2
    )
    assert spared in set(again.table("curated")["id"])
    assert again.table("quarantine").set_index("id")["reason"][gone] == "decision"
    assert len(again.table("test")) == len(route.table("test")) - 1
    assert again.metrics("curate")["relabelled"] == 2


def test_a_policy_that_keeps_everything_leaves_an_empty_quarantine(
    tmp_path: Path, small: Changed, route: Route
) -> None:
    keep = dict.fromkeys(("curate.duplicates", "curate.conflicts", "curate.doubtful"), "keep")
    kept = route.curated_again(tmp_path, small(keep))
    assert len(kept.table("quarantine")) == 0
    assert len(kept.table("curated")) == 700


def test_too_few_rows_after_curation_are_an_error_that_names_class_and_key(
    tmp_path: Path, small: Changed, route: Route
) -> None:
    with pytest.raises(InputError, match=r"\{'negative': \d+\}; lower roles\.train_per_class"):
        route.curated_again(tmp_path, small({"roles.train_per_class": 58}))


def test_generated_classes_may_have_other_names(tmp_path: Path, small: Changed) -> None:
    names = {"negative": "positive", "neutral": "flat", "positive": "negative"}
    renamed = {
        "download.labels": names,
        "prompt.verbalizers": {name: f" {name}" for name in names.values()},
    }
    out = tmp_path / "raw.parquet"
    download.run(small(renamed), tmp_path, out, tmp_path / "a.json")
    expected = headlines.examples(700, 0.06, 0.15, seed=1)
    for column in ("label", "reference_label"):
        found = pd.read_parquet(out)[column]
        assert found.tolist() == expected[column].map(names).tolist()


def own_files(folder: Path, splits: dict[str, int]) -> dict[str, Any]:
    """Write one CSV file for each split; the parameters that read them."""
    rows = headlines.examples(sum(splits.values()), 0.0, 0.0, seed=1)
    files, start = [], 0
    for name, count in splits.items():
        rows[start : start + count].to_csv(folder / f"{name}.csv", index=False)
        files.append({"location": f"{name}.csv", "sha256": None, "label": None, "split": name})
        start += count
    own = {"kind": "file", "files": files, "encoding": "utf-8", "delimiter": ",", "header": True,
           "text_column": "text", "label_column": "label"}  # fmt: skip
    return {f"download.{key}": value for key, value in own.items()} | {
        "roles.strategy": "published"
    }


def test_published_splits_of_own_files_are_kept_whole(tmp_path: Path, small: Changed) -> None:
    sizes = {"train": 400, "validation": 50, "test": 150}
    params = small(own_files(tmp_path, sizes))
    route = Route(tmp_path / "out").run(params, source=tmp_path)
    test, raw = route.table("test"), route.table("raw")
    assert set(test["id"]) == set(raw.loc[raw["split"] == "test", "id"])
    assert (route.table("train")["label"].value_counts() == 25).all()
    assert "against_reference" not in route.metrics("audit")


def test_published_splits_without_validation_leave_it_empty(tmp_path: Path, small: Changed) -> None:
    params = small(own_files(tmp_path, {"train": 400, "test": 150}))
    assert Route(tmp_path / "out").run(params, source=tmp_path).table("validation").empty


@pytest.mark.parametrize("split", ["train", "test"])
def test_published_splits_without_training_or_test_rows_are_refused(
    tmp_path: Path, small: Changed, split: str
) -> None:
    missing = {"train": "test", "test": "train"}[split]
    params = small(own_files(tmp_path, {split: 400}))
    with pytest.raises(InputError, match=missing):
        Route(tmp_path / "out").run(params, source=tmp_path)


def test_an_empty_text_is_refused_with_its_row(tmp_path: Path, small: Changed) -> None:
    params = small(own_files(tmp_path, {"train": 400}))
    (tmp_path / "train.csv").write_text("text,label\nup,positive\n ,neutral\n\t,neutral\n")
    with pytest.raises(InputError, match=r"train\.csv: 2 of 3 rows cannot be .*\n  row 2: empty"):
        download.run(params, tmp_path, tmp_path / "raw.parquet", tmp_path / "a.json")
