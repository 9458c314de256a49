"""`reprotune push`: its options, and what it prints."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.errors import InputError
from reprotune.core.options import AsJson, taking
from reprotune.core.printing import say

if TYPE_CHECKING:
    from reprotune.publishing.facts import Release


@dataclass(frozen=True)
class Wanted:
    """Where the model goes, and how."""

    repository: Annotated[str, Argument(metavar="REPO", help="Such as team/headlines.")]
    data: Annotated[bool, Option("--data", help="The curated splits, not the model.")] = False
    public: Annotated[bool, Option("--public", help="All may see it.")] = False
    pull_request: Annotated[
        bool, Option("--pull-request", help="Propose it, for others to merge.")
    ] = False
    dry_run: Annotated[bool, Option("--dry-run", help="Only make the folder and list it.")] = False
    license: Annotated[str | None, Option(help="Of it.  [as its source states]")] = None
    language: Annotated[str | None, Option(help="Such as en.  [as its source states]")] = None
    sign: Annotated[Path | None, Option(metavar="KEY", help="Sign it with this private key.")] = (
        None
    )
    as_json: AsJson = False


@taking(Wanted)
def push(wanted: Wanted) -> None:
    """Publish the model, or its data, on the Hugging Face Hub.

    Card and bill of materials are made, from metrics/ and dvc.lock as they are committed; the
    folder is models/published, that of --data data/published. Others see it only with --public.
    The token is the Hub's ordinary one.
    The JSON has repository, private, folder, files (bytes), commit and pull_request.
    """
    from reprotune.publishing.folder import list_sizes
    from reprotune.publishing.upload import SEEN, upload

    facts, folder = prepare(wanted)
    sizes = list_sizes(folder)
    done = None
    if not wanted.dry_run:
        done = upload(facts, folder, not wanted.public, wanted.pull_request)
    if wanted.as_json:
        found = {
            "repository": facts.name,
            "private": not wanted.public,
            "folder": str(folder),
            "files": sizes,
            "commit": done.commit_url if done else None,
            "pull_request": done.pr_url if done else None,
        }
        say(json.dumps(found))
        return
    width = max(map(len, sizes))
    for name, size in sizes.items():
        say(f"{name:{width}}  {size:>15,}")
    say(f"{'in all':{width}}  {sum(sizes.values()):>15,} bytes in {folder}")
    kind = "a pull request to" if wanted.pull_request else "a commit in"
    place = f"{kind} {facts.name}, {SEEN[not wanted.public]}"
    if done:
        say(f"sent: {place}: {done.pr_url or done.commit_url}")
    else:
        say(f"nothing was sent; it would be {place}")


def prepare(wanted: Wanted) -> tuple["Release", Path]:
    """What is published, and the folder that is made of it.

    Raises:
        InputError: what is here is not what is committed.
    """
    from reprotune.publishing import facts
    from reprotune.publishing.dataset import make_dataset
    from reprotune.publishing.folder import make_folder

    languages = [wanted.language] if wanted.language else None
    if not wanted.data:
        facts.require_committed()
        model = facts.Facts.read(wanted.repository, wanted.license, languages)
        return model, make_folder(model, wanted.sign)
    facts.require_committed_data()
    data = facts.Data.read(wanted.repository, wanted.license, languages)
    if wanted.public and not data.license:
        raise InputError(
            "nothing states the license of these texts, and --public shows them to all: say it by "
            "--license, if they are yours to give"
        )
    return data, make_dataset(data, wanted.sign)


def sign(
    key: Annotated[Path, Argument(help="Private key of an elliptic curve, PEM.")],
    model: Annotated[Path, Option(help="Folder of an exported model.")] = paths.MERGED,
) -> None:
    """Sign the exported model with a key of your own.

    The signature is beside the folder, as FOLDER.sig; predict --verify and serve --verify check it.
    A password of the key is taken from REPROTUNE_KEY_PASSWORD.
    """
    from reprotune.core.signing import place_signature, sign

    signature = place_signature(model)
    sign(model, key, signature)
    say(f"{signature}: the signature of {model}; whoever has the public key can verify it")
