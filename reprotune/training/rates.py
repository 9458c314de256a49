"""A learning rate found by short trials: ``train.learning_rate: auto``.

A trial is the beginning of the training at one rate. What decides is the loss on its later rows,
each before it is learnt from; the best trial goes on. The rates lie half a power of ten apart. The
search begins at those that are usual for the method, and goes on to the side on which the loss
falls, as long as it falls.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import assert_never

from accelerate import PartialState
from accelerate.utils import extract_model_from_parallel
from accelerate.utils.memory import clear_device_cache
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reprotune.core.errors import InputError
from reprotune.core.io import parse_json
from reprotune.core.params import Train
from reprotune.core.params.model import Method
from reprotune.core.printing import say
from reprotune.core.space import telling
from reprotune.models.adapters import Tuned
from reprotune.tables.metrics import Trial
from reprotune.training.checkpoints import is_sealed, seal
from reprotune.training.trainers import collect_trained, put_back

MOST = 4  # trials
ENTRIES = 5  # of the learning curve, which has about 30, in each: three more take half of a run
RECORD, FILE = "losses", "trials.json"

Attempt = Callable[[Train, Path], Trainer]  # settings, where checkpoints go: the finished trainer


class Stop(TrainerCallback):
    """Ends a training after a few entries of its curve, with a checkpoint from which it can go on.

    Within the first epoch, where there is no evaluation and no row comes again, if it has so many
    steps. Must come after what else asks for checkpoints.
    """

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: object,
    ) -> None:
        epoch = state.max_steps / args.num_train_epochs
        fitting = int((epoch - 1) // state.logging_steps)
        self.last = max(1, min(ENTRIES, fitting)) * state.logging_steps

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: object,
    ) -> None:
        if state.global_step == self.last:
            inside = state.epoch is not None and state.epoch % 1 > 0  # else it lacks an evaluation
            control.should_save = inside and state.global_step < state.max_steps
            control.should_training_stop = True

    def on_epoch_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: object,
    ) -> None:
        if control.should_training_stop:
            control.should_evaluate = control.should_save = False


def find_rate(train: Train, attempt: Attempt, folder: Path) -> tuple[list[Trial], Path]:
    """The trials of learning rates, the best first, and where the best one can go on.

    No trials unless the rate is auto. Their losses are left in ``folder``: what is known is not
    tried again when a killed search goes on.

    Raises:
        InputError: the loss is no longer a number, whatever the rate.
    """
    if train.learning_rate != "auto":
        return [], folder
    with PartialState().main_process_first():
        known = recall(folder)

    def loss_at(place: int) -> float:
        rate = float(f"{10 ** (place / 2):.0e}")
        if rate not in known:
            known[rate] = try_rate(train, rate, attempt, folder)
            if PartialState().is_main_process:
                say(f"train.learning_rate {rate:g}: loss {known[rate]:.4f}")
                remember(known, folder)
        return known[rate]

    search(find_usual(train.method), loss_at)
    if min(known.values()) == math.inf:
        tried = ", ".join(f"{rate:g}" for rate in sorted(known))
        raise InputError(
            f"train.learning_rate auto: at each of {tried} the loss is no longer a number; name a "
            "rate, or another model.compute_dtype"
        )
    losses = {rate: known[rate] if math.isfinite(known[rate]) else None for rate in rank(known)}
    trials = [Trial(learning_rate=rate, loss=loss) for rate, loss in losses.items()]
    return trials, locate(folder, trials[0].learning_rate)


def find_usual(method: Method) -> int:
    """The rate that is usual for a method, in halves of a power of ten."""
    match method:
        case "full":
            return -8
        case "lora" | "dora":
            return -6
        case "ia3" | "head":
            return -4
        case "prompt_tuning":
            return -3
        case _:
            assert_never(method)


def rank(known: Mapping[float, float]) -> list[float]:
    """The rates, the best first; of equal ones the lowest."""
    return sorted(known, key=lambda rate: (known[rate], rate))


def search(start: int, loss_at: Callable[[int], float]) -> None:
    """Go downhill from a place, ``MOST`` places at most; the lower of two equal ones is better."""
    losses = {place: loss_at(place) for place in (start - 1, start)}
    step = -1 if losses[start - 1] <= losses[start] else 1
    while len(losses) < MOST:
        best = min(losses, key=lambda place: (losses[place], place))
        if best + step in losses:
            return
        losses[best + step] = loss_at(best + step)


def try_rate(train: Train, rate: float, attempt: Attempt, folder: Path) -> float:
    """The loss at the end of a trial; infinite if it is no longer a number."""
    place = locate(folder, rate)
    with PartialState().main_process_first():
        rmtree(place, ignore_errors=True)
    trainer = attempt(train.model_copy(update={"learning_rate": rate, "tensorboard": False}), place)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    late = losses[len(losses) // 2 :]
    loss = sum(late) / len(late)
    return loss if math.isfinite(loss) else math.inf


@contextmanager
def restoring(model: Tuned) -> Iterator[None]:
    """Put back what is trained as it was before."""
    before = {name: weight.cpu().clone() for name, weight in collect_trained(model).items()}
    yield
    put_back(model, before)
    extract_model_from_parallel(model, keep_fp32_wrapper=False)  # autocast would be nested
    clear_device_cache(garbage_collection=True)  # of the optimizer


def locate(folder: Path, rate: float) -> Path:
    """Where the checkpoint of a trial lies."""
    return folder / f"{rate:g}"


def remember(known: Mapping[float, float], folder: Path) -> None:
    """Leave in ``folder`` the losses that are known, and of the checkpoints the best alone."""
    record = folder / RECORD
    with telling(record):
        record.mkdir(parents=True, exist_ok=True)
        (record / FILE).write_text(json.dumps(list(known.items())))
        seal(record)
    for rate in rank(known)[1:]:
        rmtree(locate(folder, rate), ignore_errors=True)


def recall(folder: Path) -> dict[float, float]:
    """The losses that were known when a search was killed."""
    record = folder / RECORD
    return dict(parse_json((record / FILE).read_bytes())) if is_sealed(record) else {}
