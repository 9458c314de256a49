"""The page in a real browser, by keyboard alone, as the command starts it."""

import os
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from reprotune.builtin import headlines
from reprotune.core import paths
from reprotune.data.decisions import read_decisions, read_log
from reprotune.data.ids import add_ids
from reprotune.tables import schemas
from tests.projects import ROOT
from tests.review.browser import PROGRAM, Tab, browser, serve
from tests.review.conftest import Start

pytestmark = [
    pytest.mark.slow,  # a browser
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium here"),
]
ROWS = 100  # that are reviewed
SIZE = int(os.environ.get("ROWS", "150"))  # of the queue
FILE = Path("data/decisions.csv")
ROW = "document.getElementById('answers').dataset.row"
NOTE = "document.querySelector('[name=note]').value"
READY = "performance.now() - shownAt > BOUNCE && !isSending"


class Command:
    """`reprotune review` in the project, which may be killed and started again."""

    def __init__(self, root: Path, reviewer: str = "ann", within: Sequence[str] = ()) -> None:
        self.root, self.reviewer, self.within = root, reviewer, within
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "reprotune", "review", "--reviewer", self.reviewer]
        self.process = subprocess.Popen(
            [*self.within, *command], cwd=self.root, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.address = self.process.stdout.readline().split()[1]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with browser(tmp_path_factory.mktemp("browser")) as port:
        yield port


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """A project whose audit has run, with guidelines, and its page."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "profiles/builtin.yaml", "params.yaml")
    rows = add_ids(headlines.examples(rows=SIZE, wrong=0.06, repeated=0.0, seed=1))
    raw = rows.assign(split=pd.Series(None, index=rows.index, dtype="str"), row=range(len(rows)))
    columns = ["id", "text", "label", "reference_label", "split", "row"]
    schemas.write(raw[columns], paths.RAW, schemas.Raw)
    roles = rows[["id"]].assign(group=rows["id"], role="train", rank=range(len(rows)))
    schemas.write(roles, paths.ROLES, schemas.Roles)
    found = pd.DataFrame({
        "id": rows["id"], "issue": "label", "score": [n / len(rows) for n in range(len(rows))],
        "suggested": "positive",
    })  # fmt: skip
    schemas.write(found, paths.FINDINGS, schemas.Findings)
    Path("data/guidelines.md").write_text("# What the classes mean\n\n- **positive**: profits\n")
    started = Command(tmp_path)
    yield started
    started.kill()


def answer(tab: Tab, key: str) -> float:
    """Press a key and wait for the next row; returns the milliseconds until it shows."""
    tab.wait(READY)
    row = tab.evaluate(ROW)
    tab.evaluate(
        "window.changed = new Promise((done) => new MutationObserver((_, one) => "
        "{ one.disconnect(); done(performance.now()); }).observe(document.body, "
        "{childList: true}));"
        "document.addEventListener('keydown', () => window.pressed = performance.now(), "
        "{once: true, capture: true});"
    )
    tab.press(key)
    took = tab.evaluate("window.changed.then((shown) => shown - window.pressed)")
    assert tab.evaluate("document.getElementById('answers')?.dataset.row") != row
    return float(took)


def test_a_hundred_rows_by_keyboard_with_three_kills_and_none_is_lost(
    port: int, command: Command
) -> None:
    tab = Tab(port)
    tab.open(command.address)
    meant, took = {}, []
    for number in range(ROWS):
        if number in {20, 50, 80}:
            command.kill()
            assert set(read_decisions(FILE)["id"]) == set(meant)
            tab.wait(READY)
            tab.press("k")
            tab.wait("said.innerText.startsWith('Not written: the review no longer runs')")
            command.start()
            tab.open(command.address)
        row = tab.evaluate(ROW)
        key = "123kd"[number % 5]
        took.append(answer(tab, key))
        meant[row] = key
    found = read_decisions(FILE)
    assert set(found["id"]) == set(meant) and len(found) == ROWS
    assert (found.set_index("id")["action"][[r for r, k in meant.items() if k == "d"]]
            == "quarantine").all()  # fmt: skip
    print(f"milliseconds to the next row: median {statistics.median(took):.0f}, "
          f"most {max(took):.0f}")  # fmt: skip
    for _ in range(3):
        tab.wait(READY)
        tab.press("u")
        tab.wait("said.innerText.startsWith('Taken back')")
        tab.evaluate("said.textContent = ''")
    assert len(read_decisions(FILE)) == ROWS - 3


def test_mistakes_of_the_hand_write_nothing(port: int, command: Command) -> None:
    tab = Tab(port)
    tab.open(command.address)
    answer(tab, "1")
    tab.evaluate("shownAt = Infinity")  # however long the test takes to press it
    tab.press("1")  # the same key once more, before the next row can be read
    tab.wait("said.innerText.startsWith('Too quick')")
    tab.evaluate("shownAt = 0")
    tab.press("1", repeat=True)  # held down
    tab.press("4")
    assert tab.text("#said").startswith("4 is on no button. Nothing was written.")
    assert len(read_log(FILE)) == 1
    tab.press("n")
    for letter in "1k":  # letters of a note are no answers
        tab.press(letter)
    tab.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "row" and len(read_log(FILE)) == 1
    answer(tab, "d")
    assert read_log(FILE)[-1].note == "1k"
    for count in (1, 2):
        tab.wait(READY)
        tab.click('[data-key="k"]', count)
        told = "Too" if count == 2 else "Written"
        tab.wait(f"said.innerText.startsWith({told!r})")
    assert len(read_log(FILE)) == 3
    asked = tab.evaluate(ROW)
    tab.evaluate("setTimeout(() => history.back())")
    tab.wait("location.href == 'about:blank'")
    tab.evaluate("setTimeout(() => history.forward())")
    tab.wait(f"document.readyState == 'complete' && {ROW.replace('.dataset', '?.dataset')}")
    assert tab.evaluate(ROW) == asked, "no row that was answered is asked again"
    assert len(read_log(FILE)) == 3
    answer(tab, "k")
    assert read_log(FILE)[-1].id == asked


def test_two_reviewers_at_once_are_asked_no_row_twice(port: int, command: Command) -> None:
    other = Command(command.root, "bob")
    try:
        tabs = {"ann": Tab(port), "bob": Tab(port)}
        for tab, one in zip(tabs.values(), (command, other), strict=True):
            tab.open(one.address)
        first = [tab.evaluate(ROW) for tab in tabs.values()]
        assert first[0] == first[1], "both began with the same row"
        for _ in range(6):
            for tab in tabs.values():
                answer(tab, "k")
    finally:
        other.kill()
    log = read_log(FILE)
    by = {name: [one.id for one in log if one.reviewer == name] for name in tabs}
    assert [len(rows) for rows in by.values()] == [6, 6]
    both = set(by["ann"]) & set(by["bob"])
    assert len(both) <= 2, "which they had before them as they began"
    assert len(read_decisions(FILE)) == 12 - len(both)


def test_data_and_classes_that_change_meanwhile_are_told_and_nothing_is_lost(
    port: int, command: Command
) -> None:
    tab = Tab(port)
    tab.open(command.address)
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("neutral", "so-so"))
    answer(tab, "2")
    assert "The classes became others since" in tab.text("main")
    os.utime(paths.RAW, (0, 0))
    answer(tab, "k")
    assert "The data was made anew since" in tab.text("main")
    command.kill()
    command.start()
    tab.open(command.address)
    assert "since this page was started" not in tab.text("main")
    assert len(read_log(FILE)) == 2


def test_a_full_disk_is_told_on_the_page_and_the_answer_is_given_again(
    port: int, command: Command
) -> None:
    small = FILE.parent / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=64k none {small} && exec "$@"'
    within = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no disk of its own here")
    params = Path("params.yaml")
    params.write_text(params.read_text().replace(str(FILE), str(small / FILE.name)))
    command.kill()
    command.within = within
    command.start()
    disk = Path(f"/proc/{command.process.pid}/cwd") / small
    tab = Tab(port)
    tab.open(command.address)
    answer(tab, "k")
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(512))

    def drop() -> str:
        """What is told of an answer with a long note."""
        tab.wait(READY)
        tab.evaluate(f"said.textContent = ''; {NOTE} = 'w'.repeat(1900)")
        tab.press("d")
        tab.wait("said.textContent && !isSending")
        return tab.text("#said")

    told = [drop() for _ in range(4)]  # the last page that the file has on the disk holds two
    assert "the disk is full" in told[-1] and told[-1].endswith("make room, then answer again")
    assert tab.evaluate(f"{NOTE}.length") == 1900, "not lost"
    kept = read_log(disk / FILE.name)
    assert len(kept) == 1 + sum(line.startswith("Written") for line in told) < 5
    (disk / "filler").unlink()
    assert drop().startswith("Written")
    assert len(read_log(disk / FILE.name)) == len(kept) + 1


def test_keyboards_of_other_letters_have_the_same_keys(port: int, command: Command) -> None:
    tab = Tab(port)
    tab.open(command.address)
    for key, place in (("л", "KeyK"), ("&", "Digit1"), ("é", "Digit2"), ("в", "KeyD")):
        tab.wait(READY)
        tab.press(key, place=place)
        tab.wait("said.innerText.startsWith('Written')")
        tab.evaluate("said.textContent = ''")
    for key, place in (("z", "KeyK"), ("ж", "Semicolon"), ("ё", "Backquote")):
        tab.press(key, place=place)
    assert [one.action in ("keep", "relabel") for one in read_log(FILE)] == [True] * 3 + [False]
    assert {one.label for one in read_log(FILE)[1:3]} - {""}, "the first two classes"


def test_who_goes_on_typing_the_name_of_a_class_presses_no_keys(
    port: int, start: Start, file: Path
) -> None:
    classes = ["bad", "good", *(f"topic {n}" for n in range(10, 50))]
    with serve(start("ann", classes), file.with_name("guidelines.md")) as server:
        tab = Tab(port)
        tab.open(server.address)
        tab.wait(READY)
        for key in (".", *"topic 1", "Enter"):
            tab.press(key)
        tab.wait("said.textContent.startsWith('Not written: 10 classes begin with')")
        tab.wait(READY)
        for key in ("2", "Enter"):
            tab.press(key)
        tab.wait("said.textContent.startsWith('Written')")
        tab.wait(READY)
        assert tab.evaluate("document.activeElement.id") == "row"
    assert [entry.label for entry in read_log(file)] == ["topic 12"]


def test_a_tab_that_was_left_open_cannot_answer_for_another(port: int, command: Command) -> None:
    old, new = Tab(port), Tab(port)
    for tab in (old, new):
        tab.open(command.address)
    answer(new, "k")
    for key in ("n", "x", "Enter"):
        old.press(key)
    old.wait(READY)
    old.press("d")
    old.wait("said.innerText.startsWith('Not written: another page said')")
    assert old.evaluate("document.querySelector('[name=note]').value") == "x", "not lost"
    assert [one.action for one in read_log(FILE)] == ["keep"]
    command.kill()
    command.start()  # the night is over
    new.wait(READY)
    new.press("k")
    new.wait("said.innerText.startsWith('Not written')")
    assert len(read_log(FILE)) == 1


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_screen_and_everything_has_a_name(
    port: int, command: Command, width: int, tmp_path: Path
) -> None:
    tab = Tab(port)
    tab.open(command.address)
    tab.look(tmp_path / "page.png", width, 800)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keys = "getComputedStyle(document.querySelector('kbd')).display != 'none'"
    assert tab.evaluate(keys) == (width > 600), "a phone has no keys"
    tab.ask("Emulation.setTouchEmulationEnabled", enabled=False)
    assert tab.evaluate(keys), "a page that is enlarged has"
    tree = tab.ask("Accessibility.getFullAXTree")["nodes"]
    asked = {"button", "textbox", "checkbox", "combobox", "progressbar", "searchbox", "link"}
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"] and node["role"]["value"] in asked
    }
    assert named and all(name for _, name in named), named
    assert {("button", "skip"), ("button", "undo"), ("textbox", "Note")} <= named, (
        "keys are no words"
    )
    assert any(node.get("role", {}).get("value") == "status" for node in tree)
    assert tab.evaluate("document.activeElement.id") == "row"


def test_another_page_of_the_browser_cannot_answer(port: int, command: Command) -> None:
    tab = Tab(port)
    tab.open(command.address)
    other = Tab(port)
    other.ask("Page.navigate", url="data:text/html,<title>evil</title>")
    script = (
        f"fetch('{command.address}decide', {{method: 'POST', mode: 'no-cors', body: "
        "new URLSearchParams({id: '%s', answer: 'keep'})}).then(() => 'sent', () => 'refused')"
    ) % tab.evaluate(ROW)
    other.evaluate(script)
    assert read_log(FILE) == []
