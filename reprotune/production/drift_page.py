"""What `reprotune drift` found, as one HTML page that needs nothing else."""

from reprotune.comparison.report import Data, Report, Section, Verdict, html
from reprotune.core import paths
from reprotune.core.io import whole_file
from reprotune.core.printing import count_of
from reprotune.production.drift import ALPHA, Drift

MEANING = {
    "texts": "a classifier, taught on a part, tells the rest apart as new and old",
    "words": "more words that no old text has",
    "length": "longer, shorter, or more varied",
    "script": "other scripts, as Unicode tells them by the letters",
    "classes": "other shares of the classes, by what the model predicts",
}


def save(found: Drift) -> None:
    """Write the page."""
    with whole_file(paths.DRIFT) as partial:
        partial.write_text(html(draw_up(found)), encoding="utf-8")


def draw_up(found: Drift) -> Report:
    """The sections of the page, the verdict first."""
    kind = Verdict.WORSE if found.has_drifted else Verdict.SAME
    first, _, rest = found.sentence.partition(":" if found.has_drifted else " in ")
    verdict = f"**{first}**{found.sentence[len(first) :]}" if rest else f"**{found.sentence}**"
    return Report(f"Drift: {count_of(found.rows, 'new text')}", kind, verdict, list_sections(found))


def list_sections(found: Drift) -> list[Section]:
    rows = [
        [name, f"{p:.3g}", "yes" if name in found.causes else "no", MEANING[name]]
        for name, p in found.p_values.items()
    ]
    note = (
        f"{count_of(found.compared[1], 'new row')} beside {found.compared[0]} of the examples that "
        "were handed in. The p-values are adjusted for one another: together they raise a false "
        f"alarm on {ALPHA:.0%} of files at most."
    )
    sections = [
        Section(
            "Tests", [note, *(f"{told}." for told in found.notes)],
            ["test", "p", "differs", "how"], rows,
        )
    ]  # fmt: skip
    if found.shares:
        told = "Estimated from predictions; holds if each class still looks as it did."
        shares = [
            [Data(name), f"{one['old']:.1%}", f"{one['new']:.1%}",
             f"{one['low']:.1%} to {one['high']:.1%}"]
            for name, one in found.shares.items()
        ]  # fmt: skip
        headers = ["class", "so far", "new", "95 % interval"]
        sections.append(Section("Shares of the classes", [told], headers, shares))
    before, now = found.lengths
    scripts = [[name.title(), f"{a:.1%}", f"{b:.1%}"] for name, (a, b) in found.scripts.items()]
    sections.append(
        Section(
            "Length and script",
            [f"Median length: {before:.0f} characters before, {now:.0f} now."],
            ["script", "so far", "new"], scripts,
        )
    )  # fmt: skip
    told = (
        f"The classifier sets a new text above an old one {found.auc:.0%} of the time; half is "
        "what chance does. These are the new texts that it found the least like the old ones."
    )
    texts = [[Data(text)] for text in found.strangest]
    return [*sections, Section("Least like the old texts", [told], ["text"], texts)]
