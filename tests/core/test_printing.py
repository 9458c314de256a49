"""What data, files and git hold gives no orders to a terminal."""

import ast
import json
import os
import pty
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from reprotune import cli
from reprotune.core.errors import InputError
from reprotune.core.printing import agree, count_of, end, fail, plain, say
from reprotune.project import terminal
from tests.projects import ROOT

ORDERS = "\x1b]0;owned\x07 \x1b[2J\x9b31m\x08\r\x7f \u202egnp.exe\u2066 \u2067"


def is_harmless(text: str) -> bool:
    return not any(order in text for order in ORDERS if not order.isprintable() and order != "\n")


def test_control_characters_are_spelled_out_and_other_texts_stay() -> None:
    assert plain("\x1b[31m\u202e") == "\\u001b[31m\\u202e"
    assert is_harmless(plain(ORDERS))
    for text in (
        "Gewinn +7 %\n\tü é",
        "הרווח הנקי",
        "\u200fTCP/IP\u200e הוא\u061c",
        "📈👩🏽‍💻",
        "売上高",
        "e\u0301",
    ):
        assert plain(text) == text


def test_one_of_something_is_no_plural() -> None:
    assert [count_of(n, "bad row") for n in (0, 1, 2)] == ["0 bad rows", "1 bad row", "2 bad rows"]
    assert count_of(2, "class") == "2 classes" and count_of(2, "process") == "2 processes"
    assert [count_of(n, "point", "are") for n in (1.0, 0.5)] == ["1 point is", "0.5 points are"]
    assert [agree(n, verb) for verb in ("have", "wait") for n in (1, 2)] == [
        *("has", "have", "waits", "wait")
    ]


@pytest.mark.parametrize("folder", ["reprotune", "stages", "pipelines"])
def test_no_sentence_puts_the_size_of_something_before_a_plural(folder: str) -> None:
    plural = re.compile(r" ([a-z-]+ )?(?!is|was|has|does|as|its|this)[a-z]+[^s\W]s\b")
    found = [
        f"{path}:{node.lineno}: {{{size}}}{noun.value[:30]}"
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.JoinedStr)
        for value, noun in pairwise(node.values)
        if isinstance(value, ast.FormattedValue) and not value.format_spec
        if isinstance(noun, ast.Constant)
        if plural.match(noun.value)
        if re.match(r"(len|sum)\(|.*(\.rows|nunique\(\))$", size := ast.unparse(value.value))
    ]
    assert not found, "reprotune.core.printing.count_of says 1 row, 2 rows"


def test_json_stays_json() -> None:
    text = json.dumps({"a": ORDERS}, ensure_ascii=False)
    assert json.loads(plain(json.dumps({"a": ORDERS}))) == {"a": ORDERS}
    assert is_harmless(plain(text))


def test_messages_lines_and_tables_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"trial {ORDERS}")
    terminal.show(pd.DataFrame({"text": [ORDERS], ORDERS: [1.0]}))
    terminal.put(f"[bold]{ORDERS}[/]")
    with pytest.raises(SystemExit) as ended:
        fail(InputError(f"no column {ORDERS}"))
    assert is_harmless(capsys.readouterr().out) and is_harmless(str(ended.value.code))


def test_a_command_spells_out_what_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["use", ORDERS], [ORDERS], ["predict", f"{ORDERS}.csv"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = f"{ended.value.code}{capsys.readouterr().err}"
        assert "owned" in said and is_harmless(said)


def test_a_file_is_poured_out_as_it_is_but_not_on_a_terminal() -> None:
    code = f"from reprotune.core.printing import pour; pour({ORDERS!r})"
    command = [sys.executable, "-c", code]
    known = os.environ | {"PYTHONIOENCODING": "utf-8"}
    piped = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=known).stdout
    assert piped.decode() == ORDERS
    above, below = pty.openpty()
    subprocess.run(command, stdout=below, check=True, env=known)
    os.close(below)
    assert is_harmless(os.read(above, 9999).decode())
    os.close(above)


def test_no_message_leaves_a_program_past_it() -> None:
    told = re.compile(r"sys\.exit\([f\"']|SystemExit\([f\"']")
    rooms = [ROOT / room for room in ("reprotune", "stages", "pipelines")]
    files = [file for room in rooms for file in room.rglob("*.py")]
    assert [file for file in files if told.search(Path(file).read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "said",
    [
        "CUDA out of memory. Tried to allocate 2 GiB. GPU 0 has a total capacity of 23.64 GiB of "
        "which 1.10 GiB is free. Including non-PyTorch memory, this process has 22.53 GiB in use.",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
    ],
)
def test_a_memory_that_is_full_ends_a_program_in_one_message(said: str) -> None:
    with pytest.raises(SystemExit, match=r"^baseline: .*; compute fewer texts at once") as error:
        end("baseline", RuntimeError(said))
    assert "non-PyTorch" not in str(error.value)
    with pytest.raises(RuntimeError, match="illegal"):
        end("baseline", RuntimeError("CUDA error: an illegal memory access was encountered"))
