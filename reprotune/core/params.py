"""Every value of ``params.yaml``, typed and checked.

No default lives here: DVC could not see it.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reprotune.core import paths
from reprotune.tables.classes import class_names

Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
PositiveReal = Annotated[float, Field(gt=0)]
RESERVED = {"id", "text", "label", "part", "predicted", "predictor"}  # columns of a prediction file
Name = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse(*rules: tuple[bool, str]) -> None:
    """Raise ValueError with the message of every rule that is broken."""
    broken = [message for is_broken, message in rules if is_broken]
    if broken:
        raise ValueError("; ".join(broken))


class Builtin(Section):
    """The generated headlines."""

    rows: Annotated[int, Field(ge=100)]
    wrong_labels: Annotated[float, Field(ge=0, le=0.8)]
    repeated: Share


class SourceFile(Section):
    """One file of examples."""

    location: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    label: str | None
    split: Literal["train", "validation", "test"] | None


class Download(Section):
    """Where the examples come from."""

    kind: Literal["builtin", "file", "url", "hub"]
    builtin: Builtin
    files: list[SourceFile]
    repository: str | None
    revision: str | None
    encoding: Name
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    header: bool
    text_column: Name | Count
    label_column: Name | Count | None
    labels: Annotated[dict[str, Name | None], Field(min_length=2)]  # null leaves rows out

    @model_validator(mode="after")
    def complete(self) -> Self:
        named = any(isinstance(c, str) for c in (self.text_column, self.label_column))
        unhashed = any(file.sha256 is None for file in self.files)
        unlabelled = self.label_column is None and any(file.label is None for file in self.files)
        classes = set(class_names(self.labels))
        refuse(
            (self.kind != "builtin" and not self.files, "download.files has no entry"),
            (self.kind == "url" and unhashed, "kind url needs a sha256 for every file"),
            (
                self.kind == "hub" and not (self.repository and self.revision),
                "kind hub needs download.repository and download.revision",
            ),
            (unlabelled, "without download.label_column every file needs a label of its own"),
            (
                not self.header and named,
                "without a header row text_column and label_column are positions: 0 is the first",
            ),
            (len(classes) < 2, "download.labels must name at least two classes"),
            (not RESERVED.isdisjoint(classes), f"no class may be called {sorted(RESERVED)}"),
        )
        return self


class Model(Section):
    """The base model and the form in which it is loaded."""

    kind: Literal["builtin", "path", "hub"]
    location: Name
    revision: str | None
    task: Literal["causal", "classification"]
    quantization: Literal["nf4", "int8", "none"]
    double_quantization: bool
    compute_dtype: Literal["float32", "bfloat16", "float16"]

    @model_validator(mode="after")
    def complete(self) -> Self:
        elsewhere = self.location != paths.BUILTIN_MODEL.as_posix()
        refuse(
            (self.kind == "hub" and not self.revision, "kind hub needs model.revision"),
            (
                self.kind == "builtin" and elsewhere,
                f"kind builtin has the model.location {paths.BUILTIN_MODEL}",
            ),
        )
        return self


class Prompt(Section):
    """How a text is put to a causal model and how its answers are spelt."""

    template: str
    chat: Literal["auto", "required", "none"]
    verbalizers: dict[str, Name]
    max_tokens: Annotated[int, Field(ge=8)]

    @model_validator(mode="after")
    def complete(self) -> Self:
        answers = list(self.verbalizers.values())
        refuse(
            (self.template.count("{text}") != 1, "template must contain {text} exactly once"),
            ("{{" in self.template, "template takes single braces: {text}"),
            (len(set(answers)) < len(answers), "verbalizers must differ from one another"),
        )
        return self


class Roles(Section):
    """Who may be test, validation and train.

    Test and validation by a count or by a share of each class; a null count means all that is left.
    """

    strategy: Literal["hashed", "published"]
    near_duplicate_threshold: Annotated[float, Field(gt=0, le=1)]
    test_share: Annotated[float, Field(gt=0, lt=1)] | None
    validation_share: Share | None
    test_per_class: Positive | None
    validation_per_class: Count | None
    train_per_class: Positive | None

    @model_validator(mode="after")
    def complete(self) -> Self:
        counts = [self.test_per_class, self.validation_per_class, self.train_per_class]
        shares = [self.test_share, self.validation_share]
        by_share = self.test_share is not None
        refuse(
            (
                self.strategy == "hashed" and not by_share and counts.count(None) > 1,
                "one of the three counts may be null (all that is left), not more",
            ),
            (shares.count(None) == 1, "test_share and validation_share go together"),
            (
                by_share and counts[:2] != [None, None],
                "with test_share and validation_share, test_per_class and validation_per_class "
                "must be null",
            ),
            (by_share and sum(filter(None, shares)) >= 1, "the shares leave nothing to train on"),
            (
                by_share and self.strategy == "published",
                "strategy published takes counts or the files' own splits, no shares",
            ),
        )
        return self


class Audit(Section):
    """How doubtful labels are looked for."""

    folds: Annotated[int, Field(ge=2)]
    review_rows: Positive


class Curate(Section):
    """People's decisions, then the policy for rows that nobody decided on."""

    decisions: Name
    duplicates: Literal["keep", "quarantine"]
    conflicts: Literal["keep", "quarantine"]
    doubtful: Literal["keep", "quarantine"]
    doubtful_share: Share


class Baseline(Section):
    """The classical baseline and the batches of the zero-shot one."""

    folds: Annotated[int, Field(ge=2)]
    ngrams: Positive
    shots: Count
    batch_size: Positive


class Lora(Section):
    rank: Positive
    alpha: Positive
    dropout: Share
    targets: Literal["all-linear", "attention"]


class Train(Section):
    """How the model is tuned."""

    method: Literal["lora", "dora", "full", "head", "prompt_tuning", "ia3"]
    seed: int
    fraction: Annotated[float, Field(gt=0, le=1)]
    class_weights: Literal["none", "balanced"]
    loss: Literal["answer", "all"]
    epochs: PositiveReal
    keep: Literal["last", "best"]
    patience: Positive | None
    learning_rate: PositiveReal
    lr_scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_ratio: Share
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: PositiveReal
    batch_size: Positive
    micro_batch_size: Positive | Literal["auto"]
    processes: Positive
    accelerate: Name | None
    tensorboard: bool
    optimizer: Literal["adamw_torch", "paged_adamw_32bit"]
    adam_beta2: Share
    activation_checkpointing: bool
    unfrozen_layers: Positive | None
    prompt_tokens: Positive
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
        )
        return self


class Generate(Section):
    """How many test rows are also answered in words, and how."""

    rows: Count
    temperature: Annotated[float, Field(ge=0)]
    tokens: Positive


class Predictions(Section):
    """What the tuned model is asked, and in which batches."""

    batch_size: Positive
    forgetting_text: Name
    generate: Generate


class Evaluate(Section):
    """Intervals and lists of the evaluation."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Annotated[int, Field(ge=100)]
    errors: Count


class Export(Section):
    """What the merged model is stored as, and how far it may be from the tuned one."""

    dtype: Literal["float32", "bfloat16", "float16"]
    agreement: Probability
    log_likelihood_tolerance: PositiveReal


class Gate(Section):
    """When a change is worse than what it replaces."""

    metric: Literal["accuracy", "macro_f1"]
    tolerance: Share
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    classes: list[str]
    doubted: Share | None = None  # older commits, with which a new one is compared, have no entry


class Compare(Section):
    gate: Gate


class Limit(Section):
    """What happens when data is outside: the pipeline stops, or warns and goes on."""

    severity: Literal["stop", "warn"]


class Between(Limit):
    min: Count | Probability
    max: Count | Probability

    @model_validator(mode="after")
    def ordered(self) -> Self:
        refuse((self.min > self.max, f"min {self.min} is more than max {self.max}"))
        return self


class CountBetween(Between):
    min: Count
    max: Count


class ShareBetween(Between):
    min: Probability
    max: Probability


class ShareBelow(Limit):
    max: Share


class Expectations(Section):
    """What must hold for the data as a whole: raw, curated and in every split."""

    rows: CountBetween
    class_share: ShareBetween
    characters: CountBetween
    repeated: ShareBelow


class Params(Section):
    """All of ``params.yaml``."""

    seed: int
    threads: Positive
    download: Download
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
        classes = class_names(self.download.labels)
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
