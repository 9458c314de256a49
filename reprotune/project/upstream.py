"""The revisions that the parameters pin, and whether their sources have newer ones."""

from collections.abc import Iterator
from typing import NamedTuple

from rich.markup import escape
from rich.table import Table

from reprotune.core import paths
from reprotune.core.params import Params
from reprotune.core.params_file import load_params
from reprotune.core.printing import say
from reprotune.project.terminal import put
from reprotune.sources import http, hub
from reprotune.sources.hub import COMMIT, Repository

BRANCH = "main"


class Source(NamedTuple):
    """One source outside: the key of its pin, what is pinned, and what is there now."""

    key: str
    name: str
    pinned: str
    newest: str

    @property
    def is_newer(self) -> bool:
        return self.pinned != self.newest


def list_sources(params: Params) -> Iterator[Source]:
    """Data and base model with what is there now; nothing is changed or kept.

    Raises:
        InputError: a source does not answer.
    """
    download, model = params.download, params.model
    if download.kind == "hub":
        repository = Repository(str(download.repository), "dataset", BRANCH)
        pinned = str(download.revision)
        yield Source("download.revision", repository.name, pinned, hub.find_newest(repository))
    elif download.kind == "url":
        for number, file in enumerate(download.files):
            key = f"download.files.{number}.sha256"
            yield Source(key, file.location, str(file.sha256), http.hash_current(file.location))
    if model.kind == "hub":
        repository = Repository(model.location, "model", BRANCH)
        yield Source(
            "model.revision", model.location, str(model.revision), hub.find_newest(repository)
        )


def resolve(changes: dict[str, dict[str, object]]) -> None:
    """Replace branches and tags of the Hub by the commits that they are now, in place."""
    download, model = changes.get("download", {}), changes.get("model", {})
    data = Repository(str(download.get("repository")), "dataset", name_revision(download))
    base = Repository(str(model.get("location")), "model", name_revision(model))
    for section, repository in ((download, data), (model, base)):
        if section.get("kind") == "hub" and not COMMIT.fullmatch(repository.revision):
            section["revision"] = hub.find_newest(repository)


def name_revision(section: dict[str, object]) -> str:
    return str(section.get("revision") or BRANCH)


def table(found: list[Source]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("source", "parameter", "pinned", "now"):
        grid.add_column(column)
    for source in found:
        now = f"[yellow]{source.newest}[/]" if source.is_newer else "the same"
        grid.add_row(escape(source.name), source.key, source.pinned, now)
    return grid


def show() -> None:
    """Print the sources of the parameters, and what to do about newer ones."""
    found = list(list_sources(load_params()))
    if not found:
        say("data and model are local: DVC sees their changes")
        return
    put(table(found), width=200)
    if any(source.is_newer for source in found):
        say(f"\nNothing was changed; to take the newer one, set the parameter in {paths.PARAMS}")
