"""Checkpoints from which a killed training goes on, and ends in the same bytes."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from reprotune.core.io import parse_json, sync, whole_file
from reprotune.core.seals import hash_file
from reprotune.core.space import telling

SECONDS = 300.0  # between two checkpoints, at least
KEPT = 2  # the last one may be half-written when the plug is pulled
SEAL = "sealed.json"
TABLE = "table.npy"


class Checkpoints(TrainerCallback):
    """Asks for a checkpoint from time to time, and seals it once it is complete.

    Only where the loss is logged, so that no logged mean is cut in two. Must be the last callback.
    """

    def __init__(self) -> None:
        self.saved = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.epoch is not None and state.epoch % 1:  # else it waits for the evaluation
            self.ask(args, state, control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.ask(args, state, control)

    def ask(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        if state.global_step % state.logging_steps == 0 and state.global_step < state.max_steps:
            due = torch.tensor(float(time.monotonic() - self.saved >= SECONDS), device=args.device)
            control.should_save = bool(broadcast(due))  # one clock for all processes

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            seal(locate(args, state))
        self.saved = time.monotonic()


def locate(args: TrainingArguments, state: TrainerState) -> Path:
    """The folder of the checkpoint of this step."""
    return Path(str(args.output_dir), f"checkpoint-{state.global_step}")


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SEAL)
    return {file.relative_to(folder).as_posix(): hash_file(file) for file in files}


def seal(folder: Path) -> None:
    found = hashes(folder)
    sync(*(folder / name for name in found))
    with whole_file(folder / SEAL) as partial:
        partial.write_text(json.dumps(found))


def is_sealed(folder: Path) -> bool:
    try:
        return bool(parse_json((folder / SEAL).read_bytes()) == hashes(folder))
    except (OSError, ValueError):  # no seal, or a damaged one; or a damaged checkpoint
        return False


def write_sealed(table: np.ndarray, folder: Path) -> None:
    """Keep what was computed, for a run that goes on after this one is killed."""
    with telling(folder):
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / TABLE, table)
        seal(folder)


def read_sealed(folder: Path) -> np.ndarray | None:
    """What was kept there; None if that is nothing, or damaged."""
    return np.load(folder / TABLE) if is_sealed(folder) else None


def latest(folder: Path) -> Path | None:
    """The last complete checkpoint; those that are damaged or half-written are removed."""
    steps = {f: f.name.partition("-")[2] for f in folder.glob("checkpoint-*") if f.is_dir()}
    found = sorted((f for f in steps if steps[f].isdecimal()), key=lambda f: int(steps[f]))
    for checkpoint in reversed(found):
        if is_sealed(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None
