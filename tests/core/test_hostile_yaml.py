"""No parameter file, however it is damaged or built, ends in a traceback or takes long."""

import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reprotune.core.errors import InputError
from reprotune.core.params import Params
from reprotune.core.params_file import load_params, read_as
from reprotune.core.yaml_file import LARGEST, load_yaml, plain_parser, read_yaml
from reprotune.project.profiles import pin, use
from reprotune.project.trials import Sweep
from tests.conftest import PARAMS

SECONDS = 5.0  # of the processor: the machine may be busy
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 10)
)
HOSTILE = {
    "aliases that stand for a billion values": BOMB,
    "merges of a billion values": MERGES,
    "an alias of what it stands in": "seed: &a [*a]\n",
    "an alias of nothing": "seed: *a\n",
    "a day that no month has": "seed: 2024-13-45\n",
    "a word that is told to be a number": "seed: !!float x\n",
    "a word that is told to be true": "seed: !!bool x\n",
    "a word that is told to be a date": "seed: !!timestamp x\n",
    "nothing that is told to be a number": 'seed: !!int ""\n',
    "a number of 5,000 digits": f"seed: {'9' * 5000}\n",
    "a hexadecimal number of 5,000 digits": f"seed: 0x{'f' * 5000}\n",
    "2,000 open brackets": f"seed: {'[' * 2000}\n",
    "2,000 nested lists": f"seed: {'[' * 2000}{']' * 2000}\n",
    "an object of Python": "seed: !!python/object/apply:os.system [id]\n",
    "more than is read": "seed: 1\n" + "#" * LARGEST,
    "a character that is none": "seed: \x00\n",
    "9,000 wrong keys": "".join(f"k{i}: 1\n" for i in range(9_000)),
}
VALUES = [
    *(
        "-1",
        "99999999999",
        "1e400",
        "-.inf",
        ".nan",
        "''",
        "null",
        "true",
        "2024-01-01",
        "[]",
        "{}",
    ),
    *("!!float x", "!!set {a, b}", "!!binary aGk=", "[[[[]]]]", "/etc/passwd", "../../x", "*a"),
    *("&a x", "0x" + "f" * 5000, "9" * 5000, "1e308", "0o7", "12:30:45", '"\\0"', "? a", "~", "<<"),
]
PIECES = ["[", "]", "{", "}", ": ", "- ", "\t", "\n", "&a ", "*a", "!!int ", '"', "'", "|", "\x7f"]


def replace_value(text: str, draw: random.Random) -> str:
    places = list(re.finditer(r"(?<=: )[^\s#,}]+", text))
    if not places:
        return text
    place = draw.choice(places)
    return text[: place.start()] + draw.choice(VALUES) + text[place.end() :]


def remove_line(text: str, draw: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return "".join(lines)


def move_line(text: str, draw: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(draw.randrange(len(lines)), draw.choice(lines))
    return "".join(lines)


def cut(text: str, draw: random.Random) -> str:
    return text[: draw.randrange(len(text))]


def insert(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text))
    return text[:at] + draw.choice(PIECES) * draw.choice([1, 1, 1, 1000]) + text[at:]


def flip(text: str, draw: random.Random) -> str:
    at = draw.randrange(len(text))
    return text[:at] + chr(ord(text[at]) ^ (1 << draw.randrange(7))) + text[at + 1 :]


WAYS = [replace_value, replace_value, replace_value, remove_line, move_line, cut, insert, flip]


def mutate(text: str, draw: random.Random) -> str:
    for _ in range(draw.randint(1, 4)):
        text = draw.choice(WAYS)(text or "x: 1\n", draw)
    return text


def load(path: Path, text: str) -> None:
    """Read a parameter file, which may be refused; anything else fails the test."""
    path.write_text(text, encoding="utf-8", newline="")
    start = time.process_time()
    try:
        load_params(path)
    except InputError as error:
        assert len(str(error)) < 50_000
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_file_that_is_built_to_do_harm_is_refused_at_once(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, "utf-8")
    start = time.process_time()
    for read in (load_params, partial(read_as, Sweep), lambda file: pin({"seed": 2}, file)):
        with pytest.raises(InputError, match=r"params\.yaml|no parameter"):
            read(path)
    (tmp_path / "builtin.yaml").write_bytes(PARAMS.read_bytes())
    with pytest.raises(InputError):
        use("params", tmp_path, tmp_path / "target.yaml")
    assert time.process_time() - start < 4 * SECONDS


def test_an_alias_that_stands_for_little_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text("pool: &pool {name: a}\ndeployments: [{work_pool: *pool}]\n")
    assert read_yaml(path)["deployments"] == [{"work_pool": {"name": "a"}}]


def test_fifty_damaged_parameter_files_end_in_a_message(tmp_path: Path) -> None:
    draw, text = random.Random(1), PARAMS.read_text("utf-8")
    for _ in range(50):
        load(tmp_path / "params.yaml", mutate(text, draw))


@pytest.mark.slow  # half a minute
def test_four_hundred_damaged_parameter_files_end_in_a_message(tmp_path: Path) -> None:
    draw, text = random.Random(2), PARAMS.read_text("utf-8")
    for _ in range(400):
        load(tmp_path / "params.yaml", mutate(text, draw))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1), ("seed", 99999999999), ("train.seed", -1), ("threads", 10**9),
        ("train.processes", 10**9), ("train.epochs", 1e300), ("train.lora.rank", 10**12),
        ("evaluate.resamples", 10**12), ("predictions.generate.tokens", 10**12),
        ("curate.decisions", "/etc/passwd"), ("curate.decisions", "../decisions.csv"),
        ("predictions.forgetting_text", "/etc/passwd"), ("train.accelerate", "/etc/a.yaml"),
        ("download.delimiter", "\n"), ("model.location", "a\0b"),
    ],
)  # fmt: skip
def test_what_would_crash_later_is_refused_at_once(
    changed: Callable[[dict[str, Any]], Params], key: str, value: object
) -> None:
    with pytest.raises(InputError, match=re.escape(key)):
        changed({key: value})


@pytest.mark.parametrize(
    "text",
    ["1e-4", "010", "0o10", "0x1F", "1_000", "yes", "~", ".inf", "12:30:45", "2001-12-14",
     "0b11", "{<<: {a: 1}, b: 2}", "? [a]\n: 1", "%YAML 1.1\n---\nyes", '"\\ud800"', "!!set {a}"],
)  # fmt: skip
def test_the_fast_parser_reads_what_one_of_all_of_yaml_reads(text: str) -> None:
    assert load_yaml(text.encode(), "a text") == plain_parser().load(text)


def test_two_sides_of_a_merge_are_told_as_such() -> None:
    text = b"seed: 1\n<<<<<<< HEAD\nthreads: 2\n=======\nthreads: 4\n>>>>>>> other\n"
    for ends in (text, text.replace(b"\n", b"\r\n")):
        with pytest.raises(InputError, match=r"params.yaml: line 2 begins two sides .* --ours"):
            load_yaml(ends, "params.yaml")
    assert load_yaml(b"text: |\n  <<<<<<< HEAD\n  =======\n  >>>>>>> other\n", "params.yaml")
