"""The data as it is published: the curated splits, a card for people and one for programs."""

from pathlib import Path

from huggingface_hub import DatasetCard, DatasetCardData

from reprotune.core import paths
from reprotune.core.io import whole_folder
from reprotune.core.printing import agree, count_of
from reprotune.core.signing import INSIDE, sign
from reprotune.export.model_card import plain
from reprotune.publishing.card import UNKNOWN, list_data, tabulate
from reprotune.publishing.croissant import COLUMNS, write_croissant
from reprotune.publishing.facts import PARTS, Data
from reprotune.publishing.folder import CARD, take

SIZES = {1e3: "n<1K", 1e4: "1K<n<10K", 1e5: "10K<n<100K", 1e6: "100K<n<1M", 1e7: "1M<n<10M"}
LARGEST = "10M<n<100M"
ORIGINS = {
    "hashed": "Texts that nearly repeat one another are in one part.",
    "growing": "A text stays in its part as the data grows.",
    "published": "The parts are those that the source is published with.",
}


def make_dataset(data: Data, key: Path | None = None) -> Path:
    """Write ``data/published``, the same bytes for the same commit; signed, if with a key."""
    with whole_folder(paths.PUBLISHED_DATA) as partial:
        for part, file in PARTS.items():
            take(file, partial / f"{part}.parquet")
        (partial / CARD).write_text(str(make_card(data)), encoding="utf-8")
        write_croissant(data, tell(data), partial)
        if key:
            sign(partial, key, partial / INSIDE)
    return paths.PUBLISHED_DATA


def tell(data: Data) -> str:
    """The data in a sentence."""
    classes = ", ".join(data.split.test)
    return (
        f"Texts of {count_of(len(data.split.test), 'class')} ({classes}), as a classifier was "
        "tuned on them"
    )


def count_rows(data: Data) -> dict[str, int]:
    return {part: sum(getattr(data.split, part).values()) for part in PARTS}


def describe(data: Data) -> DatasetCardData:
    """The metadata by which the Hub finds, shows and loads the data."""
    download, rows = data.params.download, count_rows(data)
    total = sum(rows.values())
    return DatasetCardData(
        language=data.languages or None,
        license=data.license,
        pretty_name=data.name.split("/")[-1],
        size_categories=next((name for size, name in SIZES.items() if total < size), LARGEST),
        source_datasets=[str(download.repository)] if download.kind == "hub" else None,
        task_categories=["text-classification"],
        tags=["croissant", "reprotune"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": part, "path": f"{part}.parquet"} for part in PARTS],
            }
        ],
        dataset_info={
            "features": [{"name": column, "dtype": "string"} for column in COLUMNS],
            "splits": [{"name": part, "num_examples": count} for part, count in rows.items()],
        },
    )


def make_card(data: Data) -> DatasetCard:
    sections = [
        f"# {data.name.split('/')[-1]}",
        f"{plain(tell(data))}.",
        *write_rows(data),
        *write_curation(data),
        *write_origin(data),
    ]
    return DatasetCard(f"---\n{describe(data).to_yaml()}\n---\n" + "\n\n".join(sections) + "\n")


def write_rows(data: Data) -> list[str]:
    split = data.split
    counts = [
        [plain(name), *(getattr(split, part).get(name, 0) for part in PARTS)] for name in split.test
    ]
    return [
        "## Rows",
        tabulate(["class", *PARTS], counts),
        "\n".join(f"- `{column}`: {told}" for column, told in COLUMNS.items()),
        "`croissant.json` says the same to programs, with the hash of each file.",
    ]


def write_curation(data: Data) -> list[str]:
    """What was done to the rows, and what is doubted of them."""
    found, near = data.curate, data.roles.near_duplicates
    away = ", ".join(f"{count} as {plain(reason)}" for reason, count in found.quarantined.items())
    doubts = data.audit.findings.get("label", 0)
    return [
        "## What was done to them",
        "\n".join(
            f"- {line}"
            for line in (
                f"Of {count_of(data.download.rows, 'row')} {found.kept} "
                f"{agree(found.kept, 'were')} kept" + (f"; {away} left out." if away else "."),
                f"People gave {count_of(found.relabelled, 'row')} another label.",
                f"{count_of(near.rows, 'row')} nearly {agree(near.rows, 'repeat')} another. "
                f"{ORIGINS[data.params.roles.strategy]} Test rows that nearly repeat a row of "
                f"another part: {data.roles.leaked_test_rows}.",
                f"{count_of(data.split.spare, 'row')} of the training pool "
                f"{agree(data.split.spare, 'were')} not drawn, and not kept here.",
                f"An audit doubted {count_of(doubts, 'label')}; what people did not decide is as "
                "it came.",
            )
        ),
    ]


def write_origin(data: Data) -> list[str]:
    hashes = [[f"`{file}`", f"`{data.hashes[str(file)]}`"] for file in PARTS.values()]
    return [
        "## Where they come from",
        f"{'; '.join(list_data(data))}; license: {data.license or UNKNOWN}.",
        "## How to rebuild them",
        f"In the project, at its commit `{data.commit}`: `dvc pull`, or `dvc repro split`.",
        tabulate(["", "hash"], [["`dvc.lock` (sha256)", f"`{data.lock}`"], *hashes]),
    ]
