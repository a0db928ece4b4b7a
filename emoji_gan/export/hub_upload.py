"""Publishes a model on the Hugging Face Hub, or lists what would be published."""

import argparse
import pathlib
from typing import TYPE_CHECKING

from emoji_gan import errors
from emoji_gan.errors import UserError
from emoji_gan.export import checksums, hub_folder
from emoji_gan.runtime import paths
from emoji_gan.trained import hub_source

if TYPE_CHECKING:  # an extra, which a dry run does without
    from huggingface_hub import HfApi

METAVAR = "OWNER/NAME"


def add_arguments(p: argparse._ArgumentGroup) -> None:
    """Adds the target's flags."""
    p.add_argument("--dry-run", action="store_true", help="list the files, and send nothing")
    p.add_argument("--private", action="store_true", help="a new repository is seen by you alone")
    p.add_argument(
        "--report",
        type=paths.local,
        action="append",
        default=[],
        help="report.json of `python -m eval` for the card's figures; may be repeated",
    )
    p.add_argument("--licence", help="SPDX identifier; default: as the art asks")
    p.add_argument("--demo", type=paths.local, help="an HTML page to put beside the model")
    p.add_argument("--code", default="", help="address of this program, for the card")
    p.add_argument("--message", default="Publish the model", help="of the commit")


def run(a: argparse.Namespace) -> int:
    """Makes the files, lists them, and sends them unless it is a dry run."""
    if not hub_source.REPOSITORY.fullmatch(a.hub):
        raise UserError(
            f"--hub={a.hub}: expected OWNER/NAME, as in https://huggingface.co/OWNER/NAME"
        )
    if a.out and pathlib.Path(a.out).exists():  # before anything is drawn
        raise UserError(f"--out={a.out} exists: give a new folder, which will hold nothing else")
    api = None if a.dry_run else _api(a.hub)
    files = hub_folder.files(
        a.hub, a.model, reports=a.report, licence=a.licence, demo=a.demo, code=a.code
    )
    print(checksums.table(files))
    if a.out:
        hub_folder.write(pathlib.Path(a.out), files)
        print(f"written to {a.out}")
    if api is None:
        print("dry run: nothing was sent")
        return errors.EXIT_OK
    commit = upload(api, a.hub, files, private=a.private, message=a.message)
    print(f"published: {api.endpoint}/{a.hub}/tree/{commit}")
    print(f"use it as --model={hub_source.PREFIX}{a.hub}@{commit}")
    return errors.EXIT_OK


def _api(repository: str) -> "HfApi":
    """Returns a client with a token of the user's, and checks that the repository is for models.

    Raises:
      UserError: there is no token, the Hub cannot be reached, or something else is there.
    """
    hub = hub_source.client()
    if not hub.get_token():
        raise UserError(f"the Hub asks for a token to write: {hub_source.TOKEN_HELP}")
    api = hub.HfApi()
    with hub_source.translated(repository):
        try:
            names = _names(api, repository)
        except hub.errors.RepositoryNotFoundError as e:
            if e.response.status_code != 404:
                raise
            names = set()  # it will be made
    if names - {".gitattributes", "README.md"} and hub_source.SUMS not in names:
        raise UserError(
            f"{repository} is there and holds something else ({', '.join(sorted(names)[:3])}, ...):"
            " choose another name"
        )
    return api


def _names(api: "HfApi", repository: str, commit: str | None = None) -> set[str]:
    return {file.rfilename for file in api.model_info(repository, revision=commit).siblings or ()}


def upload(
    api: "HfApi", repository: str, files: dict[str, bytes], *, private: bool, message: str
) -> str:
    """Sends files as one commit, and makes the repository where there is none.

    Each file is named, so that nothing else of this machine can go up.

    Returns:
      The commit's hash.

    Raises:
      UserError: the Hub refuses, or cannot be reached; nothing is published then.
    """
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, data) for name, data in files.items()]
    with hub_source.translated(repository):
        api.create_repo(repository, private=private or None, exist_ok=True)
        commit = api.create_commit(repository, operations, commit_message=message).oid
        there = _names(api, repository, commit)
    if missing := files.keys() - there:  # the repository's .gitignore is obeyed without a word
        raise UserError(f"{repository} ignores {', '.join(sorted(missing))}: see its .gitignore")
    return commit
