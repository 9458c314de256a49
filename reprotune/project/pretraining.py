"""Rebuild the built-in base model from its settings: ``reprotune pretrain``."""

from pathlib import Path

from ruamel.yaml import YAML

from reprotune.builtin import news
from reprotune.builtin.pretraining import Settings, pretrain


def rebuild(file: Path, target: Path) -> float:
    """Pretrain as a file of settings says; the last training loss, in nats a token."""
    values = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    settings = Settings.model_validate(values)
    return pretrain(settings, news.items(settings.seed), target)
