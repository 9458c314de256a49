"""The test rows are sent to a server, and what it says is held against what was recorded."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reprotune.cli import main
from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.serving.asking import KEY, Server
from reprotune.serving.measuring import measure, report
from reprotune.tables import predictions
from tests.serving.stock import Scores, Stock, running

CLASSES = ["negative", "neutral", "positive"]
ROWS = 60
OTHER = Server("http://127.0.0.1:9", 1)


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Scores]:
    """A project with predictions; returns the probabilities by text."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    rows = pd.DataFrame({
        "id": [f"{n:016x}" for n in range(ROWS)],
        "text": [f'Sales rose {n} %, "they" said; [SEP] öß' for n in range(ROWS)],
        "label": draw.choice(CLASSES, ROWS),
    })  # fmt: skip
    table = predictions.table(rows, draw.dirichlet([1, 1, 1], ROWS), CLASSES)
    paths.PREDICTIONS.parent.mkdir(parents=True)
    predictions.write(table, paths.PREDICTIONS)
    return {row["text"]: {name: row[name] for name in CLASSES} for _, row in table.iterrows()}


@pytest.mark.parametrize("kind", ["vllm", "infinity", "sglang", "tei"])
def test_a_server_that_says_what_was_recorded_agrees(
    recorded: dict[str, Scores], params: Params, kind: str
) -> None:
    stock = Stock(kind, recorded)
    with running(stock) as url:
        found, table = measure(Server(f"{url}/v1/", 5), params, None, None, 4, None)
    assert (found.agreement, found.ties, found.unreadable, found.rows) == (1, 0, 0, ROWS)
    assert found.ok and found.accuracy == found.recorded and found.model == "the-model"
    assert found.change == pytest.approx(0, abs=1e-6)
    assert 1 < stock.most <= 4 and 0 < found.latency["p50"] <= found.latency["p99"]
    known = predictions.read(paths.PREDICTIONS)
    assert table["id"].tolist() == known["id"].tolist()
    assert np.allclose(table[[f"probability of {name}" for name in CLASSES]], known[CLASSES])


@pytest.mark.parametrize("kind", ["chat", "completions"])
def test_generated_answers_are_read_and_need_not_agree(
    recorded: dict[str, Scores], params: Params, kind: str
) -> None:
    first, *_ = recorded
    changed = recorded | {first: {"I do not know": 1.0}}
    with running(Stock(kind, changed)) as url:
        found, table = measure(Server(url, 5), params, None, None, 2, None)
    assert (found.api, found.unreadable, found.change, found.ok) == (kind, 1, None, True)
    assert found.agreement == pytest.approx(1 - 1 / ROWS)
    assert table["said"][0] == " I do not know.\n\nAnd"


def test_another_answer_fails_unless_it_is_a_tie(
    recorded: dict[str, Scores], params: Params
) -> None:
    far, near, *_ = recorded
    predictions_ = predictions.read(paths.PREDICTIONS)
    predictions_.loc[0, CLASSES] = [0.9, 0.06, 0.04]
    predictions_.loc[1, CLASSES] = [0.4503, 0.45, 0.0997]
    predictions_.loc[:1, "predicted"] = "negative"
    predictions.write(predictions_, paths.PREDICTIONS)
    said = {"negative": 0.1, "neutral": 0.8, "positive": 0.1}
    with running(Stock("tei", recorded | {near: said})) as url:
        recorded[far] = dict(zip(CLASSES, [0.9, 0.06, 0.04], strict=True))
        tied, _ = measure(Server(url, 5), params, None, None, 1, 2)
    assert (tied.ok, tied.ties) == (False, 1)  # the first row is another one still
    cells = [*report(tied).columns[1].cells]
    assert any("1 answer differs, or it serves another version" in str(one) for one in cells)
    with running(Stock("tei", recorded | {near: said})) as url:
        tied, _ = measure(Server(url, 5), params, None, None, 1, 2)
        assert (tied.ok, tied.agreement, tied.ties, tied.rows) == (True, 1, 1, 2)
    assert tied.change == pytest.approx(0.4503 - 0.1), "what agrees may be less sure"


def test_a_busy_server_is_asked_again_and_a_key_is_handed_over(
    recorded: dict[str, Scores], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "secret")
    stock = Stock("vllm", recorded, busy=3)
    with running(stock) as url:
        found, _ = measure(Server(url, 5), params, None, None, 1, 5)
    assert found.ok and stock.keys == ["Bearer secret"] * 8


def test_after_the_last_attempt_there_is_no_pause(
    recorded: dict[str, Scores], params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with running(Stock("tei", recorded, busy=100)) as url, pytest.raises(InputError, match="503"):
        measure(Server(url, 5), params, None, None, 1, 1)
    assert [pause for pause in pauses if pause > 0.1] == [0.2, 0.4, 0.8, 1.6, 3.2]


@pytest.mark.parametrize(
    ("stock", "message"),
    [
        (Stock("vllm", {}, broken=True), "500 Internal Server Error: .*no memory left"),
        (Stock("tei", {}, slow=1), "no answer in time"),
        (Stock("tei", {}, drip=0.1), "no answer in time"),
        (Stock("tei", {}, describes_itself=False), r"openapi.json; name the API: --api systemone"),
    ],
)
def test_what_goes_wrong_is_said_in_one_sentence(
    recorded: dict[str, Scores], params: Params, stock: Stock, message: str
) -> None:
    with running(replace(stock, scores=recorded)) as url, pytest.raises(InputError, match=message):
        measure(Server(url, 0.3), params, None, None, 2, None)


@pytest.mark.parametrize("kind", ["vllm", "infinity", "tei"])
def test_a_model_of_other_classes_is_named(
    recorded: dict[str, Scores], params: Params, kind: str
) -> None:
    other = {text: {"bad": 0.4, "good": 0.6} for text in recorded}
    with (
        running(Stock(kind, other)) as url,
        pytest.raises(InputError, match=r"no answer for the classes \['negative'.*it knows"),
    ):
        measure(Server(url, 5), params, None, None, 2, None)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 17.0, -0.5])
def test_what_is_no_probability_is_no_answer(
    recorded: dict[str, Scores], params: Params, odd: float
) -> None:
    said = {text: {**scores, "neutral": odd} for text, scores in recorded.items()}
    with running(Stock("tei", said)) as url, pytest.raises(InputError, match="no probabilities"):
        measure(Server(url, 5), params, None, None, 2, None)


@pytest.mark.parametrize("page", [[1], {"paths": [], "data": {}}, {"paths": 1, "data": [1]}, "no"])
def test_pages_of_another_form_name_no_api_and_no_model(page: object) -> None:
    with running(Stock("tei", {}, pages=page)) as url:
        server = Server(url, 5)
        assert server.find_model() == ""
        with pytest.raises(InputError, match="name the API: --api"):
            server.find_api(has_decision=True)


def test_a_server_is_not_waited_for_longer_than_is_asked(
    recorded: dict[str, Scores], params: Params
) -> None:
    stock = Stock("tei", recorded, busy=1, wait=3600)
    started = time.monotonic()
    with running(stock) as url:
        found, _ = measure(Server(url, 0.5), params, None, None, 1, 3)
    assert found.ok and time.monotonic() - started < 3600


def test_the_seconds_of_an_answer_are_those_to_its_last_byte(
    recorded: dict[str, Scores], params: Params
) -> None:
    said = {"negative": 0.5, "neutral": 0.3, "positive": 0.2}
    with running(Stock("tei", dict.fromkeys(recorded, said), drip=0.002)) as url:
        found, _ = measure(Server(url, 5), params, None, None, 1, 3)
    assert found.latency["p50"] > 2 * len(json.dumps(said))


@pytest.mark.parametrize(
    ("raw", "message"),
    [(None, "it hung up before it had answered"), (b"[" * 100_000, "no answer .* nested too deep")],
)
def test_answers_that_break_off_or_break_the_reader_are_one_sentence(
    recorded: dict[str, Scores], params: Params, raw: bytes | None, message: str
) -> None:
    stock = Stock("tei", recorded, raw=raw)
    with running(stock) as url, pytest.raises(InputError, match=message):
        measure(Server(url, 5), params, None, None, 1, None)


def test_no_server_and_no_address_and_no_predictions_are_said(
    recorded: dict[str, Scores], params: Params
) -> None:
    with pytest.raises(InputError, match=r"no server answers there: .*refused"):
        measure(OTHER, params, "tei", "", 1, None)
    with pytest.raises(InputError, match="localhost:8000: no address of a server, such as http:"):
        Server("localhost:8000", 1)
    paths.PREDICTIONS.unlink()
    with pytest.raises(InputError, match="`dvc repro evaluate` makes it"):
        measure(OTHER, params, "tei", "", 1, None)


def test_the_command_prints_one_object_and_writes_every_answer(
    recorded: dict[str, Scores],
    params: Params,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(__file__).parents[2] / "params.yaml"
    paths.PARAMS.write_bytes(source.read_bytes())
    with running(Stock("infinity", recorded)) as url, pytest.raises(SystemExit) as ended:
        main(["evaluate-served", url, "--json", "--output", "said.csv"])
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["agreement"] == 1 and set(told["latency"]) == {"p50", "p95", "p99"}
    assert len(pd.read_csv("said.csv")) == ROWS
