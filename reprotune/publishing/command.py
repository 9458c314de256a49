"""`reprotune push`: its options, and what it prints."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from reprotune.core import paths
from reprotune.core.options import AsJson, taking
from reprotune.core.printing import say


@dataclass(frozen=True)
class Wanted:
    """Where the model goes, and how."""

    repository: Annotated[str, Argument(metavar="REPO", help="Such as team/headlines.")]
    public: Annotated[bool, Option("--public", help="All may see it.")] = False
    pull_request: Annotated[
        bool, Option("--pull-request", help="Propose it, for others to merge.")
    ] = False
    dry_run: Annotated[bool, Option("--dry-run", help="Only make the folder and list it.")] = False
    license: Annotated[str | None, Option(help="Of the model.  [its base model's]")] = None
    language: Annotated[str | None, Option(help="Such as en.  [its base model's]")] = None
    sign: Annotated[Path | None, Option(metavar="KEY", help="Sign it with this private key.")] = (
        None
    )
    as_json: AsJson = False


@taking(Wanted)
def push(wanted: Wanted) -> None:
    """Publish the model on the Hugging Face Hub.

    Card and bill of materials are made, from metrics/ and dvc.lock as they are committed; the
    folder is models/published. Others see it only with --public. The token is the Hub's ordinary.
    The JSON has repository, private, folder, files (bytes), commit and pull_request.
    """
    from reprotune.publishing.facts import Facts, require_committed
    from reprotune.publishing.folder import list_sizes, make_folder
    from reprotune.publishing.upload import SEEN, upload

    require_committed()
    languages = [wanted.language] if wanted.language else None
    facts = Facts.read(wanted.repository, wanted.license, languages)
    folder = make_folder(facts, wanted.sign)
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
