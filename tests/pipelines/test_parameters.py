"""What a form in the Prefect UI shows: descriptions of all parameters, and lists of choices."""

from typing import Any

import pytest

from pipelines.reproduce import reproduce
from pipelines.retrain import retrain
from pipelines.sweep import sweep
from pipelines.trial import trial


@pytest.mark.parametrize("flow", [reproduce, retrain, sweep, trial], ids=lambda flow: flow.name)
def test_every_parameter_of_a_flow_is_described(flow: Any) -> None:
    schema = flow.parameters.model_dump()
    parts = [schema, *schema["definitions"].values()]
    asked = [(name, one) for part in parts for name, one in part.get("properties", {}).items()]
    assert asked and [name for name, one in asked if not one.get("description")] == []


def test_a_choice_is_a_list() -> None:
    found = retrain.parameters.properties["promote"]
    assert found["enum"] == ["at_once", "on_merge", "never"]
    trigger = retrain.parameters.definitions["Trigger"]["properties"]
    assert [*trigger] == ["rows", "decisions", "drift", "cool_down"]
