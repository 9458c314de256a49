"""``reprotune init`` on files that nobody has described."""

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.data.reading.charset import guess_encoding
from reprotune.data.reading.files import read_files
from reprotune.project.init import choose_settings, init
from reprotune.project.sniff import Look
from reprotune.project.start import fit_training, start, warn_of_few
from reprotune.project.telling import describe_split, list_some, report
from reprotune.project.trial import STEPS, Pace, count_waiting, draw_batches
from reprotune.project.wanted import Wanted
from reprotune.tables import metrics
from reprotune.tables.classes import class_names
from reprotune.training.batches import LengthSampler
from stages import audit, curate, download, roles, split
from tests import tiny
from tests.conftest import PARAMS
from tests.text.test_units import write_news

ROOT = Path(__file__).resolve().parents[2]
WORDS = "Lieferung Größe façade élève profit price café Straße late broken kind".split()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    shutil.copytree(ROOT / "profiles", root / "profiles")
    shutil.copytree(ROOT / "models/source/builtin", root / "models/source/builtin")
    for folder in (paths.SOURCE_DATA, paths.SOURCE_MODELS):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "data/decisions.csv", root / "data")
    monkeypatch.chdir(root)
    return root


def texts(count: int, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    return [f"{' '.join(draw.choices(WORDS, k=6))} {seed} {n}" for n in range(count)]


def table(counts: dict[str, int], delimiter: str = ",", header: str = "text,label") -> str:
    rows = [
        f"{t}{delimiter}{name}" for s, (name, n) in enumerate(counts.items()) for t in texts(n, s)
    ]
    return "\n".join([*([header.replace(",", delimiter)] if header else []), *rows]) + "\n"


def part(name: str) -> str:
    """One of several files with texts of their own."""
    return re.sub(",(up|down)", rf" {name},\1", table({"up": 40, "down": 30}))


def write(file: Path, content: str, encoding: str = "utf-8") -> Path:
    file.write_bytes(content.encode(encoding))
    return file


def begun(files: Iterable[Path], **options: Any) -> Params:
    """Run init, and read the files with the parameters that it wrote."""
    init(Wanted(list(files), **options))
    params = load_params()
    rows = read_files(params.download, paths.SOURCE_DATA).rows
    assert set(rows["label"].dropna()) == set(class_names(params.download.labels))
    return params


def started(files: Iterable[Path], **options: Any) -> Params:
    """Run init, and the data stages on what it wrote."""
    params = begun(files, **options)
    for stage in (download, roles, audit, curate, split):
        stage.run(params)
    return params


@pytest.mark.parametrize(("encoding", "delimiter", "name"), [
    ("utf-8", ",", "a.csv"), ("latin-1", ";", "a.csv"), ("utf-16", "\t", "a.tsv"),
    ("utf-8-sig", "|", "a.csv"), ("latin-1", "@", "a.txt"),
])  # fmt: skip
def test_encoding_and_delimiter_are_found(
    project: Path, tmp_path: Path, encoding: str, delimiter: str, name: str
) -> None:
    file = write(tmp_path / name, table({"up": 60, "down": 50}, delimiter), encoding)
    params = begun([file], text="text", label="label")
    assert params.download.delimiter == delimiter
    rows = read_files(params.download, paths.SOURCE_DATA).rows
    assert rows["text"].tolist() == texts(60, 0) + texts(50, 1)


def test_columns_by_position_mean_that_there_is_no_header(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}, header=""))
    params = begun([file], text="0", label="1")
    assert not params.download.header
    assert len(read_files(params.download, paths.SOURCE_DATA).rows) == 110


def test_one_file_a_class(project: Path, tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"r.{n}", "\n".join(texts(50, s))) for s, n in enumerate(["neg", "pos"])
    ]
    params = started(files, classes=["bad", "good"])
    assert class_names(params.download.labels) == ["bad", "good"]
    assert params.roles.strategy == "hashed"


def test_spaces_around_a_named_column_are_no_part_of_its_name(
    project: Path, tmp_path: Path
) -> None:
    params = begun([write(tmp_path / "a.csv", EVEN)], text=" text", label="label ")
    assert (params.download.text_column, params.download.label_column) == ("text", "label")


def test_classes_that_a_published_part_lacks_are_named_when_too_few_remain(
    project: Path, tmp_path: Path
) -> None:
    train = write(tmp_path / "a.csv", table({"up": 60, "down": 50}))
    test = write(tmp_path / "b.csv", table({"up": 60, "other": 50}))
    with pytest.raises(InputError, match=r"not in both train and test: \['down', 'other'\]"):
        begun([train], text="text", label="label", test=[test])


def test_a_test_part_without_labels_that_somebody_asks_for_is_refused(
    project: Path, tmp_path: Path
) -> None:
    train, test = write(tmp_path / "a.csv", EVEN), write(tmp_path / "b.csv", "text\nsome words\n")
    with pytest.raises(InputError, match=r"b\.csv: has no label that .*a\.csv has, so nothing can"):
        begun([train], text="text", label="label", test=[test])


def test_one_file_a_split_is_kept_as_published(project: Path, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.csv", part(n)) for n in ("a", "b")]
    params = started(files[:1], text="text", label="label", test=[files[1]])
    assert params.roles.strategy == "published"
    assert [file.split for file in params.download.files] == ["train", "test"]


def test_even_classes_are_balanced_and_uneven_ones_shared(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 500, "down": 600}))
    even = started([file], text="text", label="label").roles
    assert (even.test_per_class, even.validation_per_class, even.train_per_class) == (100, 50, 350)
    file = write(tmp_path / "b.csv", table({"up": 500, "down": 12}))
    uneven = started([file], text="text", label="label").roles
    assert (uneven.test_share, uneven.test_per_class, uneven.train_per_class) == (0.2, None, None)


def test_small_shares_of_many_rows_are_told_as_they_are() -> None:
    seen = Look(pd.DataFrame({"label": ["up"] * 9 + ["down"]}), {}, {}, [])
    shares = {"strategy": "hashed", "test_share": 0.005, "validation_share": 0.0025}
    told = describe_split(seen, load_params(PARAMS).roles.model_copy(update=shares))
    assert told.startswith("test 0.5%, validation 0.25% of each class")


def tell(file: Path, **options: Any) -> str:
    """What init shows of a file, on one line."""
    shown = report(*init(Wanted([file], text="text", label="label", **options)))
    return " ".join(str(cell) for cell in shown.columns[1].cells)


def test_uneven_classes_keep_all_rows_and_their_shares_in_the_test_set(
    project: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", table({"ham": 435, "spam": 65}))
    started([file], text="text", label="label")
    parts = {path.stem: pd.read_parquet(path) for path in (paths.TEST, paths.TRAIN)}
    assert parts["test"]["label"].value_counts().to_dict() == {"ham": 87, "spam": 13}
    assert parts["train"]["label"].value_counts().to_dict() == {"ham": 304, "spam": 46}
    assert set(pd.read_csv(paths.ROWS)["role"]) == {"test", "train", "validation"}
    assert "train the rest, for the classes are uneven (--balance" in tell(file)


def test_balance_is_a_choice_and_what_it_leaves_unused_is_said(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.csv", table({"ham": 435, "spam": 65}))
    assert "370 rows in no part (ham 370)" in tell(file, balance=True)
    started([file], text="text", label="label", balance=True)
    assert "note: 370 rows in no part (ham 370)" in capsys.readouterr().err
    even = write(tmp_path / "b.csv", table({"up": 60, "down": 60}))
    assert started([even], text="text", label="label", balance=False).roles.test_share == 0.2


@pytest.mark.parametrize("option", ["balance", "growing"])
def test_published_parts_stay_as_they_are(project: Path, tmp_path: Path, option: str) -> None:
    files = [write(tmp_path / f"{n}.csv", part(n)) for n in ("a", "b")]
    wanted = {"text": "text", "label": "label", "test": [files[1]], option: True}
    with pytest.raises(InputError, match=r"published parts stay.*train\.class_weights"):
        init(Wanted(files[:1], **wanted))


def test_a_published_split_without_validation_gets_one_and_it_is_said(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write(tmp_path / f"{n}.csv", part(n)) for n in ("a", "b")]
    shown = tell(files[0], test=[files[1]])
    assert "as published: train, test; 10% of each class of train becomes validation" in shown
    for stage in (download, roles, audit, curate, split):
        stage.run(load_params())
    assert pd.read_parquet(paths.VALIDATION)["label"].value_counts().to_dict() == {
        "up": 4, "down": 3
    }  # fmt: skip
    said = "note: 7 rows of the training part: validation, of which the files have none"
    assert said in capsys.readouterr().err


def test_added_rows_leave_the_test_rows_of_growing_data_where_they_are(
    project: Path, tmp_path: Path
) -> None:
    rows = table({"up": 120, "down": 90}).splitlines()
    file = write(tmp_path / "a.csv", "\n".join(rows[:-60]))
    params = started([file], text="text", label="label", growing=True)
    assert params.roles.strategy == "growing"
    before = [set(pd.read_parquet(path)["id"]) for path in (paths.TEST, paths.TRAIN)]
    write(paths.SOURCE_DATA / "a.csv", "\n".join([rows[0], *rows[:0:-1]]))
    for stage in (download, roles, audit, curate, split):
        stage.run(params)
    after = [set(pd.read_parquet(path)["id"]) for path in (paths.TEST, paths.TRAIN)]
    assert before[0] < after[0] and len(after[1]) > 1.2 * len(before[1])


def test_init_again_keeps_the_shares_of_growing_data(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = table({"up": 120, "down": 90}).splitlines()
    file = write(tmp_path / "a.csv", "\n".join(rows[:-60]))
    before = begun([file], text="text", label="label", growing=True).roles
    monkeypatch.setattr("reprotune.project.first_run.TESTED", 20)  # as for 50,000 rows
    more = write(tmp_path / "more.csv", "\n".join(rows))
    assert begun([more], text="text", label="label", growing=True).roles == before
    begun([more], text="text", label="label")
    again = begun([more], text="text", label="label", growing=True).roles
    assert again.test_share != before.test_share, "the parameters were no longer of growing data"


def test_a_message_about_a_frozen_file_names_what_it_is_made_of(
    project: Path, tmp_path: Path
) -> None:
    for number in range(30):
        name = ("up", "down")[number % 2]
        (tmp_path / "texts" / name).mkdir(parents=True, exist_ok=True)
        write(tmp_path / "texts" / name / f"{number}.txt", f"the text {number}")
    (paths.SOURCE_DATA / "texts-train.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"remove it if \S*/texts replaces it"):
        init(Wanted([tmp_path / "texts"]))


def test_texts_without_spaces_are_counted_in_characters_and_it_is_said(
    project: Path, tmp_path: Path
) -> None:
    news = write_news(150, seed=1)
    news = pd.concat([news, news.assign(text=news["text"] + "了")])
    news.to_csv(tmp_path / "a.csv", index=False)
    assert "characters, for no spaces part the words (text.units)" in tell(tmp_path / "a.csv")
    params = load_params()
    assert params.text.units == "characters"
    for stage in (download, roles):
        stage.run(params)
    found = metrics.read(paths.ROLES_METRICS, metrics.Roles)
    assert found.near_duplicates.groups == 150


def test_near_duplicates_and_curation_are_reckoned_with(project: Path, tmp_path: Path) -> None:
    same = "".join("the very same text of the rarest class again,down\n" for _ in range(40))
    both = "".join(f"two labels {n},{name}\n" for n in range(30) for name in ("up", "down"))
    file = write(tmp_path / "a.csv", table({"up": 100, "down": 60}) + same + both)
    params = started([file], text="text", label="label")
    assert params.roles.train_per_class
    assert len(pd.read_parquet(paths.TRAIN)) == 2 * params.roles.train_per_class


def test_a_published_split_with_repeated_texts_is_kept_whole(project: Path, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.csv", part(n) + "same,up\nsame,down\n") for n in ("a", "b")]
    started(files[:1], text="text", label="label", test=[files[1]])
    files = [paths.TRAIN, paths.VALIDATION, paths.TEST]
    assert [len(pd.read_parquet(file)) for file in files] == [65, 7, 72]


def test_a_class_that_a_published_part_lacks_is_left_out(project: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", table({"up": 40, "down": 30, "odd": 20}))
    test = write(tmp_path / "b.csv", table({"up": 4, "down": 3, "new": 12}))
    labels = started([train], text="text", label="label", test=[test]).download.labels
    assert labels == {"up": "up", "down": "down", "odd": None, "new": None}


def test_columns_whose_header_is_a_number_are_found_by_it(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}, header="0,1"))
    params = begun([file], text="0", label="1")
    assert params.download.header
    assert params.download.text_column == "0"


def test_an_odd_delimiter_is_told_by_its_labels(project: Path, tmp_path: Path) -> None:
    pairs = [(text, name) for seed, name in enumerate(("up", "down")) for text in texts(60, seed)]
    rows = [f"{text}, and more@{name}" for text, name in pairs]
    file = write(tmp_path / "a.txt", "\n".join(rows))
    assert begun([file], text="0", label="1").download.delimiter == "@"


def test_the_context_of_the_model_limits_the_length(project: Path, tmp_path: Path) -> None:
    tiny.save(paths.SOURCE_MODELS / "gpt2", tiny.gpt2())
    config = paths.SOURCE_MODELS / "gpt2/config.json"
    config.write_text(config.read_text().replace('"n_positions": 1024', '"n_positions": 96'))
    long = table({"up": 60, "down": 50}).replace("Lieferung", "Lieferung " * 60)
    params = begun(
        [write(tmp_path / "a.csv", long)],
        text="text",
        label="label",
        model=str((paths.SOURCE_MODELS / "gpt2").resolve()),
    )
    assert (params.model.task, params.prompt.max_tokens) == ("causal", 96)
    assert params.model.location == "models/source/gpt2"


def test_a_change_of_a_file_is_refused_until_the_copy_is_removed(
    project: Path, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", EVEN)
    begun([file], text="text", label="label")
    write(file, EVEN.replace("kind", "kinder"))
    with pytest.raises(InputError, match="remove it if"):
        begun([file], text="text", label="label")
    (paths.SOURCE_DATA / "a.csv").unlink()
    begun([file], text="text", label="label")


def test_rare_and_empty_labels_are_left_out_and_said(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 50, "down": 40, "rare": 3, "": 2}))
    seen, way, *rest = init(Wanted([file], text="text", label="label"))
    assert seen.left_out == {"": 2, "rare": 3}
    assert load_params().download.labels == {"": None, "down": "down", "rare": None, "up": "up"}
    assert "left out" in [str(cell) for cell in report(seen, way, *rest).columns[0].cells]


def test_spellings_that_differ_in_case_are_one_class(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"Up": 50, "UP": 20, "down": 40, "label": 30}))
    labels = begun([file], text="text", label="label").download.labels
    assert labels == {"Up": "Up", "UP": "Up", "down": "down", "label": "label_"}


def test_spellings_that_nobody_sees_are_one_class_and_said(project: Path, tmp_path: Path) -> None:
    raw = {
        "café": 30,
        "cafe\u0301": 20,
        "\ufeffbar": 30,
        "bar\u200b": 20,
        "bar \u200b": 2,
        "bar": 5,
    }
    file = write(tmp_path / "a.csv", table(raw))
    seen, way, params, parts = init(Wanted([file], text="text", label="label"))
    assert load_params().download.labels == dict(zip(raw, ["café"] * 2 + ["bar"] * 4, strict=True))
    rows = read_files(params.download, paths.SOURCE_DATA).rows
    assert rows["label"].value_counts().to_dict() == {
        "bar": 57, "café": 50
    }  # fmt: skip
    told = " ".join(str(cell) for cell in report(seen, way, params, parts).columns[1].cells)
    assert r"'caf\xe9'" in told and r"'cafe\u0301'" in told


def test_a_label_of_invisible_characters_alone_is_no_class(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 50, "down": 40, "\u200b": 15}))
    assert begun([file], text="text", label="label").download.labels["\u200b"] is None


def test_expectations_fit_the_data_they_were_made_from(project: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", table({"up": 500, "down": 12}) + "same,up\nsame,up\n")
    limits = started([file], text="text", label="label").expectations
    assert limits.rows.min <= 514 <= limits.rows.max
    assert limits.class_share.min <= 12 / 514 <= limits.class_share.max
    assert limits.repeated.max >= 2 / 514


def test_an_encoder_gets_a_classification_head(project: Path, tmp_path: Path) -> None:
    tiny.save(paths.SOURCE_MODELS / "bert", tiny.bert())
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}))
    params = begun([file], text="text", label="label", model="bert")
    assert (params.model.kind, params.model.task) == ("path", "classification")
    assert params.model.location == "models/source/bert"
    assert params.export.dtype == "float32"
    assert params.baseline.shots == 0  # an encoder reads no prompt


def test_padding_that_a_tokenizer_file_asks_for_is_no_length_of_a_text(
    project: Path, tmp_path: Path
) -> None:
    tiny.save(paths.SOURCE_MODELS / "bert", tiny.bert())
    tokenizer = Tokenizer.from_file(str(paths.SOURCE_MODELS / "bert/tokenizer.json"))
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    shutil.copytree(paths.SOURCE_MODELS / "bert", paths.SOURCE_MODELS / "padded")
    tokenizer.save(str(paths.SOURCE_MODELS / "padded/tokenizer.json"))
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}))
    plain, padded = (
        begun([file], text="text", label="label", model=name) for name in ("bert", "padded")
    )
    assert padded.prompt == plain.prompt
    assert (padded.train.epochs, padded.train.fraction) == (8, 1.0)


def test_nothing_is_written_where_the_model_is_not_here_that_nobody_named(
    project: Path, tmp_path: Path
) -> None:
    shutil.rmtree(paths.BUILTIN_MODEL)
    with pytest.raises(InputError, match="not here any more; name one of models/source by --model"):
        start(Wanted([write(tmp_path / "a.csv", EVEN)]))
    assert not paths.PARAMS.exists() and not [*paths.SOURCE_DATA.iterdir()]


def test_training_is_as_long_as_the_minutes_that_it_is_given(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.save(paths.SOURCE_MODELS / "bert", tiny.bert())
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}))
    wanted = Wanted([file], text="text", label="label", model="bert")
    start(replace(wanted, minutes=1000))
    assert (load_params().train.epochs, load_params().train.fraction) == (8, 1.0)
    start(replace(wanted, minutes=0.0001))
    assert load_params().train.epochs == 1 and 0 < load_params().train.fraction < 1
    assert re.search(r"rows a second: about \d+\.\d minutes", capsys.readouterr().out)


EVEN = table({"up": 60, "down": 50})
NUMBERED = "text,n\n" + "".join(f"some words {n},{n}\n" for n in range(60))
WORDLESS = NUMBERED.replace(" ", "").replace("text", "a")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (EVEN, {"delimiter": ";" * 17}, "is not one to 16 characters"),
        (EVEN + '"late so up\n' * 3, {}, r"line 112 has a stray quotation mark \("),
        (EVEN, {"text": "txt"}, r"no column 'txt'.*\['text', 'label'\]"),
        (NUMBERED, {"label": None}, r"say --label .* It has: text \(some words 0"),
        (WORDLESS, {"text": None, "label": "n"}, "say --text"),
        (EVEN, {"text": "label", "label": "text"}, "no column of labels"),
        (EVEN, {"text": "label"}, "'label' is the label and in the text"),
        (EVEN, {"text": "{label}: {text}"}, "'label' is the label and in the text"),
        (EVEN, {"text": ""}, "--text '': it is empty"),
        (EVEN, {"classes": ["up", ""]}, "--classes '': it is empty"),
        (table({"up": 60}), {}, "fewer than two classes"),
        (EVEN + " ,up\n" * 3, {}, r"3 of 113 rows cannot be used \(empty text: 3\)"),
        (EVEN, {"classes": ["a", "b"]}, "2 classes, but there is 1 file"),
        (EVEN, {"encoding": "utf-8x"}, "no encoding that Python knows"),
        (EVEN, {"validation": [Path("v.csv")]}, "name its --test too"),
        (EVEN, {"test": [Path("gone.csv")]}, "gone.csv: no such file"),
        (EVEN, {"model": "gone"}, "no such folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_refused_and_nothing_is_written(
    project: Path, tmp_path: Path, content: str, options: dict[str, Any], message: str
) -> None:
    file = write(tmp_path / "a.csv", content)
    paths.PARAMS.write_text("mine: 1\n")
    with pytest.raises(InputError, match=message):
        begun([file], **{"text": "text", "label": "label"} | options)
    assert paths.PARAMS.read_text() == "mine: 1\n"
    assert list(paths.SOURCE_DATA.iterdir()) == []


def test_a_file_that_is_written_to_while_it_is_read_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.csv", EVEN)
    monkeypatch.setattr("reprotune.project.init.choose_settings", append_to(file))
    with pytest.raises(InputError, match=r"a\.csv: was changed while it was read"):
        begun([file], text="text", label="label")
    assert list(paths.SOURCE_DATA.iterdir()) == []


def append_to(file: Path) -> Callable[..., Any]:
    def choose(*asked: Any) -> Any:
        with file.open("a") as opened:
            opened.write("one more row,up\n")
        return choose_settings(*asked)

    return choose


def test_labels_that_take_turns_in_a_long_file_are_found(project: Path, tmp_path: Path) -> None:
    rows = [{"words": t, "about": n % 2} for n, t in enumerate(texts(12_000))]
    assert begun([write(tmp_path / "a.json", json.dumps(rows))]).download.label_column == "about"


def test_a_thousand_columns_are_looked_at_in_seconds(project: Path, tmp_path: Path) -> None:
    numbers = ",0.25" * 1000
    names = "".join(f",n{n}" for n in range(1000))
    lines = EVEN.splitlines()
    wide = "\n".join([lines[0] + names, *(line + numbers for line in lines[1:])])
    begun_at = time.process_time()
    assert begun([write(tmp_path / "a.csv", wide)]).download.text_column == "text"
    assert time.process_time() - begun_at < 15, "pandas took minutes for it, a column at a time"


def test_another_file_of_the_same_name_is_not_overwritten(project: Path, tmp_path: Path) -> None:
    write(paths.SOURCE_DATA / "a.csv", "precious")
    file = write(tmp_path / "a.csv", table({"up": 60, "down": 50}))
    with pytest.raises(InputError, match="another file of that name"):
        begun([file], text="text", label="label")
    assert (paths.SOURCE_DATA / "a.csv").read_text() == "precious"


def test_what_a_former_init_copied_and_nothing_reads_any_more_is_said(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("old.csv", "new.csv"):
        start(Wanted([write(tmp_path / name, table({"up": 30, "down": 30}))], minutes=0))
    said = capsys.readouterr().out.split("read as")
    assert "data/source also holds old.csv" in said[-1] and "also holds" not in said[1]


def test_a_file_that_init_writes_in_the_place_of_another_is_named(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"it went {way} on day {day},{way == 'up':d},{way == 'down':d}"
            for day in range(30) for way in ("up", "down")]  # fmt: skip
    for name, text in (("plain", EVEN), ("columns", "\n".join(["text,up,down", *rows]))):
        start(Wanted([write(tmp_path / f"{name}.csv", text)], minutes=0))
    said = capsys.readouterr().out.split("read as")
    assert "columns-label.jsonl: written by init" in said[-1] and "written by init" not in said[1]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("-", "write standard input to one first"),
        ("https://example.org/a.csv?x=[1]", "fetch the file first"),
        ("absent.csv", "no such file"),
        ("C:\\Users\\me\\a.csv", "no such file: it is a path of Windows"),
        ("~/a.csv", "in quotation marks, ~ is not your home folder"),
        ("data\\decisions.csv", "you may mean data/decisions.csv"),
        ("kept.csv", "you may mean data/source/kept.csv"),
        ("loop.csv", "is a link to loop.csv, and no such file is there"),
        ("", "project: this project lies in it"),
        ("..", "this project lies in it"),
    ],
)
def test_what_is_no_file_here_is_told_what_to_do(project: Path, file: str, said: str) -> None:
    Path("loop.csv").symlink_to("loop.csv")
    (paths.SOURCE_DATA / "kept.csv").touch()
    with pytest.raises(InputError, match=said):
        begun([Path(file)])


def test_a_file_that_lies_there_already_is_used(project: Path) -> None:
    file = write(paths.SOURCE_DATA / "a.csv", table({"up": 60, "down": 50}))
    begun([file], text="text", label="label")
    assert file.read_text() == table({"up": 60, "down": 50})


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Die Größe der Lieferung war für Müller ärgerlich.", "latin-1"),
        ("It’s “fine” — the café’s price is 5 €.", "cp1252"),
        ("Выручка компании выросла на десять процентов.", "cp1251"),
        ("売上高は前年同期比で増加した。", "cp932"),
        ("Größe und Wörter", "utf-8"),
        ("Größe und Wörter", "utf-16"),
    ],
)
def test_an_encoding_is_guessed(text: str, encoding: str) -> None:
    raw = "\n".join([text] * 20).encode(encoding)
    assert raw.decode(guess_encoding(raw)).removeprefix("\ufeff") == "\n".join([text] * 20)


@pytest.mark.parametrize(
    ("texts", "most", "said"),
    [
        (77 * 5, 77 * 200, "That is 5 texts a class: .* --minutes 13 reads 100 a class"),
        (77 * 80, 77 * 80, "That is 80 texts a class: .* more rows, or more epochs"),
        (77 * 100, 77 * 200, "^$"),
    ],
)
def test_a_training_that_reads_few_texts_a_class_is_said_to_be_one(
    texts: int, most: int, said: str
) -> None:
    assert re.search(said, warn_of_few(Pace(train=0.1, score=0.01), texts, most, classes=77))


def test_a_machine_that_does_other_work_is_said_to_foretell_too_much(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {name: pd.DataFrame({"text": ["a"] * 50}) for name in ("train", "validation", "test")}
    for held_up, is_said in [(0.1, False), (0.5, True)]:
        pace = Pace(train=0.18, score=0.1, held_up=held_up)
        monkeypatch.setattr("reprotune.project.start.measure_pace", lambda *_, pace=pace: pace)
        shutil.copy(paths.PROFILES / "builtin.yaml", paths.PARAMS)
        said = fit_training(load_params(), parts, 1)
        assert ("Other programs held it up for 50% of that trial" in said) == is_said


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux counts it")
def test_what_this_process_computes_is_no_waiting() -> None:
    before, until = count_waiting(), time.process_time() + 0.1
    while time.process_time() < until:
        pass
    ran, _ = count_waiting() - before
    assert ran > 0.08


@pytest.mark.parametrize(
    ("minutes", "chosen"),
    [
        (10, (2.8, 1.0)),  # (600 - 30) s of 200 s an epoch
        (2.5, (1, 0.5556)),  # 150 s less 30 to begin and 20 to validate
        (60, (5, 1.0)),
        (0.01, (1, 0.01)),
    ],
)
def test_a_budget_holds_the_start_and_the_validation_too(
    project: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, chosen: tuple[float, float]
) -> None:
    pace = Pace(train=0.18, score=0.1, ready=30)
    monkeypatch.setattr("reprotune.project.start.measure_pace", lambda *_: pace)
    shutil.copy(paths.PROFILES / "builtin.yaml", paths.PARAMS)
    counts = {"train": 1000, "validation": 200, "test": 50}
    parts = {name: pd.DataFrame({"text": ["a"] * rows}) for name, rows in counts.items()}
    said = fit_training(load_params(), parts, minutes)
    assert "the baselines take about 1.9 minutes" in said  # of 1000 texts once, of 50 three times
    found = load_params().train
    assert (found.epochs, found.fraction) == chosen
    if 1 < minutes < 60:
        taken = float(re.search(r"about ([\d.]+) minutes", said)[1])
        assert taken == pytest.approx(minutes, rel=0.05)


def test_batches_of_a_trial_are_as_long_as_those_of_training_in_the_mean() -> None:
    draw = np.random.default_rng(1)
    lengths = draw.gamma(3, 20, 1600).astype(int) + 1
    trained = lengths[list(LengthSampler(list(lengths), 16, seed=1))].reshape(-1, 16).max(axis=1)
    tried = lengths[draw_batches(lengths, 16)].reshape(-1, 16).max(axis=1)
    assert len(tried) == STEPS and len(np.unique(tried)) == STEPS
    assert tried.mean() == pytest.approx(trained.mean(), rel=0.1)
    assert sorted(draw_batches(lengths[:4], 16)) == [0, 1, 2, 3]


def test_of_many_classes_the_commonest_and_the_rarest_are_listed() -> None:
    shown = list_some(f"c{number}" for number in range(77)).split(", ")
    assert (len(shown), shown[0], shown[10], shown[-1]) == (21, "c0", "... (57 more)", "c76")
    assert list_some(["a", "b"]) == "a, b"
