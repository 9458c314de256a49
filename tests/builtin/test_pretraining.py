from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from transformers import AutoModelForCausalLM

from reprotune import cli
from reprotune.builtin import news
from reprotune.builtin.pretraining import Settings, pretrain
from reprotune.core import paths
from reprotune.models.tokenizer import load_tokenizer

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 64  # of the 4-bit CPU kernels


@pytest.fixture
def settings() -> Settings:
    values = YAML(typ="safe", pure=True).load((ROOT / paths.PRETRAINING).read_text())
    values["tokenizer"] = {"vocabulary": 512, "items": 500}
    values["model"] |= {"hidden_size": 64, "intermediate_size": 128, "heads": 1, "layers": 1}
    values["training"] |= {"tokens": 40_000, "block": 64, "precision": "float32"}
    return Settings.model_validate(values)


@pytest.mark.parametrize(
    ("written", "message"),
    [("seed: x\n", "seed is 'x'"), (None, "settings.yaml: cannot be read: No such file")],
)
def test_settings_that_are_wrong_or_absent_are_told(
    tmp_path: Path, written: str | None, message: str
) -> None:
    file = tmp_path / "settings.yaml"
    if written:
        file.write_text(written)
    with pytest.raises(SystemExit) as ended:
        cli.main(["pretrain", "--settings", str(file), "--target", str(tmp_path / "model")])
    assert message in str(ended.value) and not (tmp_path / "model").exists()


@pytest.mark.slow
def test_a_short_run_is_deterministic(settings: Settings, tmp_path: Path) -> None:
    losses = [pretrain(settings, news.items(1), tmp_path / name) for name in ("a", "b")]
    assert losses[0] == losses[1]
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_the_builtin_base_is_small_and_of_widths_that_4bit_kernels_take() -> None:
    folder = ROOT / paths.BUILTIN_MODEL
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 16e6
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert 4e6 <= sum(p.numel() for p in model.parameters()) <= 8e6
    sides = {side for name, p in model.named_parameters() if p.ndim == 2 for side in p.shape}
    assert all(side % WIDTH == 0 for side in sides)


def test_the_builtin_base_has_met_the_label_words() -> None:
    """A row of the output layer that was never trained cannot be lifted by LoRA."""
    folder = ROOT / paths.BUILTIN_MODEL
    tokenizer = load_tokenizer(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    text = "Net sales fell by 12 %. Analysts saw the report as"
    with torch.inference_mode():
        logits = model(torch.tensor([tokenizer(text)["input_ids"]])).logits[0, -1]
    words = {w: tokenizer.encode(f" {w}")[-1] for w in ("negative", "neutral", "positive")}
    assert set(words.values()) <= set(logits.topk(10).indices.tolist())
    assert int(logits.argmax()) == words["negative"]
