"""What happens beside the training: a progress bar, curves, and the best weights kept."""

import json
import math
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dvclive
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from reprotune.core.params import Train
from reprotune.core.printing import count_of, say
from reprotune.core.progress import show_progress
from reprotune.core.space import telling
from reprotune.training.checkpoints import locate
from reprotune.training.trainers import collect_trained, put_back

CURVES = {"loss": "train_loss", "eval_loss": "validation_loss"}  # of log entries
TIMED = 20  # steps, by which a forecast is made
BEST = "best.safetensors"
BEST_STATE = "best.json"


class Progress(TrainerCallback):
    """How far the training is, with its last loss; to be closed, for a training may fail."""

    def __init__(self) -> None:
        self.shown = ExitStack()
        self.bar: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self.bar = self.shown.enter_context(show_progress("train", state.max_steps, "step"))
            self.bar.initial = self.bar.n = state.global_step  # of a run that goes on

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if self.bar is not None and logs and "loss" in logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)

    def close(self) -> None:
        self.shown.close()


class Forecast(TrainerCallback):
    """Says after a few steps how long so many trainings of this length will take."""

    def __init__(self, trainings: int) -> None:
        self.trainings, self.began = trainings, (0, 0.0)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        step, now = state.global_step, time.monotonic()
        if not self.began[0]:
            self.began = step, now  # the first step is slow
        elif step == self.began[0] + TIMED:
            seconds = (now - self.began[1]) / TIMED * (self.trainings * state.max_steps - step)
            minutes = count_of(max(round(seconds / 60), 1), "minute")
            say(f"about {minutes} for {count_of(self.trainings, 'such training')}")


class Live(dvclive.Live):
    """DVCLive as a writer of files: a stage reads no git, which may also have no commit yet."""

    def _init_dvc(self) -> None:
        pass


class Curves(TrainerCallback):
    """The losses through DVCLive, as they come; what a resumed run had logged comes first.

    Nothing but the curves is written: a summary would be no plot, and the stage's metrics have it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            self.live = Live(str(self.folder), dvcyaml=None, save_dvc_exp=False)
            for entry in state.log_history:
                self.note(entry)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.live is not None:
            self.note(state.log_history[-1])

    def note(self, entry: dict[str, Any]) -> None:
        self.live.step = entry["step"]
        with telling(self.folder):
            for key, name in CURVES.items():
                if key in entry:
                    self.live.log_metric(name, round(entry[key], 6))


class Best(TrainerCallback):
    """Keeps the weights of the best evaluation, and stops when the loss no longer falls."""

    def __init__(self, model: torch.nn.Module, train: Train, resumed: Path | None) -> None:
        self.model, self.keep, self.patience = model, train.keep == "best", train.patience
        self.loss, self.worse = math.inf, 0
        self.weights: dict[str, torch.Tensor] = {}
        if resumed is not None:
            self.loss, self.worse = json.loads((resumed / BEST_STATE).read_text())
            if (resumed / BEST).is_file():
                self.weights = load_file(resumed / BEST)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        loss = (metrics or {})["eval_loss"]
        if loss < self.loss:
            self.loss, self.worse = loss, 0
            if self.keep:
                self.weights = {k: w.cpu().clone() for k, w in collect_trained(self.model).items()}
        else:
            self.worse += 1
            control.should_training_stop |= self.worse == self.patience

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            folder = locate(args, state)
            (folder / BEST_STATE).write_text(json.dumps([self.loss, self.worse]))
            if self.weights:
                save_file(self.weights, folder / BEST)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.weights:
            put_back(self.model, self.weights)
