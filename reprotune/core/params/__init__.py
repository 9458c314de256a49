"""Every value of ``params.yaml``, typed and checked.

No default lives here: DVC could not see it.
"""

from typing import Self

from pydantic import model_validator

from reprotune.core.params.data import (
    Audit,
    Between,
    Builtin,
    CountBetween,
    Curate,
    Download,
    Expectations,
    Limit,
    Roles,
    ShareBelow,
    ShareBetween,
    SourceFile,
    Wording,
)
from reprotune.core.params.fields import Few, Section, Seed, refuse
from reprotune.core.params.model import (
    Baseline,
    Compare,
    Evaluate,
    Export,
    Gate,
    Generate,
    Lora,
    Model,
    Predictions,
    Prompt,
    Train,
)

__all__ = [
    "Audit",
    "Baseline",
    "Between",
    "Builtin",
    "Compare",
    "CountBetween",
    "Curate",
    "Download",
    "Evaluate",
    "Expectations",
    "Export",
    "Gate",
    "Generate",
    "Limit",
    "Lora",
    "Model",
    "Params",
    "Predictions",
    "Prompt",
    "Roles",
    "ShareBelow",
    "ShareBetween",
    "SourceFile",
    "Train",
    "Wording",
]


class Params(Section):
    """All of ``params.yaml``."""

    seed: Seed
    threads: Few
    guard_cells: bool
    download: Download
    text: Wording
    expectations: Expectations
    model: Model
    prompt: Prompt
    roles: Roles
    audit: Audit
    curate: Curate
    baseline: Baseline
    train: Train
    predictions: Predictions
    evaluate: Evaluate
    export: Export
    compare: Compare

    @model_validator(mode="after")
    def agree(self) -> Self:
        classes = sorted(self.download.classes)
        method, quantization = self.train.method, self.model.quantization
        refuse(
            (
                self.model.task == "causal" and set(self.prompt.verbalizers) != set(classes),
                f"prompt.verbalizers must have exactly the classes {classes}",
            ),
            (
                bool(unknown := sorted(set(self.compare.gate.classes) - set(classes))),
                f"compare.gate.classes {unknown} are no classes; there are {classes}",
            ),
            (
                method == "full" and quantization != "none",
                "train.method full trains all weights: it needs model.quantization none",
            ),
            (
                method == "dora" and quantization == "int8",
                "train.method dora fails on int8 weights (in peft 0.21 and bitsandbytes 0.50); use "
                "model.quantization nf4 or none",
            ),
            (
                method == "dora" and self.train.lora.interpolation < 1,
                "train.lora.interpolation below 1 is for method lora: dora's update has a norm of "
                "its own",
            ),
            (
                method == "head" and self.model.task == "causal",
                "train.method head needs a head of its own: use model.task classification",
            ),
            (
                method == "prompt_tuning" and self.model.task == "classification",
                "train.method prompt_tuning speaks to a causal model: with a head, peft would look "
                "for it at the wrong token; use model.task causal",
            ),
            (
                self.train.loss == "all" and self.model.task == "classification",
                "train.loss all is the loss on the text too, which a head does not say; use answer",
            ),
            (
                method != "full" and self.train.unfrozen_layers is not None,
                "train.unfrozen_layers counts for train.method full alone; set it to null",
            ),
        )
        return self
