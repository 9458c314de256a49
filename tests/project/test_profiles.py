"""Ready-made parameters, and single ones set in a file that a person keeps."""

import difflib
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params_file import load_params
from reprotune.project.profiles import list_profiles, pin, use
from tests import hub
from tests.comparison.test_verdict import git
from tests.hub import Repo, commit

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
GPT2 = "tweet-sentiment-gpt2"


@pytest.mark.parametrize("profile", list_profiles(PROFILES))
def test_every_profile_is_valid_and_keeps_the_comments(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = YAML(typ="safe").load(PROFILES / f"{profile}.yaml")
    with hub.served() as stand_in:
        monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
        there = Repo({commit(1): {}}, {"main": commit(1)})
        if repository := named.get("download", {}).get("repository"):
            stand_in.repos[f"datasets/{repository}"] = there
        stand_in.repos[named.get("model", {}).get("location", "none")] = there
        use(profile, PROFILES, tmp_path / "params.yaml")
    params = load_params(tmp_path / "params.yaml")
    for source in (params.download, params.model):
        assert source.kind != "hub" or source.revision == commit(1)
    assert "# rows per forward pass" in (tmp_path / "params.yaml").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with data, some of it in an archive."""
    monkeypatch.chdir(tmp_path)
    paths.SOURCE_DATA.mkdir(parents=True)
    for name in ("train.jsonl", "test.jsonl"):
        (paths.SOURCE_DATA / name).touch()
    with zipfile.ZipFile(paths.SOURCE_DATA / "all.zip", "w") as archive:
        archive.writestr("train.jsonl", "")
    return tmp_path


@pytest.mark.parametrize("files", [["train.jsonl", "test.jsonl"],
                                   ["all.zip/train.jsonl", "test.jsonl"]])  # fmt: skip
def test_a_profile_takes_local_data_and_a_local_model_in_place_of_those_of_the_hub(
    folder: Path, files: list[str]
) -> None:
    use(GPT2, PROFILES, paths.PARAMS, "models/source/gpt2", files)
    params = load_params(paths.PARAMS)
    assert (params.model.kind, params.model.location) == ("path", "models/source/gpt2")
    splits = [(file.location, file.split) for file in params.download.files]
    assert splits == list(zip(files, ("train", "test"), strict=True))


@pytest.mark.parametrize(("files", "message"), [
    (["train.jsonl"], "reads 2 files, --data names 1"),
    (["train.jsonl", "../mine"], "must lie under data/source, which is tracked; copy it there"),
    (["train.jsonl", "mine"], "data/source/mine: no such file"),
])  # fmt: skip
def test_local_data_that_do_not_fit_are_refused_and_nothing_is_written(
    folder: Path, files: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        use(GPT2, PROFILES, paths.PARAMS, None, files)
    assert not paths.PARAMS.exists()


def test_parameters_that_no_commit_has_are_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use("builtin", PROFILES)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "all")
    use("tweet-sentiment-gpt2", PROFILES, data=["train.jsonl", "test.jsonl"], model="models/own")
    git("commit", "-qam", "another")
    use("builtin", PROFILES)
    assert not capsys.readouterr().err, "it is in a commit"
    mine = f"{paths.PARAMS.read_text()}# mine, of an hour's work\n"
    paths.PARAMS.write_text(mine)
    use("builtin", PROFILES)
    told = capsys.readouterr().err.split()
    (kept,) = (Path(word) for word in told if word.startswith(".reprotune/"))
    assert kept.read_text() == mine and "# mine" not in paths.PARAMS.read_text()


def test_parameters_are_pinned_where_they_stand(folder: Path) -> None:
    use(GPT2, PROFILES, paths.PARAMS, "gpt2", ["train.jsonl", "test.jsonl"])
    text = paths.PARAMS.read_text()
    by_hand = text.replace("\n\n", "\n").replace("\ntrain:\n", "\n# ticket 12\ntrain:\n")
    paths.PARAMS.write_text(by_hand)
    pin({"seed": 3, "download.files.1.sha256": "d" * 64})
    params = load_params(paths.PARAMS)
    assert (params.seed, params.download.files[1].sha256) == (3, "d" * 64)
    lines = by_hand.splitlines(), paths.PARAMS.read_text().splitlines()
    changed = [line for line in difflib.ndiff(*lines) if line.startswith("+ ")]
    assert len(changed) == 2, changed


def test_a_class_may_have_a_digit_for_its_name(folder: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    values = yaml.load(PROFILES / "builtin.yaml")
    names = {"negative": "0", "neutral": "1", "positive": "2"}
    values["download"]["labels"] = {name: name for name in names.values()}
    said = values["prompt"]["verbalizers"]
    values["prompt"]["verbalizers"] = {names[name]: word for name, word in said.items()}
    with paths.PARAMS.open("w") as file:
        yaml.dump(values, file)
    pin({"prompt.verbalizers.0": " bad"})
    assert load_params(paths.PARAMS).prompt.verbalizers["0"] == " bad"


def test_a_value_that_is_not_allowed_is_refused_and_the_file_stays(folder: Path) -> None:
    use(GPT2, PROFILES, paths.PARAMS, "gpt2", ["train.jsonl", "test.jsonl"])
    before = paths.PARAMS.read_text()
    with pytest.raises(InputError, match=r"^params.yaml: 1 parameter is wrong:\n  train.epochs is"):
        pin({"train.epochs": -1})
    assert paths.PARAMS.read_text() == before


@pytest.mark.parametrize("name", ["seeds", "seed.0", "model.location.0", "download.files.2.sha256",
                                  "download.files.²"])  # fmt: skip
def test_a_name_that_is_no_parameter_is_refused(folder: Path, name: str) -> None:
    use(GPT2, PROFILES, paths.PARAMS, "gpt2", ["train.jsonl", "test.jsonl"])
    before = paths.PARAMS.read_text()
    with pytest.raises(InputError, match=f"{name} is no parameter of params.yaml"):
        pin({name: 1})
    with pytest.raises(
        InputError, match=r"^params.yaml: 1 parameter is wrong:\n  train.epochs is -1"
    ):
        pin({"train.epochs": -1})
    assert paths.PARAMS.read_text() == before
