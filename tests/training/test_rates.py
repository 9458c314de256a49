"""A learning rate that short trials choose."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Train
from reprotune.models.adapters import save_tuned
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.training import rates
from reprotune.training.callbacks import Curves
from reprotune.training.checkpoints import SEAL, latest
from reprotune.training.tune import LOGS, tune

FP32 = Precision("none", False, "float32")


@pytest.fixture(scope="module")
def auto(params: Any) -> Train:
    return params.train.model_copy(update={"learning_rate": "auto", "epochs": 2})


class Bowl:
    """In place of trainings: a loss that is least at one rate, and no number from a limit on."""

    def __init__(self, best: float, limit: float = math.inf) -> None:
        self.best, self.limit = best, limit
        self.asked: list[float] = []

    def __call__(self, trial: Train, place: Path) -> Any:
        assert isinstance(trial.learning_rate, float)
        self.asked.append(trial.learning_rate)
        place.mkdir(parents=True)
        loss = abs(math.log10(trial.learning_rate / self.best)) / 3
        late = math.nan if trial.learning_rate >= self.limit else loss
        history = [{"loss": 9.0}, {"eval_loss": 9.0}, {"loss": loss}, {"loss": late}]
        return SimpleNamespace(state=SimpleNamespace(log_history=history))


@pytest.mark.parametrize(
    ("best", "asked"),
    [
        (1e-3, [3e-4, 1e-3, 3e-3]),
        (3e-3, [3e-4, 1e-3, 3e-3, 1e-2]),
        (1.0, [3e-4, 1e-3, 3e-3, 1e-2]),
        (3e-4, [3e-4, 1e-3, 1e-4]),
        (1e-6, [3e-4, 1e-3, 1e-4, 3e-5]),
    ],
)
def test_the_search_goes_downhill_and_stops_after_four_trials(
    auto: Train, tmp_path: Path, best: float, asked: list[float]
) -> None:
    bowl = Bowl(best)
    trials, begun = rates.find_rate(auto, bowl, tmp_path)
    assert bowl.asked == asked
    assert trials[0].learning_rate == min(asked, key=lambda rate: abs(math.log(rate / best)))
    assert [trial.loss for trial in trials] == sorted(trial.loss or 0 for trial in trials)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {begun.name, rates.RECORD}, "the others' checkpoints are removed"


def test_full_training_is_searched_at_lower_rates(auto: Train, tmp_path: Path) -> None:
    full = auto.model_copy(update={"method": "full"})
    trials, _ = rates.find_rate(full, Bowl(3e-5), tmp_path)
    assert trials[0].learning_rate == 3e-5


def test_rates_at_which_the_loss_is_no_number_are_dropped(auto: Train, tmp_path: Path) -> None:
    trials, _ = rates.find_rate(auto, Bowl(1.0, limit=3e-4), tmp_path)
    assert [(trial.learning_rate, trial.loss is None) for trial in trials] == [
        (1e-4, False), (3e-5, False), (3e-4, True), (1e-3, True)
    ]  # fmt: skip


def test_no_rate_that_works_is_an_error(auto: Train, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"at each of 3e-05, 0\.0001, .*no longer a number"):
        rates.find_rate(auto, Bowl(1.0, limit=0), tmp_path)


def test_a_number_is_not_searched_for(auto: Train, tmp_path: Path) -> None:
    bowl = Bowl(1e-3)
    named = auto.model_copy(update={"learning_rate": 1e-3})
    assert rates.find_rate(named, bowl, tmp_path)[0] == [] and not bowl.asked


def test_the_trials_that_do_not_go_on_take_half_of_a_run_at_most() -> None:
    assert (rates.MOST - 1) * rates.ENTRIES / LOGS <= 0.5


def test_a_search_that_is_killed_goes_on_with_the_trials_that_are_left(
    auto: Train, tmp_path: Path
) -> None:
    class Killed(Bowl):
        def __call__(self, trial: Train, place: Path) -> Any:
            if len(self.asked) == 2:
                place.mkdir(parents=True)
                raise KeyboardInterrupt
            return super().__call__(trial, place)

    whole, _ = rates.find_rate(auto, Bowl(3e-3), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        rates.find_rate(auto, Killed(3e-3), tmp_path / "killed")
    rest = Bowl(3e-3)
    trials, _ = rates.find_rate(auto, rest, tmp_path / "killed")
    assert (trials, rest.asked) == (whole, [3e-3, 1e-2])


@pytest.mark.parametrize("damage", ["half-written", "one digit", "unsealed"])
def test_damaged_trials_are_run_again(auto: Train, tmp_path: Path, damage: str) -> None:
    trials = rates.find_rate(auto, Bowl(1e-3), tmp_path)
    file = tmp_path / rates.RECORD / rates.FILE
    match damage:
        case "half-written":
            file.write_bytes(file.read_bytes()[:-9])
        case "one digit":
            file.write_text(file.read_text().replace("0.001", "0.002"))
        case "unsealed":
            file.with_name(SEAL).unlink()
    again = Bowl(1e-3)
    assert rates.find_rate(auto, again, tmp_path) == trials
    assert len(again.asked) == 3


@pytest.mark.parametrize(
    ("changes", "goes_on"),
    [
        ({"batch_size": 4}, True),
        pytest.param({"method": "full", "keep": "best"}, True, marks=pytest.mark.slow),
        pytest.param({"batch_size": 64}, False, marks=pytest.mark.slow),  # an epoch is one update
    ],
)
def test_the_training_is_that_of_the_rate_named(
    base: Path,
    encoder: PromptEncoder,
    rows: pd.DataFrame,
    auto: Train,
    tmp_path: Path,
    changes: dict[str, Any],
    goes_on: bool,
) -> None:
    asked = auto.model_copy(update=changes)
    left = []
    for name in ("auto", "plain"):
        model = load_model(base, FP32, encoder)
        watch = [Curves(tmp_path / name / "live")]
        folder = tmp_path / "checkpoints" / name
        tuned, trials, *_ = tune(
            model, encoder, (rows[:48], rows[48:64]), asked, FP32, folder, watch
        )
        save_tuned(tuned, asked.method, tmp_path / name / "tuned")
        files = sorted(f for f in (tmp_path / name).rglob("*") if f.is_file())
        left.append([file.read_bytes() for file in files])
        if name == "auto":
            begun = latest(folder / "trials" / f"{trials[0].learning_rate:g}")
            asked = asked.model_copy(update={"learning_rate": trials[0].learning_rate})
    assert left[0] == left[1]
    assert (begun is not None) == goes_on
