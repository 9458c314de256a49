"""The front door, as a person uses it: commands in a folder of their own.

One of each kind is a real process. The others run in this one, which saves the imports.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from reprotune import __version__, cli
from reprotune.builtin import headlines
from reprotune.project import checks
from reprotune.project.options import repeat_options
from tests import tiny

ROOT = Path(__file__).resolve().parents[1]
CLASSES = list(headlines.CLASSES)


def reprotune(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reprotune", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """``reprotune`` in this process: its exit code, and what it says."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code, end = 0, ""
        try:
            cli.main(arguments)
        except SystemExit as stop:  # a message, or a code
            code, end = (
                (1, f"{stop.code}\n") if isinstance(stop.code, str) else (stop.code or 0, "")
            )
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err + end)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "profiles/builtin.yaml", tmp_path / "params.yaml")
    shutil.copy(ROOT / "pins.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.export(tmp_path_factory.mktemp("merged"))


def test_check_accepts_the_builtin_parameters(folder: Path) -> None:
    assert reprotune(folder, "check").returncode == 0


def test_check_says_what_a_killed_dvc_left_in_the_way_of_the_next(folder: Path) -> None:
    (folder / ".dvc/tmp").mkdir(parents=True)
    (folder / ".dvc/tmp/rwlock").touch()
    said = reprotune(folder, "check")
    assert said.returncode == 1
    assert ".dvc/tmp/rwlock is damaged, as a killed dvc leaves it" in said.stderr


def test_check_names_a_misspelt_parameter_without_a_traceback(folder: Path) -> None:
    file = folder / "params.yaml"
    file.write_text(file.read_text().replace("epochs:", "epoch:"))
    result = reprotune(folder, "check")
    assert result.returncode == 1
    assert "train.epochs is missing" in result.stderr
    assert "train.epoch is no parameter" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_names_a_package_that_is_not_the_pinned_one(folder: Path, here: Here) -> None:
    pins = folder / "pins.yaml"
    pins.write_text(re.sub('trl: ".*"', 'trl: "0.1"', pins.read_text()))
    result = here("check")
    assert result.returncode == 1
    assert re.search(r"trl \S+ \(pinned 0\.1\); run make", result.stderr)


def test_use_builtin_gives_its_file_back(folder: Path, here: Here) -> None:
    before = (folder / "params.yaml").read_text()
    assert reprotune(folder, "use", "financial-phrasebank").returncode == 0
    assert (folder / "params.yaml").read_text() != before
    assert here("use", "builtin").returncode == 0
    assert (folder / "params.yaml").read_text() == before


def test_an_unknown_profile_is_refused_and_the_parameters_stay(folder: Path, here: Here) -> None:
    before = (folder / "params.yaml").read_bytes()
    result = here("use", "nonsense")
    assert result.returncode == 1
    assert "no profile 'nonsense'; there are builtin, financial-phrasebank" in result.stderr
    (folder / "profiles/bad.yaml").write_text("train: {learning_rat: 1}")
    assert "learning_rat is no parameter" in here("use", "bad").stderr
    (folder / "profiles/bad.yaml").write_text("train: {learning_rate: -1}")
    assert "train.learning_rate is -1" in here("use", "bad").stderr
    assert (folder / "params.yaml").read_bytes() == before


def test_predict_gives_a_label_and_a_probability_for_each_class(
    exported: Path, tmp_path: Path
) -> None:
    result = reprotune(tmp_path, "predict", "--model", str(exported), "Acme Corp announces new CEO")
    assert result.returncode == 0, result.stderr
    header, row = (line.split() for line in result.stdout.strip().splitlines())
    assert header == ["text", "predicted", *CLASSES]
    assert abs(sum(map(float, row[-3:])) - 1) < 0.002
    assert row[-4] in CLASSES


def test_ctrl_c_is_one_line_and_the_code_of_its_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "check_packages", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main(["check"])
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "reprotune: interrupted"


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert reprotune(tmp_path, "--version").stdout == f"reprotune {__version__}\n"


@pytest.mark.parametrize("arguments", [["predict", "--batch", "2", "x"], ["nonsense"], []])
def test_wrong_usage_ends_with_2_and_a_line(here: Here, arguments: list[str]) -> None:
    result = here(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"reprotune: .*; see reprotune --help\n", result.stderr)


def test_every_help_fits_a_terminal_and_has_no_markup(tmp_path: Path, here: Here) -> None:
    top = reprotune(tmp_path, "--help").stdout
    commands = re.findall(r"^  ([\w-]+)  ", top.partition("Commands:")[2], re.MULTILINE)
    assert len(commands) == 28
    flows = {"reproduce", "retrain", "deploy"}  # which Prefect's imports make slow to ask
    for text in [top, *(here(command, "--help").stdout for command in {*commands} - flows)]:
        assert text and "`" not in text and "..." not in text.partition("Commands:")[2]
        assert max(map(len, text.splitlines())) <= 80
    assert "--show-completion" in top


def test_the_shell_completes_commands(tmp_path: Path) -> None:
    typed = {"COMP_WORDS": "reprotune pre", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "reprotune"],
        env=typed | {"_REPROTUNE_COMPLETE": "complete_bash", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["predict", "pretrain"]


def test_check_and_doctor_answer_in_json(folder: Path, here: Here) -> None:
    assert json.loads(reprotune(folder, "check", "--json").stdout) == {"ok": True, "packages": []}
    pins = folder / "pins.yaml"
    pins.write_text(re.sub('trl: ".*"', 'trl: "0.1"', pins.read_text()))
    result = here("check", "--json")
    told = json.loads(result.stdout)
    assert result.returncode == 1 and not told["ok"]
    assert re.fullmatch(r"trl \S+ \(pinned 0\.1\)", told["packages"][0])
    result = here("doctor", "--json")
    told = json.loads(result.stdout)
    assert result.returncode == 1 and not told["ok"], "no repository here"
    assert set(told["findings"][0]) == {"level", "what", "detail"}
    (folder / "params.yaml").unlink()
    result = here("check", "--json")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("reprotune: params.yaml: no such file")


def test_an_option_takes_several_values_at_once() -> None:
    given = ["init", "a", "b", "--classes", "no", "yes", "--model", "m", "--classes"]
    written = ["init", "a", "b", "--classes", "no", "--classes", "yes", "--model", "m", "--classes"]
    assert repeat_options(given) == written
    for option in ("--names", "--test", "--validation"):
        given = ["init", "a", option, "0=no", "1=yes"]
        assert repeat_options(given) == [*given[:4], option, "1=yes"]
    assert repeat_options(["predict", "--data", "a", "b"]) == ["predict", "--data", "a", "b"]


@pytest.mark.parametrize("arguments", [["retrain"], ["sweep", "a.yaml", "--workers", "2"]])
def test_flows_without_prefect_say_what_to_install(tmp_path: Path, arguments: list[str]) -> None:
    code = "import sys; sys.modules['prefect'] = None; from reprotune import cli; cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith("flows need: pip install 'reprotune[flows]'\n")


def test_a_flow_has_its_own_options_and_exit_code(tmp_path: Path) -> None:
    result = reprotune(tmp_path, "deploy", "--help")
    assert result.returncode == 0 and "--notify TYPE/NAME" in result.stdout
    assert reprotune(tmp_path, "deploy", "--nonsense").returncode == 2
