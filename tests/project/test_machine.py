from pathlib import Path

import pytest
import torch

from reprotune.core.params_file import load_params
from reprotune.project import machine, profiles


@pytest.mark.parametrize(
    ("bfloat16", "chosen"), [(0.2, "bfloat16"), (0.9, "float32"), (20, "float32")]
)
def test_on_a_cpu_the_coarser_format_must_be_faster_by_far(bfloat16: float, chosen: str) -> None:
    seconds = {"float32": 1.0, "bfloat16": bfloat16}
    assert machine.choose_dtype(seconds.__getitem__) == chosen


def test_a_product_is_timed_in_every_format_and_leaves_the_threads_as_they_were() -> None:
    torch.set_num_threads(2)
    assert all(machine.time_product(dtype) > 0 for dtype in ("float32", "bfloat16", "float16"))
    assert torch.get_num_threads() == 2


def test_one_core_is_timed_at_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    clock = iter(range(1000))
    monkeypatch.setattr(machine.time, "perf_counter", lambda: float(next(clock)) ** 2)
    monkeypatch.setattr(
        "torch.nn.functional.linear", lambda *given: used.append(torch.get_num_threads())
    )
    assert machine.time_product("float32") == 3**2 - 2**2, "after the first, which prepares"
    assert set(used) == {1}


def test_what_a_profile_leaves_to_the_machine_is_a_parameter_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "choose_dtype", lambda: "bfloat16")
    profiles.write({"model": {"compute_dtype": "auto"}}, tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml").model.compute_dtype == "bfloat16"
