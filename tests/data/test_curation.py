"""People's decisions win over the policy, and the policy leaves test rows alone."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.data.curation import apply_policy, decide
from reprotune.data.decisions import read_decisions

IDS = [f"{n:016x}" for n in range(6)]
ROLE = ["train", "train", "train", "validation", "test", "spare"]
ROWS = pd.DataFrame({"id": IDS, "text": "same", "label": "good", "role": ROLE})
TORN = ROWS.assign(label=["good", "bad"] * 3)  # one text, two labels
HEADER = "id,action,label,reviewer,note\n"
NOBODY = pd.Series([], dtype="str")
NONE = pd.Series(False, index=ROWS.index)


def findings(**issues: list[int]) -> pd.DataFrame:
    rows = [(IDS[n], issue, n / 10) for issue, numbers in issues.items() for n in numbers]
    return pd.DataFrame(rows, columns=["id", "issue", "score"])


def curate(params: Params, **settings: Any) -> Any:
    keep = {"duplicates": "keep", "conflicts": "keep", "doubtful": "keep", "doubtful_share": 0.0}
    return params.curate.model_copy(update=keep | settings)


@pytest.fixture
def decisions(tmp_path: Path) -> Path:
    return tmp_path / "decisions.csv"


@pytest.mark.parametrize("issue", ["duplicate", "conflict", "label"])
def test_policy_takes_the_rows_of_an_issue_but_no_test_row(params: Params, issue: str) -> None:
    name = {"duplicate": "duplicates", "conflict": "conflicts", "label": "doubtful"}[issue]
    settings = curate(params, **{name: "quarantine", "doubtful_share": 0.99})
    found = findings(**{issue: [0, 4, 5]})
    reason = apply_policy(TORN, found, NOBODY, NONE, settings)
    spare = issue != "label"  # doubtful labels leave the training rows alone
    assert reason.notna().tolist() == [True, False, False, False, False, spare]
    assert apply_policy(TORN, found, NOBODY, NONE, curate(params)).isna().all()


def test_a_decided_row_is_left_to_the_decision(params: Params) -> None:
    settings = curate(params, conflicts="quarantine")
    reason = apply_policy(TORN, findings(conflict=[0, 1]), pd.Series([IDS[0]]), NONE, settings)
    assert reason.dropna().to_dict() == {1: "conflict"}


def test_the_most_doubtful_labels_leave_up_to_their_share_of_the_training_rows(
    params: Params,
) -> None:
    settings = curate(params, doubtful="quarantine", doubtful_share=0.7)  # 2 of 3
    reason = apply_policy(ROWS, findings(label=[5, 4, 2, 1, 0]), NOBODY, NONE, settings)
    assert reason.dropna().to_dict() == {0: "label", 1: "label"}


def test_a_row_with_several_issues_leaves_for_the_strongest(params: Params) -> None:
    settings = curate(
        params,
        duplicates="quarantine",
        conflicts="quarantine",
        doubtful="quarantine",
        doubtful_share=0.99,
    )
    found = findings(conflict=[0], duplicate=[0, 1], label=[0, 1])
    assert apply_policy(TORN, found, NOBODY, NONE, settings).dropna().tolist() == [
        "conflict",
        "label",
    ]


@pytest.mark.parametrize("first_leaves", [True, False])
def test_the_last_copy_of_a_text_stays(params: Params, first_leaves: bool) -> None:
    rows = ROWS.assign(text=["same", "Same", "SAME", "d", "e", "f"])
    removed = NONE.where(~(rows.index.isin([0]) & first_leaves), True)
    settings = curate(params, duplicates="quarantine")
    decided = pd.Series([IDS[0]] if first_leaves else [], dtype="str")
    reason = apply_policy(rows, findings(duplicate=[1, 2]), decided, removed, settings)
    assert reason.dropna().index.tolist() == ([2] if first_leaves else [1, 2])


@pytest.mark.parametrize(
    ("labels", "removed", "kept"),
    [
        (["good", "bad", "good"], [], []),  # nobody has settled it
        (["good", "bad", "good"], [1], [0]),  # the wrong one was dropped: one of the others stays
        (["good", "good", "good"], [], [1]),  # the wrong one was relabelled, and is as good as any
        (["bad", "good", "good"], [], [1]),  # what was decided contradicts the others
    ],
)
def test_of_a_conflict_that_people_have_settled_the_text_is_not_lost(
    params: Params, labels: list[str], removed: list[int], kept: list[int]
) -> None:
    rows = ROWS.head(3).assign(label=labels)
    out = pd.Series([n in removed for n in range(3)])
    decided = pd.Series([IDS[1]] if kept else [], dtype="str")
    settings = curate(params, conflicts="quarantine", duplicates="quarantine")
    reason = apply_policy(rows, findings(conflict=[0, 1, 2]), decided, out, settings)
    assert rows.index[reason.isna() & ~out].tolist() == kept
    alone = apply_policy(
        rows, findings(conflict=[0, 1, 2]), decided, out, curate(params, conflicts="quarantine")
    )
    is_settled = len({*rows["label"][~out]}) == 1
    assert alone.notna().tolist() == [not is_settled and IDS[n] not in {*decided} for n in range(3)]


def test_decisions_relabel_quarantine_and_keep(decisions: Path) -> None:
    decisions.write_text(
        f"{HEADER}{IDS[0]},relabel,bad,ann,\n{IDS[1]},quarantine,,ann,spam\n{IDS[2]},keep,,,\n"
    )
    rows, reason = decide(ROWS, read_decisions(decisions), ["good", "bad"], decisions)
    assert rows["label"].tolist() == ["bad"] + ["good"] * 5
    assert reason.dropna().to_dict() == {1: "decision"}
    assert ROWS["label"].eq("good").all()


def test_a_header_alone_decides_nothing(decisions: Path) -> None:
    decisions.write_text(HEADER)
    rows, reason = decide(ROWS, read_decisions(decisions), ["good"], decisions)
    assert rows.equals(ROWS)
    assert reason.isna().all()


@pytest.mark.parametrize("name", ["None", "NA", "null", "n/a"])
def test_a_class_may_be_called_what_pandas_takes_for_missing(decisions: Path, name: str) -> None:
    decisions.write_text(f"{HEADER}{IDS[0]},relabel,{name},,\n")
    rows, _ = decide(ROWS, read_decisions(decisions), ["good", name], decisions)
    assert rows["label"][0] == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEADER}{IDS[0]},drop,,,\n", "column action, row 2: 'drop' breaks isin(('keep', "),
        (f"{HEADER}1x,keep,,,\n", "column id, row 2: '1x' breaks str_matches"),
        (f"{HEADER}{IDS[0]},keep,,,\n{IDS[0]},quarantine,,,\n", "row 3: 00000000"),
        (f"{HEADER}{IDS[0]},relabel,bda,,\n", "'bda' (1 row); allowed are ['good', 'bad']"),
        (f"{HEADER}{IDS[0]},relabel,,,\n", IDS[0]),
        (f"{HEADER}{'f' * 16},keep,,,\n", "no example has the ids ['ffffffffffffffff']"),
        (
            "id,action,label\n",
            "its first row is 'id,action,label', not 'id,action,label,reviewer,note,date'",
        ),
        (f"{HEADER}{IDS[0]},keep,,,,,\n{IDS[1]},keep\n{IDS[2]},a,b,c,d,e,f,g,h\n", "line 4"),
        ("", "not readable as UTF-8 CSV"),
    ],
)
def test_a_wrong_decision_is_refused_with_its_file_and_row(
    decisions: Path, text: str, said: str
) -> None:
    decisions.write_text(text)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        decide(ROWS, read_decisions(decisions), ["good", "bad"], decisions)
    assert str(decisions) in str(error.value)


def test_a_missing_or_foreign_decisions_file_is_named(decisions: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; start one with id,action,label"):
        read_decisions(decisions)
    decisions.write_bytes(f"{HEADER}{IDS[0]},keep,,Zoë,\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"decisions\.csv: not readable as UTF-8 CSV.*0xeb"):
        read_decisions(decisions)


def test_decisions_on_rows_that_have_left_wait_and_are_said(
    decisions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions.write_text(f"{HEADER}{'f' * 16},keep,,,\n{IDS[0]},relabel,bad,,\n")
    rows, _ = decide(ROWS, read_decisions(decisions), ["good", "bad"], decisions)
    assert rows["label"][0] == "bad"
    assert (
        "no example has the ids ['ffffffffffffffff'] (1 decision waits for such rows)"
        in capsys.readouterr().err
    )
