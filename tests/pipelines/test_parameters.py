"""What a form in the Prefect UI shows: descriptions of all parameters, and lists of choices."""

from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ParameterTypeError

from pipelines.reproduce import main, reproduce
from pipelines.retrain import retrain
from pipelines.sweep import sweep
from pipelines.trial import trial


@pytest.mark.parametrize("flow", [reproduce, retrain, sweep, trial], ids=lambda flow: flow.name)
def test_every_parameter_of_a_flow_is_described(flow: Any) -> None:
    schema = flow.parameters.model_dump()
    parts = [schema, *schema["definitions"].values()]
    asked = [(name, one) for part in parts for name, one in part.get("properties", {}).items()]
    assert asked and [name for name, one in asked if not one.get("description")] == []


@pytest.mark.parametrize("name", ["..", "../../..", "a/b", "", "/tmp/a", "-x"])
def test_a_trial_has_a_folder_of_its_own(name: str) -> None:
    asked = {"commit": "HEAD", "changes": [], "stage": "evaluate"}
    assert trial.validate_parameters({"name": "sweep-0123abcd", **asked})
    with pytest.raises(ParameterTypeError):
        trial.validate_parameters({"name": name, **asked})


def test_a_folder_without_a_pipeline_is_told_before_a_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["reproduce"])
    with pytest.raises(SystemExit, match=r"reproduce: there is no dvc\.yaml here"):
        main()
    assert not [*tmp_path.iterdir()]


def test_a_choice_is_a_list() -> None:
    found = retrain.parameters.properties["promote"]
    assert found["enum"] == ["at_once", "on_merge", "never"]
    trigger = retrain.parameters.definitions["Trigger"]["properties"]
    assert [*trigger] == ["rows", "decisions", "drift", "cool_down"]
