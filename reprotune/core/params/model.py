"""The sections about models, and about what is said of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reprotune.core import paths
from reprotune.core.params.fields import (
    MANY,
    Count,
    Few,
    FileName,
    Folds,
    Literally,
    Name,
    Positive,
    PositiveReal,
    Probability,
    Section,
    Seed,
    Share,
    Text,
    refuse,
)


class Model(Section):
    """The base model and the form in which it is loaded."""

    kind: Literal["builtin", "path", "hub"]
    location: Name
    revision: Text | None
    task: Literal["causal", "classification"]
    quantization: Literal["nf4", "int8", "none"]
    double_quantization: bool
    compute_dtype: Literal["float32", "bfloat16", "float16"]
    strict: bool

    @model_validator(mode="after")
    def complete(self) -> Self:
        elsewhere = self.location != paths.BUILTIN_MODEL.as_posix()
        refuse(
            (self.kind == "hub" and not self.revision, "kind hub needs model.revision"),
            (
                self.kind == "builtin" and elsewhere,
                f"kind builtin has the model.location {paths.BUILTIN_MODEL}",
            ),
            (
                self.strict and self.compute_dtype != "float32",
                f"model.compute_dtype {self.compute_dtype} is fast by instructions that few CPUs "
                "have, and model.strict allows none of them; set it to false, or use float32",
            ),
        )
        return self


class Prompt(Section):
    """How a text is put to a causal model and how its answers are spelt."""

    template: Literally
    chat: Literal["auto", "required", "none"]
    verbalizers: dict[Text, Name]
    max_tokens: Annotated[int, Field(ge=8, le=MANY)]

    @model_validator(mode="after")
    def complete(self) -> Self:
        answers = list(self.verbalizers.values())
        refuse(
            (self.template.count("{text}") != 1, "template must contain {text} exactly once"),
            ("{{" in self.template, "template takes single braces: {text}"),
            (len(set(answers)) < len(answers), "verbalizers must differ from one another"),
        )
        return self


class Baseline(Section):
    """The classical baseline and the batches of the zero-shot one."""

    folds: Folds
    rows: Annotated[int, Field(ge=100, le=MANY)]
    ngrams: Annotated[int, Field(ge=1, le=100)]
    shots: Annotated[int, Field(ge=0, le=10_000)]
    batch_size: Positive


class Lora(Section):
    rank: Annotated[int, Field(ge=1, le=100_000)]
    alpha: Positive
    dropout: Share
    targets: Literal["all-linear", "attention"]
    rank_stabilized: bool
    interpolation: Annotated[float, Field(gt=0, le=1)]


Method = Literal["lora", "dora", "full", "head", "prompt_tuning", "ia3"]


class Train(Section):
    """How the model is tuned."""

    method: Method
    seed: Seed
    fraction: Annotated[float, Field(gt=0, le=1)]
    class_weights: Literal["none", "balanced"]
    loss: Literal["answer", "all"]
    epochs: PositiveReal
    keep: Literal["last", "best"]
    patience: Positive | None
    learning_rate: PositiveReal | Literal["auto"]
    lr_scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_ratio: Share
    weight_decay: Annotated[float, Field(ge=0, le=1e6)]
    max_grad_norm: PositiveReal
    batch_size: Positive
    micro_batch_size: Positive | Literal["auto"]
    processes: Few
    accelerate: FileName | None
    tensorboard: bool
    optimizer: Literal["adamw_torch", "paged_adamw_32bit"]
    adam_beta2: Share
    activation_checkpointing: bool
    unfrozen_layers: Positive | None
    prompt_tokens: Annotated[int, Field(ge=1, le=100_000)]
    lora: Lora

    @model_validator(mode="after")
    def complete(self) -> Self:
        each, left = divmod(self.batch_size, self.processes)
        micro = self.micro_batch_size
        refuse(
            (
                left > 0,
                f"batch_size {self.batch_size} must be a multiple of processes {self.processes}",
            ),
            (
                left == 0 and isinstance(micro, int) and each % micro > 0,
                f"micro_batch_size {micro} must divide batch_size / processes, which is {each}",
            ),
            (
                self.accelerate is not None and self.processes == 1,
                "accelerate configures several processes; set processes too",
            ),
            (
                self.accelerate is not None and self.learning_rate == "auto",
                "learning_rate auto puts the weights back after each trial, which accelerate may "
                "have divided among the processes; name a rate, or set accelerate to null",
            ),
        )
        return self


class Generate(Section):
    """How many test rows are also answered in words, and how."""

    rows: Count
    temperature: Annotated[float, Field(ge=0, le=1000)]
    tokens: Annotated[int, Field(ge=1, le=100_000)]


class Predictions(Section):
    """What the tuned model is asked, and in which batches."""

    batch_size: Positive
    forgetting_text: FileName
    edited_rows: Count
    generate: Generate


class Evaluate(Section):
    """Intervals and lists of the evaluation."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100, le=1_000_000)]
    errors: Count
    promised_accuracy: Annotated[float, Field(gt=0, lt=1)] | None
    sample: FileName


class Export(Section):
    """What the merged model is stored as, and how far it may be from the tuned one."""

    form: Literal["classifier", "causal"]
    dtype: Literal["float32", "bfloat16", "float16"]
    agreement: Probability
    log_likelihood_tolerance: PositiveReal

    @property
    def tie(self) -> float:
        """How far apart, in nats, the log-likelihoods of classes that count as equal may be.

        No less than 0.02, where one is 1.02 times as likely as the other: the tolerance is of the
        mean over all rows, and rounding moves those that are unsure several times as far.
        """
        return max(0.02, self.log_likelihood_tolerance)


class Gate(Section):
    """When a change is worse than what it replaces."""

    metric: Literal["accuracy", "macro_f1"]
    tolerance: Share
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    classes: list[Text]
    doubted: Share | None = None  # older commits, with which a new one is compared, have no entry
    test_changed: Share | None = None
    margin: Annotated[float, Field(gt=0, lt=1)] | None = None
    flipped: Share | None = None
    forgotten: Annotated[float, Field(ge=0, le=1000)] | None = None


class Compare(Section):
    gate: Gate
