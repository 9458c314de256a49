"""What a blind sample of the test rows says: the part of ``metrics/evaluate.json`` about truth."""

from reprotune.tables.figures import Figures, Interval


class Powered(Figures):
    """Accuracy of a predictor against the truth, which is known for the sampled rows alone."""

    accuracy: float  # prediction-powered: all test rows' labels, put right by the sample
    interval: Interval  # of it
    power: float  # how far the labels are relied on, from 0 to 1: the lambda of PPI++
    sample: float  # accuracy on the sampled rows alone
    sample_interval: Interval  # Wilson's
    sample_by_label: float  # the same rows against the labels that they have


class Reviewed(Figures):
    """The labels and every predictor, against what people said who saw the text alone."""

    rows: int  # sampled rows that were answered
    missing: int = 0  # drawn before these, and without an answer: unsure, disputed, new in the test
    label_error: float  # share of them whose label is another
    interval: Interval  # of it, Wilson's
    predictors: dict[str, Powered]  # tuned, and each baseline
