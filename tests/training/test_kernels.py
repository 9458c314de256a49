"""What a training computes in another way than torch is the same, but for the draws of dropout."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import TrainerCallback

from reprotune.core.params import Params
from reprotune.models.loading import Precision, load_model
from reprotune.models.prompts import PromptEncoder
from reprotune.training import kernels
from reprotune.training.kernels import attend, drop, fit_for_this_device
from reprotune.training.tune import tune

P = 0.05
WIDE = (64, 500)


def fast() -> AbstractContextManager[None]:
    return fit_for_this_device(torch.nn.Module())


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dropout_drops_its_share_and_scales_the_rest_up(dtype: torch.dtype) -> None:
    values = torch.ones(WIDE, dtype=dtype, requires_grad=True)
    with fast():
        left = functional.dropout(values, P)
    assert left.dtype == dtype
    dropped = (left == 0).float().mean().item()
    assert dropped == pytest.approx(P, abs=3 * (P * (1 - P) / values.numel()) ** 0.5)
    (scale,) = left.detach()[left != 0].unique().tolist()
    assert scale == pytest.approx(1 / (1 - P), rel=max(1e-4, torch.finfo(dtype).eps))
    left.sum().backward()
    assert torch.equal(values.grad, left.detach())


def test_places_and_draws_are_independent() -> None:
    with fast():
        first, second = (functional.dropout(torch.ones(WIDE), 0.5) > 0 for _ in range(2))
    for one, other in ((first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])):
        assert (one == other).float().mean().item() == pytest.approx(0.5, abs=0.01)


def test_the_state_of_torchs_generator_decides_about_a_mask() -> None:
    with fast():
        state = torch.get_rng_state()
        first, second = (torch.nn.Dropout(P)(torch.ones(WIDE)) for _ in range(2))
        torch.set_rng_state(state)
        assert torch.equal(torch.nn.Dropout(P)(torch.ones(WIDE)), first)
    assert not torch.equal(first, second)


def test_a_recomputed_activation_meets_the_same_mask() -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(500, 500), torch.nn.Dropout(0.5))
    values = torch.randn(WIDE)
    gradients = []
    for compute in (layer, lambda given: checkpoint(layer, given, use_reentrant=False)):
        torch.manual_seed(1)
        layer.zero_grad()
        with fast():
            compute(values).square().sum().backward()
        gradients.append(layer[0].weight.grad.clone())
    assert torch.equal(*gradients)


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (P, False), (1.0, True)])
def test_no_dropout_and_dropout_of_everything_are_torchs(p: float, training: bool) -> None:
    values = torch.randn(WIDE)
    with fast():
        assert torch.equal(functional.dropout(values, p, training), values * (p < 1))
    with fast(), pytest.raises(ValueError, match="between 0 and 1"):
        functional.dropout(values, 1.5)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_bfloat16_is_nearer_to_the_truth_and_so_are_its_gradients(
    masked: bool,
) -> None:
    exact = torch.randn(3, 2, 3, 9, 16, dtype=torch.float64)
    mask = torch.zeros(2, 1, 9, 9).masked_fill(torch.ones(9, 9).triu(1) > 0, -1e9)

    def attend(kind: torch.dtype) -> list[torch.Tensor]:
        parts = exact.to(kind, copy=True).requires_grad_()
        given = mask.to(kind) if masked else None
        with torch.autocast("cpu", enabled=kind == torch.bfloat16):
            said = functional.scaled_dot_product_attention(*parts, given)
        assert said.dtype == kind
        said.square().sum().backward()
        return [said.detach().double(), parts.grad.double()]

    def errors(found: list[torch.Tensor]) -> list[float]:
        return [(a - b).abs().mean().item() for a, b in zip(found, true, strict=True)]

    true = attend(torch.float64)
    plain = errors(attend(torch.bfloat16))
    with fast():
        assert attend(torch.float64)[1].equal(true[1]), "other formats are torch's"
        ours = errors(attend(torch.bfloat16))
    assert all(a < b < 0.1 for a, b in zip(ours, plain, strict=True)), (ours, plain)


def test_on_a_gpu_torch_is_asked_for_sums_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "DEVICE", "cuda:0")
    torchs = functional.dropout
    with fast():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled(), "not every kernel has one"
        assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
        assert functional.dropout is torchs
    assert not torch.are_deterministic_algorithms_enabled()


def test_scoring_is_left_alone() -> None:
    parts = torch.randn(3, 2, 3, 9, 16, dtype=torch.bfloat16)
    with torch.no_grad():
        plain = functional.scaled_dot_product_attention(*parts)
        with fast():
            assert torch.equal(functional.scaled_dot_product_attention(*parts), plain)


class Seen(TrainerCallback):
    """Notes what an adapter is given, and which functions are at work then."""

    def on_train_begin(self, *given: Any, model: torch.nn.Module, **named: Any) -> None:
        self.functions: set[Any] = set()
        self.kinds: set[torch.dtype] = set()
        layer = next(m for n, m in model.named_modules() if n.endswith("lora_A.default"))
        layer.register_forward_hook(self.note)

    def note(self, layer: torch.nn.Module, given: tuple[torch.Tensor], said: Any) -> None:
        self.kinds.add(given[0].dtype)
        self.functions |= {functional.dropout, functional.scaled_dot_product_attention}


def test_a_training_in_bfloat16_computes_so_and_gives_adapters_bfloat16(
    base: Path, encoder: PromptEncoder, rows: pd.DataFrame, params: Params
) -> None:
    precision = Precision("nf4", double_quantization=False, compute_dtype="bfloat16")
    train = params.train.model_copy(update={"epochs": 1})
    seen = Seen()
    model = load_model(base, precision, encoder)
    tune(model, encoder, (rows[:32], rows[:0]), train, precision, watch=[seen])
    assert seen.kinds == {torch.bfloat16}
    assert seen.functions == {drop, attend}
    assert functional.dropout is not drop, "afterwards torch's own"
