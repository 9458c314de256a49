"""An upgrade keeps what a person changed, takes what the library changed, and names the rest."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from reprotune import cli
from reprotune.core import rooms
from reprotune.core.params_file import load_params
from reprotune.project import pins
from reprotune.project.staleness import find_stale, read_status
from reprotune.scaffold import files, merging
from reprotune.scaffold.merging import Outcome, Sides, merge
from tests.projects import change

OWN_STAGE = '''"""How long the test texts are."""

import json
from pathlib import Path

Path("metrics/own_lengths.json").write_text(json.dumps({"longest": 3}))
'''
OWN_ENTRY = """stages:
  own_lengths:
    cmd: python -m stages.own_lengths
    deps: [stages/own_lengths.py]
    params: [{pins.yaml: [reprotune.tables, tables]}]
    metrics:
      - metrics/own_lengths.json: {cache: false}

"""
Later = Callable[..., None]


def git(*command: str) -> str:
    done = subprocess.run(["git", *command], capture_output=True, text=True, check=True)
    return done.stdout


def commit() -> None:
    git("add", "-A")
    git("commit", "-qm", "mine")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cli.main(["new", str(tmp_path / "mine")])
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    """``later({place: {old: new}}, rooms=["data"])``: the library as a later version would be."""
    first, hash_room = files.render(), rooms.hash_room

    def become(changes: dict[str, dict[str, str]], other: tuple[str, ...] = ()) -> None:
        def hash_later(name: str) -> str:
            return "f" * 16 if name in other else hash_room(name)

        for module in (rooms, merging.files.pins):
            monkeypatch.setattr(module, "hash_room", hash_later)
        made = dict(first)
        for place, replaced in changes.items():
            text = made.get(place, b"").decode()
            for old, new in replaced.items():
                assert old in text, old
                text = text.replace(old, new, 1)
            made[place] = text.encode()
        for room in other:
            made["pins.yaml"] = made["pins.yaml"].replace(hash_room(room).encode(), b"f" * 16)
        monkeypatch.setattr(files, "render", lambda: made)

    return become


def test_an_own_stage_and_parameters_survive_and_what_is_touched_runs(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("stages/own_lengths.py").write_text(OWN_STAGE)
    change(Path("dvc.yaml"), {"stages:\n": OWN_ENTRY})
    change(Path("params.yaml"), {"learning_rate: 1e-3": "learning_rate: 2e-3  # mine"})
    change(Path("requirements.lock"), {"dvc==": "aaa-mine==1\ndvc=="})
    Path("README.md").write_text("mine")
    commit()
    later(
        {
            "stages/roles.py": {'"""': '"""Newer. '},
            "params.yaml": {"threads: 2 ": "threads: 4 "},
            "dvc.yaml": {"  base_model:\n": "  # newer\n  base_model:\n"},
            "requirements.lock": {"dvclive==": "dvclive==0+"},
            "README.md": {"reprotune": "newer"},
        },
        other=("tables",),
    )
    with pytest.raises(SystemExit, match=r"other code than pins\.yaml says, in tables"):
        cli.main(["check"])
    capsys.readouterr()
    cli.main(["upgrade"])
    said = capsys.readouterr().out
    assert "taken from the library: stages/roles.py\n" in said
    assert "merged with your changes: dvc.yaml, params.yaml, requirements.lock\n" in said
    assert "yours, and kept: README.md\n" in said
    assert "threads: 2 → 4, for you had not changed it" in said
    params = load_params()
    assert (params.threads, params.train.learning_rate) == (4, 2e-3)
    assert "# mine" in Path("params.yaml").read_text()
    entries = YAML(typ="safe").load(Path("dvc.yaml").read_text())["stages"]
    assert "own_lengths" in entries and "# newer" in Path("dvc.yaml").read_text()
    assert Path("stages/own_lengths.py").read_text() == OWN_STAGE
    lock = Path("requirements.lock").read_text()
    assert "aaa-mine==1\n" in lock and "dvclive==0+" in lock
    assert Path("README.md").read_text() == "mine"
    cli.main(["check"])
    assert files.unpack()[1]["stages/roles.py"].startswith(b'"""Newer. ')


def test_another_room_runs_the_stages_that_list_it_and_no_other(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = YAML(typ="safe").load(Path("dvc.yaml").read_text())["stages"]
    pinned = YAML(typ="safe").load(Path("pins.yaml").read_text())
    lock = {
        name: {
            "cmd": entry["cmd"],
            "params": {
                "pins.yaml": {
                    key: pinned["reprotune"][key.split(".")[1]] if "." in key else pinned[key]
                    for item in entry["params"] if isinstance(item, dict)
                    for key in item["pins.yaml"]
                }
            },
        }
        for name, entry in noted.items()
    }  # fmt: skip
    Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": lock}))
    commit()
    later({}, other=("robustness",))
    cli.main(["upgrade"])
    stale = {
        stage: [reason for reason in reasons if "pins.yaml" in reason]
        for stage, reasons in find_stale().items()
    }
    found = {stage: reasons for stage, reasons in stale.items() if reasons}
    assert found == {"predictions": ["pins.yaml: reprotune.robustness"]}
    assert "will run: " in capsys.readouterr().out


def test_a_conflict_is_named_marked_and_loses_nothing(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    change(Path("prefect.yaml"), {'cron: "0 3 * * 1"': 'cron: "0 4 * * 1"'})
    change(Path("requirements.lock"), {"dvclive==": "dvclive==9."})
    commit()
    later({
        "prefect.yaml": {'cron: "0 3 * * 1"': 'cron: "0 5 * * 1"'},
        "requirements.lock": {"dvclive==": "dvclive==8."},
        "stages/added.py": {"": "'A new stage.'\n"},
    })  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        cli.main(["upgrade"])
    assert stopped.value.code == 1
    said = capsys.readouterr().out
    assert "conflicts: prefect.yaml, requirements.lock; solve each" in said
    assert "python -m reprotune.project.pins" in said
    for hour in "345":
        assert f'cron: "0 {hour} * * 1"' in Path("prefect.yaml").read_text()
    assert "UU prefect.yaml" in git("status", "--porcelain")
    refused = subprocess.run(["git", "commit", "-qm", "x"], capture_output=True, check=False)
    assert refused.returncode != 0
    assert Path("stages/added.py").is_file()
    undo = said.splitlines()[-1].removeprefix("or take all of it back: ")
    subprocess.run(undo, shell=True, check=True, capture_output=True)
    assert git("status", "--porcelain") == "" and not Path("stages/added.py").exists()
    assert 'cron: "0 4 * * 1"' in Path("prefect.yaml").read_text()


@pytest.mark.parametrize("half", (2, 6))  # of six files, the last of them the base
def test_an_upgrade_that_was_killed_is_gone_on_from_as_if_it_had_not_been(
    half: int, project: Path, later: Later, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    change(Path("prefect.yaml"), {'cron: "0 3 * * 1"': 'cron: "0 4 * * 1"'})
    change(Path("params.yaml"), {"learning_rate: 1e-3": "learning_rate: 2e-3"})
    commit()
    later({
        "prefect.yaml": {'cron: "0 3 * * 1"': 'cron: "0 5 * * 1"'},
        "params.yaml": {"threads: 2 ": "threads: 4 "},
        "stages/added.py": {"": "'A new stage.'\n"},
        "stages/roles.py": {'"""': '"""Newer. '},
    })  # fmt: skip

    class Killed(BaseException):
        pass

    def be_killed(folder: Path, made: dict[str, bytes]) -> None:
        nonlocal half
        half -= 1
        if not half:
            raise Killed
        write(folder, made)

    with monkeypatch.context() as patched:
        write = files.write
        patched.setattr(files, "write", be_killed)
        with pytest.raises(Killed):
            cli.main(["upgrade"])
    with pytest.raises(SystemExit) as stopped:
        cli.main(["upgrade"])
    assert stopped.value.code == 1
    assert "conflicts: prefect.yaml; solve each" in capsys.readouterr().out
    text = Path("prefect.yaml").read_text()
    assert text.count("<<<<<<<") == 1 and "UU prefect.yaml" in git("status", "--porcelain")
    assert (load_params().threads, load_params().train.learning_rate) == (4, 2e-3)
    assert Path("stages/roles.py").read_text().startswith('"""Newer. ')
    assert Path("stages/added.py").is_file()
    assert files.unpack()[1]["stages/added.py"] == b"'A new stage.'\n"


def test_a_stage_and_a_file_that_both_have_added_are_a_conflict_in_which_yours_stays_and_runs(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = OWN_ENTRY.replace("stages:\n", "").replace("[stages/", "[params.yaml, stages/")
    Path("stages/own_lengths.py").write_text(OWN_STAGE)
    change(Path("dvc.yaml"), {"stages:\n": OWN_ENTRY})
    commit()
    later({
        "stages/own_lengths.py": {"": "# theirs\n"},
        "dvc.yaml": {"  train:\n": f"{theirs}  train:  # newer\n"},
    })  # fmt: skip
    with pytest.raises(SystemExit) as stopped:
        cli.main(["upgrade"])
    assert stopped.value.code == 1
    said = capsys.readouterr().out
    assert "dvc.yaml: you have a own_lengths, and now the library, too; yours stays" in said
    assert "git show :3:./stages/own_lengths.py has the library's" in said
    assert "conflicts: dvc.yaml, stages/own_lengths.py; solve each" in said
    text = Path("dvc.yaml").read_text()
    stages = YAML(typ="safe").load(text)["stages"]
    assert stages["own_lengths"]["deps"] == ["stages/own_lengths.py"]
    assert "  train:  # newer" in text
    for line in theirs.strip().splitlines():
        assert f"  # {line[2:] if line.startswith('  ') else line}" in text
    assert Path("stages/own_lengths.py").read_text() == OWN_STAGE
    assert git("show", ":3:stages/own_lengths.py") == "# theirs\n"
    assert "UU dvc.yaml" in git("status", "--porcelain")
    assert read_status()
    uncommented = text.replace("  # own_lengths:", "  theirs:")
    assert YAML(typ="safe").load(uncommented)


def test_packages_that_a_person_pins_stay_in_their_groups_and_the_librarys_move_on(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = 'own:\n  polars: "1.2"\ntables:\n  mine: "1"\n'
    change(Path("pins.yaml"), {"tables:\n": mine})
    commit()
    locked = pins.list_locked(Path("requirements.lock").read_text())
    removed = f'  trl: "{locked["trl"]}"\n'
    added = f'own:\n  rich: "{locked["rich"]}"\n'
    later({"pins.yaml": {removed: "", "tables:\n": f"{added}tables:\n"}}, other=("data",))
    monkeypatch.setattr(pins, "GROUPS", pins.GROUPS | {"training": ("datasets",), "own": ("rich",)})
    cli.main(["upgrade"])
    found = YAML(typ="safe").load(Path("pins.yaml").read_text())
    assert found["tables"].keys() == {*pins.GROUPS["tables"], "mine"}
    assert (found["tables"]["mine"], found["tables"]["numpy"]) == ("1", locked["numpy"])
    assert found["own"] == {"polars": "1.2", "rich": locked["rich"]}
    assert found["training"].keys() == {"datasets"}
    assert found["reprotune"]["data"] == "f" * 16
    assert "pins.yaml: you have a group own, and now the library, too; it has the packages of" in (
        capsys.readouterr().out
    )


def test_the_same_stage_on_both_sides_is_there_once(project: Path, later: Later) -> None:
    Path("stages/own_lengths.py").write_text(OWN_STAGE)
    change(Path("dvc.yaml"), {"stages:\n": OWN_ENTRY})
    commit()
    entry = OWN_ENTRY.replace("stages:\n", "")
    later({
        "dvc.yaml": {"  train:\n": f"{entry}  train:\n"},
        "stages/own_lengths.py": {"": OWN_STAGE},
    })  # fmt: skip
    cli.main(["upgrade"])
    assert Path("dvc.yaml").read_text().count("  own_lengths:\n") == 1


def test_no_stage_of_the_library_is_called_as_one_of_ones_own() -> None:
    tree = YAML(typ="safe").load(files.render()["dvc.yaml"])
    assert not [name for name in tree["stages"] if name.startswith("own_")]


def test_a_lock_keeps_what_you_wrote_beside_its_packages() -> None:
    base = b"# the library's\nb==1\nd==1\n"
    mine = [
        "# why c is held back", "--extra-index-url https://example.com",
        "c==1 ; python_version < '3.12'", "c==2 ; python_version >= '3.12'",
    ]  # fmt: skip
    here = base + "\n".join([*mine, ""]).encode()
    found = merge(Sides("requirements.lock", base, here, b"# newer\nb==2\nd==1\n"))
    assert found.outcome == Outcome.MERGED and found.content is not None
    lines = found.content.decode().splitlines()
    assert lines == ["# newer", mine[0], mine[1], "b==2", mine[2], mine[3], "d==1"]


def test_a_file_of_yaml_that_would_have_a_key_twice_stays_yours() -> None:
    base = b"a: 1\n" + b"x: 0\ny: 0\nz: 0\n" + b"b: 1\n"
    here, new = b"own: 1\n" + base, base + b"own: 2\n"
    found = merge(Sides("sweeps/mine.yaml", base, here, new))
    assert (found.outcome, found.content) == (Outcome.CONFLICT, here)
    assert "git show :3:./sweeps/mine.yaml has the library's" in found.notes[-1]


def test_a_parameter_that_both_have_added_is_a_conflict_in_which_yours_stays() -> None:
    base = b"train:\n  epochs: 3\n"
    found = merge(Sides("params.yaml", base, base + b"  own: 1\n", base + b"  own: 2\n"))
    assert found.outcome == Outcome.CONFLICT
    assert YAML(typ="safe").load(found.content) == {"train": {"epochs": 3, "own": 1}}
    assert "train.own: you have a parameter of this name; yours stays" in found.notes[-1]


def test_a_pipeline_that_dvc_refuses_after_an_upgrade_ends_with_1(
    project: Path, later: Later, capsys: pytest.CaptureFixture[str]
) -> None:
    own = OWN_ENTRY.replace("own_lengths.json", "newer.json")
    change(Path("dvc.yaml"), {"stages:\n": own})
    commit()
    theirs = own.replace("stages:\n", "").replace("own_lengths:", "newer:")
    later({"dvc.yaml": {"  train:\n": f"{theirs}  train:\n"}})
    with pytest.raises(SystemExit) as stopped:
        cli.main(["upgrade"])
    assert stopped.value.code == 1
    assert "to be mended: output" in (said := capsys.readouterr().out), said
    assert "newer.json" in said


def test_nothing_to_take_is_said_and_changes_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_text("mine, not committed")
    cli.main(["upgrade"])
    assert "the one that is installed" in capsys.readouterr().out
    assert git("status", "--porcelain") == " M params.yaml\n"


def test_what_is_not_committed_and_what_is_no_project_is_refused(
    project: Path, later: Later, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later({"stages/roles.py": {'"""': '"""Newer. '}})
    Path("note.txt").write_text("mine")
    with pytest.raises(SystemExit, match=r"note\.txt is not committed"):
        cli.main(["upgrade"])
    assert git("status", "--porcelain") == "?? note.txt\n"
    Path(files.BASE).write_bytes(b"none")
    with pytest.raises(SystemExit, match=r"\.template\.zip is damaged"):
        cli.main(["upgrade"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="no project that `reprotune new` wrote"):
        cli.main(["upgrade"])


A, B, C = b"one\n", b"two\n", b"three\n"


@pytest.mark.parametrize(
    ("base", "here", "new", "outcome", "content"),
    [
        (A, A, A, Outcome.SAME, A),
        (A, A, B, Outcome.TAKEN, B),
        (A, B, A, Outcome.KEPT, B),
        (A, B, B, Outcome.SAME, B),
        (A, B, C, Outcome.CONFLICT, None),
        (None, None, B, Outcome.TAKEN, B),
        (None, C, B, Outcome.CONFLICT, C),
        (A, None, A, Outcome.KEPT, None),
        (A, None, B, Outcome.KEPT, None),
        (A, A, None, Outcome.TAKEN, None),
        (A, B, None, Outcome.KEPT, B),
        (b"\0a", b"\0b", b"\0c", Outcome.CONFLICT, b"\0b"),
    ],
)
def test_every_case_of_three_sides(
    base: bytes | None, here: bytes | None, new: bytes | None, outcome: Outcome,
    content: bytes | None,
) -> None:  # fmt: skip
    found = merge(Sides("a.txt", base, here, new))
    assert found.outcome == outcome
    if outcome != Outcome.CONFLICT or content:
        assert found.content == content
    else:
        assert all(side in (found.content or b"") for side in (here, new) if side)


def test_parameters_move_with_their_names_and_by_value() -> None:
    base = {"train": {"batch": 8, "epochs": 3, "loss": "answer", "gone": 1}, "labels": {"a": "x"}}
    here = {"train": {"batch": 4, "epochs": 5, "loss": "answer", "gone": 2}, "labels": {"b": "y"}}
    new = {
        "train": {"batch_size": 8, "epochs": 4, "loss": "all", "added": 1}, "labels": {"a": "x"}
    }  # fmt: skip
    changes, notes = merging.merge_values(base, here, new)
    assert changes == {"train.batch_size": 4, "train.epochs": 5, "labels": {"b": "y"}}
    assert notes == (
        "train.epochs: yours stays, 5; the library's went from 3 to 4",
        "train.loss: 'answer' → 'all', for you had not changed it",
        "train.gone: 2 was yours; the library has no such parameter any more",
        "train.batch is called train.batch_size now",
    )


def test_a_value_that_both_changed_is_yours_with_all_that_you_wrote_beside_values() -> None:
    text = "train:\n  epochs: {}  # passes\n  rate: {}\n  keep: last\n  seed: {}\n"
    base, here, new = (
        text.format(*values).encode()
        for values in ((5, "1e-3", 1), (4, "2e-3  # mine", 1), (6, "1e-3", 2))
    )
    found = merge(Sides("params.yaml", base, here, new))
    assert found.outcome == Outcome.MERGED
    assert found.content == text.format(4, "2e-3  # mine", 2).encode()
    assert "train.epochs: yours stays, 4; the library's went from 5 to 6" in found.notes


def test_parameters_that_lines_cannot_merge_are_merged_by_value() -> None:
    sides = Sides(
        "params.yaml",
        b"train:\n  batch: 8  # rows\n  epochs: 3\n",
        b"train:\n  batch: 4  # rows\n  epochs: 3\n",
        b"train:\n  batch_size: 8  # rows of a step\n  epochs: 3\n",
    )
    found = merge(sides)
    assert found.outcome == Outcome.MERGED
    assert found.content == b"train:\n  batch_size: 4  # rows of a step\n  epochs: 3\n"
