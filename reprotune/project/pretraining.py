"""Rebuild the built-in base model from its settings: ``reprotune pretrain``."""

from pathlib import Path

from reprotune.builtin import news
from reprotune.builtin.pretraining import Settings, pretrain
from reprotune.core.yaml_file import read_yaml


def rebuild(file: Path, target: Path) -> float:
    """Pretrain as a file of settings says; the last training loss, in nats a token."""
    values = read_yaml(file)
    settings = Settings.model_validate(values)
    return pretrain(settings, news.items(settings.seed), target)
