"""The sections about data."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reprotune.core.params.fields import (
    Count,
    FileName,
    Folds,
    Name,
    Positive,
    PositiveReal,
    Probability,
    Section,
    Share,
    Text,
    list_fields,
    refuse,
)

Mark = Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[^\x00\n\r]$")]
RESERVED = {  # columns beside those of the classes: of prediction files, and of what predict writes
    "id", "text", "label", "part", "edit", "predicted", "predictor", "problem",
}  # fmt: skip


class Builtin(Section):
    """The generated headlines."""

    rows: Annotated[int, Field(ge=100, le=10_000_000)]
    wrong_labels: Annotated[float, Field(ge=0, le=0.8)]
    repeated: Share


class SourceFile(Section):
    """One file of examples."""

    location: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None
    label: Text | None
    split: Literal["train", "validation", "test"] | None


class Download(Section):
    """Where the examples come from."""

    kind: Literal["builtin", "file", "url", "hub"]
    builtin: Builtin
    files: list[SourceFile]
    repository: Text | None
    revision: Text | None
    encoding: Name
    delimiter: Annotated[str, Field(min_length=1, max_length=16, pattern=r'^[^\x00\n\r"]+$')]
    quote: Mark | None
    escape: Mark | None
    skip: Count
    header: bool
    text_column: Name | Count
    label_column: Name | Count | None
    bad_rows: Share
    labels: Annotated[dict[Text, Name | None], Field(min_length=2)]  # null leaves rows out

    @property
    def classes(self) -> set[str]:
        """The class names, which have their order from ``tables.classes`` alone."""
        return {name for name in self.labels.values() if name is not None}

    @model_validator(mode="after")
    def complete(self) -> Self:
        fields = list_fields(self.text_column)
        texts = [int(c) if c.isdecimal() else c for c in fields] or [self.text_column]
        named = any(isinstance(c, str) for c in (*texts, self.label_column))
        unhashed = any(file.sha256 is None for file in self.files)
        unlabelled = self.label_column is None and any(file.label is None for file in self.files)
        classes = self.classes
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
            (
                len({self.delimiter, self.quote, self.escape} - {None})
                < 3 - (self.quote, self.escape).count(None),
                "delimiter, quote and escape are three different characters",
            ),
            (len(classes) < 2, "download.labels must name at least two classes"),
            (not RESERVED.isdisjoint(classes), f"no class may be called {sorted(RESERVED)}"),
        )
        return self


class Wording(Section):
    """What texts are made of, for all that counts without a model."""

    units: Literal["words", "characters"]


class Roles(Section):
    """Who may be test, validation and train.

    Test and validation by a count or by a share of each class; a null count means all that is left.
    Of a published split without validation, validation may be a share of its training part.
    """

    strategy: Literal["hashed", "growing", "published"]
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
            (
                shares.count(None) == 1 and (by_share or self.strategy != "published"),
                "test_share and validation_share go together",
            ),
            (
                self.strategy == "growing" and not by_share,
                "strategy growing needs test_share and validation_share",
            ),
            (
                by_share and counts[:2] != [None, None],
                "with test_share and validation_share, test_per_class and validation_per_class "
                "must be null",
            ),
            (by_share and sum(filter(None, shares)) >= 1, "the shares leave nothing to train on"),
            (
                by_share and self.strategy == "published",
                "strategy published takes counts or the files' own splits, no test_share",
            ),
        )
        return self


class Audit(Section):
    """How doubtful labels are looked for."""

    judge: Literal["words", "features", "both", "tuned"]
    folds: Folds
    rows: Annotated[int, Field(ge=100)]
    review_rows: Positive
    epochs: PositiveReal
    learning_rate: PositiveReal


class Curate(Section):
    """People's decisions, then the policy for rows that nobody decided on."""

    decisions: FileName
    duplicates: Literal["keep", "quarantine"]
    conflicts: Literal["keep", "quarantine"]
    doubtful: Literal["keep", "quarantine"]
    doubtful_share: Share


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
    max: Probability


class Expectations(Section):
    """What must hold for the data as a whole: raw, curated and in every split."""

    rows: CountBetween
    class_share: ShareBetween
    characters: CountBetween
    repeated: ShareBelow
