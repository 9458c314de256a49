from pathlib import Path

import pytest

from reprotune.core.params_file import load_params
from reprotune.project import machine, profiles


@pytest.mark.parametrize(
    ("bfloat16", "chosen"), [(0.2, "bfloat16"), (0.9, "float32"), (20, "float32")]
)
def test_on_a_cpu_the_coarser_format_must_be_faster_by_far(bfloat16: float, chosen: str) -> None:
    seconds = {"float32": 1.0, "bfloat16": bfloat16}
    assert machine.choose_dtype(seconds.__getitem__) == chosen


def test_a_product_is_timed_in_every_format() -> None:
    assert all(machine.time_product(dtype) > 0 for dtype in ("float32", "bfloat16", "float16"))


def test_what_a_profile_leaves_to_the_machine_is_a_parameter_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "choose_dtype", lambda: "bfloat16")
    profiles.write({"model": {"compute_dtype": "auto", "strict": False}}, tmp_path / "params.yaml")
    assert load_params(tmp_path / "params.yaml").model.compute_dtype == "bfloat16"
