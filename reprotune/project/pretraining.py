"""Rebuild the built-in base model from its settings: ``reprotune pretrain``."""

from pathlib import Path

from reprotune.builtin import news
from reprotune.builtin.pretraining import Settings, pretrain
from reprotune.core.params_file import read_as


def rebuild(file: Path, target: Path) -> float:
    """Pretrain as a file of settings says; the last training loss, in nats a token.

    Raises:
        InputError: the file cannot be read, or a setting is wrong.
    """
    settings = read_as(Settings, file)
    return pretrain(settings, news.items(settings.seed), target)
