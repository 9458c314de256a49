"""What the files of ``metrics/`` hold, without noise in their last digits.

Whoever writes or reads such a file does so through its type. Shares and accuracies lie in [0, 1],
losses are in nats, intervals are (lower, upper) at ``evaluate.confidence``.
"""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from reprotune.core.errors import InputError
from reprotune.core.io import round_figures, whole_file
from reprotune.tables.figures import (
    Calibration,
    Characters,
    Figures,
    Forgetting,
    Generated,
    Interval,
    OfClass,
    Threshold,
)
from reprotune.tables.limits import Limits
from reprotune.tables.reviewed import Reviewed


class Rows(Figures):
    """What every version of ``metrics/download.json`` has."""

    rows: int  # examples


class Download(Rows):
    """``metrics/download.json``."""

    left_out: int  # rows whose raw label is mapped to null
    bad_rows: dict[str, int] = Field(default_factory=dict)  # kind: rows, in data/raw/bad_rows.csv
    respelt: dict[str, int] = Field(default_factory=dict)  # new spelling of a known raw label: rows
    partial: int | None = None  # rows of which some of several text columns are empty
    classes: dict[str, int]  # rows of each
    characters: Characters  # of the texts


class BaseModelFigures(Figures):
    """``metrics/base_model.json``."""

    architecture: str  # as its config.json names it
    parameters: int  # weights
    bytes: int  # of its files


class NearDuplicates(Figures):
    groups: int  # of two rows or more
    rows: int  # in these groups


class Roles(Figures):
    """``metrics/roles.json``."""

    roles: dict[str, dict[str, int]]  # role: rows of each class
    near_duplicates: NearDuplicates  # texts that nearly repeat another
    leaked_test_rows: int  # that have a near-duplicate in training or validation


class Features(Figures):
    """``metrics/features.json``."""

    columns: int  # numbers that the base model makes of a text; 0: the audit asks for none


class Folds(Figures):
    """``metrics/folds.json``."""

    models: int  # tuned, each on all folds but one; 0: the audit asks for none
    loss: float | None = None  # of the rows that none of them had seen, in nats


class HitRate(Figures):
    """How well the doubted labels match the wrong ones."""

    precision: float  # share of the doubted labels that are wrong
    recall: float  # share of the wrong labels that are doubted


class Audit(Figures):
    """``metrics/audit.json``."""

    findings: dict[str, int]  # issue: rows
    taught: int | None = None  # rows that the judges learnt from, if not all that might teach
    against_reference: HitRate | None = None  # where the truth is known


class Curate(Figures):
    """``metrics/curate.json``."""

    kept: int  # rows that stay
    quarantined: dict[str, int]  # reason: rows
    relabelled: int  # rows with a new label


class Split(Figures):
    """``metrics/split.json``: rows of each class."""

    test: dict[str, int]  # class: rows
    validation: dict[str, int]  # class: rows
    train: dict[str, int]  # class: rows
    spare: int  # rows of the training pool that were not drawn


class Intervals(Figures):
    accuracy: Interval  # Wilson (1927)
    macro_f1: Interval | None = None  # percentile bootstrap (Efron 1979)
    recall: dict[str, Interval] | None = None  # Wilson


class Scores(Figures):
    """What predictions are worth, against the labels."""

    rows: int  # that were asked
    accuracy: float  # share of right predictions
    macro_f1: float  # mean of the classes' F1
    balanced_accuracy: float  # mean of the classes' recalls
    mcc: float  # Matthews' correlation (Gorodkin 2004)
    precision: OfClass  # share of a class's predictions that are right
    recall: OfClass  # share of a class's rows that are found
    f1: OfClass  # harmonic mean of precision and recall
    support: dict[str, int]  # rows of each class
    log_loss: float  # mean, in nats
    brier: float  # 0 to 2
    ece: float  # expected calibration error (Guo et al. 2017)
    roc_auc: OfClass  # of each class against the rest
    average_precision: OfClass  # of each class against the rest
    interval: Intervals | None = None  # of some of them


class Reference(Figures):
    """The same against the truth, where it is known."""

    accuracy: float  # share of predictions that are the truth
    macro_f1: float  # against the truth
    interval: Intervals | None = None  # of both


class Baseline(Scores):
    reference: Reference | None = None


class Baselines(Figures):
    """``metrics/baseline.json``; the intervals are in ``metrics/evaluate.json``."""

    # majority, tfidf, frozen_embeddings; zero_shot and few_shot, both also _calibrated
    baselines: dict[str, Baseline]
    shots: int  # examples that the few-shot prompt had room for
    taught: int | None = None  # rows that the baselines learnt from, if not all


class Trial(Figures):
    """The beginning of a training at one learning rate."""

    learning_rate: float  # of the whole training, where its schedule peaks
    loss: float | None = None  # at its end, on rows before they are learnt from; None: no number


class Train(Figures):
    """``metrics/train.json``."""

    rows: int  # trained on, once an epoch
    texts_cut: int  # at prompt.max_tokens
    trained_parameters: int  # weights that training may change
    learning_rate: float | None = None  # if trials chose it
    trials: list[Trial] = Field(default_factory=list)  # the best first
    loss: dict[str, float]  # at the end: train_loss, validation_loss


class Predictions(Figures):
    """``metrics/predictions.json``."""

    texts_cut: int  # test texts, at prompt.max_tokens
    forgetting: Forgetting | None = None  # of causal models
    generated: Generated | None = None  # if predictions.generate asks for it


class Gain(Figures):
    """Accuracy of the tuned model less that of a baseline, on the same rows."""

    accuracy: float  # difference
    interval: Interval  # holds the paired bootstrap's and that of McNemar's test
    gained: int  # rows that only the tuned model gets right
    lost: int  # rows that only the baseline gets right
    p_value: float  # exact test of McNemar (1947), two-sided


class Subset(Figures):
    """Accuracy on some of the test rows."""

    rows: int  # of the subset
    accuracy: float | None = None  # on them; None: there are none
    interval: Intervals  # of it
    baselines: dict[str, float] | None = None  # accuracy of each on the same rows

    @property
    def shown(self) -> str:
        """The accuracy for people."""
        return "unknown, for no row is left" if self.accuracy is None else f"{self.accuracy:.3f}"


class BaselineIntervals(Figures):
    """What ``metrics/baseline.json`` leaves out."""

    interval: Intervals  # of its figures
    reference: Intervals | None = None  # of those against the truth


class Evaluation(Figures):
    """``metrics/evaluate.json``."""

    test: Scores
    reference: Reference | None = None  # where the truth is known
    gain_over: dict[str, Gain]  # baseline: how much better
    without_doubted: Subset  # test rows that the audit does not doubt
    without_leaked: Subset  # test rows without a near-duplicate in training or validation
    fit: dict[str, float]  # accuracy on train (rows learnt from, as many as in test) and validation
    calibration: Calibration | None = None  # if there are validation rows
    threshold: Threshold | None = None  # of two classes, if validation has both
    limits: Limits | None = None  # None: older commits
    reviewed: Reviewed | None = None  # if a blind sample was answered
    forgetting: Forgetting | None = None  # as in metrics/predictions.json
    generated: Generated | None = None
    baselines: dict[str, BaselineIntervals]


class Summary(Figures):
    """``metrics/summary.json``: what a reviewer looks at first, of the test rows."""

    accuracy: float  # share of right predictions
    macro_f1: float  # mean of the classes' F1
    min_recall: float  # of the class that is found least often
    log_loss: float  # mean, in nats
    ece: float  # expected calibration error
    vs_baseline: float  # accuracy, above that of the best baseline
    unleaked_acc: float | None = None  # accuracy on rows without a near-duplicate in training
    train_acc: float | None = None  # accuracy on rows that were trained on, if any were asked


class Parity(Figures):
    """The merged model beside the tuned one, on the test rows, both in fp32."""

    agreement: float  # share of equal predictions; ties are equal
    ties: int  # rows whose prediction flipped between classes that the tuned model holds for equal
    log_likelihood_change: float  # of the label, mean of the absolute values
    log_likelihood_change_max: float  # the largest of them


class Export(Parity):
    """``metrics/export.json``."""

    rows: int  # compared
    bytes: int  # of the folder
    temperature: float = 1.0  # that a head made of a vocabulary has in it
    kept_causal: str = ""  # why a causal model is not the classifier that was asked for
    stock_change_max: float | None = None  # of a probability, by a stock pipeline of its own


Record = TypeVar("Record", bound=BaseModel)


def write(path: Path, figures: BaseModel) -> None:
    """Write figures with at most six decimals, so that noise in the last bits stays out of git."""
    values = figures.model_dump(by_alias=True, exclude_defaults=True)
    with whole_file(path) as partial:
        text = json.dumps(round_figures(values), indent=2, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8")


def read(path: Path, kind: type[Record]) -> Record:
    """Read a file of figures.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    try:
        return parse(path.read_bytes(), kind, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; `dvc repro` makes it") from None


def parse(text: str | bytes, kind: type[Record], where: Path | str) -> Record:
    """Figures from the text of a file, which may be that of another commit."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{where}: not the figures that this version writes ({place} {first['msg']}); "
            "run dvc repro"
        ) from None
